//! Accounts made from Secrets: made, and changed when the Secret changes; once for each version.

use serde_json::{Value, json};

use crate::support::fingerprint;
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};
use crate::support::story::{condition, message};
use crate::support::wait;

mod data;

const ROTATED: &str = "PATCH credentials";
/// The schemes of which Composio changes nothing.
const MADE_ANEW: [&str; 3] = ["S2S_OAUTH2", "BILLCOM_AUTH", "CALCOM_AUTH"];

fn from_secret(scheme: &str, auth_config: &str, toolkit: &str) -> Value {
    json!({
        "user": "u",
        "toolkit": toolkit,
        "authConfig": auth_config,
        "credentials": {"scheme": scheme, "secretRef": {"name": auth_config.replace('_', "-")}},
    })
}

fn crm() -> Value {
    from_secret("API_KEY", "ac_hubspot", "hubspot")
}

/// Puts a value into the Secret of [`crm`].
async fn key(scene: &Scene<'_>, value: &str) {
    scene.secret("ac-hubspot", json!({"api_key": value})).await;
}

/// An account made from the key `first-key`; its id.
async fn made(scene: &Scene<'_>) -> String {
    key(scene, "first-key").await;
    scene.declare("crm", crm()).await;
    let object = scene.ready("crm", "Connected").await;
    object["status"]["connectedAccountId"]
        .as_str()
        .expect("it is recorded")
        .to_owned()
}

/// Waits until the account has these values.
async fn has(scene: &Scene<'_>, id: &str, values: Value) {
    let expected: Value = values
        .as_object()
        .expect("fields and values")
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().expect("a text");
            (name.clone(), json!(fingerprint(value)))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    wait::until(&format!("{values} in {id}"), SOON, async || {
        match scene.sandbox.account(id).await["credentials"].take() {
            found if found == expected => Ok(()),
            found => Err(found.to_string()),
        }
    })
    .await;
}

/// Waits until the status says what came of the last version that was sent.
async fn step(scene: &Scene<'_>, step: &str) -> Value {
    let what = format!("the step {step}");
    let reached = scene.until_object("crm", &what, |object| {
        match object["status"]["credentials"]["step"] == step {
            true => Ok(object.clone()),
            false => Err(object["status"].to_string()),
        }
    });
    reached.await
}

/// It comes to rest: nothing is asked and nothing written while the Secret is read three more times. What a list
/// tells of the last effect may come a little later, and is looked at once.
async fn steady(scene: &Scene<'_>) {
    const ROUNDS: usize = 3;
    for round in 1..=ROUNDS {
        let (seq, written) = (scene.sandbox.seq().await, scene.written().len());
        scene.secrets_read(3).await;
        let asked = scene.sandbox.asked_since(seq).await;
        let others: Vec<_> = asked.iter().filter(|asked| !asked.is_poll()).collect();
        let written = &scene.written()[written..];
        if others.is_empty() && written.is_empty() {
            return;
        }
        assert!(round < ROUNDS, "asked: {others:?}, written: {written:?}");
    }
}

#[tokio::test]
async fn an_account_is_made_from_each_scheme_and_follows_its_secret() {
    let scene = Scene::new("schemes").await.operated().await;
    let schemes = [
        ("API_KEY", &["generic_api_key"][..]),
        ("BEARER_TOKEN", &["token"]),
        ("BASIC", &["username", "password"]),
        ("BASIC_WITH_JWT", &["username", "password"]),
        ("GOOGLE_SERVICE_ACCOUNT", &["credentials_json"]),
        (
            "SERVICE_ACCOUNT",
            &["application_id", "installation_id", "private_key"],
        ),
        ("S2S_OAUTH2", &["client_id", "client_secret"]),
        ("BILLCOM_AUTH", &["devKey", "sessionId"]),
        ("CALCOM_AUTH", &["api_key"]),
    ];
    let named = |scheme: &str| {
        let toolkit = scheme.to_lowercase().replace('_', "-");
        (format!("ac_{toolkit}"), toolkit)
    };
    let values = |fields: &[&str], round: &str| -> Value {
        let values = fields.iter().map(|field| {
            let value = json!(format!("{field}, {round}"));
            ((*field).to_owned(), value)
        });
        values.collect::<serde_json::Map<_, _>>().into()
    };
    for (scheme, fields) in schemes {
        let (auth_config, toolkit) = named(scheme);
        let config = json!({"id": auth_config, "toolkit": toolkit, "scheme": scheme});
        scene.sandbox.control("POST", "auth-configs", config).await;
        let secret = auth_config.replace('_', "-");
        scene.secret(&secret, values(fields, "first")).await;
        let spec = from_secret(scheme, &auth_config, &toolkit);
        scene.declare(&toolkit, spec).await;
    }
    let mut ids = Vec::new();
    for (scheme, fields) in schemes {
        let (auth_config, toolkit) = named(scheme);
        let object = scene.ready(&toolkit, "Connected").await;
        let status = &object["status"];
        assert_eq!(status["credentials"]["step"], "Created", "{object}");
        let id = status["connectedAccountId"].as_str().expect("it is there");
        has(&scene, id, values(fields, "first")).await;
        ids.push(id.to_owned());
        let secret = auth_config.replace('_', "-");
        scene.secret(&secret, values(fields, "second")).await;
    }
    for ((scheme, fields), id) in schemes.iter().zip(&ids) {
        let id = match MADE_ANEW.contains(scheme) {
            true => &remade(&scene, &named(scheme).1, id).await,
            false => id,
        };
        has(&scene, id, values(fields, "second")).await;
    }
    let changes = scene.changes().await;
    let count = |word| changes.iter().filter(|change| **change == word).count();
    assert_eq!(
        (count("POST create"), count(ROTATED), count("DELETE")),
        (schemes.len() + MADE_ANEW.len(), 6, MADE_ANEW.len()),
        "{changes:?}"
    );
}

