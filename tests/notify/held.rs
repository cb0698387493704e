//! Nobody is told of a declaration that was not judged.

use serde_json::{Value, json};

use super::Told;
use crate::support::scene::{SOON, gmail};
use crate::support::wait;

#[tokio::test]
async fn who_is_named_after_the_news_is_told_only_once_that_is_judged() {
    // There is time to name another person.
    let (told, operator) = Told::away("held").await;
    let is_pending = |object: &Value| object["status"]["pendingNotification"].is_object();
    told.scene
        .until_status("mail", "it is told", is_pending)
        .await;
    // Of what is suspended it is not judged what is allowed.
    let changed = r#"{"spec":{"suspend":true,"person":"ceo@acme.com"}}"#;
    told.scene.patch("mail", changed).await;
    let is_suspended = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        is_pending(object) && conditions.any(|one| one["reason"] == "Suspended")
    };
    told.scene
        .until_status("mail", "it is suspended", is_suspended)
        .await;
    let held = format!(
        "composio_operator_notifications_held{{project=\"ComposioProject/{}/default\",reason=\"Suspended\"}}",
        told.scene.namespace
    );
    wait::until("the metric", SOON, async || {
        let (_, text) = operator.get("/metrics").await;
        match text.contains(&format!("{held} 1\n")) {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;
    told.write_url(told.receiver.url());
    for name in ["other", "another"] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        told.scene.declare(name, spec).await;
        told.told(name).await;
    }
    let taken = told.taken(2).await;
    let persons = taken.iter().map(|one| &one.body["data"]["person"]);
    assert_eq!(persons.collect::<Vec<_>>(), ["other", "another"]);
    told.scene
        .until_status("mail", "it is held", is_pending)
        .await;
    told.scene
        .patch("mail", r#"{"spec":{"suspend":false}}"#)
        .await;
    let person = told.taken(3).await[2].body["data"]["person"].clone();
    assert_eq!(person, "ceo@acme.com", "it is allowed");
    told.told("mail").await;
}
