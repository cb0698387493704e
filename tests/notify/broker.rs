//! A receiver as a Knative broker is: it takes an event of the structured mode that is one by the specification, with 202
//! and nothing else, and hands it on in the binary mode, where each attribute is a header.

use composio_operator::crd::NotificationType;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};

use super::Told;
use crate::support::receiver::Message;
use crate::support::scene::gmail;

const TRIGGER: &str = include_str!("../../charts/composio-operator/examples/notify-knative.yaml");

/// The event in the binary mode: the headers of its attributes, and its data.
///
/// # Errors
/// What a broker answers 400 to.
fn in_binary_mode(message: &Message) -> Result<(HeaderMap, Value), String> {
    let type_ = message.headers[header::CONTENT_TYPE].to_str();
    let media_type = type_.ok().and_then(|type_| type_.split(';').next());
    if media_type != Some("application/cloudevents+json") {
        return Err(format!("not in the structured mode: {media_type:?}"));
    }
    let event = message.body.as_object().ok_or("no object")?;
    let mut headers = HeaderMap::new();
    for (name, value) in event {
        let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name == "data" {
            continue;
        }
        if name.is_empty() || name.len() > 20 || !name.chars().all(is_lower) {
            return Err(format!("{name} is no name of an attribute"));
        }
        let text = value.as_str().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("{name} is no text"))?;
        let header = match name.as_str() {
            "datacontenttype" => "content-type".to_owned(),
            other => format!("ce-{other}"),
        };
        let header = HeaderName::try_from(header).map_err(|error| error.to_string())?;
        // The binding has all other letters percent-encoded: there need be none.
        let is_plain = text
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '%'));
        let value = HeaderValue::try_from(text).ok().filter(|_| is_plain);
        headers.insert(header, value.ok_or_else(|| format!("{name}: {text}"))?);
    }
    for required in ["ce-id", "ce-source", "ce-specversion", "ce-type"] {
        let value = headers.get(required);
        value.ok_or_else(|| format!("{required} is absent"))?;
    }
    let time = headers.get("ce-time").and_then(|time| time.to_str().ok());
    let time = time.map(str::parse::<jiff::Timestamp>);
    match (headers["ce-specversion"] == "1.0", time) {
        (true, None | Some(Ok(_))) => Ok((headers, event["data"].clone())),
        (is_one, time) => Err(format!("specversion 1.0: {is_one}, time: {time:?}")),
    }
}

/// Whether the trigger of the example lets an event through: each of its attributes is as said there.
fn lets_through(headers: &HeaderMap) -> bool {
    let trigger: Value = serde_saphyr::from_str(TRIGGER).expect("YAML");
    let attributes = trigger["spec"]["filter"]["attributes"].as_object();
    let attributes = attributes.expect("a filter");
    assert!(!attributes.is_empty());
    attributes.iter().all(|(name, value)| {
        value
            .as_str()
            .is_some_and(|value| headers[&format!("ce-{name}")] == value)
    })
}

#[tokio::test]
async fn a_broker_takes_each_event_once_and_its_trigger_finds_what_it_asks_for() {
    let told = Told::new("broker").await;
    let operator = told.operated().await;
    let mut spec = gmail();
    // No header can hold what people write.
    spec["user"] = json!("\u{e4}nn \u{201c}x\u{201d}@b\u{fc}cher.example");
    spec["description"] = json!("reads 100 % of \u{1f4ec}");
    told.scene.declare("mail", spec.clone()).await;
    let (id, _) = told.scene.linked("mail").await;
    told.scene.sandbox.consent(&id).await;
    told.taken(2).await;
    told.scene.sandbox.expire(&id).await;
    let taken = told.taken(3).await;
    told.told("mail").await;
    let events: Vec<(HeaderMap, Value)> = taken
        .iter()
        .map(|message| in_binary_mode(message).unwrap_or_else(|why| panic!("400: {why}")))
        .collect();
    let lets_through: Vec<bool> = events
        .iter()
        .map(|(headers, _)| lets_through(headers))
        .collect();
    let kinds: Vec<&str> = taken.iter().map(Message::kind).collect();
    use NotificationType::{AwaitingUser, Connected, ReauthorizationRequired};
    let expected = [AwaitingUser, Connected, ReauthorizationRequired];
    assert_eq!(kinds, expected.map(NotificationType::as_str));
    assert_eq!(lets_through, [false, false, true]);
    let (headers, data) = &events[2];
    assert_eq!(headers["content-type"], "application/json");
    let subject = format!("{}/mail", told.scene.namespace);
    assert_eq!(headers["ce-subject"], *subject);
    assert_eq!(data["user"], spec["user"], "as it was written");
    assert_eq!(told.receiver.received().len(), 3, "202 is enough");
    drop(operator);

    // Many together are an event too.
    let options = told.options().flag("--notify-digest", "1s");
    told.write_url("http://127.0.0.1:9");
    let operator = told.scene.start("gathers", &options).await;
    for name in ["one", "two"] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        told.scene.declare(name, spec).await;
        told.scene.linked(name).await;
    }
    drop(operator);
    told.write_url(told.receiver.url());
    let _operator = told.scene.start("tells", &options).await;
    let digest = told.taken(4).await.remove(3);
    assert_eq!(digest.kind(), "Digest");
    in_binary_mode(&digest).unwrap_or_else(|why| panic!("400: {why}"));
}
