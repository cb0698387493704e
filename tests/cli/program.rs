//! The program as a person or a script runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use composio_operator::kubernetes::PROXY_VARIABLES;
use regex::Regex;
use serde_json::{Value, json};

use crate::support::child::Child;
use crate::support::random_hex;
use crate::support::sandbox::{API_KEY, PROGRAM, Sandbox};
use crate::support::scene::{SOON, Scene};

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).expect("it is text");
        Ended {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// It must have gone well; what it printed.
    #[track_caller]
    pub(super) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// It must have ended with that code and those words.
    #[track_caller]
    pub(super) fn failed(self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(words), "{words:?} is not in {self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

/// Cargo tells a test where the programs of its own package are. This one is of another package: Cargo is asked
/// for what the tests were built with, all of it: for a part of it other features hold, and the program of the tests
/// would be built anew while it runs.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(PROGRAM).parent().expect("it is in a folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // What Cargo tells a test of its own package: build scripts that watch these, such as that of ring, would run
    // again, and all that rests on them would be built again.
    let of_package = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    });
    let mut cargo = Command::new(env!("CARGO"));
    for name in of_package {
        cargo.env_remove(name);
    }
    let built = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--offline",
            "--locked",
            "--bins",
            "--tests",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(folder.parent().expect("it is in a target folder"))
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "kubectl-composio is not built: {told}"
    );
    folder.join("kubectl-composio")
});

/// Where the program is.
pub(super) async fn path() -> &'static Path {
    let built = tokio::task::spawn_blocking(|| BUILT.as_path());
    built.await.expect("it is built")
}

/// The program with that kubeconfig, in an environment of which nothing counts.
pub(crate) async fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(path().await);
    command.args(args).env("KUBECONFIG", kubeconfig);
    for name in PROXY_VARIABLES
        .into_iter()
        .chain(["CI", "NO_COLOR", "COLUMNS", "TERM"])
    {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub(super) async fn end(mut command: Command) -> Ended {
    command.stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output();
    Ended::of(output.await.expect("the program runs"))
}

/// Starts it in the scene's namespace and leaves it to run; what it prints is in its log.
pub(super) async fn start(scene: &Scene<'_>, kubeconfig: &Path, args: &[&str]) -> Child {
    let args = [args, &["--namespace", &scene.namespace]].concat();
    let program = command(kubeconfig, &args).await;
    Child::spawn(&scene.folder, "kubectl-composio", SOON, &program).expect("it starts")
}

/// Runs it as the administrator, in the scene's namespace.
pub(super) async fn run(scene: &Scene<'_>, args: &[&str]) -> Ended {
    run_as(scene, scene.control_plane.kubeconfig(), args).await
}

/// The same as whoever has that kubeconfig.
pub(super) async fn run_as(scene: &Scene<'_>, kubeconfig: &Path, args: &[&str]) -> Ended {
    let args = [args, &["--namespace", &scene.namespace]].concat();
    end(command(kubeconfig, &args).await).await
}

/// The same with a time that runs out while it waits. On a busy machine it may take longer to come there.
pub(super) async fn run_out(scene: &Scene<'_>, kubeconfig: &Path, args: &[&str]) -> Ended {
    for timeout in ["1s", "10s", "60s"] {
        let args = [args, &["--timeout", timeout]].concat();
        let told = run_as(scene, kubeconfig, &args).await;
        assert_eq!(told.code, Some(124), "{told:?}");
        let words = format!(" was waited for in vain for {timeout}: ");
        if told.err.contains(&words) {
            return told;
        }
    }
    panic!("{args:?}: it never came to wait");
}

/// The kubeconfig of somebody with these rights.
pub(super) async fn somebody(scene: &Scene<'_>, name: &str, rules: &str) -> PathBuf {
    let token = scene
        .control_plane
        .service_account(&scene.client, &scene.namespace, name, rules)
        .await;
    scene.control_plane.kubeconfig_for_token(&token)
}

/// Somebody who may read, and no more.
pub(super) const VIEWER: &str =
    "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, list, watch]}]";

/// The same, and says that the API key may be sent to that sandbox.
pub(super) async fn run_at(scene: &Scene<'_>, sandbox: &Sandbox, args: &[&str]) -> Ended {
    run(scene, &at(sandbox, args)).await
}

/// The arguments, that the API key may be sent to that sandbox, and the project of the scene where none is named: tests
/// beside this one make projects of the cluster, of which it might be any.
pub(super) fn at<'a>(sandbox: &'a Sandbox, args: &[&'a str]) -> Vec<&'a str> {
    let allowed = ["--allow-http", "--allowed-base-url", sandbox.url()];
    let is_of_object = args.contains(&"diff") || args.contains(&"explain");
    let project: &[&str] = if is_of_object || args.contains(&"--project") {
        &[]
    } else {
        &["--project", "default"]
    };
    [args, &allowed, project].concat()
}

/// A sandbox that begins with these accounts, as the project of the scene has them.
pub(super) async fn seeded(scene: &Scene<'_>, accounts: &[Value]) -> Sandbox {
    let seed = json!({"accounts": accounts}).to_string();
    let seed = scene.folder.write("seed.yaml", seed);
    let seed = seed.expect("the folder is there");
    let args = ["--api-key", API_KEY, "--seed", &seed.to_string_lossy()];
    let sandbox = Sandbox::start_with(&scene.folder, "seeded", &args).await;
    sandbox.expect("the sandbox starts")
}

/// The same program at a terminal, and the file into which one writes what is typed.
pub(super) fn on_terminal(scene: &Scene<'_>, program: &Command) -> (Command, PathBuf) {
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let keyboard = scene.folder.join(format!("{}.keyboard", random_hex::<4>()));
    let made = Command::new("mkfifo").arg(&keyboard).status();
    assert!(made.expect("there are pipes").success());
    let mut terminal = Command::new("sh");
    terminal
        .args([
            "-c",
            "cat \"$KEYBOARD\" | script --quiet --return --command \"$WORDS\" /dev/null",
        ])
        .env("WORDS", words.join(" "))
        .env("KEYBOARD", &keyboard);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    (terminal, keyboard)
}

/// What was printed, with names for all that differs from run to run, and without trailing spaces.
pub(super) fn steady(scene: &Scene<'_>, told: &str) -> String {
    let rules = [
        (r"ca_[A-Za-z0-9_-]+", "ca_…"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\b\d+[smhd] ago", "AGE ago"),
        (r"(?m)^    \d+[smhd] +", "    AGE  "),
        (r" +\d+[smhd]$", "   AGE"),
        (r" {3,}", "   "),
    ];
    let mut steady = told.replace(&scene.namespace, "NS");
    for (pattern, name) in rules {
        let pattern = Regex::new(&format!("(?m){pattern}")).expect("it is a pattern");
        steady = pattern.replace_all(&steady, name).into_owned();
    }
    steady
}
