//! What GitOps tools say of an object, by what is shipped for them and by their own interpreters.

use std::io::Write;
use std::process::{Command, Stdio};

use composio_operator::crd::{Progress, ProjectKind, ProjectReason, ReadyRule, Reason};
use serde_json::{Value, json};

use crate::support::helm::CHART;
use crate::support::scene::{Scene, gmail};
use crate::support::tools::{self, GITOPS};

const KUSTOMIZATION: &str =
    include_str!("../../charts/composio-operator/gitops/kustomization.yaml");

/// Runs a script or an expression over objects: a line for each.
pub(super) async fn judged(
    language: &'static str,
    source: String,
    objects: &[Value],
) -> Vec<String> {
    let input: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let output = tokio::task::spawn_blocking(move || {
        let program = tools::find(&GITOPS).unwrap_or_else(|error| panic!("no gitops: {error}"));
        let mut child = Command::new(program)
            .args([language, &source])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        // It answers a line at a time, less than a pipe holds.
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    })
    .await
    .expect("it does not panic");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{language}: {said}");
    let told = String::from_utf8(output.stdout).expect("text");
    told.lines().map(str::to_owned).collect()
}

/// Argo CD's word.
async fn argo(objects: &[Value]) -> Vec<String> {
    let told = judged("lua", format!("{CHART}/gitops/health.lua"), objects).await;
    told.iter()
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
        .collect()
}

/// Flux's word: it asks in this order, and what is none of the three is in progress.
async fn flux(objects: &[Value]) -> Vec<&'static str> {
    let kustomization: Value = serde_saphyr::from_str(KUSTOMIZATION).expect("YAML");
    let expressions = kustomization["spec"]["healthCheckExprs"]
        .as_array()
        .expect("a list");
    let kind = &objects[0]["kind"];
    let expressions = expressions
        .iter()
        .find(|expressions| expressions["kind"] == *kind)
        .unwrap_or_else(|| panic!("nothing for {kind}"));
    let mut answers = Vec::new();
    for word in ["inProgress", "failed", "current"] {
        let source = expressions[word]
            .as_str()
            .expect("an expression")
            .to_owned();
        answers.push((word, judged("cel", source, objects).await));
    }
    (0..objects.len())
        .map(|at| {
            let mut yes = answers.iter().filter(|(_, told)| told[at] == "true");
            let word = yes.next().map_or("inProgress", |(word, _)| *word);
            assert_eq!(yes.next(), None, "two words for {}", objects[at]);
            word
        })
        .collect()
}

