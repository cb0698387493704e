//! The main job, end to end: declared, connected, changed, deleted; and what it costs.

use std::time::Duration;

use serde_json::json;

use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::operator::Operator;
use crate::support::scene::{Operated, SOON, Scene, gmail};
use crate::support::story::{asked_by_toolkit, check_calls};
use crate::support::wait;

#[tokio::test]
async fn three_accounts_are_declared_connected_changed_and_revoked_before_they_are_deleted() {
    let scene = Scene::new("story").await;
    // The project comes with the story.
    let options = scene.options().without_project();
    let operator = scene.start("operator", &options).await;
    let scene = Operated::of(scene, operator);
    scene
        .stage()
        .run(async |_| {})
        .await
        .expect("the story comes to its end");
    let asked = asked_by_toolkit(&scene.sandbox).await;
    check_calls(&asked).expect("Composio is asked what was expected");
    for account in scene.sandbox.accounts().await {
        assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
        assert!(!account["deleted_at"].is_null(), "{account}");
    }
}

#[tokio::test]
async fn an_account_costs_two_writes_to_link_one_to_connect_and_one_to_delete() {
    let scene = Scene::new("writes").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    let written = || {
        let written = scene.written().into_iter();
        written
            .map(|asked| format!("{} {}", asked.verb, asked.resource))
            .collect::<Vec<_>>()
    };
    let link = ["patch connectedaccounts", "update connectedaccounts/status"];
    assert_eq!(written(), link);
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    let consent = [&link[..], &["update connectedaccounts/status"]].concat();
    assert_eq!(written(), consent);
    scene.delete("mail").await;
    assert_eq!(
        written(),
        [&consent[..], &["patch connectedaccounts"]].concat()
    );
}

#[tokio::test]
async fn what_the_operator_writes_is_told_as_its_own() {
    let scene = Scene::new("managers").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    let managers = async |resource: &str, name: &[&str]| {
        let mut args = vec!["get", resource];
        args.extend(name);
        args.extend(["--show-managed-fields", "-o", "json"]);
        let read: serde_json::Value =
            serde_json::from_str(&scene.kubectl(&args).await).expect("kubectl writes JSON");
        let items = match read["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![read],
        };
        let mut managers: Vec<String> = items
            .iter()
            .flat_map(|item| item["metadata"]["managedFields"].as_array().cloned())
            .flatten()
            .map(|entry| format!("{} {}", entry["manager"], entry["subresource"]))
            .filter(|manager| !manager.contains("kubectl"))
            .collect();
        managers.sort();
        managers.dedup();
        managers
    };
    let own = r#""composio-operator" null"#;
    let status = r#""composio-operator" "status""#;
    // The test declares with a client of its own.
    let mut of_object = managers("connectedaccounts", &["mail"]).await;
    of_object.retain(|manager| manager.contains("composio-operator") || manager.contains("status"));
    assert_eq!(of_object, [status, own]);
    assert_eq!(managers("leases", &[]).await, [own]);
    wait::until("the event is there", SOON, async || {
        let events = managers("events.events.k8s.io", &[]).await;
        (events == [own]).then_some(()).ok_or(format!("{events:?}"))
    })
    .await;
}

#[tokio::test]
async fn sixty_quiet_polls_cost_nothing_else_and_leave_the_operator_awake() {
    let scene = Scene::new("quiet").await.operated().await;
    scene
        .stage()
        .apply()
        .await
        .expect("the objects are accepted");
    let (gmail, _) = scene.linked("support-gmail").await;
    let (slack, _) = scene.linked("team-slack").await;
    scene.ready("crm-hubspot", "Connected").await;
    scene.sandbox.consent(&slack).await;
    scene.ready("team-slack", "Connected").await;
    // Everything that was still on its way has come when two more polls have.
    scene.polled(2).await;
    let (seq, written) = (scene.sandbox.seq().await, scene.written().len());

    scene.polled(60).await;

    let asked = scene.sandbox.asked_since(seq).await;
    let others: Vec<_> = asked.iter().filter(|asked| !asked.is_poll()).collect();
    assert!(others.is_empty(), "asked beside the polls: {others:?}");
    assert_eq!(scene.written()[written..], [], "written beside the polls");

    scene.sandbox.consent(&gmail).await;
    scene.ready("support-gmail", "Connected").await;
    scene
        .patch("team-slack", r#"{"spec":{"enabled":false}}"#)
        .await;
    scene.ready("team-slack", "Disabled").await;
    assert_eq!(scene.sandbox.account(&slack).await["status"], "INACTIVE");
}

#[tokio::test]
async fn a_new_and_empty_control_plane_finds_the_same_accounts_without_a_post() {
    let first = Scene::new("disaster").await.operated().await;
    first
        .stage()
        .apply()
        .await
        .expect("the objects are accepted");
    for name in ["support-gmail", "team-slack"] {
        let (id, _) = first.linked(name).await;
        first.sandbox.consent(&id).await;
    }
    let names = ["support-gmail", "team-slack", "crm-hubspot"];
    let mut ids = Vec::new();
    for name in names {
        let object = first.ready(name, "Connected").await;
        ids.push(object["status"]["connectedAccountId"].clone());
    }
    first.operator.child.signal(Signal::Kill).expect("it runs");
    let seq = first.sandbox.seq().await;

    let empty = ControlPlane::start()
        .await
        .expect("a second control plane starts");
    empty.install_crd().await;
    // The alias is computed from namespace and name, so the namespace must be the same.
    let second = Scene::named(&empty, &first.namespace).await;
    let options = second.options().base_url(first.sandbox.url());
    let _operator = second.start("operator", &options).await;
    second
        .stage()
        .apply()
        .await
        .expect("the objects are accepted");
    for (name, id) in names.iter().zip(&ids) {
        let object = second.ready(name, "Connected").await;
        assert_eq!(object["status"]["connectedAccountId"], *id, "{name}");
    }
    let asked = first.sandbox.asked_since(seq).await;
    let changes: Vec<_> = asked.iter().filter(|asked| !asked.is_look()).collect();
    let words: Vec<_> = changes.iter().map(|asked| asked.words()).collect();
    // Whether its values are the Secret's cannot be read: they are sent once.
    assert_eq!(
        words,
        ["PATCH credentials"],
        "Composio was asked to change something: {changes:?}"
    );
}

#[tokio::test]
async fn sigterm_ends_the_operator_with_code_0_and_the_next_one_goes_on() {
    let scene = Scene::new("restart").await;
    let operator = scene.start("first", &scene.options()).await;
    let (id, _) = scene.linked_gmail("mail").await;
    ends_in_time(&operator).await;

    scene.sandbox.consent(&id).await;
    let _next = scene.start("second", &scene.options()).await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id);
    assert_eq!(scene.changes().await, ["POST link"]);
}

