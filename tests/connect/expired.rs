//! An account that expires, and what the operator knows of it by an event of Composio's webhook, or without one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::webhook::{self, Subscribed, signed};
use crate::support::child::Signal;
use crate::support::project::KEY;
use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::{http_client, wait};

/// What was asked of Composio since then, in words.
async fn asked(scene: &Scene<'_>, seq: u64) -> Vec<String> {
    let asked = scene.sandbox.asked_since(seq).await;
    asked.iter().map(Asked::words).collect()
}

fn secret(made: &Value) -> String {
    made["secret"].as_str().expect("a secret").to_owned()
}

#[tokio::test]
async fn an_account_that_expires_is_known_by_the_event_and_one_look_and_so_while_the_secret_is_rotated()
 {
    let subscribed = webhook::subscribed("webhook", "6h").await;
    let Subscribed {
        scene,
        folder,
        page,
        made,
        ..
    } = &subscribed;
    let first = secret(made);
    std::fs::write(webhook::file(scene, folder), &first).expect("written");
    for (n, name) in ["first", "rotated"].into_iter().enumerate() {
        let id = subscribed.connected(name).await;
        let seq = scene.sandbox.seq().await;
        scene.sandbox.expire(&id).await;
        let is_taken = |told: &Value| told["arrived"] == true && told["account"] == id.as_str();
        subscribed.delivery("the event is taken", is_taken).await;
        scene
            .until(name, "Ready", "False", "ReauthorizationRequired")
            .await;
        let asked = asked(scene, seq).await;
        assert_eq!(asked, ["GET account"], "the next request, and the only one");
        assert_eq!(page.written(scene).len(), n + 1, "one request");
        let id = made["id"].as_str().expect("an id");
        let path = format!("webhook_subscriptions/{id}/rotate_secret");
        let rotated = scene.sandbox.api("POST", &path, json!({})).await;
        // The page has the former secret still, and then both sign.
        if n == 0 {
            assert_ne!(secret(&rotated), first);
        }
        assert!(!page.child.read_log().contains(&first));
    }
    let asked = page.metric("composio_operator_connect_webhook_events_total{result=\"asked\"}");
    assert_eq!(asked.await, Some(2.0));
}

#[tokio::test]
async fn an_event_that_is_lost_is_found_by_the_next_poll() {
    let subscribed = webhook::subscribed("webhook-lost", "1s").await;
    let Subscribed { scene, page, .. } = &subscribed;
    let id = subscribed.connected("mail").await;
    page.child.signal(Signal::Kill).expect("it runs");
    scene.sandbox.expire(&id).await;
    let is_lost = |told: &Value| {
        let attempts = told["attempts"].as_array();
        attempts.is_some_and(|all| all.iter().any(|one| one["error"].is_string()))
    };
    let told = subscribed
        .delivery("an attempt that is lost", is_lost)
        .await;
    assert_eq!(told["account"], id);
    assert_eq!(told["arrived"], false);
    scene
        .until("mail", "Ready", "False", "ReauthorizationRequired")
        .await;
    assert!(page.written(scene).is_empty(), "nobody has asked for it");
}

#[tokio::test]
async fn an_event_of_another_project_has_nothing_looked_at_by_whichever_path_or_secret_it_comes() {
    let subscribed = webhook::subscribed("webhook-two", "6h").await;
    let Subscribed {
        scene,
        folder,
        page,
        made,
        path,
        ..
    } = &subscribed;
    // Composio has a second project, which the namespace uses too, and whose events are sent to the first one's path.
    let key = "of-the-second";
    let world = json!({"api_key": key});
    scene.sandbox.control("POST", "worlds", world).await;
    scene.secret("second", json!({KEY: key})).await;
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject", "metadata": {"name": "second"},
        "spec": {"apiKeySecretRef": {"name": "second"}, "baseURL": scene.sandbox.url()},
    });
    scene.apply(&project.to_string()).await;
    let body = json!({
        "webhook_url": format!("{}{path}", page.url), "enabled_events": [webhook::EXPIRED], "version": "V3",
    });
    let create = scene
        .sandbox
        .api_as(key, "POST", "webhook_subscriptions", body);
    let (of_first, of_second) = (secret(made), secret(&create.await));
    std::fs::write(webhook::file(scene, folder), &of_first).expect("written");
    let file = folder.join(format!("ComposioProject.{}.second", scene.namespace));
    std::fs::write(file, &of_second).expect("written");

    subscribed.connected("mail").await;
    let mut spec = gmail();
    spec["projectRef"] = json!({"name": "second"});
    spec["linkPolicy"] = json!("Immediate");
    scene.declare("other", spec).await;
    let has_link = |object: &Value| object["status"]["link"]["sealed"].is_string();
    let object = scene.until_status("other", "a link", has_link).await;
    let id = object["status"]["connectedAccountId"].as_str();
    let id = id.expect("it is there");
    let by_key = |what: &str| format!("{what}?key={key}");
    let consent = by_key(&format!("accounts/{id}/consent"));
    scene.sandbox.control("POST", &consent, json!({})).await;
    let ask = "composio.dev/reconcile-requested-at=now";
    scene.kubectl(&["annotate", "cacc", "other", ask]).await;
    scene.ready("other", "Connected").await;
    let seq = scene.sandbox.seq().await;
    let expire = by_key(&format!("accounts/{id}/expire"));
    scene.sandbox.control("POST", &expire, json!({})).await;
    let deliveries = by_key("deliveries");
    let delivered = wait::until("the delivery is refused", SOON, async || {
        let told = scene.sandbox.control("GET", &deliveries, Value::Null).await;
        let told = told["deliveries"][0].clone();
        match told["attempts"][0]["status"] == 401 {
            true => Ok(told),
            false => Err(told.to_string()),
        }
    })
    .await;

    // The same event by every other way.
    let second = format!("/webhooks/ComposioProject/{}/second", scene.namespace);
    let event = delivered["body"].as_str().expect("a body").to_owned();
    let first_id = scene.sandbox.control("GET", "project", Value::Null).await["id"].clone();
    let mut of_another: Value = serde_json::from_str(&event).expect("JSON");
    assert_ne!(of_another["metadata"]["project_id"], first_id);
    of_another["metadata"]["project_id"] = first_id;
    let of_another = of_another.to_string();
    let http = http_client(SOON);
    for (n, (path, secret, body, status, result)) in [
        (path, &of_second, &event, 401, ""),
        (&second, &of_first, &event, 401, ""),
        (path, &of_first, &event, 200, "unknown_account"),
        (path, &of_first, &of_another, 200, "unknown_account"),
        (&second, &of_second, &of_another, 200, "another_project"),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = signed(
            secret,
            &format!("msg_{n}"),
            Timestamp::now().as_second(),
            body,
        );
        let request = http.post(format!("{}{path}", page.url)).body(body.clone());
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, value)
        });
        let answer = request.send().await.expect("it answers");
        assert_eq!(answer.status().as_u16(), status, "{n}");
        assert_eq!(answer.text().await.expect("a text"), "", "{n}");
        let name = format!("composio_operator_connect_webhook_events_total{{result=\"{result}\"}}");
        assert!(
            result.is_empty() || page.metric(&name).await >= Some(1.0),
            "{n}"
        );
    }
    assert!(page.written(scene).is_empty(), "nothing is asked for");
    assert_eq!(asked(scene, seq).await, [""; 0], "and nothing is looked at");
}
