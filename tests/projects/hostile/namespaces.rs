//! What a namespace is called, labelled and how much it asks for, and ids that somebody guesses.

use serde_json::{Value, json};

use super::cluster::{asks, declared, label, offer, offering, own, team, until};
use crate::support::scene::Scene;
use crate::support::story::message;

fn users_of_agents() -> Value {
    json!([{
        "namespaceSelector": {"matchLabels": {"tier": "agents"}},
        "users": ["{{namespace}}/*"], "maxAccounts": 2,
    }])
}

/// What the condition Synced of the object says, without the id that was asked for.
async fn said(scene: &Scene<'_>, namespace: &str, name: &str, reason: &str, id: &str) -> String {
    let object = until(scene, namespace, name, reason).await;
    message(&object, "Synced").replace(id, "ID")
}

#[tokio::test]
async fn a_label_a_name_and_a_number_give_no_more_than_is_written() {
    let control_plane = own().await;
    let scene = offering(&control_plane, users_of_agents()).await;
    for name in ["team", "team-a"] {
        team(&scene, name).await;
    }
    scene.kubectl(&["create", "namespace", "outside"]).await;

    // A namespace whose name is the beginning of another's has none of its users.
    declared(&scene, "team", "beyond", asks("team-a/bob", json!({}))).await;
    let refused = until(&scene, "team", "beyond", "NotAllowed").await;
    assert!(
        message(&refused, "Synced").contains("spec.user"),
        "{refused}"
    );

    // Who is not chosen waits for the label, and keeps what it has when that goes.
    declared(&scene, "outside", "mail", asks("outside/bob", json!({}))).await;
    let refused = until(&scene, "outside", "mail", "NotAllowed").await;
    let words = "objects of this namespace";
    assert!(message(&refused, "Synced").contains(words), "{refused}");
    let seq = scene.sandbox.seq().await;
    for near in ["tier=Agents", "tier=agents2", "tiers=agents"] {
        label(&scene, "outside", near).await;
    }
    scene.polled(2).await;
    let asked = scene.sandbox.asked_since(seq).await;
    assert!(asked.iter().all(|one| one.is_poll()), "{asked:?}");
    label(&scene, "outside", "tier=agents").await;
    let object = until(&scene, "outside", "mail", "AwaitingUser").await;
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    scene.sandbox.consent(id).await;
    until(&scene, "outside", "mail", "Connected").await;
    label(&scene, "outside", "tier=retired").await;
    let kept = until(&scene, "outside", "mail", "NotAllowed").await;
    assert!(message(&kept, "Synced").contains(words), "{kept}");
    assert_eq!(scene.sandbox.account(id).await["status"], "ACTIVE");

    // The third account of a namespace is one too many, and takes its place when another goes.
    for name in ["one", "two"] {
        let user = format!("team-a/{name}");
        declared(&scene, "team-a", name, asks(&user, json!({}))).await;
        until(&scene, "team-a", name, "AwaitingUser").await;
    }
    declared(&scene, "team-a", "three", asks("team-a/three", json!({}))).await;
    let refused = until(&scene, "team-a", "three", "NotAllowed").await;
    assert!(message(&refused, "Synced").contains("TooMany"), "{refused}");
    let gone = ["-n", "team-a", "delete", "cacc", "one"];
    assert!(control_plane.kubectl(&gone).await.status.success());
    until(&scene, "team-a", "three", "AwaitingUser").await;
}

