//! `import`: accounts that were made by hand come under Git.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::program::{Ended, at, command, end, run, run_at, seeded};
use crate::support::sandbox::{API_KEY, Sandbox};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;
use crate::support::watch::accounts;

fn documents(yaml: &str) -> Vec<Value> {
    let read: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("it is YAML");
    read.into_iter().filter(|one| !one.is_null()).collect()
}

/// Accounts as an application makes them: some without an alias, disabled, shared. Tests beside this one have others.
pub(super) fn made_by_an_application(of: &str, count: usize) -> Vec<Value> {
    let one = |n: usize| {
        let auth_config = ["ac_gmail", "ac_slack", "ac_hubspot"][n % 3];
        let mut account = json!({
            "id": format!("ca_{of}_{n}"), "user_id": format!("user-{n}"),
            "auth_config": auth_config,
        });
        if n.is_multiple_of(2) {
            account["alias"] = Value::from(["work", "Private mail"][n % 4 / 2]);
        }
        match n % 5 {
            0 => account["status"] = json!("INACTIVE"),
            1 => {
                account["sharing"] = json!({"allow_all_users": false, "allowed_user_ids": ["a", "b"], "not_allowed_user_ids": ["c"]})
            }
            _ => {}
        }
        account
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn five_hundred_accounts_are_taken_over_as_they_are_and_none_is_changed() {
    let scene = Scene::new("cli-import").await;
    let sandbox = seeded(&scene, &made_by_an_application("a", 500)).await;
    let options = scene.options().base_url(sandbox.url());
    let _operator = scene.start("operator", &options).await;
    scene.project_available().await;

    let yaml = run_at(&scene, &sandbox, &["import"]).await.well();
    let again = run_at(&scene, &sandbox, &["import"]).await.well();
    assert_eq!(yaml, again, "the same accounts give the same output");
    let objects = documents(&yaml);
    assert_eq!(objects.len(), 500);
    for object in &objects {
        let spec = &object["spec"];
        assert_eq!(spec["deletionPolicy"], "Retain");
        let name = format!(
            "{}-{}",
            spec["user"].as_str().expect("a user"),
            spec["toolkit"].as_str().expect("a slug")
        );
        assert_eq!(object["metadata"]["name"], name);
        assert_eq!(object["metadata"]["namespace"], scene.namespace);
    }
    assert!(
        yaml.contains("\n# keeps the alias: \"Private mail\"\n"),
        "{yaml}"
    );

    scene.apply(&yaml).await;
    let api = accounts(&scene.client, &scene.namespace);
    wait::until("500 adopted accounts", SOON, async || {
        let all = api
            .list(&Default::default())
            .await
            .map_err(|error| error.to_string())?;
        let is_settled = |object: &&DynamicObject| {
            let (spec, status) = (&object.data["spec"], &object.data["status"]);
            let conditions = status["conditions"].as_array().into_iter().flatten();
            let mut synced = conditions.filter(|one| one["type"] == "Synced");
            status["connectedAccountId"] == spec["connectedAccountId"]
                && synced.any(|synced| synced["status"] == "True")
        };
        match all.iter().filter(is_settled).count() {
            500 => Ok(()),
            some => Err(format!("{some} are")),
        }
    })
    .await;
    let changes: Vec<String> = (sandbox.asked().await.iter())
        .filter(|asked| !asked.is_look())
        .map(|asked| asked.words())
        .collect();
    assert!(changes.is_empty(), "{changes:?}");

    let none = run_at(&scene, &sandbox, &["import"]).await;
    assert!(
        none.err
            .contains("No accounts found that no object manages."),
        "{none:?}"
    );
    assert_eq!(none.well(), "");
    let inventory = run_at(&scene, &sandbox, &["inventory", "-o", "json"]).await;
    let inventory: Value = serde_json::from_str(&inventory.well()).expect("it is JSON");
    let counts = &inventory["counts"];
    assert_eq!(counts["declared"], 500, "{counts}");
    for none in ["undeclared", "elsewhere", "gone"] {
        assert_eq!(counts[none], 0, "{none}: {counts}");
    }
    let undeclared = ["inventory", "--only", "undeclared", "-o", "name"];
    assert_eq!(run_at(&scene, &sandbox, &undeclared).await.well(), "");
}

pub(super) async fn with_project<'a>(scene: &'a Scene<'a>, sandbox: &Sandbox) {
    scene
        .give_project(&scene.options().base_url(sandbox.url()))
        .await;
}

fn lines(ended: Ended) -> BTreeSet<String> {
    ended.well().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn objects_are_made_on_request_and_what_is_asked_for_can_be_narrowed() {
    let scene = Scene::new("cli-import-apply").await;
    let computed = composio_operator::crd::computed_alias("", "elsewhere", "mail");
    let seed = [
        json!({"id": "ca_a", "user_id": "ada", "auth_config": "ac_gmail"}),
        json!({"id": "ca_b", "user_id": "bob", "auth_config": "ac_gmail"}),
        json!({"id": "ca_c", "user_id": "bob", "auth_config": "ac_slack"}),
        json!({"id": "ca_d", "user_id": "eve", "auth_config": "ac_slack", "status": "EXPIRED"}),
        json!({"id": "ca_e", "user_id": "eve", "auth_config": "ac_gmail", "alias": computed}),
    ];
    let sandbox = seeded(&scene, &seed).await;
    with_project(&scene, &sandbox).await;
    let named = async |args: &[&str]| {
        lines(
            run_at(
                &scene,
                &sandbox,
                &[&["import", "-o", "name"], args].concat(),
            )
            .await,
        )
    };
    let set = |names: &[&str]| -> BTreeSet<String> {
        names
            .iter()
            .map(|name| format!("connectedaccount.composio.dev/{name}"))
            .collect()
    };
    assert_eq!(
        named(&[]).await,
        set(&["ada-gmail", "bob-gmail", "bob-slack"])
    );
    assert_eq!(
        named(&["--user", "bob"]).await,
        set(&["bob-gmail", "bob-slack"])
    );
    assert_eq!(named(&["--toolkit", "slack"]).await, set(&["bob-slack"]));
    assert_eq!(
        named(&["--auth-config", "ac_slack", "--user", "ada"]).await,
        set(&[])
    );
    assert_eq!(named(&["--state", "expired"]).await, set(&["eve-slack"]));
    assert_eq!(
        named(&["--include-computed", "--user", "eve"]).await,
        set(&["eve-gmail"])
    );
    assert_eq!(
        named(&["--name-template", "{id}"]).await,
        set(&["ca-a", "ca-b", "ca-c"])
    );
    let told = run_at(&scene, &sandbox, &["import"]).await;
    assert!(
        told.err
            .contains("left out: 1 account has the alias of an object that is not here"),
        "{told:?}"
    );

    for (dry_run, said) in [
        ("client", "created (dry run)"),
        ("server", "created (server dry run)"),
    ] {
        let told = run_at(&scene, &sandbox, &["import", "--dry-run", dry_run])
            .await
            .well();
        assert_eq!(told.matches(said).count(), 3, "{told}");
    }
    assert_eq!(run(&scene, &["status", "-o", "name"]).await.well(), "");
    let told = run_at(
        &scene,
        &sandbox,
        &["import", "--apply", "--toolkit", "gmail"],
    )
    .await;
    assert_eq!(told.well().matches(" created\n").count(), 2);
    assert_eq!(
        named(&[]).await,
        set(&["bob-slack"]),
        "the others have their objects"
    );

    // An object of that name is there, and is not written over.
    scene
        .declare("bob-slack", json!({"user": "x", "toolkit": "gmail"}))
        .await;
    let names = named(&[]).await;
    let name = names.first().expect("there is one");
    assert!(name.contains("/bob-slack-"), "{name}");
}

#[tokio::test]
async fn users_that_would_share_a_name_and_what_cannot_be_declared_are_told() {
    let scene = Scene::new("cli-import-odd").await;
    let seed = [
        json!({"id": "ca_a", "user_id": "a.b", "auth_config": "ac_gmail"}),
        json!({"id": "ca_b", "user_id": "a-b", "auth_config": "ac_gmail"}),
        json!({"id": "ca_c", "user_id": "x\n---\nkind: ClusterRoleBinding", "auth_config": "ac_slack"}),
    ];
    let sandbox = seeded(&scene, &seed).await;
    with_project(&scene, &sandbox).await;
    let told = run_at(&scene, &sandbox, &["import"]).await;
    assert_eq!(told.out, "");
    told.failed(1, "a-b-gmail for \"a-b\" and \"a.b\"");
    let told = run_at(
        &scene,
        &sandbox,
        &["import", "--name-template", "{user}-{id}"],
    )
    .await;
    assert!(
        told.err.contains("left out: 1 account cannot be declared"),
        "{told:?}"
    );
    let yaml = told.well();
    assert_eq!(documents(&yaml).len(), 2);
    assert!(
        yaml.ends_with(
            "\n# not declared: \"ca_c\": its user is too long, or has control characters\n"
        ),
        "{yaml}"
    );

    let map = scene
        .folder
        .write("map.yaml", "a.b: elsewhere\n")
        .expect("the folder is there");
    let map = map.to_string_lossy();
    let told = run_at(&scene, &sandbox, &["import", "--namespace-map", &map]).await;
    told.failed(2, "--namespace-map needs a ClusterComposioProject");
}

#[tokio::test]
async fn a_map_says_in_which_namespaces_the_users_of_a_cluster_project_are() {
    let scene = Scene::new("cli-import-map").await;
    let seed = [
        json!({"id": "ca_a", "user_id": "ada", "auth_config": "ac_gmail"}),
        json!({"id": "ca_b", "user_id": "bob", "auth_config": "ac_gmail"}),
        json!({"id": "ca_c", "user_id": "kube-system/eve", "auth_config": "ac_gmail"}),
    ];
    let sandbox = seeded(&scene, &seed).await;
    let name = format!("{}-map", scene.namespace);
    with_project(&scene, &sandbox).await;
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ClusterComposioProject", "metadata": {"name": name},
        "spec": {"apiKeySecretRef": {"name": "composio"}, "baseURL": sandbox.url(),
                 "allow": [{"users": ["ada"]}]},
    });
    scene.apply(&project.to_string()).await;
    let project = format!("ClusterComposioProject/{name}");
    let map = scene
        .folder
        .write("map.yaml", "ada: team-a\nbob: team-b\n")
        .expect("the folder is there");
    let map = map.to_string_lossy();
    let base = ["import", "--project", &project, "--namespace-map", &map];
    let told = run_at(&scene, &sandbox, &base).await;
    told.failed(2, "name that by --cluster-resource-namespace");
    let base = at(
        &sandbox,
        &[
            &base[..],
            &["--cluster-resource-namespace", &scene.namespace],
        ]
        .concat(),
    );
    // Without -n what the map does not name has no namespace.
    let told = end(command(scene.control_plane.kubeconfig(), &base).await).await;
    assert!(
        told.err
            .contains("left out: 1 account is of a user for whom neither --namespace-map nor"),
        "{told:?}"
    );
    let objects = documents(&told.well());
    let places: Vec<&Value> = objects
        .iter()
        .map(|object| &object["metadata"]["namespace"])
        .collect();
    assert_eq!(places, ["team-a", "team-b"]);
    assert_eq!(
        objects[0]["spec"]["projectRef"],
        json!({"kind": "ClusterComposioProject", "name": name})
    );

    // What the policy will refuse is said beside.
    let told = run(&scene, &base).await;
    let why = format!("will refuse 1 of them with NotAllowed: {project} does not allow spec.user;");
    assert!(told.err.contains(&why), "{told:?}");
    assert_eq!(documents(&told.well()).len(), 3);
}

