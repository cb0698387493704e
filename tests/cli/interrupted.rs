//! Ctrl-C, SIGTERM and the end of `--timeout`: nothing is left behind.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::FutureExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::connect::{REQUEST, left_alone};
use super::program::{command, end, on_terminal, run, run_at, run_out, seeded, somebody, start};
use crate::support::child::{Child, Signal};
use crate::support::proxy::{Fate, Intercept, Proxy, Seen};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::{random_hex, wait};

const RECONCILE: &str = "composio.dev/reconcile-requested-at";

/// Sends it, and returns the exit code.
async fn ended_by(program: &Child, signal: Signal) -> Option<i32> {
    program.signal(signal).expect("it runs");
    let ended = program.wait(SOON).await.expect("it ends");
    ended.code()
}

/// Holds one request, and tells when it is held. `after`: it has its effect, and its answer never comes.
pub(super) fn hold(
    is_meant: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    after: bool,
) -> (Intercept, oneshot::Receiver<()>) {
    let (sender, held) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let intercept: Intercept = Arc::new(move |seen: Seen| {
        let sender = is_meant(&seen).then(|| sender.lock().take()).flatten();
        let fate = match sender {
            None => Fate::Forwarded,
            Some(sender) if after => Fate::HeldAfter(sender),
            Some(sender) => Fate::HeldBefore(sender),
        };
        async move { (seen, fate) }.boxed()
    });
    (intercept, held)
}

pub(super) async fn caught(held: oneshot::Receiver<()>, program: &Child) {
    let held = tokio::time::timeout(SOON, held).await;
    let held = held.unwrap_or_else(|_| panic!("it asks: {}", program.read_log()));
    held.expect("it is held");
}

/// The administrator's kubeconfig, with the apiserver behind a proxy.
pub(super) async fn behind(scene: &Scene<'_>, intercept: Intercept) -> (Proxy, PathBuf) {
    let control_plane = scene.control_plane;
    let proxy = Proxy::of_https(control_plane.url(), control_plane.certificate(), intercept);
    let proxy = proxy.await.expect("a port is free");
    let rules = "[{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]";
    let name = format!("behind-{}", random_hex::<4>());
    let kubeconfig = somebody(scene, &name, rules).await;
    let kubeconfig = std::fs::read_to_string(kubeconfig).expect("it was written");
    let elsewhere = kubeconfig.replace(control_plane.url(), proxy.url());
    let elsewhere = scene.folder.write("behind.kubeconfig", elsewhere);
    (proxy, elsewhere.expect("the folder is there"))
}

#[tokio::test]
async fn whoever_gives_up_waiting_for_a_link_leaves_no_request_for_one() {
    let scene = left_alone("cli-give-up").await;
    // Without the right to make ConnectRequests it asks by annotation.
    let rules = "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, list, watch, patch]}]";
    let kubeconfig = somebody(&scene, "patcher", rules).await;
    let connect = ["connect", "mail", "--print-link"];
    let asked = async || scene.object("mail").await["metadata"]["annotations"][REQUEST].clone();
    for (signal, code) in [(Signal::Int, 130), (Signal::Term, 143)] {
        let program = start(&scene, &kubeconfig, &connect).await;
        wait::until("a request", SOON, async || match asked().await {
            Value::Null => Err(program.read_log()),
            _ => Ok(()),
        })
        .await;
        let ended = ended_by(&program, signal).await;
        assert_eq!(ended, Some(code), "{}", program.read_log());
        assert_eq!(asked().await, Value::Null, "it is taken back");
    }
    for kubeconfig in [&kubeconfig, scene.control_plane.kubeconfig()] {
        run_out(&scene, kubeconfig, &connect).await;
        assert_eq!(asked().await, Value::Null, "it is taken back");
        let requests = scene.kubectl(&["get", "connectrequests", "-o", "name"]);
        assert_eq!(requests.await, "", "it is taken back");
    }
}

