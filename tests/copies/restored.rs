//! Copies and restores: into another namespace, another name, another cluster, the same one.

use crate::support::story::message;
use composio_operator::plan::computed_alias;
use serde_json::json;

use super::{
    annotate, another_account, backup, beside, called, changes_of, connected, gmail_of, own,
    restore,
};
use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::pinned_alias;
use crate::support::scene::{SOON, Scene};
use crate::support::{pin_of, wait};

#[tokio::test]
async fn a_copy_in_another_namespace_gets_an_account_of_its_own_and_takes_nothing() {
    let first = Scene::new("original").await.operated().await;
    let id = connected(&first, "mail", gmail_of("u")).await;
    let second = beside(&first, "copy").await;
    for (name, with_status) in [("mail", false), ("with-status", true)] {
        let copy = backup(&first, "mail", name).await;
        // Object and status are two writes, and it must not see the one without the other.
        let operator = &second.operator.child;
        operator.signal(Signal::Stop).expect("it runs");
        restore(&second, &copy, with_status).await;
        operator.signal(Signal::Cont).expect("it runs");
        let own = another_account(&second, name, &id).await;
        second.until(name, "Ready", "False", "AwaitingUser").await;
        second.event(name, "CopyDetected").await;
        let object = second.object(name).await;
        let alias = computed_alias("", &second.namespace, name);
        assert_eq!(pinned_alias(&object), json!(alias), "{object}");
        assert_eq!(first.sandbox.account(&own).await["alias"], json!(alias));
        second.delete(name).await;
    }
    second.event("with-status", "RecordRejected").await;
    assert_eq!(first.sandbox.account(&id).await["status"], "ACTIVE");
    assert_eq!(changes_of(&first, &id).await, ["POST link"]);
}

#[tokio::test]
async fn a_copy_under_another_name_gets_an_account_of_its_own_and_takes_nothing() {
    let scene = Scene::new("copied").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    for (name, with_status) in [("copy", false), ("with-status", true)] {
        let copy = backup(&scene, "mail", name).await;
        restore(&scene, &copy, with_status).await;
        another_account(&scene, name, &id).await;
        scene.until(name, "Ready", "False", "AwaitingUser").await;
        scene.delete(name).await;
    }
    // A copy that goes before anything was done about it.
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    let copy = backup(&scene, "mail", "brief").await;
    restore(&scene, &copy, true).await;
    let args = ["delete", "connectedaccount", "brief", "--wait=false"];
    scene.kubectl(&args).await;
    scene.operator.child.signal(Signal::Cont).expect("it runs");
    scene.gone("brief").await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id);
}

#[tokio::test]
async fn a_restore_with_its_status_into_an_empty_cluster_needs_no_click_and_changes_nothing() {
    let first = Scene::new("velero").await.operated().await;
    let id = connected(&first, "mail", gmail_of("u")).await;
    let declared = connected(&first, "named", called("u", "support")).await;
    let copies = [
        backup(&first, "mail", "mail").await,
        backup(&first, "named", "named").await,
    ];
    first.operator.child.signal(Signal::Kill).expect("it runs");
    let seq = first.sandbox.seq().await;
    let empty = ControlPlane::start().await.expect("a second one starts");
    empty.install_crd().await;
    let second = Scene::named(&empty, &first.namespace).await;
    for copy in &copies {
        restore(&second, copy, true).await;
    }
    let options = second.options().base_url(first.sandbox.url());
    let _operator = second.start("operator", &options).await;
    for (name, id) in [("mail", &id), ("named", &declared)] {
        annotate(&second, name, "composio.dev/reconcile-requested-at=now").await;
        second
            .until_field(name, "lastHandledReconcileAt", "now")
            .await;
        let object = second.ready(name, "Connected").await;
        assert_eq!(object["status"]["connectedAccountId"], **id);
        assert_eq!(object["status"]["adopted"], json!(null), "it is its own");
    }
    let asked = first.sandbox.asked_since(seq).await;
    let changes: Vec<_> = asked.iter().filter(|asked| !asked.is_look()).collect();
    assert!(changes.is_empty(), "something was changed: {changes:?}");
}

