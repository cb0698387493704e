//! Each session that the help prints is typed as it stands, at a terminal, and what is shown is compared with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use rstest::rstest;
use serde_json::{Value, json};

use super::inventory::{abandoned, set_clock};
use super::plugin::Plugin;
use super::program::{Ended, end, on_terminal, run};
use super::terminal::ERASED;
use crate::support::child::{Child, Signal};
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{Operated, SOON, Scene};
use crate::support::wait;

/// What the reference prints; a test compares it with the program.
const REFERENCE: &str = include_str!("../../src/cli/README.md");
/// Wide enough for each line of a session.
const COLUMNS: usize = 250;
/// What is left out of a session.
const LEFT_OUT: &str = "...";
/// Longer than any command here takes.
const GRACE: Duration = Duration::from_secs(2);

/// A command, and what is shown for it.
struct Typed {
    command: String,
    shown: Vec<String>,
}

/// The session of that command.
fn session(of: &str) -> Vec<Typed> {
    let title = format!("\n## kubectl composio {of}\n");
    let (_, section) = REFERENCE.split_once(&title).expect("there is a section");
    let (_, session) = section
        .split_once("\nSession:\n")
        .expect("it has a session");
    let mut typed: Vec<Typed> = Vec::new();
    for line in session.lines() {
        let Some(line) = line.strip_prefix("  ") else {
            break;
        };
        match line.strip_prefix("$ ") {
            Some(command) => typed.push(Typed {
                command: command.to_owned(),
                shown: Vec::new(),
            }),
            None => typed
                .last_mut()
                .expect("a command")
                .shown
                .push(line.to_owned()),
        }
    }
    assert!(!typed.is_empty(), "{of}");
    typed
}

/// The commands that are typed in some session of the reference.
fn all_commands() -> BTreeSet<String> {
    let sections = REFERENCE.split("\n## kubectl composio ").skip(1);
    let titles = sections.filter(|section| section.contains("\nSession:\n"));
    let titles = titles.filter_map(|section| section.lines().next());
    let typed = titles.flat_map(session);
    typed.map(|typed| typed.command).collect()
}

/// The line with names for all that differs from run to run, and its columns as far apart as any.
fn steady(line: &str) -> String {
    let rules = [
        (r"\bca_[A-Za-z0-9_-]+", "ca_…"),
        (r"\bac_[A-Za-z0-9_-]+", "ac_…"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"good for \d+m\d\ds", "good for TIME"),
        (r"https?://[^\s,]+", "URL"),
        (r"\b\d+[smhd]\b", "AGE"),
        (r"v?\d+\.\d+\.\d+[^\s,]*", "VERSION"),
        (r"\S+ leads$", "POD leads"),
        ("composio-system/", "agents/"),
        (r"(\S) {2,}", "$1   "),
    ];
    let mut steady = line.trim_end().to_owned();
    for (pattern, name) in rules {
        let pattern = Regex::new(pattern).expect("it is a pattern");
        steady = pattern.replace_all(&steady, name).into_owned();
    }
    steady
}

/// Whether those lines are shown, but for what was left out.
fn is_shown(expected: &[String], shown: &[String]) -> bool {
    match (expected.split_first(), shown.split_first()) {
        (None, shown) => shown.is_none(),
        (Some((first, rest)), _) if first.trim() == LEFT_OUT => {
            (0..=shown.len()).any(|at| is_shown(rest, &shown[at..]))
        }
        (Some((first, rest)), Some((line, others))) => first == line && is_shown(rest, others),
        (Some(_), None) => false,
    }
}

/// What is left on the screen, without what was said of a wait meanwhile.
fn screen(shown: &str) -> Vec<String> {
    let of_wait = Regex::new("^[a-z-]+: (the (operator|cluster) |[A-Z][A-Za-z]+: )");
    let of_wait = of_wait.expect("it is a pattern");
    let lines = shown.split("\r\n");
    let mut lines: Vec<String> = lines
        .map(|line| line.replace(ERASED, "\r"))
        .map(|line| line.rsplit('\r').next().unwrap_or_default().to_owned())
        .filter(|line| !of_wait.is_match(line))
        .map(|line| steady(&line))
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

impl Typed {
    fn compare(&self, shown: &str) {
        let mut expected: Vec<String> = self.shown.iter().map(|line| steady(line)).collect();
        let mut shown = screen(shown);
        if self.command.contains("inventory --only") {
            // The rows stand in the order of ids.
            expected.sort();
            shown.sort();
        }
        assert!(
            is_shown(&expected, &shown),
            "{}\n--- in the help\n{}\n--- shown\n{}",
            self.command,
            expected.join("\n"),
            shown.join("\n")
        );
    }
}

/// Who types.
struct Typist<'a> {
    scene: &'a Scene<'a>,
    plugin: Plugin<'a>,
    /// The commands that were typed.
    typed: RefCell<BTreeSet<String>>,
}

