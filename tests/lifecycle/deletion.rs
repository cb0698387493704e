//! What becomes of an account when its object is deleted: nothing that was promised is forgotten.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use super::{changes_of, connected, declared_and_lost, gmail_of, patch, until_account, with};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const REVOKE_LATER: &str = "DELETE (revoke_on_delete)";

async fn let_go(scene: &Scene<'_>, name: &str) {
    scene
        .kubectl(&["delete", "connectedaccounts", name, "--wait=false"])
        .await;
}

/// A finished deletion: the object, the account, and the grant if there was one and the policy says so.
async fn ended(scene: &Scene<'_>, name: &str, id: &str) -> Value {
    scene.gone(name).await;
    let account = scene.sandbox.account(id).await;
    assert!(!account["deleted_at"].is_null(), "{account}");
    account
}

#[tokio::test]
async fn each_policy_ends_an_account_in_each_state_as_it_says() {
    struct Case {
        name: &'static str,
        policy: &'static str,
        state: &'static str,
        asked: &'static [&'static str],
        reason: &'static str,
    }
    let case = |name, policy, state, asked, reason| Case {
        name,
        policy,
        state,
        asked,
        reason,
    };
    let cases = [
        case(
            "r-active",
            "Revoke",
            "ACTIVE",
            &["POST revoke", "DELETE"],
            "first the grant",
        ),
        case(
            "r-inactive",
            "Revoke",
            "INACTIVE",
            &["PATCH status (enable)", "POST revoke", "DELETE"],
            "only an active account can be revoked",
        ),
        case(
            "r-new",
            "Revoke",
            "INITIALIZING",
            &[REVOKE_LATER],
            "the person may just have consented",
        ),
        case(
            "r-expired",
            "Revoke",
            "EXPIRED",
            &[REVOKE_LATER],
            "a refresh token may live",
        ),
        case(
            "r-failed",
            "Revoke",
            "FAILED",
            &[REVOKE_LATER],
            "as expired",
        ),
        case(
            "r-paused",
            "Revoke",
            "PAUSED",
            &[REVOKE_LATER],
            "a word that is not known",
        ),
        case(
            "r-revoked",
            "Revoke",
            "REVOKED",
            &["DELETE"],
            "there is no grant left",
        ),
        case(
            "d-active",
            "Delete",
            "ACTIVE",
            &["DELETE"],
            "the grant stays with the provider",
        ),
        case(
            "d-inactive",
            "Delete",
            "INACTIVE",
            &["DELETE"],
            "disabled or not",
        ),
        case("d-expired", "Delete", "EXPIRED", &["DELETE"], "dead or not"),
        case("k-active", "Retain", "ACTIVE", &[], "nothing is touched"),
    ];
    let scene = Scene::new("policies").await.operated().await;
    let mut ids = Vec::new();
    for case in &cases {
        let spec = with(gmail_of(case.name), "deletionPolicy", json!(case.policy));
        scene.declare(case.name, spec).await;
    }
    for case in &cases {
        let (id, _) = scene.linked(case.name).await;
        if case.state != "INITIALIZING" {
            scene.sandbox.consent(&id).await;
            scene.until_state(case.name, "ACTIVE").await;
        }
        match case.state {
            "INACTIVE" => {
                patch(&scene, case.name, json!({"enabled": false})).await;
                scene.until_state(case.name, "INACTIVE").await;
            }
            "INITIALIZING" | "ACTIVE" => {}
            state => {
                // Suspended, so that it is observed and no link is asked for.
                patch(&scene, case.name, json!({"suspend": true})).await;
                scene.until(case.name, "Synced", "True", "Suspended").await;
                scene
                    .sandbox
                    .by_hand(&id, "state", json!({"state": state}))
                    .await;
                scene.until_state(case.name, state).await;
            }
        }
        ids.push(id);
    }
    for (case, id) in cases.iter().zip(&ids) {
        let before = changes_of(&scene, id).await.len();
        scene.delete(case.name).await;
        let asked = changes_of(&scene, id).await;
        assert_eq!(
            asked[before..],
            *case.asked,
            "{}: {}",
            case.name,
            case.reason
        );
        let account = scene.sandbox.account(id).await;
        // A word that somebody set by hand ends no grant.
        let revoked = case.policy == "Revoke" && case.state != "REVOKED";
        let revoked = revoked && account["grant"]["given"] == true;
        assert!(!revoked || account["grant"]["alive"] == false, "{account}");
        assert!(
            case.policy == "Revoke" || case.state == "EXPIRED" || account["grant"]["alive"] == true,
            "{account}"
        );
    }
}

