//! A status that a GitOps tool and a person can trust, also after somebody else has written in it.

use serde_json::{Value, json};

use super::{annotate, changes_of, connected, gmail_of, patch};
use crate::support::scene::Scene;
use crate::support::story::condition;

#[tokio::test]
async fn every_condition_speaks_of_the_generation_that_was_looked_at() {
    let scene = Scene::new("generations").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    patch(&scene, "mail", json!({"enabled": false})).await;
    let object = scene.ready("mail", "Disabled").await;
    let generation = &object["metadata"]["generation"];
    assert_eq!(*generation, 2);
    assert_eq!(object["status"]["observedGeneration"], *generation);
    let conditions = object["status"]["conditions"]
        .as_array()
        .expect("conditions");
    for condition in conditions {
        assert_eq!(condition["observedGeneration"], *generation, "{condition}");
    }
    assert_eq!(*condition(&object, "Reconciling"), Value::Null, "{object}");
    assert_eq!(*condition(&object, "Stalled"), Value::Null, "{object}");
    assert_eq!(object["status"]["connectedAccountId"], id);
}

#[tokio::test]
async fn a_suspended_object_is_observed_and_nothing_is_changed() {
    let scene = Scene::new("suspend").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    patch(&scene, "mail", json!({"suspend": true})).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    annotate(&scene, "mail", "composio.dev/link-requested-at=later").await;
    scene.sandbox.by_hand(&id, "end-grant", json!({})).await;
    let object = scene.until_state("mail", "EXPIRED").await;
    assert_eq!(
        condition(&object, "Ready")["status"],
        "False",
        "it was seen dead: {object}"
    );
    scene.polled(2).await;
    let object = scene.object("mail").await;
    assert_eq!(
        object["status"]["lastHandledLinkRequest"],
        Value::Null,
        "it waits: {object}"
    );
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    patch(&scene, "mail", json!({"suspend": false})).await;
    scene.linked("mail").await;
    let object = scene.object("mail").await;
    assert_eq!(
        object["status"]["lastHandledLinkRequest"], "later",
        "{object}"
    );
}

#[tokio::test]
async fn a_stalled_object_is_looked_at_on_request_and_slowly_by_itself() {
    let scene = Scene::new("look-again").await;
    let options = scene.options().flag("--stalled-interval", "1s");
    let operator = scene.start("eager", &options).await;
    let disabled = json!({"user": "u", "toolkit": "linear", "authConfig": "ac_disabled"});
    scene.declare("issues", disabled).await;
    scene
        .until("issues", "Stalled", "True", "AuthConfigDisabled")
        .await;
    drop(operator);
    // Nothing tells of an auth config but a look; what was read of one is kept for a while.
    let options = options.flag("--auth-config-lifetime", "1s");
    let _operator = scene.start("again", &options).await;
    let config = json!({"id": "ac_disabled", "toolkit": "linear"});
    scene.sandbox.control("POST", "auth-configs", config).await;
    scene.linked("issues").await;
}

#[tokio::test]
async fn an_id_that_is_written_by_hand_is_repaired_and_its_account_left_alone() {
    let scene = Scene::new("scribble").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let foreign = connected(&scene, "other", gmail_of("somebody-else")).await;
    let before = scene.changes().await.len();
    for written in [foreign.as_str(), "ca_garbage", "../../auth_configs"] {
        scene
            .give_status("mail", &json!({"connectedAccountId": written}))
            .await;
        repaired(&scene, &id).await;
    }
    scene
        .give_status(
            "mail",
            &json!({"connectedAccountId": null, "connectedAt": null}),
        )
        .await;
    repaired(&scene, &id).await;
    assert_eq!(scene.changes().await.len(), before);
    scene
        .give_status("mail", &json!({"connectedAccountId": foreign}))
        .await;
    scene.delete("mail").await;
    let account = scene.sandbox.account(&foreign).await;
    assert_eq!(account["status"], "ACTIVE", "somebody else's: {account}");
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "its own: {account}");
}

async fn repaired(scene: &Scene<'_>, id: &str) {
    let repaired = scene.until_object("mail", "the repaired id", |object| {
        let ready = condition(object, "Ready")["reason"] == "Connected";
        match object["status"]["connectedAccountId"] == id && ready {
            true => Ok(()),
            false => Err(object["status"].to_string()),
        }
    });
    repaired.await;
}

#[tokio::test]
async fn times_that_are_written_by_hand_hold_nothing_up() {
    let scene = Scene::new("future").await.operated().await;
    let disabled = json!({"user": "u", "toolkit": "linear", "authConfig": "ac_disabled"});
    scene.declare("issues", disabled).await;
    scene
        .until("issues", "Stalled", "True", "AuthConfigDisabled")
        .await;
    let future = json!({"unknownSince": "2999-01-01T00:00:00.000000Z"});
    scene.give_status("issues", &future).await;
    annotate(&scene, "issues", "composio.dev/reconcile-requested-at=now").await;
    let object = scene
        .until_synced_says("issues", "AuthConfigDisabled", "")
        .await;
    let since = object["status"]["unknownSince"]
        .as_str()
        .unwrap_or_default();
    assert!(!since.starts_with("2999"), "{object}");
}

/// What is taken out of the status is written again, whoever took it and whatever else is declared.
#[tokio::test]
async fn what_somebody_takes_out_of_the_status_is_written_again_without_a_change_of_the_spec() {
    let scene = Scene::new("stripped").await.operated().await;
    let connected = connected(&scene, "mail", gmail_of("u")).await;
    let (waiting, _) = scene.linked_gmail("chat").await;
    let theirs = json!([{
        "type": "example.com/Reviewed", "status": "True", "reason": "Fine", "message": "",
        "lastTransitionTime": "2030-01-01T00:00:00Z",
    }]);
    for (name, id, what, taken) in [
        (
            "mail",
            &connected,
            "the conditions",
            json!({"conditions": theirs}),
        ),
        (
            "mail",
            &connected,
            "the id",
            json!({"connectedAccountId": null}),
        ),
        ("mail", &connected, "the record", json!({"record": null})),
        ("chat", &waiting, "the link", json!({"link": null})),
        (
            "chat",
            &waiting,
            "the conditions",
            json!({"conditions": []}),
        ),
    ] {
        let generation = scene.object(name).await["metadata"]["generation"].clone();
        let changes = changes_of(&scene, id).await;
        scene.give_status(name, &taken).await;
        let reason = match name {
            "mail" => "Connected",
            _ => "AwaitingUser",
        };
        let object = scene
            .until_status(name, &format!("{what} of {name}"), |object| {
                let status = &object["status"];
                status["connectedAccountId"] == **id
                    && status["record"]["mac"].is_string()
                    && condition(object, "Ready")["reason"] == reason
                    && (name == "mail" || status["link"]["url"].is_string())
            })
            .await;
        assert_eq!(object["metadata"]["generation"], generation, "{what}");
        if name == "mail" {
            assert_eq!(changes_of(&scene, id).await, changes, "{what} of {name}");
            // The first of the cases brought it.
            let reviewed = condition(&object, "example.com/Reviewed");
            assert_eq!(reviewed["reason"], "Fine", "{object}");
        }
    }
    assert_eq!(
        scene.sandbox.accounts().await.len(),
        2,
        "none was made anew"
    );
}
