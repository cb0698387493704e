//! What metrics say of each project, and that it goes with the project.

use serde_json::json;

use super::{declare_project, delete_project, gmail_in, project, world};
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// The lines of the metrics that name a project, without what comes before its name.
async fn lines(operator: &Operator, project: &str) -> Vec<String> {
    let (_, text) = operator.get("/metrics").await;
    let label = format!("project=\"{project}\"");
    let lines = text.lines().filter(|line| line.contains(&label));
    let without = |line: &str| line.replace(&label, "").replace("{,", "{");
    lines.map(without).collect()
}

/// Waits until the metrics of the project have these lines.
async fn says(operator: &Operator, project: &str, expected: &[&str]) {
    wait::until(&format!("{expected:?} of {project}"), SOON, async || {
        let found = lines(operator, project).await;
        let is_there = |line: &&str| found.contains(&format!("composio_operator_{line}"));
        match expected.iter().all(is_there) {
            true => Ok(()),
            false => Err(found.join("\n")),
        }
    })
    .await;
}

#[tokio::test]
async fn two_projects_are_told_apart_and_one_that_goes_is_told_no_more() {
    let scene = Scene::new("told-apart").await;
    world(&scene, "second-key").await;
    let operator = scene.start("operator", &scene.options()).await;
    project(&scene, "second", "second-key").await;
    let id = scene.connected_gmail("first").await;
    for name in ["a", "b"] {
        let mut spec = gmail_in("second");
        spec["user"] = json!(name);
        scene.declare(name, spec).await;
        scene.linked(name).await;
    }
    let label = |name: &str| format!("ComposioProject/{}/{name}", scene.namespace);
    let (first, second) = (label("default"), label("second"));
    says(
        &operator,
        &first,
        &[
            "objects{state=\"ACTIVE\"} 1",
            "objects_by_reason{reason=\"Connected\"} 1",
            "objects_by_synced_reason{reason=\"Connected\"} 1",
            "longest_wait_seconds{} 0.0",
            "composio_requests_total{endpoint=\"link\",class=\"success\"} 1",
        ],
    )
    .await;
    says(
        &operator,
        &second,
        &[
            "objects{state=\"INITIALIZING\"} 2",
            "objects_by_reason{reason=\"AwaitingUser\"} 2",
            "composio_requests_total{endpoint=\"link\",class=\"success\"} 2",
        ],
    )
    .await;
    // How long Composio took is one histogram each, whatever was asked for.
    for label in [&first, &second] {
        let all = lines(&operator, label).await;
        let of = |part: &str| {
            let name = format!("composio_operator_project_request_duration_seconds_{part}");
            all.iter().filter(|line| line.starts_with(&name)).count()
        };
        assert_eq!([of("count"), of("sum")], [1, 1], "{all:?}");
    }
    // What there is none of is not told.
    let all = lines(&operator, &second).await.join("\n");
    assert!(
        !all.contains("ACTIVE") && !all.contains("Connected"),
        "{all}"
    );

    for name in ["a", "b"] {
        scene.delete(name).await;
    }
    delete_project(&scene, "second").await;
    scene.project_gone("second").await;
    wait::until("nothing of the project", SOON, async || {
        match lines(&operator, &second).await {
            none if none.is_empty() => Ok(()),
            some => Err(some.join("\n")),
        }
    })
    .await;
    says(&operator, &first, &["objects{state=\"ACTIVE\"} 1"]).await;
    let (_, text) = operator.get("/metrics").await;
    assert!(!text.contains(&id), "no account is named");
}

#[tokio::test]
async fn objects_whose_project_is_not_served_are_told_together_whatever_they_name() {
    let scene = Scene::new("told-together").await;
    let options = scene.options().flag("--max-projects-per-namespace", "1");
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    let spec = json!({
        "apiKeySecretRef": {"name": "composio"}, "baseURL": scene.sandbox.url(),
    });
    declare_project(&scene, "surplus", spec).await;
    for (number, name) in ["surplus", "absent", "another"].into_iter().enumerate() {
        let mut spec = gmail_in(name);
        spec["user"] = json!(format!("user-{number}"));
        scene.declare(name, spec).await;
    }
    scene.declare("mail", gmail()).await;
    scene.linked("mail").await;
    says(
        &operator,
        "none",
        &[
            "objects{state=\"none\"} 3",
            "objects_by_synced_reason{reason=\"ProjectNotFound\"} 2",
            "objects_by_synced_reason{reason=\"ProjectUnavailable\"} 1",
        ],
    )
    .await;
    let (_, text) = operator.get("/metrics").await;
    for name in ["surplus", "absent", "another"] {
        assert!(!text.contains(&format!("/{name}\"")), "{name}: {text}");
    }
}
