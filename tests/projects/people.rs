//! A project that says who may be asked to sign in, and that nobody else may have.

use serde_json::{Value, json};

use crate::support::scene::{Scene, gmail};

async fn signs_in(scene: &Scene<'_>, id: &str, who: Value) {
    let body = json!({"display_name": who});
    scene.sandbox.by_hand(id, "consent", body).await;
}

/// Asks for a new link, and tells the account that it is for.
async fn linked_anew(scene: &Scene<'_>, token: &str, former: &str) -> String {
    let link = format!("composio.dev/link-requested-at={token}");
    scene
        .kubectl(&["annotate", "--overwrite", "cacc", "mail", &link])
        .await;
    scene
        .until_object("mail", "a new account", |object| {
            let id = object["status"]["connectedAccountId"].as_str();
            match id.is_some_and(|id| id != former) && object["status"]["link"].is_object() {
                true => Ok(()),
                false => Err(object.to_string()),
            }
        })
        .await;
    scene.id_and_link("mail").await.0
}

#[tokio::test]
async fn where_the_project_demands_the_person_an_account_of_anybody_else_is_not_used() {
    let scene = Scene::new("people").await.operated().await;
    let allow = json!({"spec": {"allow": [{
        "people": ["*@acme.com"], "identity": "SameAsPerson",
    }]}});
    let allow = allow.to_string();
    scene
        .kubectl(&[
            "patch",
            "composioproject",
            "default",
            "--type=merge",
            "-p",
            &allow,
        ])
        .await;
    let mut spec = gmail();
    spec["person"] = json!("ann@evil.example");
    scene.declare("mail", spec).await;
    let words = "does not allow spec.person";
    scene.until_synced_says("mail", "NotAllowed", words).await;
    assert_eq!(scene.sandbox.accounts().await, [Value::Null; 0]);

    scene
        .patch("mail", r#"{"spec":{"person":"ann@acme.com"}}"#)
        .await;
    scene.linked("mail").await;
    let (first, _) = scene.id_and_link("mail").await;
    signs_in(&scene, &first, json!("bob@acme.com")).await;
    let stalled = async || {
        scene
            .until("mail", "Stalled", "True", "WrongIdentity")
            .await
    };
    let object = stalled().await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "AnotherIdentity", "{object}");
    // Nobody gives himself what somebody else was to have.
    for person in ["bob@acme.com", "ann@acme.com"] {
        let patch = json!({"spec": {"person": person, "enabled": true}});
        scene.patch("mail", &patch.to_string()).await;
        scene.polled(2).await;
        assert_eq!(scene.sandbox.account(&first).await["status"], "INACTIVE");
    }

    let second = linked_anew(&scene, "second", &first).await;
    signs_in(&scene, &second, Value::Null).await;
    let object = stalled().await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "NotShown", "{object}");
    assert_eq!(scene.sandbox.account(&second).await["status"], "INACTIVE");

    let third = linked_anew(&scene, "third", &second).await;
    signs_in(&scene, &third, json!("Ann@acme.com")).await;
    let object = scene.ready("mail", "Connected").await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "AsExpected", "{object}");
}
