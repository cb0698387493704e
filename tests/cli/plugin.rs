//! The program as kubectl finds it: `kubectl composio`, and what is completed when Tab is pressed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use super::program::{Ended, VIEWER, end, path, run, somebody};
use crate::support::project::of_cluster;
use crate::support::scene::{Scene, gmail};

/// kubectl with the program and its script for completion on its PATH.
pub(super) struct Plugin<'a> {
    scene: &'a Scene<'a>,
    path: String,
}

impl<'a> Plugin<'a> {
    pub(super) async fn of(scene: &'a Scene<'a>) -> Plugin<'a> {
        let script = scene.folder.join("kubectl_complete-composio");
        let printed = run(scene, &["completion"]).await.well();
        std::fs::write(&script, printed).expect("it is ours");
        std::fs::set_permissions(&script, Permissions::from_mode(0o700)).expect("it is ours");
        let program = path().await.parent().expect("it is in a folder");
        let kubectl = scene.control_plane.kubectl_path();
        let kubectl = kubectl.parent().expect("it is in a folder");
        let places = [scene.folder.path(), program, kubectl];
        let places = places.map(|place| place.display().to_string());
        Plugin {
            scene,
            path: format!("{}:/usr/bin:/bin", places.join(":")),
        }
    }

    /// A command with kubectl on its PATH, in the place of the administrator.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("KUBECONFIG", self.scene.control_plane.kubeconfig())
            .env("HOME", self.scene.folder.path())
            .env("PATH", &self.path);
        command
    }

    async fn kubectl(&self, args: &[&str]) -> Ended {
        let kubectl = self.scene.control_plane.kubectl_path().to_string_lossy();
        let mut kubectl = self.command(&kubectl);
        kubectl.args(args);
        end(kubectl).await
    }

    /// What is completed behind these words, the last of which is being typed: without what it does.
    async fn completed(&self, words: &[&str]) -> Vec<String> {
        let told = self
            .kubectl(&[&["__complete", "composio"], words].concat())
            .await;
        let told = told.well();
        let lines = told
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default());
        lines.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn kubectl_finds_it_and_completes_commands_flags_and_their_values() {
    let scene = Scene::new("cli-plugin").await;
    scene.declare("support-gmail", gmail()).await;
    let plugin = Plugin::of(&scene).await;
    let told = plugin
        .kubectl(&["composio", "status", "-o", "name", "-n", &scene.namespace])
        .await;
    assert_eq!(told.well(), "connectedaccount.composio.dev/support-gmail\n");
    for (words, completed) in [
        (&["st"][..], &["status", ":4"][..]),
        (&["webhook", "r"], &["register", ":4"]),
        (&["connect", "--pr"], &["--print-link", ":4"]),
        (&["status", "--no-h"], &["--no-headers", ":4"]),
        (&["status", "-o", "j"], &["json", ":4"]),
        (&["status", "--output=j"], &["json", ":4"]),
        (&["inventory", "--only", "dup"], &["duplicate", ":4"]),
        (&["import", "--dry-run", ""], &["client", "server", ":4"]),
        // The shell knows files better.
        (&["diff", "-f", ""], &[":0"]),
        (&["import", "--namespace-map", "m"], &[":0"]),
        // A command that is the value of a flag is none.
        (&["-n", "connect", "sus"], &["suspend", ":4"]),
        (&["nothing", ""], &["check"]),
    ] {
        let found = plugin.completed(words).await;
        match completed {
            ["check"] => assert!(found.contains(&"check".to_owned()), "{words:?}: {found:?}"),
            exact => assert_eq!(found, exact, "{words:?}"),
        }
    }
    // What each does is said, as of kubectl's own.
    let told = plugin.kubectl(&["__complete", "composio", "expl"]).await;
    let line = "explain\tShow which rule of the operator decides now";
    assert!(told.well().starts_with(line));
}

#[tokio::test]
async fn names_of_objects_namespaces_projects_and_contexts_are_completed_where_the_flags_lead() {
    let scene = Scene::new("cli-complete").await;
    scene.give_project(&scene.options()).await;
    for name in ["a-mail", "b-mail"] {
        scene.declare(name, gmail()).await;
    }
    let shared = format!("{}-shared", scene.namespace);
    let mut cluster = of_cluster(scene.sandbox.url(), &scene.namespace);
    cluster["items"][1]["metadata"]["name"] = json!(shared);
    scene.apply(&cluster.to_string()).await;
    let plugin = Plugin::of(&scene).await;
    let namespace = scene.namespace.as_str();
    let shared = format!("ClusterComposioProject/{shared}");
    let equals = format!("--namespace={namespace}");
    let part = &namespace[..namespace.len() - 1];
    for (words, completed) in [
        (
            &["status", "-n", namespace, ""][..],
            &["a-mail", "b-mail", ":4"][..],
        ),
        (&["status", &equals, "a"], &["a-mail", ":4"]),
        (
            &["-n", namespace, "connect", ""],
            &["a-mail", "b-mail", ":4"],
        ),
        // What was named already is not offered again, and who takes one name takes no second.
        (
            &["suspend", "-n", namespace, "a-mail", ""],
            &["b-mail", ":4"],
        ),
        (&["explain", "-n", namespace, "a-mail", ""], &[":4"]),
        (&["status", "-A", ""], &[":4"]),
        (&["status", "-n", part], &[namespace, ":4"]),
        (&["status", "--namespace", part], &[namespace, ":4"]),
        (
            &["import", "-n", namespace, "--project", "de"],
            &["default", ":4"],
        ),
        (
            &["import", "-n", namespace, "--project", &shared],
            &[&shared, ":4"],
        ),
        (
            &["import", "-n", namespace, "--project=de"],
            &["default", ":4"],
        ),
        (&["status", "--context", "te"], &["test", ":4"]),
    ] {
        let found = plugin.completed(words).await;
        match words.contains(&"--context") {
            // As the kubeconfig names it.
            true => assert_eq!(found.last().map(String::as_str), Some(":4"), "{found:?}"),
            false => assert_eq!(found, completed, "{words:?}"),
        }
    }
    // Who may see nothing is offered nothing, and told nothing.
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let viewer = viewer.to_string_lossy();
    let found = plugin
        .completed(&["status", "--kubeconfig", &viewer, "-n", ""])
        .await;
    assert_eq!(found, [":4"]);
    let found = plugin
        .completed(&["status", "--kubeconfig", "/nothing", ""])
        .await;
    assert_eq!(found, [":4"]);
}