#[tokio::test]
async fn a_namespace_that_is_named_to_fit_a_pattern_has_its_own_users_alone() {
    let control_plane = own().await;
    let by_name = json!([{"namespaces": ["team-*"], "users": ["{{namespace}}/*"]}]);
    let scene = offering(&control_plane, by_name).await;
    for name in ["team-a", "team-evil", "teams"] {
        scene.kubectl(&["create", "namespace", name]).await;
    }
    for (namespace, user, words) in [
        ("team-evil", "team-a/bob", "spec.user"),
        ("team-evil", "team-/bob", "spec.user"),
        ("teams", "teams/bob", "objects of this namespace"),
    ] {
        let before = scene.sandbox.seq().await;
        declared(&scene, namespace, "mail", asks(user, json!({}))).await;
        let refused = until(&scene, namespace, "mail", "NotAllowed").await;
        assert!(message(&refused, "Synced").contains(words), "{refused}");
        let asked = scene.sandbox.asked_since(before).await;
        assert!(asked.iter().all(|one| one.is_poll()), "{asked:?}");
        let gone = ["-n", namespace, "delete", "cacc", "mail"];
        assert!(control_plane.kubectl(&gone).await.status.success());
    }

    // Users that several may name are given to nobody without a person's consent, and the project says so.
    let overlapping = json!([{"namespaces": ["team-*"], "users": ["*@acme.example"]}]);
    offer(&scene, overlapping).await;
    let credentials = json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "mine"}}});
    let seq = scene.sandbox.seq().await;
    declared(
        &scene,
        "team-evil",
        "key",
        asks("ceo@acme.example", credentials.clone()),
    )
    .await;
    let refused = until(&scene, "team-evil", "key", "NotAllowed").await;
    assert!(
        message(&refused, "Synced").contains("spec.credentials"),
        "{refused}"
    );
    let asked = scene.sandbox.asked_since(seq).await;
    assert!(asked.iter().all(|one| one.is_poll()), "{asked:?}");
    let told = scene
        .kubectl(&["get", "clustercomposioproject", "shared", "-o", "json"])
        .await;
    assert!(told.contains("UsersOverlap"), "{told}");

    // Where Secrets are taken, one is sent only if it says so itself.
    let secrets = json!([{
        "namespaces": ["team-*"], "users": ["{{namespace}}/*"], "sources": ["SignIn", "Secret"],
    }]);
    offer(&scene, secrets).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "namespace": "team-a"},
        "stringData": {"api_key": "a-database-password"},
    });
    let secret = secret.to_string();
    let made = control_plane
        .kubectl_stdin(&["apply", "-f", "-"], &secret)
        .await;
    assert!(made.status.success(), "{made:?}");
    let mut spec = asks("team-a/crm", credentials);
    spec["toolkit"] = json!("hubspot");
    spec["authConfig"] = json!("ac_hubspot");
    declared(&scene, "team-a", "crm", spec).await;
    let refused = until(&scene, "team-a", "crm", "SecretNotOffered").await;
    assert!(
        !message(&refused, "Synced").contains("api_key"),
        "{refused}"
    );
    assert_eq!(scene.changes().await, [""; 0]);
}

/// Who may take over what is their own learns nothing of the ids of others: what they may not have is not there.
#[tokio::test]
async fn an_id_that_is_not_covered_is_told_like_one_that_is_not_there() {
    let control_plane = own().await;
    let allow = json!([{
        "namespaces": ["team-a"], "users": ["{{namespace}}/*"], "toolkits": ["gmail"],
        "takeOver": true,
    }]);
    let scene = offering(&control_plane, allow).await;
    scene.kubectl(&["create", "namespace", "team-a"]).await;
    let theirs = scene.made_by_hand("team-b/ceo", None).await;
    let mut told = Vec::new();
    for (name, id) in [("there", theirs.as_str()), ("not-there", "ca_AAAAAAAAAAAA")] {
        let spec = asks("team-a/bob", json!({"connectedAccountId": id}));
        declared(&scene, "team-a", name, spec).await;
        told.push(said(&scene, "team-a", name, "AccountNotFound", id).await);
    }
    assert_eq!(told[0], told[1]);
    // Neither is the id of another toolkit's auth config, nor what toolkit that is.
    let mut told = Vec::new();
    for (name, id) in [("slack", "ac_slack"), ("nothing", "ac_nothing")] {
        let spec = asks("team-a/bob", json!({"authConfig": id}));
        declared(&scene, "team-a", name, spec).await;
        told.push(said(&scene, "team-a", name, "AuthConfigNotFound", id).await);
    }
    assert_eq!(told[0], told[1]);
    // What is theirs they take over.
    let own = scene.made_by_hand("team-a/bob", None).await;
    let spec = asks("team-a/bob", json!({"connectedAccountId": own}));
    declared(&scene, "team-a", "mine", spec).await;
    until(&scene, "team-a", "mine", "Connected").await;
}
