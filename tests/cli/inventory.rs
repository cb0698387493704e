//! `inventory`: what a project holds, and what of it may be deleted.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::program::{at, command, on_terminal, run_as, run_at, seeded, somebody, steady};
use crate::support::child::Child;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

async fn found(scene: &Scene<'_>, args: &[&str]) -> Value {
    let told = run_at(
        scene,
        &scene.sandbox,
        &[&["inventory", "-o", "json"], args].concat(),
    )
    .await;
    serde_json::from_str(&told.well()).expect("it is JSON")
}

/// What was found of the account.
fn of<'a>(inventory: &'a Value, id: &str) -> &'a Value {
    let accounts = inventory["accounts"].as_array().expect("a list");
    let one = accounts.iter().find(|one| one["id"] == id);
    &one.expect("it is listed")["found"]
}

async fn link(scene: &Scene<'_>, user: &str, alias: Option<&str>) -> String {
    let mut body = json!({"auth_config_id": "ac_gmail", "user_id": user});
    if let Some(alias) = alias {
        body["alias"] = json!(alias);
    }
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    made["connected_account_id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test]
async fn each_account_is_told_with_what_is_wrong_with_it() {
    let scene = Scene::new("cli-inventory").await.operated().await;
    let declared = scene.connected_gmail("mail").await;
    let older = scene.made_by_hand("ada", Some("old")).await;
    scene
        .sandbox
        .control("POST", "clock", json!({"advance_seconds": 1}))
        .await;
    let newer = scene.made_by_hand("ada", None).await;
    let alias = composio_operator::crd::computed_alias("", "elsewhere", "mail");
    let elsewhere = scene.made_by_hand("bob", Some(&alias)).await;
    let abandoned = link(&scene, "eve", None).await;
    scene.sandbox.expire(&abandoned).await;

    let inventory = found(&scene, &[]).await;
    assert_eq!(*of(&inventory, &declared), json!(["declared"]));
    assert_eq!(*of(&inventory, &older), json!(["undeclared", "duplicate"]));
    assert_eq!(*of(&inventory, &newer), json!(["undeclared"]));
    assert_eq!(*of(&inventory, &elsewhere), json!(["elsewhere"]));
    assert_eq!(
        *of(&inventory, &abandoned),
        json!(["undeclared", "abandoned"])
    );
    assert_eq!(inventory["gone"], json!([]));
    assert_eq!(inventory["counts"]["undeclared"], 3);

    let args = ["inventory", "--only", "duplicate", "--only", "declared"];
    let told = run_at(&scene, &scene.sandbox, &args).await;
    let of_project = format!(
        "ComposioProject/{}/default: 5 accounts; 1 declared, 3 undeclared, 1 elsewhere, 1 abandoned, 1 duplicate\n",
        scene.namespace
    );
    assert_eq!(told.err, of_project);
    let table = steady(&scene, &told.well());
    assert!(
        table.starts_with("ACCOUNT   USER   TOOLKIT   STATE   AGE   OBJECT   FOUND\n"),
        "{table}"
    );
    assert!(
        table.contains("   u   gmail   ACTIVE   ") && table.contains("   NS/mail   declared\n"),
        "{table}"
    );
    assert!(table.contains("   undeclared,duplicate\n"), "{table}");
    let args = ["inventory", "--only", "elsewhere", "-o", "name"];
    let told = run_at(&scene, &scene.sandbox, &args).await.well();
    assert_eq!(told, format!("{elsewhere}\n"));
}

#[tokio::test]
async fn an_object_whose_account_is_gone_and_a_disabled_auth_config_are_told() {
    let scene = Scene::new("cli-inventory-gone").await;
    scene.give_project(&scene.options()).await;
    let mut spec = gmail();
    spec["connectedAccountId"] = json!("ca_nothing");
    scene.declare("mail", spec).await;
    let disabled = scene.made_by_hand("ada", None).await;
    let off = json!({"id": "ac_gmail", "toolkit": "gmail", "enabled": false});
    scene.sandbox.control("POST", "auth-configs", off).await;
    let inventory = found(&scene, &[]).await;
    let gone = json!([{"namespace": scene.namespace, "name": "mail", "account": "ca_nothing"}]);
    assert_eq!(inventory["gone"], gone);
    let all = of(&inventory, &disabled);
    assert!(
        all.as_array()
            .expect("a list")
            .contains(&json!("auth-config-disabled")),
        "{all}"
    );
}

pub(super) async fn set_clock(scene: &Scene<'_>, time: Timestamp) {
    let clock = json!({"set": time.to_string()});
    scene.sandbox.control("POST", "clock", clock).await;
}

/// A sign-in that was never finished, of that many hours ago.
pub(super) async fn abandoned(
    scene: &Scene<'_>,
    hours: i64,
    user: &str,
    alias: Option<&str>,
) -> String {
    let then = Timestamp::now() - SignedDuration::from_hours(hours);
    set_clock(scene, then).await;
    let id = link(scene, user, alias).await;
    scene
        .sandbox
        .control("POST", "clock", json!({"advance_seconds": 660}))
        .await;
    id
}

#[tokio::test]
async fn only_sign_ins_that_were_never_finished_are_deleted_and_only_when_it_was_confirmed() {
    let scene = Scene::new("cli-prune").await;
    scene.give_project(&scene.options()).await;
    let alias = composio_operator::crd::computed_alias("", "elsewhere", "mail");
    let old = abandoned(&scene, 30, "a", Some("work")).await;
    let elsewhere = abandoned(&scene, 30, "b", Some(&alias)).await;
    let claimed = abandoned(&scene, 30, "c", Some("mine")).await;
    // Another project may have the same API key.
    let of_other = abandoned(&scene, 30, "g", Some("theirs")).await;
    let changed = abandoned(&scene, 30, "d", None).await;
    let young = abandoned(&scene, 23, "e", None).await;
    let dead = scene.made_by_hand("f", None).await;
    scene.sandbox.expire(&dead).await;
    set_clock(&scene, Timestamp::now()).await;
    let spec = json!({"user": "c", "toolkit": "gmail", "metadata": {"alias": "mine"}});
    scene.declare("mine", spec).await;
    let mut other = json!({"user": "g", "toolkit": "gmail", "metadata": {"alias": "theirs"}});
    other["projectRef"] = json!({"name": "other"});
    scene.declare("theirs", other).await;

    let prune = ["inventory", "--prune", "abandoned"];
    let told = run_at(&scene, &scene.sandbox, &prune).await;
    told.failed(
        2,
        "2 accounts would be deleted: confirm it by --yes, or look by --dry-run",
    );
    let dry = run_at(
        &scene,
        &scene.sandbox,
        &[&prune[..], &["--dry-run"]].concat(),
    )
    .await
    .well();
    let mut expected = [&old, &changed].map(|id| format!("account {id} deleted (dry run)\n"));
    expected.sort();
    assert_eq!(dry, expected.concat());

    // Whoever sees one namespace alone cannot tell whose an account is.
    let kubeconfig = somebody(&scene, "viewer", "[]").await;
    let rules = "[{apiGroups: [composio.dev], resources: ['*'], verbs: [get, list]}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    scene
        .control_plane
        .allow(&scene.client, &scene.namespace, "viewer", rules)
        .await;
    let args = at(&scene.sandbox, &[&prune[..], &["--yes"]].concat());
    let told = run_as(&scene, &kubeconfig, &args).await;
    told.failed(
        1,
        "nothing is deleted: you may not list connectedaccounts.composio.dev in all namespaces",
    );

    // Who is turned away asks again, and what lives by now is no sign-in that was never finished.
    let fault =
        json!({"status": 429, "method": "DELETE", "times": 1, "headers": {"retry-after": "1"}});
    scene.sandbox.control("POST", "fault", fault).await;
    let path = format!("accounts/{changed}/state");
    scene
        .sandbox
        .control("POST", &path, json!({"state": "ACTIVE"}))
        .await;
    let told = run_at(&scene, &scene.sandbox, &[&prune[..], &["--yes"]].concat())
        .await
        .well();
    assert_eq!(told, format!("account {old} deleted\n"));
    let deletes: Vec<String> = (scene.sandbox.asked().await.iter())
        .filter(|asked| asked.method == "DELETE")
        .map(|asked| {
            format!(
                "{} {}",
                asked.account.clone().unwrap_or_default(),
                asked.query
            )
        })
        .collect();
    let delete = format!("{old} revoke_on_delete=false");
    assert_eq!(deletes, [delete.clone(), delete]);
    for kept in [&elsewhere, &claimed, &of_other, &young, &dead] {
        assert!(
            scene.sandbox.account(kept).await["deleted_at"].is_null(),
            "{kept}"
        );
    }
}

#[tokio::test]
async fn at_a_terminal_the_name_of_the_project_is_asked_for_and_each_is_looked_at_once_more() {
    let scene = Scene::new("cli-prune-ask").await;
    scene.give_project(&scene.options()).await;
    let old = abandoned(&scene, 30, "a", None).await;
    let changed = abandoned(&scene, 30, "b", None).await;
    set_clock(&scene, Timestamp::now()).await;
    let name = format!("ComposioProject/{}/default", scene.namespace);
    let args = ["inventory", "--prune", "abandoned", "-n", &scene.namespace];
    for (typed, code) in [("yes", 1), (name.as_str(), 0)] {
        let args = at(&scene.sandbox, &args);
        let program = command(scene.control_plane.kubeconfig(), &args).await;
        let (terminal, keyboard) = on_terminal(&scene, &program);
        let terminal = Child::spawn(&scene.folder, "terminal", SOON, &terminal);
        let terminal = terminal.expect("it starts");
        let log = wait::until("the question", SOON, async || {
            let log = terminal.read_log();
            let is_asked = log.contains("Type the project's name to go on:");
            is_asked.then(|| log.clone()).ok_or(log)
        })
        .await;
        assert!(log.contains("2 accounts of "), "{log}");
        assert!(log.contains("accounts read: 2 of 2"), "{log}");
        if code == 0 {
            // Meanwhile its user has signed in.
            let path = format!("accounts/{changed}/state");
            let active = json!({"state": "ACTIVE"});
            scene.sandbox.control("POST", &path, active).await;
        }
        std::fs::write(keyboard, format!("{typed}\n")).expect("it is read");
        let ended = terminal.wait(SOON).await.expect("it ends");
        let log = terminal.read_log();
        assert_eq!(ended.code(), Some(code), "{log}");
        let deleted = async |id: &str| !scene.sandbox.account(id).await["deleted_at"].is_null();
        assert_eq!(deleted(&old).await, code == 0, "{log}");
        assert!(!deleted(&changed).await, "{log}");
        assert_eq!(log.contains("left: it has changed"), code == 0, "{log}");
    }
}

#[tokio::test]
async fn whatever_accounts_hold_no_terminal_is_moved_and_nobody_needs_to_read_on() {
    let scene = Scene::new("cli-inventory-odd").await;
    let hostile = "\u{1b}]0;title\u{7}\n---\nkind: Evil\u{2028}\u{202e}";
    let seed = [
        json!({"id": "ca_a", "user_id": "ada", "alias": hostile, "auth_config": "ac_gmail"}),
        json!({"id": "ca_b", "user_id": hostile, "auth_config": "ac_gmail", "status": "EXPIRED",
            "status_reason": format!("{hostile} see https://connect.example/lk_secret")}),
    ];
    let sandbox = seeded(&scene, &seed).await;
    scene
        .give_project(&scene.options().base_url(sandbox.url()))
        .await;
    for command in ["inventory", "import"] {
        for form in ["table", "wide", "json", "yaml", "name"] {
            let told = run_at(&scene, &sandbox, &[command, "-o", form]).await;
            let all = format!("{}{}", told.out, told.err);
            let moves = |character: char| {
                (character.is_control() && character != '\n')
                    || matches!(character, '\u{2028}' | '\u{202e}')
            };
            assert!(!all.contains(moves), "{command} {form}: {all:?}");
            assert!(!all.contains("lk_secret"), "{command} {form}: {all:?}");
            told.well();
        }
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let args = at(&sandbox, &[command, "-n", &scene.namespace]);
        let mut program = super::program::command(scene.control_plane.kubeconfig(), &args).await;
        program.stdout(writer).stderr(std::process::Stdio::piped());
        let program = tokio::process::Command::from(program)
            .spawn()
            .expect("it starts");
        let ended = program.wait_with_output().await.expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{command}: {ended:?}");
        let nowhere = scene.kubeconfig_for("https://127.0.0.1:9");
        let told = run_as(&scene, &nowhere, &[command]).await;
        told.failed(1, "the cluster cannot be asked");
    }
}