/// Where an object keeps what each of these commands writes, and what is told once it is written.
fn changes() -> [(&'static str, String, String); 3] {
    let obeyed = "and the operator was not seen to obey";
    let requested = RECONCILE.replace('/', "~1");
    [
        (
            "reconcile",
            format!("/metadata/annotations/{requested}"),
            "reconcile requested".to_owned(),
        ),
        (
            "suspend",
            "/spec/suspend".to_owned(),
            format!("suspended, {obeyed}"),
        ),
        (
            "resume",
            "/spec/suspend".to_owned(),
            format!("resumed, {obeyed}"),
        ),
    ]
}

#[tokio::test]
async fn ctrl_c_ends_each_wait_for_the_operator_and_what_was_asked_for_stays() {
    let scene = Scene::new("cli-ctrl-c-waits").await;
    scene.declare("mail", gmail()).await;
    for (command, path, begun) in changes() {
        let before = scene.object("mail").await.pointer(&path).cloned();
        let is_waited_for =
            |seen: &Seen| seen.method == "GET" && seen.query.contains("fieldSelector");
        let (intercept, held) = hold(is_waited_for, false);
        let (_proxy, kubeconfig) = behind(&scene, intercept).await;
        let program = start(&scene, &kubeconfig, &[command, "mail", "--wait"]).await;
        caught(held, &program).await;
        let asked = scene.object("mail").await.pointer(&path).cloned();
        assert_ne!(asked, before, "{command}");
        let ended = ended_by(&program, Signal::Int).await;
        assert_eq!(ended, Some(130), "{command}: {}", program.read_log());
        let object = scene.object("mail").await;
        assert_eq!(object.pointer(&path).cloned(), asked, "{command}");
        let told = format!("connectedaccount.composio.dev/mail {begun}\nerror: interrupted\n");
        assert_eq!(program.read_log(), told, "{command}");
    }
}

#[tokio::test]
async fn ctrl_c_before_the_cluster_has_answered_tells_that_the_object_may_have_been_changed() {
    let scene = Scene::new("cli-ctrl-c-changes").await;
    scene.declare("mail", gmail()).await;
    for (command, ..) in changes() {
        let (intercept, held) = hold(|seen| seen.method == "PATCH", true);
        let (_proxy, kubeconfig) = behind(&scene, intercept).await;
        let program = start(&scene, &kubeconfig, &[command, "mail"]).await;
        caught(held, &program).await;
        let ended = ended_by(&program, Signal::Int).await;
        assert_eq!(ended, Some(130), "{command}: {}", program.read_log());
        let told = "warning: connectedaccount.composio.dev/mail: the cluster has not answered, and it may have been \
                    changed\nerror: interrupted\n";
        assert_eq!(program.read_log(), told, "{command}");
    }
}

#[tokio::test]
async fn ctrl_c_while_accounts_are_read_prints_nothing() {
    let scene = Scene::new("cli-ctrl-c-reads").await;
    scene.declare("mail", gmail()).await;
    let file = super::diff::file(&scene, "mail", &gmail());
    for args in [
        &["import", "--project", "default"][..],
        &["inventory", "--project", "default"],
        &["explain", "mail"],
        &["diff", "-f", &file],
    ] {
        let is_list = |seen: &Seen| seen.path.ends_with("/connected_accounts");
        let (intercept, held) = hold(is_list, true);
        let proxy = Proxy::of_http(scene.sandbox.url(), intercept).await;
        let proxy = proxy.expect("a port is free");
        let options = scene.options().base_url(proxy.url());
        scene.give_project(&options).await;
        let args = [args, &["--allow-http", "--allowed-base-url", proxy.url()]].concat();
        let program = start(&scene, scene.control_plane.kubeconfig(), &args).await;
        caught(held, &program).await;
        let ended = ended_by(&program, Signal::Int).await;
        assert_eq!(ended, Some(130), "{args:?}: {}", program.read_log());
        assert_eq!(program.read_log(), "error: interrupted\n", "{args:?}");
    }
}

#[tokio::test]
async fn an_import_that_was_interrupted_is_completed_by_the_next() {
    let scene = Scene::new("cli-ctrl-c-import").await;
    let accounts: Vec<Value> = (0..20)
        .map(|n| json!({"id": format!("ca_i_{n}"), "user_id": format!("user-{n}"), "auth_config": "ac_gmail"}))
        .collect();
    let sandbox = seeded(&scene, &accounts).await;
    scene
        .give_project(&scene.options().base_url(sandbox.url()))
        .await;
    let made = Mutex::new(0);
    let is_eighth = move |seen: &Seen| {
        let is_made = seen.method == "POST" && seen.path.ends_with("/connectedaccounts");
        *made.lock() += usize::from(is_made);
        is_made && *made.lock() == 8
    };
    let (intercept, held) = hold(is_eighth, true);
    let (_proxy, kubeconfig) = behind(&scene, intercept).await;
    let import = super::program::at(&sandbox, &["import", "--apply"]);
    let program = start(&scene, &kubeconfig, &import).await;
    caught(held, &program).await;
    assert_eq!(ended_by(&program, Signal::Int).await, Some(130));
    let log = program.read_log();
    assert_eq!(log.matches(" created\n").count(), 7, "{log}");

    // The eighth was made, and nobody was told.
    let told = run_at(&scene, &sandbox, &["import", "--apply"])
        .await
        .well();
    assert_eq!(told.matches(" created\n").count(), 12, "{told}");
    let found = run_at(&scene, &sandbox, &["inventory", "-o", "json"]).await;
    let found: Value = serde_json::from_str(&found.well()).expect("it is JSON");
    assert_eq!(found["counts"]["declared"], 20, "{found}");
    let names = run(&scene, &["status", "-o", "name"]).await.well();
    assert_eq!(names.lines().count(), 20, "{names}");
}

/// Where a registration is stopped.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// At the call that makes the subscription; else at the one that makes the Secret.
    at_composio: bool,
    /// Once the call has had its effect.
    after: bool,
}

