//! Twenty projects of one operator, of which half are broken, each in its own way: what the others ask, write and say is
//! the same as before.

use serde_json::{Value, json};

use super::{delete_project, gmail_in, project, world};
use crate::support::operator::Operator;
use crate::support::project::KEY;
use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene};
use crate::support::story::condition;
use crate::support::{wait, watch};

const PROJECTS: usize = 20;
/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What is wrong with a project, and whether it says so itself.
const WAYS: [(&str, bool); 10] = [
    ("another key", true),
    ("no Secret", true),
    ("a URL where nothing is", true),
    ("a URL that is not on the list", true),
    ("a list without end", true),
    // It waits until it may ask again.
    ("no budget", false),
    ("errors", true),
    ("pages of HTML", true),
    ("slow answers", false),
    ("being deleted", true),
];

fn name(n: usize) -> String {
    format!("p{n:02}")
}

fn key(project: &str) -> String {
    format!("key-{project}")
}

async fn control(scene: &Scene<'_>, project: &str, path: &str, body: Value) {
    let path = format!("{path}?key={}", key(project));
    scene.sandbox.control("POST", &path, body).await;
}

async fn with_url(scene: &Scene<'_>, project: &str, url: &str) {
    let patch = json!({"spec": {"baseURL": url}}).to_string();
    let args = [
        "patch",
        "composioproject",
        project,
        "--type=merge",
        "-p",
        &patch,
    ];
    scene.kubectl(&args).await;
}

async fn broken(scene: &Scene<'_>, project: &str, way: &str) {
    let secret = format!("key-of-{project}");
    // For longer than the test takes.
    let fault = |status: Value| json!({"status": status, "times": 1_000_000});
    match way {
        "another key" => scene.secret(&secret, json!({KEY: "nobodys"})).await,
        "no Secret" => drop(scene.kubectl(&["delete", "secret", &secret]).await),
        "a URL where nothing is" => with_url(scene, project, NOWHERE).await,
        "a URL that is not on the list" => with_url(scene, project, "https://evil.example").await,
        "a list without end" => {
            let mut endless = fault(json!(200));
            endless["body"] = json!({"items": [], "next_cursor": "again", "total_pages": 1});
            endless["path"] = json!("/connected_accounts");
            endless["method"] = json!("GET");
            control(scene, project, "fault", endless).await;
        }
        "no budget" => control(scene, project, "budget", json!({"spend": 1_000_000})).await,
        "errors" => control(scene, project, "fault", fault(json!(500))).await,
        "pages of HTML" => control(scene, project, "fault", fault(json!("not_json"))).await,
        "slow answers" => control(scene, project, "latency", json!({"milliseconds": 5000})).await,
        "being deleted" => delete_project(scene, project).await,
        other => panic!("{other} is no way"),
    }
}

/// What a project was asked that is about that user.
async fn asked_of(scene: &Scene<'_>, project: &str, user: &str) -> Vec<String> {
    let asked = log(scene, project).await;
    let link = asked.iter().find(|one| one.body["user_id"] == user);
    let id = link.and_then(|one| one.account.clone());
    let is_about = |one: &&Asked| {
        one.query.contains(user)
            || one.body["user_id"] == user
            || (id.is_some() && one.account == id)
    };
    asked.iter().filter(is_about).map(Asked::words).collect()
}

async fn log(scene: &Scene<'_>, project: &str) -> Vec<Asked> {
    let path = format!("log?since=0&key={}", key(project));
    let log = scene.sandbox.control("GET", &path, Value::Null).await;
    serde_json::from_value(log["entries"].clone()).expect("the log has entries")
}

/// Declares a new account in each of these projects, and waits until all wait for their users: what each asked of
/// Composio for it, and wrote to Kubernetes.
async fn cost(scene: &Scene<'_>, round: &str, projects: &[String]) -> Vec<[Vec<String>; 2]> {
    for project in projects {
        let mut spec = gmail_in(project);
        spec["user"] = json!(format!("{round}-{project}"));
        scene.declare(&format!("{round}-{project}"), spec).await;
    }
    let mut cost = Vec::new();
    for project in projects {
        let name = format!("{round}-{project}");
        scene.linked(&name).await;
        let written = scene.written().into_iter().filter(|one| one.name == name);
        let written = written.map(|one| format!("{} {} {}", one.verb, one.resource, one.status));
        cost.push([asked_of(scene, project, &name).await, written.collect()]);
    }
    cost
}