/// Waits until another account is in the place of that one; its id.
async fn remade(scene: &Scene<'_>, name: &str, former: &str) -> String {
    let what = format!("another account in the place of {former}");
    let remade = scene.until_object(name, &what, |object| {
        let status = &object["status"];
        match status["credentials"]["step"] == "Remade"
            && status["previousConnectedAccountId"] == former
        {
            true => Ok(object.clone()),
            false => Err(status.to_string()),
        }
    });
    let object = remade.await;
    let id = object["status"]["connectedAccountId"].as_str();
    id.expect("it was made").to_owned()
}

#[tokio::test]
async fn a_new_version_is_noticed_in_time_and_sent_once() {
    let scene = Scene::new("rotate").await.operated().await;
    let id = made(&scene).await;
    steady(&scene).await;
    for (round, value) in ["second-key", "third-key"].iter().enumerate() {
        key(&scene, value).await;
        has(&scene, &id, json!({"api_key": value})).await;
        let object = step(&scene, "Patched").await;
        let rotations = vec![ROTATED; round + 1];
        assert_eq!(scene.changes().await[1..], rotations, "{object}");
        steady(&scene).await;
    }
    let object = scene.ready("crm", "Connected").await;
    let secret = scene
        .kubectl(&["get", "secret", "ac-hubspot", "-o", "json"])
        .await;
    let secret: Value = serde_json::from_str(&secret).expect("JSON");
    let text = |name: &str| secret["metadata"][name].as_str().expect("it has one");
    let sent = &object["status"]["credentials"];
    assert_eq!(
        (sent["uid"].as_str(), sent["resourceVersion"].as_str()),
        (Some(text("uid")), Some(text("resourceVersion"))),
        "{object}"
    );
    let shown = format!("{object}{}", scene.operator.child.read_log());
    assert!(!shown.contains("-key\""), "a value is shown: {shown}");
    assert!(!shown.contains("third-key"), "a value is shown: {shown}");
}

/// An operator that reads Secrets once an hour by itself.
async fn patient(scene: &Scene<'_>) -> Operator {
    let options = scene.options().flag("--secret-interval", "1h");
    scene.start("operator", &options).await
}

#[tokio::test]
async fn a_new_version_is_sent_at_once_when_the_object_asks_for_it_or_changes() {
    let scene = Scene::new("rotate-now").await;
    let _operator = patient(&scene).await;
    let id = made(&scene).await;
    key(&scene, "second-key").await;
    let ask = "composio.dev/reconcile-requested-at=now";
    scene
        .kubectl(&["annotate", "connectedaccount", "crm", ask])
        .await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
    key(&scene, "third-key").await;
    let mut spec = crm();
    spec["metadata"] = json!({"alias": "crm"});
    scene.declare("crm", spec).await;
    has(&scene, &id, json!({"api_key": "third-key"})).await;
    // One pass sends both, the alias last.
    wait::until("the alias is sent", SOON, async || {
        let changes = scene.changes().await;
        let is_sent = changes.last().is_some_and(|change| change == "PATCH alias");
        is_sent.then_some(()).ok_or(format!("{changes:?}"))
    })
    .await;
    scene.ready("crm", "Connected").await;
    let changes = scene.changes().await;
    assert_eq!(changes, ["POST create", ROTATED, ROTATED, "PATCH alias"]);
}