#[tokio::test]
async fn a_declared_alias_in_two_clusters_is_managed_by_both_and_ended_by_the_one_that_made_it() {
    let first = Scene::new("blue").await.operated().await;
    let id = connected(&first, "mail", called("u", "support")).await;
    let second = beside(&first, "green").await;
    for (name, copied) in [("applied", false), ("copied", true)] {
        match copied {
            false => second.declare(name, called("u", "support")).await,
            true => restore(&second, &backup(&first, "mail", name).await, true).await,
        }
        let object = second.ready(name, "Connected").await;
        assert_eq!(object["status"]["connectedAccountId"], id);
        second.until_field(name, "adopted", "ByDeclaredAlias").await;
        assert_eq!(pinned_alias(&second.object(name).await), json!(null));
        second.delete(name).await;
        second.event(name, "AccountRetained").await;
    }
    assert_eq!(first.sandbox.account(&id).await["status"], "ACTIVE");
    assert_eq!(changes_of(&first, &id).await, ["POST link"]);

    second.declare("confirmed", called("u", "support")).await;
    second
        .until_field("confirmed", "adopted", "ByDeclaredAlias")
        .await;
    annotate(
        &second,
        "confirmed",
        &format!("composio.dev/own-account={id}"),
    )
    .await;
    own(&second, "confirmed").await;
    second.delete("confirmed").await;
    assert_eq!(
        changes_of(&first, &id).await,
        ["POST link", "POST revoke", "DELETE"],
        "a person has said whose it is"
    );
}

#[tokio::test]
async fn an_account_that_was_adopted_is_the_objects_own_once_its_user_signs_in_by_its_link() {
    let first = Scene::new("anew-blue").await.operated().await;
    let id = connected(&first, "mail", called("u", "support")).await;
    let second = beside(&first, "anew-green").await;
    second.declare("mail", called("u", "support")).await;
    second
        .until_field("mail", "adopted", "ByDeclaredAlias")
        .await;
    drop(first.operator.child.signal(Signal::Stop));
    first.sandbox.expire(&id).await;
    second.until("mail", "Ready", "False", "AwaitingUser").await;
    let (same, link) = second.id_and_link("mail").await;
    assert_eq!(same, id);
    first
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    own(&second, "mail").await;
    second.delete("mail").await;
    assert_eq!(
        changes_of(&first, &id).await.last().map(String::as_str),
        Some("DELETE")
    );
    drop(first.operator.child.signal(Signal::Cont));
}

#[tokio::test]
async fn a_backup_gives_another_cluster_no_account_by_its_link_or_by_a_word_that_was_for_the_original()
 {
    let first = Scene::new("waiting-blue").await.operated().await;
    first.declare("mail", called("u", "support")).await;
    let (id, _) = first.linked("mail").await;
    first.until("mail", "Ready", "False", "AwaitingUser").await;
    annotate(&first, "mail", &format!("composio.dev/own-account={id}")).await;
    let copy = backup(&first, "mail", "mail").await;
    assert!(copy["status"]["link"].is_object(), "{copy}");
    first.sandbox.consent(&id).await;
    first.ready("mail", "Connected").await;
    let second = beside(&first, "waiting-green").await;
    restore(&second, &copy, true).await;
    second.ready("mail", "Connected").await;
    second
        .until_field("mail", "adopted", "ByDeclaredAlias")
        .await;
    second.delete("mail").await;
    // One that goes before it was ever marked.
    second.operator.child.signal(Signal::Stop).expect("it runs");
    restore(&second, &copy, true).await;
    let args = ["delete", "connectedaccount", "mail", "--wait=false"];
    second.kubectl(&args).await;
    second.operator.child.signal(Signal::Cont).expect("it runs");
    second.gone("mail").await;
    assert_eq!(changes_of(&first, &id).await, ["POST link"]);
    assert_eq!(first.sandbox.account(&id).await["status"], "ACTIVE");
}

