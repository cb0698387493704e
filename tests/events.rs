//! What `kubectl describe` tells: each thing that happens once, and nothing that is not for everybody.

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const REFUSED: [&str; 1] = ["Warning AuthConfigNotFound"];

/// The events of an object in the order of their times.
async fn events(scene: &Scene<'_>, name: &str) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let list = api.list(&ListParams::default()).await;
    let mut events = list.expect("events can be listed").items;
    events.retain(|event| {
        let regarding = event.regarding.as_ref();
        regarding.and_then(|object| object.name.as_deref()) == Some(name)
    });
    events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
    events
}

/// The same in words; what was counted is told with its count.
async fn told(scene: &Scene<'_>, name: &str) -> Vec<String> {
    let words = |event: &Event| {
        let type_ = event.type_.as_deref().unwrap_or_default();
        let reason = event.reason.as_deref().unwrap_or_default();
        let times = event.series.as_ref().map(|series| series.count);
        let times = times.map_or_else(String::new, |count| format!(" {count} times"));
        format!("{type_} {reason}{times}")
    };
    events(scene, name).await.iter().map(words).collect()
}

/// Waits until so many events of the object are there.
async fn telling(scene: &Scene<'_>, name: &str, count: usize) -> Vec<String> {
    wait::until(&format!("{count} events of {name}"), SOON, async || {
        let told = told(scene, name).await;
        if told.len() >= count {
            return Ok(told);
        }
        Err(format!("{told:?}"))
    })
    .await
}

/// Events are published in the order in which they happen: once those of this object are there, none of
/// another is on its way.
async fn flush(scene: &Scene<'_>, name: &str) {
    scene.linked_gmail(name).await;
    assert_eq!(telling(scene, name, 1).await, ["Normal LinkIssued"]);
}

#[tokio::test]
async fn the_events_tell_the_story_and_not_the_link() {
    let scene = Scene::new("events").await.operated().await;
    let (id, link) = scene.linked_gmail("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    scene.patch("mail", r#"{"spec":{"enabled":false}}"#).await;
    scene.ready("mail", "Disabled").await;
    telling(&scene, "mail", 3).await;
    let described = scene
        .kubectl(&["describe", "connectedaccount", "mail"])
        .await;
    let (_, described) = described.split_once("Events:").expect("it ends in events");
    for reason in ["LinkIssued", "Connected", "Disabled"] {
        assert!(described.contains(reason), "{described}");
    }
    scene.delete("mail").await;
    flush(&scene, "last").await;
    let story = [
        "Normal LinkIssued",
        "Normal Connected",
        "Normal Disabled",
        "Normal Revoked",
        "Normal Deleted",
    ];
    assert_eq!(told(&scene, "mail").await, story);
    for event in events(&scene, "mail").await {
        assert_eq!(
            event.reporting_controller.as_deref(),
            Some("composio-operator")
        );
        assert_eq!(event.reporting_instance.as_deref(), Some(&*scene.namespace));
        let event = serde_json::to_string(&event).expect("it encodes");
        assert!(!event.contains(&link), "{event}");
        assert!(!event.contains("http"), "{event}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_once_however_often_it_is_repeated() {
    let scene = Scene::new("ev-refused").await;
    let operator = scene.start("first", &scene.options()).await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_nowhere"});
    scene.declare("mail", spec).await;
    scene
        .until("mail", "Stalled", "True", "AuthConfigNotFound")
        .await;
    let look_again = async |token: &str| {
        let annotation = format!("composio.dev/reconcile-requested-at={token}");
        let args = ["annotate", "--overwrite", "connectedaccount", "mail"];
        scene.kubectl(&[&args[..], &[&annotation]].concat()).await;
        scene
            .until_field("mail", "lastHandledReconcileAt", token)
            .await;
    };
    for token in ["1", "2", "3"] {
        look_again(token).await;
    }
    flush(&scene, "other").await;
    assert_eq!(told(&scene, "mail").await, REFUSED);

    drop(operator);
    let _next = scene.start("second", &scene.options()).await;
    look_again("4").await;
    flush(&scene, "another").await;
    assert_eq!(told(&scene, "mail").await, REFUSED, "after a restart");
}

#[tokio::test]
async fn a_request_for_a_link_that_has_no_effect_is_told_once() {
    let scene = Scene::new("ev-ignored").await.operated().await;
    scene.connected_gmail("mail").await;
    let ask = async |token: &str, handled: &str| {
        let annotation = format!("composio.dev/link-requested-at={token}");
        let args = ["annotate", "--overwrite", "connectedaccount", "mail"];
        scene.kubectl(&[&args[..], &[&annotation]].concat()).await;
        scene
            .until_field("mail", "lastHandledLinkRequest", handled)
            .await;
    };
    ask("please", "please").await;
    let long = "x".repeat(65);
    ask(&long, &format!("{}…", &long[..64])).await;
    flush(&scene, "other").await;
    let expected = [
        "Normal LinkIssued",
        "Normal Connected",
        "Normal LinkRequestIgnored",
        "Warning LinkRequestIgnored",
    ];
    assert_eq!(told(&scene, "mail").await, expected);
    assert_eq!(scene.changes().await, ["POST link", "POST link"]);
}

#[tokio::test]
async fn an_object_whose_name_leaves_no_room_for_an_event_works_without() {
    let scene = Scene::new("ev-long").await.operated().await;
    // Name and time of an event make 253 characters with an object's name of 236.
    let (longest, longer) = ("m".repeat(236), "n".repeat(253));
    for name in [&longest, &longer] {
        scene.connected_gmail(name).await;
        scene.delete(name).await;
    }
    flush(&scene, "last").await;
    let story = ["LinkIssued", "Connected", "Revoked", "Deleted"];
    assert_eq!(
        told(&scene, &longest).await,
        story.map(|reason| format!("Normal {reason}"))
    );
    assert_eq!(told(&scene, &longer).await, [""; 0]);
    let log = scene.operator.child.log_tail(1000);
    assert!(!log.contains("cannot be published"), "{log}");
}

#[tokio::test]
async fn a_secret_that_is_gone_is_told_when_it_goes_and_counted() {
    let scene = Scene::new("ev-secret").await.operated().await;
    scene.secret("crm", json!({"api_key": "first-key"})).await;
    let spec = json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "crm"}},
    });
    scene.declare("crm", spec).await;
    scene.ready("crm", "Connected").await;
    scene.kubectl(&["delete", "secret", "crm"]).await;
    scene.until("crm", "Synced", "False", "SecretMissing").await;
    scene.until("crm", "Ready", "True", "Connected").await;
    let counts = [
        ("objects_by_reason", "Connected"),
        ("objects_by_synced_reason", "SecretMissing"),
    ]
    .map(|(metric, reason)| {
        let project = format!("ComposioProject/{}/default", scene.namespace);
        format!(r#"composio_operator_{metric}{{project="{project}",reason="{reason}"}} 1"#)
    });
    wait::until("the counts", SOON, async || {
        let (_, text) = scene.operator.get("/metrics").await;
        match counts.iter().all(|count| text.contains(count)) {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;
    // It is looked for again and again, and told once.
    scene.secrets_read(3).await;
    flush(&scene, "other").await;
    let told = told(&scene, "crm").await;
    let missing = told.iter().filter(|one| one.contains("SecretMissing"));
    assert_eq!(
        missing.collect::<Vec<_>>(),
        ["Warning SecretMissing"],
        "{told:?}"
    );
}
