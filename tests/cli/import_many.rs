//! `import` of a project with many accounts, and of objects that the apiserver does not take.

use std::process::Command;
use std::sync::Arc;

use futures::FutureExt;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::json;

use super::import::{made_by_an_application, with_project};
use super::interrupted::behind;
use super::program::{at, end, run_as, run_at, seeded, somebody};
use super::terminal::{ERASED, terminal};
use crate::support::child::{Child, Signal};
use crate::support::proxy::{Fate, Intercept, Seen};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;
use crate::support::watch::accounts;

const MANY: usize = 10_000;
const COLUMNS: usize = 40;

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|word| (*word).to_owned()).collect()
}

/// The same with so many kilobytes of data segment at most: all that is allocated counts.
fn within(kilobytes: usize, program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("ulimit -d {kilobytes} && exec \"$0\" \"$@\""),
    ]);
    shell.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[tokio::test]
async fn ten_thousand_accounts_take_little_memory_and_who_waits_sees_how_far_it_is() {
    let scene = Scene::new("cli-import-many").await;
    let sandbox = seeded(&scene, &made_by_an_application("b", MANY)).await;
    with_project(&scene, &sandbox).await;
    let args = at(&sandbox, &["import", "-n", &scene.namespace]);
    let kubeconfig = scene.control_plane.kubeconfig();
    let terminal = terminal(kubeconfig, &words(&args), COLUMNS, "1").await;
    let seq = sandbox.seq().await;
    let shown = end(within(150_000, &terminal)).await.well();
    assert_eq!(
        shown.matches("\r\nkind: ConnectedAccount\r\n").count(),
        MANY
    );
    let frames: Vec<&str> = (shown.split(ERASED))
        .filter(|frame| frame.starts_with("accounts read: "))
        .collect();
    assert_eq!(frames.last(), Some(&"accounts read: 10000 of 10000"));
    assert!(
        frames.len() >= 100,
        "it is told along the way: {}",
        frames.len()
    );
    assert!(
        frames.iter().all(|frame| frame.len() < COLUMNS),
        "a line never wraps"
    );
    assert!(
        shown.contains(&format!("of 10000{ERASED}---\r\n")),
        "the count is taken away"
    );
    // Each page was asked for once, one after the other.
    let asked = sandbox.asked_since(seq).await;
    let asked: Vec<Option<u16>> = asked.iter().map(|asked| asked.status).collect();
    assert_eq!(asked, vec![Some(200); MANY / 50]);
}

#[tokio::test]
async fn half_of_the_rate_limit_is_left_to_others_however_many_accounts_there_are() {
    let scene = Scene::new("cli-import-rate").await;
    let sandbox = seeded(&scene, &made_by_an_application("c", MANY)).await;
    with_project(&scene, &sandbox).await;
    sandbox
        .control("POST", "limit", json!({"limit": 100}))
        .await;
    let args = at(&sandbox, &["import", "-n", &scene.namespace]);
    let kubeconfig = scene.control_plane.kubeconfig();
    let terminal = terminal(kubeconfig, &words(&args), COLUMNS, "1").await;
    let seq = sandbox.seq().await;
    let terminal = Child::spawn(&scene.folder, "terminal", SOON, &terminal);
    let terminal = terminal.expect("it starts");
    wait::until("its wait", SOON, async || {
        let log = terminal.read_log();
        let is_told = log.contains("the rate limit leaves no room:");
        is_told.then_some(()).ok_or(log)
    })
    .await;
    let asked = sandbox.asked_since(seq).await;
    let all_well = asked.iter().all(|asked| asked.status == Some(200));
    assert!(all_well && asked.len() == 50, "{} of 100", asked.len());
    terminal.signal(Signal::Term).expect("it runs");
}

#[tokio::test]
async fn an_object_that_is_refused_stops_no_other() {
    let scene = Scene::new("cli-import-refusals").await;
    let users = ["ada", "bob", "dan", "eve"];
    let seed = users.map(
        |user| json!({"id": format!("ca_r_{user}"), "user_id": user, "auth_config": "ac_gmail"}),
    );
    let sandbox = seeded(&scene, &seed).await;
    with_project(&scene, &sandbox).await;
    let policy = format!("{}-not-all", scene.namespace);
    let validation = |name: &str, reason: &str| json!({"expression": format!("object.metadata.name != '{name}'"), "message": format!("no {name} here"), "reason": reason});
    let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy},
         "spec": {"failurePolicy": "Fail", "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
            "resourceRules": [{"apiGroups": ["composio.dev"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["connectedaccounts"]}]},
            "validations": [validation("bob-gmail", "Invalid"), validation("eve-gmail", "Forbidden")]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": policy},
         "spec": {"policyName": policy, "validationActions": ["Deny"]}},
    ]});
    scene.apply(&policy.to_string()).await;
    wait::until("the policy", SOON, async || {
        let told = run_at(&scene, &sandbox, &["import", "--dry-run=server"]).await;
        let is_in_force = told.err.contains("2 of 4 objects were refused");
        is_in_force.then_some(()).ok_or(told.err)
    })
    .await;

    // Somebody else makes one of them in the meantime.
    let api: Api<DynamicObject> = accounts(&scene.client, &scene.namespace);
    let theirs = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "ada-gmail"}, "spec": gmail()});
    let theirs: DynamicObject = serde_json::from_value(theirs).expect("it is one");
    let intercept: Intercept = Arc::new(move |seen: Seen| {
        let (api, theirs) = (api.clone(), theirs.clone());
        async move {
            let body = String::from_utf8_lossy(&seen.body).into_owned();
            if seen.method == "POST" && body.contains("\"ada-gmail\"") {
                let made = api.create(&PostParams::default(), &theirs).await;
                made.expect("it is not there yet");
            }
            (seen, Fate::Forwarded)
        }
        .boxed()
    });
    let (_proxy, kubeconfig) = behind(&scene, intercept).await;
    let told = run_as(&scene, &kubeconfig, &at(&sandbox, &["import", "--apply"])).await;
    assert_eq!(
        told.out,
        "connectedaccount.composio.dev/dan-gmail created\n"
    );
    for why in [
        "connectedaccount.composio.dev/ada-gmail: connectedaccounts.composio.dev \"ada-gmail\" already exists\n",
        "no bob-gmail here\n",
        "no eve-gmail here\n",
    ] {
        assert!(told.err.contains(why), "{why}: {told:?}");
    }
    told.failed(1, "3 of 4 objects were refused");
}

#[tokio::test]
async fn who_may_not_make_objects_is_told_at_the_first_one() {
    let scene = Scene::new("cli-import-forbidden").await;
    scene.give_project(&scene.options()).await;
    for user in ["ada", "bob"] {
        scene.made_by_hand(user, None).await;
    }
    let rules = "[{apiGroups: [composio.dev], resources: ['*'], verbs: [get, list]}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let reader = somebody(&scene, "reader", rules).await;
    for how in ["--apply", "--dry-run=server"] {
        let told = run_as(&scene, &reader, &at(&scene.sandbox, &["import", how])).await;
        assert_eq!(told.out, "", "{told:?}");
        let right = format!(
            "you may not create connectedaccounts.composio.dev in namespace {}",
            scene.namespace
        );
        assert_eq!(told.err.matches(&right).count(), 1, "{told:?}");
        told.failed(1, &right);
    }
    // What would be made can be seen all the same.
    let told = run_as(
        &scene,
        &reader,
        &at(&scene.sandbox, &["import", "--dry-run=client"]),
    )
    .await;
    assert_eq!(told.well().matches(" created (dry run)\n").count(), 2);
}