impl Typist<'_> {
    /// A shell that runs the command; the sandbox is where the API key may be sent.
    fn shell(&self, typed: &Typed) -> String {
        self.typed.borrow_mut().insert(typed.command.clone());
        let asks = Regex::new("kubectl composio (import|inventory|diff|explain|webhook register)");
        let asks = asks.expect("it is a pattern");
        let url = self.scene.sandbox.url();
        let allowed = format!("kubectl composio $1 --allow-http --allowed-base-url {url}");
        let command = asks.replace_all(&typed.command, allowed.as_str());
        format!("stty cols {COLUMNS} rows 50; {command}")
    }

    fn terminal(&self, typed: &Typed) -> Command {
        let mut terminal = self.plugin.command("script");
        terminal
            .args([
                "--quiet",
                "--return",
                "--command",
                &self.shell(typed),
                "/dev/null",
            ])
            .current_dir(self.scene.folder.path());
        self.environment(&mut terminal);
        terminal
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("KUBECONFIG", self.scene.folder.join("agents.kubeconfig"))
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("BROWSER", "true")
            .env_remove("COLUMNS")
            .env_remove("CI");
    }

    /// Types it, and compares what is shown.
    async fn types(&self, typed: &Typed) {
        let shown: Ended = end(self.terminal(typed)).await;
        typed.compare(&shown.out);
        let differs = i32::from(typed.command.contains("composio diff"));
        assert_eq!(shown.code, Some(differs), "{}: {shown:?}", typed.command);
    }

    async fn types_session(&self, of: &str) {
        for typed in session(of) {
            self.types(&typed).await;
        }
    }

    /// Starts it; what it shows is in its log.
    fn starts(&self, typed: &Typed) -> Child {
        let script = self.terminal(typed);
        // It waits for all of its children, and is started with one: a shell between them has that.
        let mut terminal = self.plugin.command("sh");
        terminal
            .args(["-c", "\"$0\" \"$@\"; exit $?", "script"])
            .args(script.get_args())
            .current_dir(self.scene.folder.path());
        self.environment(&mut terminal);
        let started = Child::spawn(&self.scene.folder, "session", GRACE, &terminal);
        started.expect("it starts")
    }
}

/// Waits until that is shown.
async fn shows(terminal: &Child, words: &str) {
    wait::until(words, SOON, async || {
        let log = terminal.read_log();
        log.contains(words).then_some(()).ok_or(log)
    })
    .await;
}

/// An account that its user has made in the dashboard, and signed in to.
async fn signs_in(scene: &Scene<'_>, user: &str) {
    let body = json!({"auth_config_id": "ac_gmail", "user_id": user});
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let id = made["connected_account_id"].as_str().expect("an id");
    let who = json!({"display_name": user});
    scene.sandbox.by_hand(id, "consent", who).await;
}

async fn installed(scene: &Scene<'_>) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "composio-operator", "labels": {"app.kubernetes.io/name": "composio-operator",
            "app.kubernetes.io/component": "operator", "app.kubernetes.io/version": env!("CARGO_PKG_VERSION")}},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"serviceAccountName": "composio-operator", "containers": [{"name": "a", "image": "a",
                "args": ["run", format!("--watch-namespace={}", scene.namespace)]}]}}},
    });
    scene.apply(&deployment.to_string()).await;
    let ready = r#"{"status":{"replicas":1,"readyReplicas":1}}"#;
    scene
        .kubectl(&[
            "patch",
            "deployment",
            "composio-operator",
            "--subresource=status",
            "--type=merge",
            "-p",
            ready,
        ])
        .await;
}