fn condition(type_: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": "why",
        "observedGeneration": 2, "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

fn progress(progress: Progress, reason: &str) -> Option<Value> {
    match progress {
        Progress::None => None,
        Progress::Reconciling => Some(condition("Reconciling", "True", reason)),
        Progress::Stalled => Some(condition("Stalled", "True", reason)),
    }
}

/// A project with the conditions of a reason.
fn project(kind: ProjectKind, reason: ProjectReason) -> Value {
    let ready = if reason.is_ready() { "True" } else { "False" };
    let mut conditions = vec![condition("Ready", ready, reason.as_str())];
    conditions.extend(progress(reason.progress(), reason.as_str()));
    json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": kind.as_str(),
        "metadata": {"name": "default", "generation": 2},
        "spec": {"suspend": reason == ProjectReason::Suspended},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

#[tokio::test]
async fn every_reason_of_a_project_is_healthy_waiting_or_broken_for_both_tools() {
    for kind in [
        ProjectKind::ComposioProject,
        ProjectKind::ClusterComposioProject,
    ] {
        let mut objects: Vec<Value> = ProjectReason::all()
            .map(|reason| project(kind, reason))
            .collect();
        let mut new = project(kind, ProjectReason::Available);
        new["status"] = json!({"observedGeneration": -1});
        let mut outdated = project(kind, ProjectReason::Available);
        outdated["metadata"]["generation"] = json!(7);
        objects.extend([new, outdated]);
        let (argo, flux) = (argo(&objects).await, flux(&objects).await);
        for (at, reason) in ProjectReason::all().enumerate() {
            let expected = match (reason.progress(), reason.is_ready()) {
                (Progress::Stalled, _) => ("Degraded", "failed"),
                (_, true) => ("Healthy", "current"),
                (Progress::None | Progress::Reconciling, false) => ("Progressing", "inProgress"),
            };
            let argo_expects = match reason {
                ProjectReason::Suspended => "Suspended",
                _ => expected.0,
            };
            assert_eq!(argo[at], argo_expects, "Argo CD, {reason}");
            assert_eq!(flux[at], expected.1, "Flux, {reason}");
        }
        let unseen = objects.len() - 2;
        assert_eq!(argo[unseen..], ["Progressing", "Progressing"]);
        assert_eq!(flux[unseen..], ["inProgress", "inProgress"]);
    }
}

/// An object as `report` would leave it for a reason, given what was seen of Ready before.
fn object(reason: Reason, before: &str) -> Value {
    let ready = match reason.ready() {
        ReadyRule::True => "True",
        ReadyRule::False => "False",
        ReadyRule::Unknown => "Unknown",
        ReadyRule::Kept | ReadyRule::KeptOrFalse => before,
    };
    let synced = if reason.synced() { "True" } else { "False" };
    let mut conditions = vec![
        condition("Ready", ready, reason.as_str()),
        condition("Synced", synced, reason.as_str()),
    ];
    conditions.extend(progress(reason.progress(), reason.as_str()));
    json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "a", "generation": 2},
        "spec": {"user": "u", "toolkit": "gmail", "suspend": reason == Reason::Suspended},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

#[tokio::test]
async fn every_reason_is_healthy_waiting_or_broken_for_both_tools() {
    let cases: Vec<(Reason, &str)> = Reason::all()
        .flat_map(|reason| [(reason, "True"), (reason, "False")])
        .collect();
    let objects: Vec<Value> = cases
        .iter()
        .map(|(reason, before)| object(*reason, before))
        .collect();
    let (argo, flux) = (argo(&objects).await, flux(&objects).await);
    for (at, (reason, before)) in cases.into_iter().enumerate() {
        let expected = match (reason.progress(), reason.ready(), before) {
            (Progress::Stalled, _, _) => ("Degraded", "failed"),
            (_, ReadyRule::True, _) | (_, ReadyRule::Kept, "True") => ("Healthy", "current"),
            (Progress::None | Progress::Reconciling, _, _) => ("Progressing", "inProgress"),
        };
        // Argo CD has a word for what a person holds back, or is waited for.
        let argo_expects = match reason {
            Reason::Suspended | Reason::AwaitingUser => "Suspended",
            _ => expected.0,
        };
        assert_eq!(argo[at], argo_expects, "Argo CD, {reason}, before {before}");
        assert_eq!(flux[at], expected.1, "Flux, {reason}, before {before}");
    }
}

#[tokio::test]
async fn objects_of_a_running_operator_are_told_as_they_are() {
    let scene = Scene::new("gitops").await.operated().await;
    let mut wave = gmail();
    wave["user"] = json!("wave");
    wave["readyWhen"] = json!("LinkIssued");
    let mut broken = gmail();
    broken["user"] = json!("broken");
    broken["authConfig"] = json!("ac_hubspot");
    scene.declare("wave", wave).await;
    scene.declare("broken", broken).await;
    let connected = scene.connected_gmail("connected").await;
    let mut another = gmail();
    another["user"] = json!("another");
    scene.declare("waiting", another).await;
    scene.linked("waiting").await;
    scene.ready("wave", "LinkIssued").await;
    scene
        .until("broken", "Ready", "False", "ToolkitMismatch")
        .await;
    let mut outdated = scene.object("connected").await;
    outdated["metadata"]["generation"] = json!(7);
    let mut new = scene.object("connected").await;
    new["status"] = json!({"observedGeneration": -1});
    let objects = [
        scene.object("connected").await,
        scene.object("waiting").await,
        scene.object("wave").await,
        scene.object("broken").await,
        outdated,
        new,
    ];
    assert_eq!(
        argo(&objects).await,
        [
            "Healthy",
            "Suspended",
            "Healthy",
            "Degraded",
            "Progressing",
            "Progressing"
        ]
    );
    assert_eq!(
        flux(&objects).await,
        [
            "current",
            "inProgress",
            "current",
            "failed",
            "inProgress",
            "inProgress"
        ]
    );

    // A grant that dies is waited for again: its user has been asked.
    scene.sandbox.expire(&connected).await;
    let dead = scene
        .until("connected", "Ready", "False", "AwaitingUser")
        .await;
    assert_eq!(argo(std::slice::from_ref(&dead)).await, ["Suspended"]);
    assert_eq!(flux(&[dead]).await, ["inProgress"]);
}