#[tokio::test]
async fn where_the_project_does_not_let_accounts_stay_the_deletion_is_warned_of() {
    let scene = Scene::new("cli-import-ending").await;
    let seed = [json!({"id": "ca_a", "user_id": "ada", "auth_config": "ac_gmail"})];
    let sandbox = seeded(&scene, &seed).await;
    with_project(&scene, &sandbox).await;
    let told = run_at(&scene, &sandbox, &["import"]).await;
    assert!(!told.err.contains("warning"), "{told:?}");
    let allow = json!([{"takeOver": true, "deletionPolicies": ["Revoke"]}]);
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
        "metadata": {"name": "default", "namespace": scene.namespace},
        "spec": {"apiKeySecretRef": {"name": "composio"}, "baseURL": sandbox.url(), "allow": allow},
    });
    scene.apply(&project.to_string()).await;
    let told = run_at(&scene, &sandbox, &["import"]).await;
    let why = "warning: the account of 1 of them ends when the object is deleted: the project does not allow deletionPolicy Retain";
    assert!(told.err.contains(why), "{told:?}");
    assert_eq!(documents(&told.well()).len(), 1);
}

#[tokio::test]
async fn what_composio_refuses_is_told_and_a_limit_is_waited_for() {
    let scene = Scene::new("cli-import-refused").await;
    scene.give_project(&scene.options()).await;
    scene.made_by_hand("ada", None).await;
    let import = ["import", "-o", "name"];
    // One 429, after which it is asked again.
    let fault = json!({"status": 429, "times": 1, "path_prefix": "/connected_accounts", "headers": {"retry-after": "1"}});
    scene.sandbox.control("POST", "fault", fault).await;
    let told = run_at(&scene, &scene.sandbox, &import).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/ada-gmail\n");
    scene.put_api_key("wrong").await;
    let told = run_at(&scene, &scene.sandbox, &import).await;
    assert!(!told.err.contains("wrong"), "{told:?}");
    told.failed(1, "Composio rejects the API key of ComposioProject/");
    scene.put_api_key(API_KEY).await;
    let dead = scene.options().base_url("http://127.0.0.1:9");
    scene.give_project(&dead).await;
    let elsewhere = [
        "import",
        "--project",
        "default",
        "--allow-http",
        "--allowed-base-url",
        "http://127.0.0.1:9",
        "--timeout",
        "1s",
    ];
    let told = run(&scene, &elsewhere).await;
    told.failed(124, "import was not done within 1s");
}
