//! Accounts and answers that are not as one would wish.

use serde_json::{Value, json};

use crate::support::sandbox::Asked;
use crate::support::scene::Scene;
use crate::support::story::{condition, message};

#[tokio::test]
async fn an_unknown_status_word_is_shown_and_waited_on() {
    let scene = Scene::new("unknown-word").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    let word = json!({"state": "HIBERNATING"});
    scene.sandbox.by_hand(&id, "state", word).await;
    let object = scene
        .until("mail", "Ready", "Unknown", "UnknownState")
        .await;
    assert_eq!(object["status"]["state"], "HIBERNATING");
    assert!(
        message(&object, "Ready").contains("\"HIBERNATING\""),
        "{object}"
    );
    scene
        .sandbox
        .by_hand(&id, "state", json!({"state": "ACTIVE"}))
        .await;
    scene.ready("mail", "Connected").await;
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn unknown_json_fields_of_composio_are_ignored() {
    let scene = Scene::new("unknown-fields").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    // What the operator polls.
    let path = "connected_accounts?account_type=ALL";
    let list = scene.sandbox.api("GET", path, Value::Null).await;
    let account = &list["items"][0];
    assert_eq!(account["id"], id);
    let known = [
        "id",
        "word_id",
        "alias",
        "user_id",
        "status",
        "status_reason",
        "is_disabled",
        "created_at",
        "updated_at",
        "toolkit",
        "auth_config",
        "experimental",
        "state",
        "data",
        "params",
        "requested_scopes",
    ];
    let fields = account.as_object().expect("an object");
    let unknown = fields.keys().any(|field| !known.contains(&field.as_str()));
    assert!(
        unknown,
        "the sandbox sends no unknown field, so this test proves nothing: {account}"
    );
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_link_that_ran_out_is_told_and_a_new_one_is_issued_once_for_each_request() {
    let scene = Scene::new("expired").await.operated().await;
    let (id, first) = scene.linked_gmail("mail").await;
    scene.sandbox.expire(&id).await;
    let object = scene.until("mail", "Ready", "False", "LinkExpired").await;
    assert_eq!(
        object["status"]["link"],
        Value::Null,
        "a link that cannot be used is not shown"
    );
    assert!(
        message(&object, "Ready").contains("composio.dev/link-requested-at"),
        "{object}"
    );

    let request = [
        "annotate",
        "connectedaccounts",
        "mail",
        "composio.dev/link-requested-at=monday",
        "--overwrite",
    ];
    scene.kubectl(&request).await;
    let (again, second) = scene.linked("mail").await;
    assert_eq!(id, again, "a refresh keeps the account");
    assert_ne!(first, second);
    scene
        .sandbox
        .open_and_connect(&second)
        .await
        .expect("the new link works");
    scene.ready("mail", "Connected").await;
    scene.kubectl(&request).await;
    let what = "composio.dev/reconcile-requested-at=now";
    scene
        .kubectl(&["annotate", "connectedaccounts", "mail", what])
        .await;
    scene
        .until_field("mail", "lastHandledReconcileAt", "now")
        .await;
    assert_eq!(scene.changes().await, ["POST link", "POST refresh"]);
}

#[tokio::test]
async fn a_provider_that_cannot_revoke_does_not_keep_the_object() {
    let scene = Scene::new("no-revoke").await.operated().await;
    scene
        .declare(
            "board",
            json!({"user": "u", "toolkit": "trello", "authConfig": "ac_trello"}),
        )
        .await;
    let (id, _) = scene.linked("board").await;
    scene.sandbox.consent(&id).await;
    scene.ready("board", "Connected").await;
    scene.delete("board").await;
    assert_eq!(
        scene.changes().await,
        ["POST link", "POST revoke", "DELETE (revoke_on_delete)"]
    );
}

#[tokio::test]
async fn a_reply_that_was_lost_does_not_make_a_second_account() {
    let scene = Scene::new("lost-reply").await.operated().await;
    let fault =
        json!({"method": "POST", "path": "/connected_accounts/link", "status": "cut_after"});
    scene.sandbox.control("POST", "fault", fault).await;
    let (id, link) = scene.linked_gmail("mail").await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert_eq!(accounts[0]["id"], id);
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    scene.ready("mail", "Connected").await;
    // The row was found by its alias; its link, which nobody ever saw, was replaced on the same row.
    assert_eq!(scene.changes().await, ["POST link", "POST refresh"]);
}

#[tokio::test]
async fn a_used_up_rate_limit_silences_the_whole_project_for_as_long_as_composio_asks() {
    let scene = Scene::new("rate-limit").await.operated().await;
    let fault = json!({
        "method": "POST", "path": "/connected_accounts/link",
        "status": 429, "headers": {"retry-after": "20"},
    });
    scene.sandbox.control("POST", "fault", fault).await;
    for name in ["first", "second"] {
        let spec = json!({"user": name, "toolkit": "gmail", "authConfig": "ac_gmail"});
        scene.declare(name, spec).await;
    }
    for name in ["first", "second"] {
        let object = scene.until(name, "Synced", "False", "RateLimited").await;
        assert_eq!(
            condition(&object, "Reconciling")["status"],
            "True",
            "{object}"
        );
    }
    for name in ["first", "second"] {
        scene.linked(name).await;
    }
    let asked = scene.sandbox.asked().await;
    let refused = asked
        .iter()
        .find(|asked| asked.status == Some(429))
        .expect("there was one");
    let since = |asked: &Asked| asked.time.duration_since(refused.time).as_secs_f64();
    // A call that was on its way when the answer came is no disobedience.
    let meanwhile: Vec<_> = asked
        .iter()
        .filter(|asked| (2.0..20.0).contains(&since(asked)))
        .collect();
    assert!(meanwhile.is_empty(), "asked all the same: {meanwhile:?}");
}
