//! `cargo node`: the image in pods of a real node, from `helm install` to an uninstall and back.
//!
//! A control plane with controllers and scheduler, containerd, a kubelet and a kube-proxy, in a network of their own;
//! the image built as it is shipped, pushed with the chart to a registry and installed from there with the sandbox, as
//! the README says; a person who opens the connect page through its Service. Needs root and the Debian packages of
//! [`PACKAGES`]: where they are not there it says so and passes over, but with `CI` set that is a failure.

mod cluster;
mod containerd;
mod image;
mod names;
mod network;
mod person;
mod release;
#[allow(dead_code, reason = "each binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

use std::io::{Write, stdout};
use std::process::{Command, ExitCode};
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use cluster::Cluster;
use image::Image;
use release::Release;
use support::child::Folder;
use support::registry::Registry;
use support::tools::{self, CRANE, HELM};

/// Programs that have to be there, and the packages that bring them.
const PROGRAMS: [&str; 9] = [
    "containerd",
    "ctr",
    "runc",
    "buildah",
    "ip",
    "iptables",
    "unshare",
    "chromium",
    "chromedriver",
];
const PACKAGES: &str = "containerd runc containernetworking-plugins buildah iproute2 iptables chromium chromium-driver";
/// Tells the program that it is in the node's network already.
const INSIDE: &str = "--inside";

fn main() -> ExitCode {
    if let Some(lacking) = lacking() {
        say(&format!("skipped: {lacking}"));
        // There it is the point that nothing is passed over.
        return match std::env::var_os("CI") {
            Some(_) => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        };
    }
    let done = match std::env::args().any(|argument| argument == INSIDE) {
        false => prepare().and_then(|()| Err(network::enter(&[INSIDE]))),
        true => {
            let runtime = Runtime::new().expect("a runtime can be built");
            runtime.block_on(until_the_end())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\nfailed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Gets and builds everything, for which the world outside may be needed.
fn prepare() -> Result<(), String> {
    tools::tools().map_err(|error| error.to_string())?;
    for tool in cluster::PROGRAMS.into_iter().chain([&HELM, &CRANE]) {
        tools::find(tool).map_err(|error| error.to_string())?;
    }
    say("build the image");
    let sizes = image::build(&image::archive())?;
    say(&format!("binary and image: {sizes}"));
    Ok(())
}

/// What a node needs and this machine has not.
fn lacking() -> Option<String> {
    let uid = Command::new("id").arg("-u").output().ok()?;
    if uid.stdout != b"0\n" {
        return Some("a node needs root".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|program| !folders.iter().any(|folder| folder.join(program).is_file()))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{} not found; apt-get install {PACKAGES}",
            missing.join(", ")
        )
    })
}

/// Whatever ends first: everything that was started is stopped and removed.
async fn until_the_end() -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::select! {
        result = run() => result,
        _ = tokio::signal::ctrl_c() => Err("stopped by a person".to_owned()),
        _ = terminate.recv() => Err("terminated".to_owned()),
    }
}

/// The story of a release.
async fn run() -> Result<(), String> {
    let mut steps = Steps {
        begin: Instant::now(),
    };
    steps.say("start a control plane and a node");
    let folder = Folder::new().map_err(|error| error.to_string())?;
    network::set_up(&folder).await?;
    let cluster = Cluster::start().await?;
    steps.say("push image and chart to a registry");
    let registry = Registry::start(&folder).await;
    let image = Image::read(&image::archive()).await?;
    let release = Release::publish(&cluster, &image, &registry).await?;
    let told = tell(&release, &mut steps).await;
    if told.is_err() {
        say(&release.state().await);
    }
    steps.say("remove everything");
    cluster.end().await?;
    told?;
    steps.say("done");
    Ok(())
}

async fn tell(release: &Release<'_>, steps: &mut Steps) -> Result<(), String> {
    steps.say("examples/first-account: helm install with the sandbox and the connect page, apply, and a person who opens the page through its Service");
    say(release.first_account().await?.trim_end());
    let running = release.image_of_the_operator().await?;
    say(&format!("image running: {running}"));
    release.is_pushed(&running)?;
    steps.say("helm test --logs");
    say(release.test().await?.trim_end());
    let before = release.accounts().await?;
    let pod = release.pod().await?;
    steps.say("helm upgrade --wait, to other values");
    release.upgrade(&["--set", "log.format=json"]).await?;
    same(&before, &release.accounts().await?)?;
    let upgraded = release.pod().await?;
    different(&pod, &upgraded)?;
    steps.say("helm rollback --wait");
    release.rollback().await?;
    same(&before, &release.accounts().await?)?;
    different(&upgraded, &release.pod().await?)?;
    steps.say(
        "helm upgrade behind a proxy: who says a name, and not the proxy's secret, gets nothing",
    );
    release.knows_its_proxy().await?;
    steps.say("helm uninstall --wait, definitions and objects stay");
    release.uninstall().await?;
    release.no_operator().await?;
    let kept = release.accounts().await?;
    say(&format!("accounts before uninstall: {before:?}"));
    same(&before, &kept)?;
    steps.say("helm install again, as the README says");
    release.install().await?;
    release.looked_at_again().await?;
    let after = release.accounts().await?;
    say(&format!("accounts after reinstall:  {after:?}"));
    same(&before, &after)?;
    release.no_account_was_made_anew(before.len()).await?;
    steps.say("helm uninstall with uninstall.policy Drain: nothing stays");
    release
        .upgrade(&["--set", "uninstall.policy=Drain"])
        .await?;
    release.uninstall().await?;
    let left = release.accounts().await?;
    if !left.is_empty() {
        return Err(format!("left: {left:?}"));
    }
    release.every_grant_was_revoked().await
}

fn same(before: &[release::Account], after: &[release::Account]) -> Result<(), String> {
    if before.is_empty() || before != after {
        return Err(format!("the accounts were {before:?} and are {after:?}"));
    }
    Ok(())
}

fn different(before: &str, after: &str) -> Result<(), String> {
    match before == after {
        true => Err(format!("{before} was not replaced")),
        false => Ok(()),
    }
}

/// Says each step and how long after the beginning it comes.
struct Steps {
    begin: Instant,
}

impl Steps {
    fn say(&mut self, step: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        say(&format!("[{seconds:>5.1} s] {step}"));
    }
}

fn say(text: &str) {
    // With standard output closed there is nobody to tell.
    let _ = writeln!(stdout(), "{text}");
}