#[tokio::test]
async fn each_answer_to_a_revocation_is_taken_for_what_it_says() {
    let scene = Scene::new("answers").await.operated().await;
    let revoke = |id: &str, status: u16, times: u32| {
        json!({
            "method": "POST", "path": format!("/connected_accounts/{id}/revoke"),
            "status": status, "times": times,
        })
    };
    let id = connected(&scene, "cannot", gmail_of("cannot")).await;
    scene
        .sandbox
        .control("POST", "fault", revoke(&id, 400, 1))
        .await;
    scene.delete("cannot").await;
    assert_eq!(
        changes_of(&scene, &id).await[1..],
        ["POST revoke", REVOKE_LATER],
        "400: the toolkit cannot revoke"
    );
    let id = connected(&scene, "changed", gmail_of("changed")).await;
    scene
        .sandbox
        .control("POST", "fault", revoke(&id, 409, 1))
        .await;
    scene.delete("changed").await;
    let asked = changes_of(&scene, &id).await;
    assert_eq!(
        asked.last().map(String::as_str),
        Some("DELETE"),
        "{asked:?}"
    );
    assert_eq!(
        scene.sandbox.account(&id).await["grant"]["ended_by"],
        "revoke",
        "409: look again, and try again"
    );
    let id = connected(&scene, "refused", gmail_of("refused")).await;
    scene
        .sandbox
        .control("POST", "fault", revoke(&id, 500, 3))
        .await;
    let_go(&scene, "refused").await;
    scene
        .until_synced_says("refused", "RevokeRefused", "")
        .await;
    scene.event("refused", "RevokeRefused").await;
    let account = ended(&scene, "refused", &id).await;
    assert_eq!(
        account["grant"]["ended_by"], "revoke",
        "500: again, until it does"
    );
}

#[tokio::test]
async fn an_account_that_was_disabled_stays_so_while_the_provider_refuses() {
    let scene = Scene::new("refuses").await.operated().await;
    let id = connected(&scene, "mail", with(gmail_of("u"), "enabled", json!(false))).await;
    scene.ready("mail", "Disabled").await;
    let fault = json!({"method": "POST", "path": "/connected_accounts/*/revoke", "status": 500, "times": 1000});
    scene.sandbox.control("POST", "fault", fault).await;
    let_go(&scene, "mail").await;
    scene.until_synced_says("mail", "RevokeRefused", "").await;
    until_account(&scene, &id, "status", json!("INACTIVE")).await;
    // The policy is read at each attempt.
    patch(&scene, "mail", json!({"deletionPolicy": "Delete"})).await;
    let account = ended(&scene, "mail", &id).await;
    assert_eq!(account["grant"]["alive"], true);
}

#[tokio::test]
async fn a_suspended_object_is_deleted_as_its_policy_says() {
    let scene = Scene::new("suspended").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    patch(&scene, "mail", json!({"suspend": true})).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    scene.delete("mail").await;
    assert_eq!(
        changes_of(&scene, &id).await[1..],
        ["POST revoke", "DELETE"]
    );
}

