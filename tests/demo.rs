//! `cargo demo`: a throw-away control plane, an emulated Composio and the operator on free ports of
//! loopback, and three accounts that are declared, connected and deleted.

#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;

use std::io::{IsTerminal, Write, stdout};
use std::path::Path;
use std::process::exit;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use support::connect_page::{ConnectPage, RULES as PAGE_RULES};
use support::control_plane::ControlPlane;
use support::operator::{LEASE_RULES, Operator, Options, RULES};
use support::sandbox::{PROGRAM, Sandbox};
use support::story::{Stage, asked_by_toolkit, check_calls};
use support::tools::tools_for_demo;

const NAMESPACE: &str = "demo";
const REFRESH: Duration = Duration::from_secs(1);
const HELP: &str = "\
cargo demo            connect the accounts yourself, on the connect page; stop with Ctrl-C
cargo demo --auto     let the demo do all of it, check what Composio was asked, and end";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let auto = match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => false,
        ["--auto"] => true,
        _ => {
            say(HELP);
            exit(2);
        }
    };
    let runtime = Runtime::new().expect("a runtime can be built");
    let code = runtime.block_on(until_the_end(auto));
    // Not by dropping the runtime: tools that are being built would be waited for. Their build ends
    // with this process.
    exit(code);
}

async fn until_the_end(auto: bool) -> i32 {
    // Whatever ends first: everything that was started is stopped and removed.
    tokio::select! {
        result = demo(auto) => match result {
            Ok(()) => 0,
            Err(error) => {
                say(&format!("\nthe demo failed: {error}"));
                1
            }
        },
        _ = tokio::signal::ctrl_c() => {
            say("\nstopping");
            // Without --auto this is the way to end it.
            if auto { 130 } else { 0 }
        }
    }
}

async fn demo(auto: bool) -> Result<(), String> {
    let mut steps = Steps {
        begin: Instant::now(),
    };
    let tools = tools_for_demo().await.map_err(|error| error.to_string())?;
    // Told from here on: to get the programs once is no part of the story, and tells by itself how far it is.
    steps.begin = Instant::now();
    steps.say("start etcd and kube-apiserver").await;
    let control_plane = ControlPlane::start_with(tools)
        .await
        .map_err(|error| error.to_string())?;
    let client = control_plane.client().await;
    control_plane.install_crd().await;
    let made = control_plane
        .kubectl(&["create", "namespace", NAMESPACE])
        .await;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    steps.say("start an emulated Composio").await;
    let folder = control_plane.folder();
    let sandbox = Sandbox::start(folder, "sandbox")
        .await
        .map_err(|error| error.to_string())?;
    steps
        .say("start the operator, with the permissions that are shipped")
        .await;
    let token = control_plane
        .service_account(&client, NAMESPACE, "composio-operator", RULES)
        .await;
    control_plane
        .allow(&client, NAMESPACE, "composio-operator", LEASE_RULES)
        .await;
    let kubeconfig = control_plane.kubeconfig_for_token(&token);
    let mut options = Options::with_defaults(&control_plane, &kubeconfig, sandbox.url(), NAMESPACE)
        .without_project();
    // Somebody is there to press the button.
    let page = match auto {
        true => None,
        false => Some(serve_page(&control_plane, &client, &mut steps).await),
    };
    if let Some(page) = &page {
        options = page.known_to(options);
    }
    let operator = Operator::start(folder, "operator", &options)
        .await
        .map_err(|error| error.to_string())?;
    let stage = Stage {
        control_plane: &control_plane,
        client: &client,
        sandbox: &sandbox,
        namespace: NAMESPACE,
    };
    let told = if auto {
        tell_story(&stage, &mut steps).await
    } else {
        stage.apply_project().await?;
        stage.apply().await?;
        look_on(&stage).await
    };
    told.map_err(|error| {
        format!(
            "{error}\nthe operator's last words:\n{}",
            operator.child.log_tail(20)
        )
    })
}