#[tokio::test]
async fn a_copy_with_the_same_declared_alias_in_one_cluster_is_told_what_to_do_and_waits() {
    let scene = Scene::new("rivals").await.operated().await;
    let id = connected(&scene, "mail", called("u", "support")).await;
    let copy = backup(&scene, "mail", "copy").await;
    restore(&scene, &copy, true).await;
    let object = scene.until("copy", "Stalled", "True", "Conflict").await;
    let said = message(&object, "Ready");
    for words in [
        &format!("is managed by {}/mail", scene.namespace),
        "spec.metadata.alias",
        "composio.dev/alias",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // The declaration of the other is changed, and nothing else wakes this one.
    let patch = r#"{"spec":{"metadata":{"alias":"mine"}}}"#;
    scene.patch("mail", patch).await;
    let own = another_account(&scene, "copy", &id).await;
    assert_eq!(scene.sandbox.account(&own).await["alias"], "support");
    assert_eq!(scene.sandbox.account(&id).await["alias"], "mine");
}

#[tokio::test]
async fn another_alias_prefix_waits_for_what_may_be_under_way_and_takes_nothing_over() {
    let scene = Scene::new("moved").await;
    let operator = scene.start("first", &scene.options()).await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    drop(operator);
    // An object whose call never arrived, as far as anybody knows.
    scene.declare("new", gmail_of("w")).await;
    let pin = pin_of(
        &scene.namespace,
        "new",
        &computed_alias("", &scene.namespace, "new"),
    );
    annotate(&scene, "new", &format!("composio.dev/alias={pin}")).await;
    let options = scene.options().alias_prefix("eu-");
    let _operator = scene.start("second", &options).await;
    let object = scene.until("mail", "Stalled", "True", "AliasChanged").await;
    let said = message(&object, "Ready");
    assert!(said.contains("under the alias prefix \"\""), "{said}");
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    let (new, _) = scene.linked("new").await;
    let alias = computed_alias("eu-", &scene.namespace, "new");
    assert_eq!(scene.sandbox.account(&new).await["alias"], json!(alias));

    annotate(&scene, "mail", &format!("composio.dev/own-account={id}")).await;
    let object = scene.ready("mail", "Connected").await;
    let alias = computed_alias("eu-", &scene.namespace, "mail");
    assert_eq!(object["status"]["alias"], json!(alias), "{object}");
    assert_eq!(changes_of(&scene, &id).await, ["POST link", "PATCH alias"]);
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(
        annotations["composio.dev/own-account"],
        json!(null),
        "a backup of it gives the account to no other cluster"
    );
}

#[tokio::test]
async fn two_clusters_that_want_one_account_otherwise_say_so_instead_of_fighting_for_ever() {
    let first = Scene::new("fight").await.operated().await;
    let id = connected(&first, "mail", gmail_of("u")).await;
    let copy = backup(&first, "mail", "mail").await;
    let other = ControlPlane::start().await.expect("a second one starts");
    other.install_crd().await;
    let second = Scene::named(&other, &first.namespace).await;
    restore(&second, &copy, true).await;
    second
        .give_status("mail", &json!({"lastHandledReconcileAt": "before"}))
        .await;
    let options = second.options().base_url(first.sandbox.url());
    let operator = second.start("operator", &options).await;
    let patch = r#"{"spec":{"enabled":false}}"#;
    second.patch("mail", patch).await;
    // Whichever has put it right three times first.
    wait::until("a warning in one of the clusters", SOON, async || {
        for scene in [&first as &Scene<'_>, &second] {
            let object = scene.stage().object("mail").await?;
            let synced = super::condition(&object, "Synced").clone();
            if synced["reason"] == "DoesNotConverge" {
                let said = message(&object, "Synced");
                assert!(said.contains("another cluster"), "{said}");
                return Ok(());
            }
        }
        Err("none yet".to_owned())
    })
    .await;
    drop(operator);
    assert_eq!(first.sandbox.accounts().await.len(), 1, "{id} alone");
}