async fn said_of(scene: &Scene<'_>, project: &str, is_ready: bool) {
    let projects = watch::projects(&scene.client, &scene.namespace);
    let found = watch::find_one(projects, project, SOON, |project| {
        let project = project.ok_or("it is not there")?;
        match (condition(project, "Ready")["status"] == "True") == is_ready {
            true => Ok(()),
            false => Err(project["status"].to_string()),
        }
    });
    found
        .await
        .unwrap_or_else(|last| panic!("{project}: {last}"));
}

/// The log of the emulated Composio is the witness: with the key of a project nothing was asked for an object of another.
async fn only_its_own(scene: &Scene<'_>, project: &str, all: &[String]) {
    let asked = log(scene, project).await;
    let others = || all.iter().filter(|one| *one != project);
    for one in &asked {
        let told = format!("{} {}", one.query, one.body);
        let another = others().find(|other| told.contains(&format!("-{other}")));
        assert_eq!(another, None, "{project} was asked {one:?}");
    }
}

/// At rest a poll is one request, and nothing else is asked.
async fn polls_alone(scene: &Scene<'_>, project: &str) {
    let before = log(scene, project).await.last().map_or(0, |one| one.seq);
    let since = async || {
        let mut asked = log(scene, project).await;
        asked.retain(|one| one.seq > before);
        asked
    };
    wait::until("polls", SOON, async || match since().await.len() {
        0..4 => Err("too few".to_owned()),
        _ => Ok(()),
    })
    .await;
    let asked = since().await;
    let is_one = |one: &Asked| one.is_poll() && !one.query.contains("cursor=");
    assert!(asked.iter().all(is_one), "{project}: {asked:?}");
}

async fn assert_served(scene: &Scene<'_>, operator: &Operator, whole: &[String]) {
    operator.readyz(200, "").await;
    let (_, metrics) = operator.get("/metrics").await;
    for project in whole {
        let line = format!(
            "composio_operator_project_ready{{project=\"ComposioProject/{}/{project}\"}} 1",
            scene.namespace
        );
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn of_twenty_projects_the_whole_ones_do_not_notice_that_the_others_are_broken() {
    let scene = Scene::new("twenty").await;
    let urls = format!("{},{NOWHERE}", scene.sandbox.url());
    let options = scene
        .options()
        .flag("--max-projects-per-namespace", "30")
        .flag("--allowed-base-urls", &urls);
    let operator = scene.start("operator", &options).await;
    let all: Vec<String> = (0..PROJECTS).map(name).collect();
    for one in &all {
        world(&scene, &key(one)).await;
        project(&scene, one, &key(one)).await;
    }
    for one in &all {
        said_of(&scene, one, true).await;
    }
    let (to_break, whole) = all.split_at(WAYS.len());
    // What is in use is not gone when it is deleted.
    cost(&scene, "first", &all).await;
    let without = cost(&scene, "second", whole).await;

    for (one, (way, _)) in to_break.iter().zip(WAYS) {
        broken(&scene, one, way).await;
    }
    for (one, (_, is_told)) in to_break.iter().zip(WAYS) {
        said_of(&scene, one, !is_told).await;
    }
    let with = cost(&scene, "third", whole).await;
    for (project, (without, with)) in whole.iter().zip(without.iter().zip(&with)) {
        assert_eq!(without, with, "{project}");
        assert!(without[0].contains(&"POST link".to_owned()), "{without:?}");
        assert!(!without[1].is_empty(), "{project}");
    }
    for project in whole {
        polls_alone(&scene, project).await;
        said_of(&scene, project, true).await;
    }
    assert_served(&scene, &operator, whole).await;
    for project in &all {
        only_its_own(&scene, project, &all).await;
    }
}