/// The page on which people ask for links, with the permissions that are shipped.
async fn serve_page(
    control_plane: &ControlPlane,
    client: &kube::Client,
    steps: &mut Steps,
) -> ConnectPage {
    steps.say("start the connect page").await;
    let token = control_plane
        .service_account(client, NAMESPACE, "composio-connect", PAGE_RULES)
        .await;
    let kubeconfig = control_plane.kubeconfig_for_token(&token);
    let args = ["--watch-namespace", NAMESPACE];
    let page = ConnectPage::spawn(control_plane.folder(), "connect", &kubeconfig, &args);
    page.ready().await;
    page
}

/// Lets the story take its course and checks what Composio was asked.
async fn tell_story(stage: &Stage<'_>, steps: &mut Steps) -> Result<(), String> {
    stage
        .run(async |step| {
            if let Ok(table) = stage.kubectl(&["get", "connectedaccounts"]).await
                && !table.trim().is_empty()
            {
                say(table.trim_end());
            }
            steps.say(step).await;
        })
        .await?;
    steps.say("what Composio was asked, but for the poll").await;
    let asked = asked_by_toolkit(stage.sandbox).await;
    for (toolkit, asked) in &asked {
        let status = asked
            .status
            .map_or_else(|| "cut".to_owned(), |status| status.to_string());
        let account = asked.account.as_deref().unwrap_or_default();
        say(&format!(
            "{toolkit:<8} {:<24} {status}  {account}",
            asked.words()
        ));
    }
    check_calls(&asked)?;
    steps
        .say("as expected: every grant was revoked before its account was deleted")
        .await;
    Ok(())
}

/// Shows the objects as they change, until Ctrl-C.
async fn look_on(stage: &Stage<'_>) -> Result<(), String> {
    let kubectl = stage.control_plane.kubectl_path().display();
    let kubeconfig = stage.control_plane.kubeconfig().display();
    let plugin = plugin();
    let at = format!("--kubeconfig {kubeconfig} -n {NAMESPACE}");
    let plugin = format!(
        "the plugin:   {plugin} status {at}\n              {plugin} inventory {at} --allow-http --allowed-base-url {}",
        stage.sandbox.url()
    );
    let mut shown = String::new();
    let mut refresh = tokio::time::interval(REFRESH);
    loop {
        refresh.tick().await;
        let mut screen = stage.kubectl(&["get", "connectedaccounts"]).await?;
        for link in stage
            .kubectl(&["get", "connectedaccounts", "-o", PAGES])
            .await?
            .lines()
        {
            if let Some((name, url)) = link.split_once(' ').filter(|(_, url)| !url.is_empty()) {
                screen.push_str(&format!(
                    "\nopen this address, and press the button, to connect {name}: {url}"
                ));
            }
        }
        // The age changes every second: that alone is no news.
        let news: String = screen
            .lines()
            .map(|line| line.trim_end_matches(char::is_alphanumeric))
            .collect();
        if news != shown {
            if stdout().is_terminal() {
                // Clear the screen.
                say("\x1b[2J\x1b[H");
            }
            say(&format!(
                "{screen}\n\nlook around:  {kubectl} --kubeconfig {kubeconfig} -n {NAMESPACE} get connectedaccounts -o wide\n{plugin}\nstop:         Ctrl-C\n"
            ));
            shown = news;
        }
    }
}

/// What starts the plugin from any folder: neither it nor the demo's kubectl need be on the PATH.
fn plugin() -> String {
    let built = Path::new(PROGRAM).with_file_name("kubectl-composio");
    match built.is_file() {
        true => built.display().to_string(),
        false => format!(
            "cargo run --quiet --manifest-path {}/Cargo.toml --package composio-cli --",
            env!("CARGO_MANIFEST_DIR")
        ),
    }
}

const PAGES: &str =
    r#"jsonpath={range .items[*]}{.metadata.name}{" "}{.status.connectPage.url}{"\n"}{end}"#;

/// Says each step and how long after the beginning it comes.
struct Steps {
    begin: Instant,
}

impl Steps {
    async fn say(&mut self, step: &str) {
        say(&format!(
            "[{:>5.1} s] {step}",
            self.begin.elapsed().as_secs_f64()
        ));
    }
}

fn say(text: &str) {
    // With standard output closed there is nobody to tell.
    let _ = writeln!(stdout(), "{text}");
}