/// Of which the help tells: where the operator serves the connect page, and accounts of all kinds.
async fn without_operator(scene: &Operated<'_>, typist: &Typist<'_>) {
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    abandoned(scene, 80, "eve", None).await;
    set_clock(scene, Timestamp::now() - SignedDuration::from_hours(1)).await;
    signs_in(scene, "bob@acme.example").await;
    set_clock(scene, Timestamp::now()).await;
    signs_in(scene, "bob@acme.example").await;
    let spec = json!({"user": "team", "toolkit": "slack", "connectedAccountId": "ca_nothing"});
    scene.declare("team", spec).await;
    let [listed, dry, pruned] = session("inventory").try_into().ok().expect("three");
    typist.types(&listed).await;
    typist.types(&dry).await;
    let mut shell = Command::new("sh");
    shell.args(["-c", &typist.shell(&pruned)]);
    let (mut terminal, keyboard) = on_terminal(scene, &shell);
    let path = typist.plugin.command("sh");
    for (name, value) in path.get_envs() {
        terminal.env(name, value.unwrap_or_default());
    }
    typist.environment(&mut terminal);
    let terminal = Child::spawn(&scene.folder, "prune", GRACE, &terminal);
    let terminal = terminal.expect("it starts");
    shows(&terminal, "Type the project's name to go on:").await;
    std::fs::write(keyboard, "ComposioProject/agents/default\n").expect("it is read");
    let ended = terminal.wait(SOON).await.expect("it ends");
    pruned.compare(&terminal.read_log());
    assert_eq!(ended.code(), Some(0), "{}", terminal.read_log());

    let page = json!({"url": "https://connect.acme.example/connect/agents/support-gmail?t=x",
        "expiresAt": "2099-12-06T00:00:00Z"});
    scene
        .give_status("support-gmail", &json!({"connectPage": page}))
        .await;
    typist.types(&session("connect")[1]).await;
}

#[tokio::test]
async fn what_is_typed_in_the_help_shows_what_stands_there() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    let scene = Scene::named(&control_plane, "agents").await;
    let scene = scene.operated().await;
    let kubeconfig = std::fs::read_to_string(control_plane.kubeconfig()).expect("it was written");
    let mut kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).expect("it is YAML");
    kubeconfig["contexts"][0]["context"]["namespace"] = json!("agents");
    let of_agents = scene
        .folder
        .write("agents.kubeconfig", kubeconfig.to_string());
    of_agents.expect("the folder is there");
    let typist = Typist {
        scene: &scene,
        plugin: Plugin::of(&scene).await,
        typed: RefCell::default(),
    };

    scene.secret("crm", json!({"generic_api_key": "k-1"})).await;
    typist.types_session("create").await;
    let (id, _) = scene.linked("support-gmail").await;
    scene.ready("crm-hubspot", "Connected").await;
    typist.types_session("status").await;
    typist.types_session("explain").await;

    let connect = &session("connect")[0];
    let terminal = typist.starts(connect);
    shows(&terminal, "http").await;
    scene.sandbox.consent(&id).await;
    let ended = terminal.wait(SOON).await;
    let ended = ended.unwrap_or_else(|| panic!("it ends: {}", terminal.read_log()));
    connect.compare(&terminal.read_log());
    assert_eq!(ended.code(), Some(0), "{}", terminal.read_log());

    let create = ["create", "slack", "--user", "team", "--name", "team-slack"];
    let shared = ["--project", "ClusterComposioProject/shared"];
    run(&scene, &[&create[..], &shared].concat()).await.well();
    typist.types_session("reconcile").await;
    scene
        .kubectl(&["label", "connectedaccount", "support-gmail", "team=a"])
        .await;
    typist.types_session("suspend").await;
    installed(&scene).await;
    typist.types_session("version").await;
    typist.types_session("check").await;

    signs_in(&scene, "ada@acme.example").await;
    typist.types_session("import").await;
    scene.ready("ada-acme-example-gmail", "Connected").await;
    let disabled = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "support-gmail"},
        "spec": {"user": "support@acme.example", "toolkit": "gmail", "enabled": false}});
    let file = scene.folder.write("accounts.yaml", disabled.to_string());
    file.expect("the folder is there");
    typist.types_session("diff").await;
    typist.types_session("webhook register").await;
    without_operator(&scene, &typist).await;
    assert_eq!(
        typist.typed.take(),
        all_commands(),
        "each session of the help is typed here"
    );
}

#[rstest]
#[case::the_same("a\nb\nc", true)]
#[case::the_rest_left_out("a\n...", true)]
#[case::the_middle_left_out("a\n...\nc", true)]
#[case::the_beginning_left_out("...\nc", true)]
#[case::not_all("a\nb", false)]
#[case::not_the_end_of_what_is_left_out("a\n...\nb", false)]
#[case::more("a\nb\nc\nd", false)]
fn a_session_is_compared_line_by_line_but_for_what_is_left_out(
    #[case] expected: &str,
    #[case] is: bool,
) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let shown = lines("a\nb\nc");
    assert_eq!(is_shown(&lines(expected), &shown), is, "{expected:?}");
}