#[tokio::test]
async fn a_secret_that_is_deleted_leaves_the_account_and_stops_no_disable() {
    let scene = Scene::new("secret-gone").await.operated().await;
    let id = made(&scene).await;
    scene.kubectl(&["delete", "secret", "ac-hubspot"]).await;
    let object = scene.until("crm", "Synced", "False", "SecretMissing").await;
    let words = "/ac-hubspot does not exist";
    assert!(message(&object, "Synced").contains(words), "{object}");
    assert_eq!(condition(&object, "Reconciling")["status"], "True");
    assert_eq!(condition(&object, "Ready")["status"], "True", "{object}");
    assert_eq!(scene.changes().await, ["POST create"]);
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");

    let mut disabled = crm();
    disabled["enabled"] = json!(false);
    scene.declare("crm", disabled).await;
    let state = async || scene.sandbox.account(&id).await["status"].clone();
    wait::until("the end of its use", SOON, async || match state().await {
        state if state == "INACTIVE" => Ok(()),
        state => Err(state.to_string()),
    })
    .await;
    scene.until("crm", "Synced", "False", "SecretMissing").await;

    key(&scene, "second-key").await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
    scene.ready("crm", "Disabled").await;
    let changes = scene.changes().await;
    assert_eq!(changes, ["POST create", "PATCH status (disable)", ROTATED]);
}

#[tokio::test]
async fn a_key_that_must_not_be_sent_is_told_and_the_account_left_alone() {
    let scene = Scene::new("secret-unfit").await.operated().await;
    let id = made(&scene).await;
    for forbidden in ["status", "authScheme"] {
        let values = json!({"api_key": "second-key", forbidden: "ACTIVE"});
        scene.secret("ac-hubspot", values).await;
        let told = format!("/ac-hubspot has a key {forbidden:?}");
        scene.until_synced_says("crm", "SecretInvalid", &told).await;
        scene.kubectl(&["delete", "secret", "ac-hubspot"]).await;
    }
    assert_eq!(scene.changes().await, ["POST create"]);
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    key(&scene, "second-key").await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
    scene.ready("crm", "Connected").await;
}

#[tokio::test]
async fn values_that_composio_refuses_are_told_once_and_not_sent_again() {
    let scene = Scene::new("secret-refused").await.operated().await;
    let id = made(&scene).await;
    let fault = json!({
        "method": "PATCH", "path": "/connected_accounts/*", "status": 400, "times": 1,
        "body": {"error": {
            "message": "the provider refused invalid-key", "code": 1, "status": 400,
            "slug": "ConnectedAccount_BadCredentials", "request_id": "req-of-the-refusal",
        }},
    });
    scene.sandbox.control("POST", "fault", fault).await;
    key(&scene, "invalid-key").await;
    let object = scene
        .until("crm", "Stalled", "True", "CredentialsRejected")
        .await;
    assert_eq!(object["status"]["credentials"]["step"], "Refused");
    let told = message(&object, "Stalled").to_owned();
    assert!(told.contains("ConnectedAccount_BadCredentials"), "{told}");
    assert!(told.contains("(request "), "{told}");
    assert!(!object.to_string().contains("invalid-key"), "{object}");

    let written = scene.written().len();
    scene.secrets_read(3).await;
    assert_eq!(scene.written()[written..], [], "told again");
    assert_eq!(message(&scene.object("crm").await, "Stalled"), told);
    assert_eq!(scene.changes().await, ["POST create", ROTATED]);
    has(&scene, &id, json!({"api_key": "first-key"})).await;

    key(&scene, "second-key").await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
    scene.ready("crm", "Connected").await;
    assert_eq!(scene.changes().await, ["POST create", ROTATED, ROTATED]);
}

#[tokio::test]
async fn a_dead_account_is_revived_by_a_new_version_whatever_composio_makes_of_it() {
    for (does_not_revive, changes) in [
        (false, &["POST create", ROTATED][..]),
        (true, &["POST create", ROTATED, "DELETE", "POST create"]),
    ] {
        let scene = Scene::new("revive").await.operated().await;
        let switch = json!({"patch_does_not_revive": does_not_revive});
        scene.sandbox.control("POST", "switches", switch).await;
        let id = made(&scene).await;
        let dead = json!({"state": "EXPIRED"});
        scene.sandbox.by_hand(&id, "state", dead).await;
        let object = scene
            .until("crm", "Stalled", "True", "CredentialsRejected")
            .await;
        assert!(message(&object, "Stalled").contains("EXPIRED"), "{object}");
        assert_eq!(scene.changes().await, ["POST create"]);

        key(&scene, "second-key").await;
        let object = scene.ready("crm", "Connected").await;
        let status = &object["status"];
        let now = status["connectedAccountId"].as_str().expect("it is there");
        assert_eq!(now == id, !does_not_revive, "{object}");
        has(&scene, now, json!({"api_key": "second-key"})).await;
        assert_eq!(scene.changes().await, changes);
        steady(&scene).await;
    }
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_is_made_again() {
    let scene = Scene::new("rotate-cut").await.operated().await;
    let id = made(&scene).await;
    let fault = json!({"method": "PATCH", "path": "/connected_accounts/*", "status": "cut_after"});
    scene.sandbox.control("POST", "fault", fault).await;
    key(&scene, "second-key").await;
    step(&scene, "Patched").await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
    scene.ready("crm", "Connected").await;
    assert_eq!(scene.changes().await, ["POST create", ROTATED, ROTATED]);
}
