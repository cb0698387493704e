//! What is printed where nobody looks on, where colours are not wanted, and where there are few columns.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::diff::file;
use super::program::{Ended, at, command, end, path};
use crate::support::scene::{Operated, Scene, gmail};

/// Few enough for a phone.
const FEW: usize = 40;

struct Told<'a> {
    scene: Operated<'a>,
    commands: Vec<Vec<String>>,
}

/// Commands that print more than a line or two, each with its flags.
async fn told(name: &str) -> Told<'static> {
    let scene = Scene::new(name).await.operated().await;
    scene.linked_gmail("mail").await;
    scene.made_by_hand("ada", Some("work")).await;
    let mut disabled = gmail();
    disabled["enabled"] = json!(false);
    let file = file(&scene, "mail", &disabled);
    let named = |args: &[&str]| {
        let all = [&at(&scene.sandbox, args)[..], &["-n", &scene.namespace]].concat();
        all.iter().map(|word| (*word).to_owned()).collect()
    };
    let plain = |args: &[&str]| {
        let all = [args, &["-n", &scene.namespace]].concat();
        all.iter().map(|word| (*word).to_owned()).collect()
    };
    let commands = vec![
        named(&["import"]),
        named(&["inventory"]),
        named(&["diff", "-f", &file]),
        named(&["explain", "mail"]),
        plain(&["explain", "mail"]),
        plain(&["connect", "mail", "--print-link"]),
        plain(&["status", "mail"]),
        plain(&["status"]),
    ];
    Told { scene, commands }
}

impl Told<'_> {
    async fn program(&self, args: &[String]) -> Command {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        command(self.scene.control_plane.kubeconfig(), &args).await
    }
}

/// The same at a terminal with so many columns, of which no variable tells.
async fn at_terminal(kubeconfig: &Path, args: &[String], columns: usize, no_color: &str) -> Ended {
    end(terminal(kubeconfig, args, columns, no_color).await).await
}

/// The program at such a terminal.
pub(super) async fn terminal(
    kubeconfig: &Path,
    args: &[String],
    columns: usize,
    no_color: &str,
) -> Command {
    let words: Vec<String> = args.iter().map(|word| format!("'{word}'")).collect();
    let program = path().await.display();
    let typed = format!("stty cols {columns} rows 20; {program} {}", words.join(" "));
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
        .env("KUBECONFIG", kubeconfig)
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .env_remove("COLUMNS")
        .env_remove("CI");
    terminal
}

/// What takes away the line in which the cursor is.
pub(super) const ERASED: &str = "\r\u{1b}[K";

fn is_code(code: Option<i32>) -> bool {
    // That of `diff` says that something differs.
    matches!(code, Some(0 | 1))
}

#[tokio::test]
async fn in_a_log_there_is_neither_progress_nor_colour() {
    let told = told("cli-log").await;
    for args in &told.commands {
        let mut program = told.program(args).await;
        program.env("CI", "true").env("TERM", "xterm");
        let told = end(program).await;
        assert!(is_code(told.code), "{args:?}: {told:?}");
        let all = format!("{}{}", told.out, told.err);
        assert!(!all.contains(['\r', '\u{1b}']), "{args:?}: {all:?}");
        assert!(!all.contains("accounts read"), "{args:?}: {all:?}");
    }
}