/// Stops a registration there, by Ctrl-C or by the end of that time. Whether it came so far before the time was over.
async fn stopped(scene: &Scene<'_>, place: Place, timeout: Option<&str>) -> bool {
    let Place { at_composio, after } = place;
    let is_made = move |seen: &Seen| {
        let path = match at_composio {
            true => "/webhook_subscriptions",
            false => "/secrets",
        };
        let is_dry = seen.query.contains("dryRun");
        seen.method == "POST" && seen.path.ends_with(path) && !is_dry
    };
    let (composio, held_at_composio) = hold(is_made, after);
    let (kubernetes, held_at_kubernetes) = hold(is_made, after);
    let held = match at_composio {
        true => held_at_composio,
        false => held_at_kubernetes,
    };
    let proxy = Proxy::of_http(scene.sandbox.url(), composio).await;
    let proxy = proxy.expect("a port is free");
    let (_proxy, kubeconfig) = behind(scene, kubernetes).await;
    scene
        .give_project(&scene.options().base_url(proxy.url()))
        .await;
    let url = ["--url", "https://hooks.example/x", "--project", "default"];
    let key = ["--allow-http", "--allowed-base-url", proxy.url()];
    let mut args = [&["webhook", "register"], &url[..], &key].concat();
    args.extend(timeout.into_iter().flat_map(|time| ["--timeout", time]));
    let program = start(scene, &kubeconfig, &args).await;
    let (is_caught, code) = match timeout {
        None => {
            caught(held, &program).await;
            (true, (ended_by(&program, Signal::Int).await, 130))
        }
        Some(_) => {
            let ended = program.wait(SOON).await.expect("it ends");
            (
                held.now_or_never().is_some_and(|held| held.is_ok()),
                (ended.code(), 124),
            )
        }
    };
    let what = format!("{place:?} {timeout:?}: {}", program.read_log());
    assert_eq!(code.0, Some(code.1), "{what}");
    let listed = scene
        .sandbox
        .api("GET", "webhook_subscriptions", Value::Null);
    assert_eq!(listed.await["items"], json!([]), "{what}");
    let names = scene.kubectl(&["get", "secrets", "-o", "name"]).await;
    assert!(!names.contains("default-webhook"), "{what}: {names}");
    is_caught
}

#[tokio::test]
async fn a_registration_that_is_stopped_leaves_neither_subscription_nor_secret() {
    let scene = Scene::new("cli-ctrl-c-webhook").await;
    for at_composio in [true, false] {
        for after in [false, true] {
            stopped(&scene, Place { at_composio, after }, None).await;
        }
        let place = Place {
            at_composio,
            after: true,
        };
        // On a busy machine it may take longer to come there.
        let mut came_there = false;
        for timeout in ["2s", "10s", "60s"] {
            came_there = came_there || stopped(&scene, place, Some(timeout)).await;
        }
        assert!(came_there, "{place:?}: it was never so far in time");
    }
}

#[tokio::test]
async fn ctrl_c_at_a_question_and_while_a_manifest_is_typed_ends_it() {
    let scene = Scene::new("cli-ctrl-c-typed").await;
    scene.give_project(&scene.options()).await;
    let id = super::inventory::abandoned(&scene, 30, "a", None).await;
    super::inventory::set_clock(&scene, jiff::Timestamp::now()).await;
    let prune = ["inventory", "--prune", "abandoned", "-n", &scene.namespace];
    let prune = super::program::at(&scene.sandbox, &prune);
    let program = command(scene.control_plane.kubeconfig(), &prune).await;
    let (terminal, keyboard) = on_terminal(&scene, &program);
    let terminal = Child::spawn(&scene.folder, "terminal", SOON, &terminal);
    let terminal = terminal.expect("it starts");
    wait::until("the question", SOON, async || {
        let log = terminal.read_log();
        let is_asked = log.contains("Type the project's name to go on:");
        is_asked.then_some(()).ok_or(log)
    })
    .await;
    // It stays open: the end of what is typed would be an answer too.
    let mut keyboard = std::fs::File::create(keyboard).expect("it is read");
    keyboard.write_all(b"\x03").expect("it is read");
    wait::until("its end", SOON, async || {
        let log = terminal.read_log();
        let is_over = log.contains("error: interrupted");
        is_over.then_some(()).ok_or(log)
    })
    .await;
    drop(keyboard);
    let ended = terminal.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(130), "{}", terminal.read_log());
    let left = scene.sandbox.account(&id).await;
    assert!(left["deleted_at"].is_null(), "{left}");

    // Its standard input stays open.
    let mut program = command(scene.control_plane.kubeconfig(), &["diff", "-f", "-"]).await;
    program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = tokio::process::Command::from(program);
    let mut program = program.spawn().expect("it starts");
    let _open = program.stdin.take();
    let pid = program.id().expect("it runs").to_string();
    // It listens for the signal when the kernel says that it is caught.
    wait::until("a caught signal", SOON, async || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        let status = status.map_err(|error| error.to_string())?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap_or_default().trim(), 16);
        let is_caught = caught.is_ok_and(|signals| signals & 0b10 != 0);
        is_caught.then_some(()).ok_or(status)
    })
    .await;
    end(command_to("kill", &["-INT", &pid])).await.well();
    let ended = tokio::time::timeout(SOON, program.wait_with_output()).await;
    let ended = ended.expect("it ends in time").expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
}

fn command_to(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}