#[tokio::test]
async fn an_object_that_is_deleted_while_a_call_is_lost_takes_its_account_with_it() {
    let scene = Scene::new("lost-create").await.operated().await;
    declared_and_lost(&scene, 1).await;
    scene.delete("mail").await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert!(!accounts[0]["deleted_at"].is_null(), "{accounts:?}");
}

#[tokio::test]
async fn an_object_whose_account_is_gone_already_goes() {
    let scene = Scene::new("gone-already").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    patch(&scene, "mail", json!({"suspend": true})).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    scene.sandbox.by_hand(&id, "delete", json!({})).await;
    scene.delete("mail").await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
}

#[tokio::test]
async fn with_a_rejected_key_an_object_stays_says_so_and_goes_when_the_key_is_back() {
    let scene = Scene::new("no-key").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let retained = with(gmail_of("v"), "deletionPolicy", json!("Retain"));
    connected(&scene, "kept", retained).await;
    let other = json!({"api_key": "another"});
    scene.sandbox.control("POST", "api-key", other).await;
    let_go(&scene, "mail").await;
    scene
        .until_synced_says("mail", "ProjectUnavailable", "")
        .await;
    scene.delete("kept").await;
    scene.polled(2).await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    let back = json!({"api_key": "sandbox"});
    scene.sandbox.control("POST", "api-key", back).await;
    let account = ended(&scene, "mail", &id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke");
}

#[tokio::test]
async fn a_person_who_consents_at_the_very_moment_is_revoked_too() {
    let scene = Scene::new("very-moment").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    // The look is answered before the consent, and arrives after it.
    let seq = scene.sandbox.seq().await;
    let slow = json!({"milliseconds": 3000});
    scene.sandbox.control("POST", "latency", slow).await;
    let_go(&scene, "mail").await;
    wait::until("the look at the account", SOON, async || {
        let asked = scene.sandbox.asked_since(seq).await;
        match asked.iter().any(|asked| asked.words() == "GET account") {
            true => Ok(()),
            false => Err(format!("{asked:?}")),
        }
    })
    .await;
    scene.sandbox.consent(&id).await;
    let quick = json!({"milliseconds": 0});
    scene.sandbox.control("POST", "latency", quick).await;
    let account = ended(&scene, "mail", &id).await;
    assert_eq!(account["grant"]["given"], true);
    assert_eq!(account["grant"]["alive"], false, "{account}");
}

#[tokio::test]
async fn a_namespace_with_a_hundred_objects_can_be_deleted() {
    let scene = Scene::new("hundred").await.operated().await;
    let names: Vec<String> = (0..100).map(|n| format!("mail-{n}")).collect();
    let objects: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                "metadata": {"name": name}, "spec": gmail_of(name),
            })
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    scene.apply(&list.to_string()).await;
    scene
        .until_all("a hundred links", 100, |object| {
            !object["status"]["link"].is_null()
        })
        .await;
    for account in scene.sandbox.accounts().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        scene.sandbox.consent(&id).await;
    }
    scene
        .until_all("a hundred connected", 100, |object| {
            object["status"]["state"] == "ACTIVE"
        })
        .await;

    // What the namespace controller does, which is not part of an apiserver.
    scene
        .kubectl(&["delete", "namespace", &scene.namespace, "--wait=false"])
        .await;
    scene
        .kubectl(&["delete", "connectedaccounts", "--all", "--wait=false"])
        .await;
    scene.until_all("the end of a hundred", 0, |_| true).await;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    let mut namespace = namespaces.get(&scene.namespace).await.expect("it is there");
    if let Some(spec) = &mut namespace.spec {
        spec.finalizers = None;
    }
    namespaces
        .replace_subresource(
            "finalize",
            &scene.namespace,
            &PostParams::default(),
            &namespace,
        )
        .await
        .expect("the namespace can go");
    for account in scene.sandbox.accounts().await {
        assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
        assert!(!account["deleted_at"].is_null(), "{account}");
    }
}