#[tokio::test]
async fn at_a_terminal_no_color_is_heeded_and_few_columns_are_enough() {
    let told = told("cli-terminal-few").await;
    let kubeconfig = told.scene.control_plane.kubeconfig();
    let mut coloured = 0;
    let mut commands = told.commands.clone();
    for more in [
        &["check", "--operator-namespace", &told.scene.namespace][..],
        // What is wrong, and what is said on the side, is for whoever reads along too.
        &["status", "no-such-name"],
        &["connect", "mail", "--open"],
        &["reconcile", "--project", "no-such-project"],
    ] {
        let more = [more, &["-n", &told.scene.namespace]].concat();
        commands.push(more.iter().map(|word| (*word).to_owned()).collect());
    }
    for args in &commands {
        let plain = at_terminal(kubeconfig, args, FEW, "1").await;
        assert!(
            is_code(plain.code) || plain.code == Some(2),
            "{args:?}: {plain:?}"
        );
        let shown = plain.out.replace(ERASED, "\r");
        assert!(!shown.contains('\u{1b}'), "{args:?}: {plain:?}");
        let colours = at_terminal(kubeconfig, args, FEW, "").await;
        coloured += usize::from(colours.out.replace(ERASED, "").contains('\u{1b}'));
        // A table is as wide as its cells, as kubectl's is, and a manifest is for programs.
        let is_text = ["explain", "diff", "check", "reconcile"].contains(&args[0].as_str())
            || (args[0] == "status" && args[1] != "-n")
            || args.contains(&"--open".to_owned());
        if is_text {
            for line in shown.split("\r\n") {
                // What was counted is written over.
                let line = line.rsplit('\r').next().unwrap_or_default();
                let is_word = !line.trim().trim_start_matches("would ").contains(' ');
                // What is to be copied is in one line, and a namespace here has a long name.
                let is_word = is_word || line.contains(&told.scene.namespace);
                let fits = line.chars().count() <= FEW;
                assert!(fits || is_word, "{args:?}: {line:?} of {}", plain.out);
            }
        }
    }
    assert!(coloured > 0, "colours are there where they are wanted");
}

#[tokio::test]
async fn what_was_counted_is_taken_away_also_where_the_terminal_knows_no_sequences() {
    let told = told("cli-terminal-dumb").await;
    let kubeconfig = told.scene.control_plane.kubeconfig();
    let args = &told.commands[1];
    assert_eq!(args[0], "inventory");
    let erased = format!("\r{}\r", " ".repeat(FEW - 1));
    for (term, erased) in [("xterm", ERASED), ("dumb", &erased), ("", ERASED)] {
        let mut terminal = terminal(kubeconfig, args, FEW, "").await;
        terminal.env("TERM", term);
        let shown = end(terminal).await;
        let counted = format!("{erased}accounts read: 2 of 2{erased}");
        assert!(shown.out.contains(&counted), "{term}: {shown:?}");
        assert!(term != "dumb" || !shown.out.contains('\u{1b}'), "{shown:?}");
    }
}

#[tokio::test]
async fn whoever_waits_for_the_rate_limit_is_told_at_a_terminal() {
    let scene = Scene::new("cli-terminal-limit").await;
    scene.give_project(&scene.options()).await;
    scene.made_by_hand("ada", None).await;
    let args = ["import", "-n", &scene.namespace, "-o", "name"];
    let args = at(&scene.sandbox, &args).into_iter().map(str::to_owned);
    let args: Vec<String> = args.collect();
    let limit = json!({"status": 429, "times": 1, "path_prefix": "/connected_accounts", "headers": {"retry-after": "3"}});
    scene.sandbox.control("POST", "fault", limit).await;
    let told = at_terminal(scene.control_plane.kubeconfig(), &args, FEW, "1").await;
    let words: Vec<&str> = told.out.split_whitespace().collect();
    assert!(words.join(" ").contains("asked again in 3s"), "{told:?}");
    let name = "connectedaccount.composio.dev/ada-gmail\r\n";
    assert!(told.out.ends_with(name), "{told:?}");
}

#[tokio::test]
async fn who_has_read_enough_closes_the_pipe_and_nothing_is_said_of_it() {
    let told = told("cli-enough").await;
    for args in &told.commands {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let mut program = told.program(args).await;
        program.stdout(writer).stderr(Stdio::piped());
        let program = tokio::process::Command::from(program).spawn();
        let ended = program.expect("it starts").wait_with_output().await;
        let ended = ended.expect("it ends");
        let differs = i32::from(args[0] == "diff");
        assert_eq!(ended.status.code(), Some(differs), "{args:?}: {ended:?}");
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(!err.contains("error"), "{args:?}: {err}");
    }
}
