//! What Composio or the cluster does not grant, told by each command alike. A row is a command.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::connect::left_alone;
use super::diff::file;
use super::program::{Ended, VIEWER, command, end, run, run_as, run_at, somebody, start};
use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// Each command that asks Composio, the exit code where it fails, and the call that it makes.
fn of_composio(file: &str) -> [(Vec<&str>, i32, &'static str); 4] {
    let hooks = ["webhook", "register", "--url", "https://hooks.example/x"];
    [
        (vec!["import"], 1, "/connected_accounts"),
        (vec!["inventory"], 1, "/connected_accounts"),
        (vec!["diff", "-f", file], 2, "/connected_accounts"),
        (hooks.to_vec(), 1, "/webhook_subscriptions"),
    ]
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_one_that_lasts_is_told() {
    let scene = Scene::new("cli-limited").await;
    scene.give_project(&scene.options()).await;
    let file = file(&scene, "mail", &gmail());
    for (args, code, path) in of_composio(&file) {
        let limit = async |times: u32, after: &str| {
            let fault = json!({"status": 429, "times": times, "path_prefix": path, "headers": {"retry-after": after}});
            scene.sandbox.control("DELETE", "fault", Value::Null).await;
            scene.sandbox.control("POST", "fault", fault).await;
        };
        limit(1, "1").await;
        let seq = scene.sandbox.seq().await;
        let told = run_at(&scene, &scene.sandbox, &args).await;
        let differs = i32::from(args[0] == "diff");
        assert_eq!(told.code, Some(differs), "{args:?}: {told:?}");
        let asked = scene.sandbox.asked_since(seq).await;
        let refused = asked.iter().filter(|asked| asked.status == Some(429));
        assert_eq!(refused.count(), 1, "{args:?}: {asked:?}");

        if args[0] == "webhook" {
            // There is one by now.
            scene
                .kubectl(&["delete", "secret", "default-webhook"])
                .await;
            let listed = scene
                .sandbox
                .api("GET", "webhook_subscriptions", Value::Null);
            let id = listed.await["items"][0]["id"]
                .as_str()
                .expect("an id")
                .to_owned();
            let path = format!("webhook_subscriptions/{id}");
            scene.sandbox.api("DELETE", &path, Value::Null).await;
        }
        limit(100, "1").await;
        let seq = scene.sandbox.seq().await;
        let told = run_at(&scene, &scene.sandbox, &args).await;
        assert!(told.err.contains("rate limit"), "{args:?}: {told:?}");
        assert_eq!(
            (told.code, told.out.as_str()),
            (Some(code), ""),
            "{args:?}: {told:?}"
        );
        let asked = scene.sandbox.asked_since(seq).await.len();
        assert_eq!(asked, 5, "{args:?}: so often it is tried, and no more");
        scene.sandbox.control("DELETE", "fault", Value::Null).await;
    }
}

#[tokio::test]
async fn a_key_that_composio_rejects_is_told_and_never_shown() {
    let scene = Scene::new("cli-rejected").await;
    scene.give_project(&scene.options()).await;
    scene.put_api_key("ak_wrong").await;
    let file = file(&scene, "mail", &gmail());
    for (args, code, _) in of_composio(&file) {
        let told = run_at(&scene, &scene.sandbox, &args).await;
        assert!(!told.err.contains("ak_wrong"), "{args:?}: {told:?}");
        assert_eq!(told.out, "", "{args:?}: {told:?}");
        told.failed(code, "Composio rejects the API key of ComposioProject/");
    }
    assert_eq!(scene.changes().await, [""; 0]);
}

#[tokio::test]
async fn a_cluster_without_the_definitions_is_told_by_each_command() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "cli-no-definitions").await;
    let file = file(&scene, "mail", &gmail());
    for (args, code) in [
        (&["diff", "-f", &file][..], 2),
        (&["diff", "--delete", "-f", &file], 2),
        (
            &["webhook", "register", "--url", "https://hooks.example/x"],
            1,
        ),
        (
            &[
                "webhook",
                "register",
                "--url",
                "https://hooks.example/x",
                "--project",
                "default",
            ],
            1,
        ),
        (&["reconcile", "--project", "default"], 1),
        (&["resume", "mail"], 1),
    ] {
        let told = run(&scene, args).await;
        assert_eq!(told.out, "", "{args:?}: {told:?}");
        told.failed(
            code,
            "this cluster has no ConnectedAccounts of the version v1alpha1",
        );
    }
}

/// A place that takes connections, and never answers.
fn silent() -> (TcpListener, String) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has an address");
    (silent, format!("http://{address}"))
}

/// Commands whose first question is about one object.
const OF_ONE: [&[&str]; 7] = [
    &["connect", "mail", "--print-link"],
    &["connect", "mail", "--print-link", "--wait"],
    &["reconcile", "mail"],
    &["reconcile", "-l", "a=b", "--wait"],
    &["suspend", "mail"],
    &["resume", "mail", "--wait"],
    &["diff", "-f", "FILE"],
];

fn with_file<'a>(args: &[&'a str], file: &'a str) -> Vec<&'a str> {
    let put = |word: &&'a str| if *word == "FILE" { file } else { *word };
    args.iter().map(put).collect()
}