/// Waits no longer than a kubelet does by default, and than any call may take: 30 s.
async fn ends_in_time(operator: &Operator) {
    operator.child.signal(Signal::Term).expect("it runs");
    let ended = operator.child.wait(Duration::from_secs(25)).await;
    let code = ended.and_then(|status| status.code());
    assert_eq!(code, Some(0), "{}", operator.child.log_tail(20));
}

#[tokio::test]
async fn sigterm_cuts_off_a_call_that_hangs_and_the_next_one_finds_what_it_made() {
    let scene = Scene::new("hanging").await;
    let operator = scene.start("first", &scene.options()).await;
    let minute = json!({"milliseconds": 60_000});
    scene.sandbox.control("POST", "latency", minute).await;
    scene.declare("mail", gmail()).await;
    wait::until("a call that hangs", SOON, async || {
        let object = scene.stage().object("mail").await?;
        match object["metadata"]["finalizers"].is_array() || !scene.sandbox.asked().await.is_empty()
        {
            true => Ok(()),
            false => Err(object.to_string()),
        }
    })
    .await;
    ends_in_time(&operator).await;
    scene
        .sandbox
        .control("POST", "latency", json!({"milliseconds": 0}))
        .await;
    let _next = scene.start("second", &scene.options()).await;
    scene.linked("mail").await;
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
}

#[tokio::test]
async fn sigterm_ends_an_operator_that_still_waits_for_composio_and_the_apiserver() {
    let scene = Scene::new("early").await;
    let nowhere = scene.options().base_url("http://127.0.0.1:9");
    let operator = scene.spawn("no-composio", &nowhere);
    scene.until_project("Ready", "False", "Unreachable").await;
    ends_in_time(&operator).await;

    let nowhere = scene.kubeconfig_for("https://127.0.0.1:9");
    let operator = scene.spawn("no-apiserver", &scene.options_with(&nowhere));
    operator.readyz(503, "cannot watch").await;
    ends_in_time(&operator).await;
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let scene = Scene::new("metrics").await.operated().await;
    scene.linked_gmail("mail").await;
    assert_eq!(scene.operator.get("/livez").await, (200, "ok\n".to_owned()));
    let (status, metrics) = scene.operator.get("/metrics").await;
    assert_eq!(status, 200);
    let link = format!(
        r#"composio_operator_composio_requests_total{{project="ComposioProject/{}/default",endpoint="link",class="success"}} 1"#,
        scene.namespace
    );
    assert!(metrics.contains(&link), "{metrics}");
    assert!(
        metrics.contains("composio_operator_reconciles_total{outcome=\"AwaitingUser\"}"),
        "{metrics}"
    );
    assert_eq!(metrics.lines().last(), Some("# EOF"));
}

#[tokio::test]
async fn retain_leaves_the_account_as_it_is_and_applying_again_takes_it_back() {
    let scene = Scene::new("retain").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail", "deletionPolicy": "Retain"});
    scene.declare("mail", spec.clone()).await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    scene.delete("mail").await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    scene.declare("mail", spec).await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id);
    assert_eq!(scene.changes().await, ["POST link"]);
}

/// Else Flux and `kubectl apply --server-side` would write the object anew each time, and never take a label away.
#[tokio::test]
async fn who_has_labelled_an_object_still_owns_the_label_after_its_status_is_written() {
    let scene = Scene::new("owners").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    let objects = ["connectedaccounts/mail", "composioprojects/default"];
    for object in objects {
        scene
            .kubectl(&["label", object, "team=a", "--field-manager=gitops"])
            .await;
    }
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    for object in objects {
        wait::until(&format!("a status of {object}"), SOON, async || {
            let args = ["get", object, "--show-managed-fields", "-o", "json"];
            let read: serde_json::Value =
                serde_json::from_str(&scene.kubectl(&args).await).expect("kubectl writes JSON");
            let entries = read["metadata"]["managedFields"].as_array();
            let entries = entries.expect("it has managers");
            let time_of = |what: fn(&serde_json::Value) -> bool| {
                let entry = entries.iter().find(|entry| what(entry));
                entry.map(|entry| entry["time"].to_string())
            };
            let labelled = time_of(|entry| {
                entry["manager"] == "gitops"
                    && entry["fieldsV1"]["f:metadata"]["f:labels"]["f:team"].is_object()
            });
            let written = time_of(|entry| entry["subresource"] == "status");
            match (labelled, written) {
                (Some(labelled), Some(written)) if labelled <= written => Ok(()),
                (None, _) => panic!("nobody owns the label: {read}"),
                _ => Err(read.to_string()),
            }
        })
        .await;
    }
}
