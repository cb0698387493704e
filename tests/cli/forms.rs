//! `-o` means the same to each command, also to those that change something.

use serde_json::{Value, json};

use super::program::{VIEWER, command, end, run, run_as, run_at, seeded, somebody};
use crate::support::scene::{Scene, gmail};

fn json_of(told: &str) -> Value {
    serde_json::from_str(told).expect("it is JSON")
}

#[tokio::test]
async fn an_import_that_makes_or_would_make_objects_prints_them_in_the_form_that_is_asked_for() {
    let scene = Scene::new("cli-import-forms").await;
    let sandbox = seeded(
        &scene,
        &[json!({"id": "ca_1", "user_id": "ada", "auth_config": "ac_gmail"})],
    )
    .await;
    let options = scene.options().base_url(sandbox.url());
    scene.give_project(&options).await;
    let import = async |args: &[&str]| {
        let args = [&["import"], args].concat();
        run_at(&scene, &sandbox, &args).await.well()
    };
    for how in ["--dry-run=client", "--dry-run=server", "--apply"] {
        let told = json_of(&import(&[how, "-o", "json"]).await);
        assert_eq!(told["kind"], "List", "{how}: {told}");
        let object = &told["items"][0];
        assert_eq!(object["kind"], "ConnectedAccount", "{how}: {told}");
        assert_eq!(object["metadata"]["name"], "ada-gmail", "{how}: {told}");
        // As the apiserver has it, where it was asked.
        let is_answer = how != "--dry-run=client";
        let has_uid = object["metadata"]["uid"].is_string();
        assert_eq!(has_uid, is_answer, "{how}: {told}");
        if how != "--apply" {
            let told = import(&[how, "-o", "name"]).await;
            assert_eq!(told, "connectedaccount.composio.dev/ada-gmail\n", "{how}");
            let told = import(&[how, "-o", "yaml"]).await;
            let read: Value = serde_saphyr::from_str(&told).expect("it is YAML");
            assert_eq!(read["items"].as_array().map(Vec::len), Some(1), "{told}");
        }
    }
}

#[tokio::test]
async fn what_is_pruned_is_told_in_the_form_that_is_asked_for() {
    let scene = Scene::new("cli-prune-forms").await;
    scene.give_project(&scene.options()).await;
    let id = super::inventory::abandoned(&scene, 30, "a", None).await;
    super::inventory::set_clock(&scene, jiff::Timestamp::now()).await;
    let prune = async |args: &[&str]| {
        let args = [&["inventory", "--prune", "abandoned"], args].concat();
        run_at(&scene, &scene.sandbox, &args).await.well()
    };
    assert_eq!(prune(&["--dry-run", "-o", "name"]).await, format!("{id}\n"));
    for (how, is_dry) in [("--dry-run", true), ("--yes", false)] {
        let told = json_of(&prune(&[how, "-o", "json"]).await);
        let pruned = json!([{"id": id, "outcome": "deleted"}]);
        assert_eq!(told["pruned"], pruned, "{how}: {told}");
        assert_eq!(told["dryRun"], is_dry, "{how}: {told}");
    }
    let none = json_of(&prune(&["--yes", "-o", "json"]).await);
    assert_eq!(none["pruned"], json!([]), "{none}");
}

#[tokio::test]
async fn the_name_of_an_explained_object_is_its_name() {
    let scene = Scene::new("cli-explain-name").await;
    scene.declare("mail", gmail()).await;
    let told = run(&scene, &["explain", "mail", "--status-only", "-o", "name"]).await;
    assert_eq!(told.well(), "connectedaccount.composio.dev/mail\n");
}

#[tokio::test]
async fn who_wrote_which_field_is_not_printed() {
    let scene = Scene::new("cli-managed").await;
    scene.declare("mail", gmail()).await;
    for args in [
        &["status", "mail"][..],
        &["status"],
        &["reconcile", "mail"],
        &["suspend", "mail"],
    ] {
        for form in ["json", "yaml"] {
            let told = run(&scene, &[args, &["-o", form]].concat()).await.well();
            assert!(told.contains("resourceVersion"), "{args:?}: {told}");
            assert!(!told.contains("managedFields"), "{args:?}: {told}");
        }
    }
}

#[tokio::test]
async fn all_namespaces_are_all_whatever_namespace_is_named() {
    let scene = Scene::new("cli-all").await;
    scene.declare("mail", gmail()).await;
    let kubeconfig = scene.control_plane.kubeconfig();
    let args = ["status", "-A", "-n", "default"];
    let told = end(command(kubeconfig, &args).await).await.well();
    let begin = format!("{} ", scene.namespace);
    assert!(told.lines().any(|line| line.starts_with(&begin)), "{told}");
}

#[tokio::test]
async fn a_webhook_needs_an_address_with_a_host() {
    let scene = Scene::new("cli-no-host").await;
    for url in [
        "https://",
        "https:///events",
        "http://a.example",
        "a.example",
        "https://a b",
    ] {
        let told = run(&scene, &["webhook", "register", "--url", url]).await;
        told.failed(2, "must be an address that begins with https:// and a host");
    }
}

#[tokio::test]
async fn nobody_has_rights_in_a_namespace_that_is_not_there() {
    let scene = Scene::new("cli-no-namespace").await;
    let kubeconfig = scene.control_plane.kubeconfig();
    let args = ["check", "-n", "cli-no-such-namespace"];
    let told = end(command(kubeconfig, &args).await).await;
    let line = "FAILED  your rights: there is no namespace cli-no-such-namespace\n";
    assert!(told.out.contains(line), "{told:?}");
}

#[tokio::test]
async fn a_diff_says_where_the_requests_that_wait_are_not_seen() {
    let scene = Scene::new("cli-diff-requests").await;
    scene.declare("mail", gmail()).await;
    let mut changed = gmail();
    changed["enabled"] = json!(false);
    let file = super::diff::file(&scene, "mail", &changed);
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let diff = ["diff", "-f", &file, "--status-only"];
    let told = run_as(&scene, &viewer, &diff).await;
    let words = "requests that wait for an answer are not seen: you may not list connectrequests.composio.dev";
    assert!(told.out.contains(words), "{told:?}");
    let told = run(&scene, &diff).await;
    assert!(!told.out.contains("requests that wait"), "{told:?}");
}