#[tokio::test]
async fn a_cluster_that_never_answers_is_given_up_in_the_time_that_is_said() {
    let scene = Scene::new("cli-silent-one").await;
    let file = file(&scene, "mail", &gmail());
    let (_silent, url) = silent();
    let silent_cluster = scene.kubeconfig_for(&url);
    for args in OF_ONE {
        let args = with_file(&[args, &["--timeout", "1s"]].concat(), &file);
        let told = end(command(&silent_cluster, &args).await).await;
        assert_eq!(told.out, "", "{args:?}: {told:?}");
        told.failed(124, &format!("{} was not done within 1s", args[0]));
    }
}

#[tokio::test]
async fn a_cluster_that_never_answers_is_left_by_ctrl_c() {
    let scene = Scene::new("cli-silent-ctrl-c").await;
    let file = file(&scene, "mail", &gmail());
    for args in OF_ONE {
        let (silent, url) = silent();
        silent.set_nonblocking(true).expect("it can be asked");
        let silent_cluster = scene.kubeconfig_for(&url);
        let args = with_file(args, &file);
        let program = start(&scene, &silent_cluster, &args).await;
        let _open = wait::until("its question", SOON, async || match silent.accept() {
            Ok(connection) => Ok(connection),
            Err(_) => Err(program.read_log()),
        })
        .await;
        program.signal(Signal::Int).expect("it runs");
        let ended = program.wait(SOON).await.expect("it ends");
        let log = program.read_log();
        assert_eq!(ended.code(), Some(130), "{args:?}: {log}");
        // What it has sent may have been done; a list of objects changes none.
        let may_be_changed =
            ["reconcile", "suspend", "resume"].contains(&args[0]) && args[1] == "mail";
        let warning = "warning: connectedaccount.composio.dev/mail: the cluster has not answered, and it may have been \
                       changed\n";
        let warning = if may_be_changed { warning } else { "" };
        assert_eq!(log, format!("{warning}error: interrupted\n"), "{args:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_falls_silent_when_it_is_asked_for_a_link_is_left_too() {
    use crate::support::proxy::Seen;
    let scene = left_alone("cli-silent-ask").await;
    let is_request = |seen: &Seen| seen.method == "POST" && seen.path.ends_with("/connectrequests");
    for (after, timeout) in [(false, None), (true, None), (true, Some("2s"))] {
        let (intercept, held) = super::interrupted::hold(is_request, after);
        let (_proxy, kubeconfig) = super::interrupted::behind(&scene, intercept).await;
        let mut args = vec!["connect", "mail", "--print-link"];
        args.extend(timeout.into_iter().flat_map(|time| ["--timeout", time]));
        let program = start(&scene, &kubeconfig, &args).await;
        let code = match timeout {
            None => {
                super::interrupted::caught(held, &program).await;
                program.signal(Signal::Int).expect("it runs");
                130
            }
            Some(_) => 124,
        };
        let ended = program.wait(SOON).await.expect("it ends");
        let log = program.read_log();
        assert_eq!(ended.code(), Some(code), "{after} {timeout:?}: {log}");
        let is_told = log.contains("a link may have been asked for");
        assert!(is_told, "{after} {timeout:?}: {log}");
        scene.kubectl(&["delete", "connectrequests", "--all"]).await;
    }
}

#[tokio::test]
async fn who_may_not_read_is_told_which_right_is_missing() {
    let scene = Scene::new("cli-forbidden").await;
    scene.declare("mail", gmail()).await;
    let file = file(&scene, "mail", &gmail());
    let nobody = somebody(&scene, "nobody", "[]").await;
    let lacks = |verb: &str, place: &str| {
        let place = place.replace("NS", &scene.namespace);
        format!(
            "you may not {verb} connectedaccounts.composio.dev in {place}: ask for the verb {verb:?} on the resource \
             \"connectedaccounts\" of the API group composio.dev"
        )
    };
    let here = "namespace NS";
    for (args, code, right) in [
        (&["status", "mail"][..], 1, lacks("get", here)),
        (&["status"], 1, lacks("list", here)),
        (&["status", "-l", "a=b"], 1, lacks("list", here)),
        (&["explain", "mail"], 1, lacks("get", here)),
        (&["connect", "mail", "--print-link"], 1, lacks("get", here)),
        (&["reconcile", "-l", "a=b"], 1, lacks("list", here)),
        (&["reconcile", "--project", "p"], 1, lacks("list", here)),
        (&["suspend", "mail"], 1, lacks("patch", here)),
        (&["diff", "-f", &file], 2, lacks("get", here)),
        (&["diff", "--delete", "-f", &file], 2, lacks("get", here)),
    ] {
        let told = run_as(&scene, &nobody, args).await;
        assert_eq!(told.out, "", "{args:?}: {told:?}");
        told.failed(code, &right);
    }
    let everywhere = command(&nobody, &["status", "-A"]).await;
    let told: Ended = end(everywhere).await;
    told.failed(1, &lacks("list", "all namespaces"));
    // Who may see the objects is told from them what there is to tell.
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    for args in [&["status", "mail"][..], &["explain", "mail"]] {
        run_as(&scene, &viewer, args).await.well();
    }
    // Who may not watch cannot wait, and is told so.
    let getter = somebody(
        &scene,
        "getter",
        "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, patch]}]",
    )
    .await;
    let told = run_as(&scene, &getter, &["suspend", "mail", "--wait"]).await;
    told.failed(1, &lacks("list", here));
}
