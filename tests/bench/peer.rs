//! The same work by a plain operator of controller-runtime, one after the other on control planes of their own: what
//! each needs of time, of the apiserver and of itself.

use std::cmp::Ordering;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::meter::{Log, Process, Requests, Served, effects, pause, sum};
use super::part::LONG;
use super::profile::Profile;
use super::run::{at, stop};
use super::stage::{self, Mix, NAMESPACE, Stage};
use super::table::say;
use crate::support::child::{Child, Folder, Signal};
use crate::support::operator::Operator;
use crate::support::sandbox::{API_KEY, Sandbox};
use crate::support::tools::{self, PEER};

mod figures;

const RULES: &str = r#"
- apiGroups: [composio.dev]
  resources: [connectedaccounts]
  verbs: [get, list, watch, update]
- apiGroups: [composio.dev]
  resources: [connectedaccounts/status]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
"#;
/// After so long everything that follows the last report is over.
const SETTLE: Duration = Duration::from_secs(10);
/// The deletion of more takes longer than it tells: it goes by the number of the accounts.
const MOST_DELETED: usize = 50_000;

/// What one size has cost, ours and the peer's.
#[derive(Debug, Serialize)]
pub(crate) struct Peer {
    size: usize,
    mix: Mix,
    rounds: Vec<Round>,
}

#[derive(Debug, Serialize)]
struct Round {
    ours: Side,
    peer: Side,
}

/// What one operator has cost. Times in seconds, memory in megabytes.
#[derive(Debug, Serialize)]
struct Side {
    onboard: Cost,
    /// From the start until half, and until 99 of 100 objects have reported, to the second.
    report_p50_seconds: f64,
    report_p99_seconds: f64,
    /// Of no more than [`MOST_DELETED`].
    delete: Option<Cost>,
    peak_mb: f64,
    settled_mb: f64,
    /// Accounts that were there when all objects were reported.
    accounts: usize,
    /// Accounts that were left when all objects were gone.
    left: usize,
}

/// What a part of it has cost.
#[derive(Debug, Serialize)]
struct Cost {
    seconds: f64,
    apiserver_cpu_seconds: f64,
    own_cpu_seconds: f64,
    requests: Requests,
}

/// Which of the two.
#[derive(Clone, Copy)]
enum Which {
    Ours,
    Peer,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Which::Ours => "ours",
            Which::Peer => "peer",
        }
    }
}

/// Measures one size, so many times.
pub(crate) async fn measure(
    size: usize,
    mix: Mix,
    concurrency: u16,
    rounds: usize,
    profile: bool,
) -> Peer {
    let mut all = Vec::new();
    for round in 1..=rounds {
        say(&format!(
            "{size} accounts, {mix:?}, round {round} of {rounds}: ours"
        ));
        let ours = side(Which::Ours, size, mix, concurrency, profile).await;
        say(&format!(
            "{size} accounts, {mix:?}, round {round} of {rounds}: the peer"
        ));
        let peer = side(Which::Peer, size, mix, concurrency, profile).await;
        all.push(Round { ours, peer });
    }
    Peer {
        size,
        mix,
        rounds: all,
    }
}

/// An operator, and how it is ended.
enum Running {
    Ours(Operator),
    Peer(Child),
}

impl Running {
    async fn start(which: Which, stage: &Stage, sandbox: &Sandbox) -> Running {
        match which {
            Which::Ours => Running::Ours(stage.operator("operator", sandbox)),
            Which::Peer => Running::Peer(start_peer(stage, sandbox).await),
        }
    }

    fn child(&self) -> &Child {
        match self {
            Running::Ours(operator) => &operator.child,
            Running::Peer(child) => child,
        }
    }

    async fn stop(self) {
        match self {
            Running::Ours(operator) => stop(operator).await,
            Running::Peer(child) => {
                child.signal(Signal::Term).expect("it runs");
                let ended = child.wait(Duration::from_secs(60)).await;
                ended.expect("it ends when it is asked to");
            }
        }
    }
}

async fn start_peer(stage: &Stage, sandbox: &Sandbox) -> Child {
    let control_plane = &stage.control_plane;
    let token = control_plane
        .service_account(&stage.client, NAMESPACE, "peer", RULES)
        .await;
    let key = stage.folder.write("peer-key", API_KEY);
    let mut command = Command::new(tools::program(&PEER).await);
    command
        .args(["--namespace", NAMESPACE, "--base-url", sandbox.url()])
        .arg("--api-key-file")
        .arg(key.expect("the folder is there"))
        .env("KUBECONFIG", control_plane.kubeconfig_for_token(&token));
    let child = Child::spawn(&stage.folder, "peer", Duration::from_secs(10), &command);
    child.expect("the peer starts")
}

/// Reads the meters over a part of the work of one operator.
struct Meter<'a> {
    stage: &'a Stage,
    child: &'a Child,
    begun: Instant,
    apiserver: Duration,
    own: Duration,
    requests: Requests,
}

impl<'a> Meter<'a> {
    /// With what a process that is begun with has used from its start.
    fn from(
        stage: &'a Stage,
        child: &'a Child,
        begun: Instant,
        own: Duration,
        requests: Requests,
    ) -> Meter<'a> {
        let apiserver = apiserver_cpu(stage);
        Meter {
            stage,
            child,
            begun,
            apiserver,
            own,
            requests,
        }
    }

    /// Until that is so.
    async fn until(self, size: usize, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Cost {
        let mut told = Instant::now();
        while !is_so().await {
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                let served = Served::read(&self.stage.client).await;
                say(&format!("    {what}: {served:?}"));
            }
            let ended = self.child.exited();
            assert!(ended.is_none(), "{}", self.child.log_tail(20));
            assert!(self.begun.elapsed() < LONG, "{what} does not come");
            tokio::time::sleep(pause(size)).await;
        }
        let own = Process::read(self.child.pid()).cpu;
        let apiserver = apiserver_cpu(self.stage).saturating_sub(self.apiserver);
        let seconds = self.begun.elapsed().as_secs_f64();
        let requests = Requests::read(&self.stage.client).await;
        Cost {
            seconds,
            apiserver_cpu_seconds: apiserver.as_secs_f64(),
            own_cpu_seconds: own.saturating_sub(self.own).as_secs_f64(),
            requests: requests.since(&self.requests),
        }
    }
}

fn apiserver_cpu(stage: &Stage) -> Duration {
    let pids = stage.control_plane.pids();
    let apiserver = pids.first().expect("the apiserver is the first");
    Process::read(*apiserver).cpu
}

async fn side(which: Which, size: usize, mix: Mix, concurrency: u16, profile: bool) -> Side {
    let folder = Folder::new().expect("a folder can be made");
    let sandbox = stage::composio(&folder).await;
    let stage = Stage::set(concurrency, mix).await.with_deletion();
    stage.declare(size, "account").await;
    // Built where it is not yet there, before the time is taken.
    tools::program(&PEER).await;
    let before = Served::read(&stage.client).await;
    let requests = Requests::read(&stage.client).await;
    let (begun, began_at) = (Instant::now(), Timestamp::now());
    let running = Running::start(which, &stage, &sandbox).await;
    let child = running.child();
    let meter = Meter::from(&stage, child, begun, Duration::ZERO, requests);
    // The apiserver's metrics are dear: they are read when Composio has been asked for as many accounts.
    let mut log = Log::from_now(&sandbox).await;
    let mut made = 0;
    let many = size as u64;
    let reported = async || {
        made += effects(&log.read(&sandbox).await);
        if made < size {
            return false;
        }
        let written = Served::read(&stage.client).await.since(before);
        match written.statuses.cmp(&many) {
            Ordering::Less => false,
            Ordering::Equal => true,
            // Of many the first links have run out by now, which is a report, too. To read all of them is dear.
            Ordering::Greater => stage.all_report_an_account().await,
        }
    };
    let profiled = profile.then(|| Profile::begin(&stage, which.name(), "onboard"));
    let onboard = meter.until(size, "the last report", reported).await;
    if let Some(profiled) = profiled {
        profiled.written().await;
    }
    let reports = stage.reports(began_at).await;
    tokio::time::sleep(SETTLE).await;
    let process = Process::read(child.pid());
    let accounts = sandbox.accounts().await.len();
    let delete = if size > MOST_DELETED {
        None
    } else {
        let meter = Meter::from(
            &stage,
            child,
            Instant::now(),
            process.cpu,
            Requests::read(&stage.client).await,
        );
        let profiled = profile.then(|| Profile::begin(&stage, which.name(), "delete"));
        let delete = deletion(&stage, &sandbox, meter, size).await;
        if let Some(profiled) = profiled {
            profiled.written().await;
        }
        Some(delete)
    };
    let left = sandbox.accounts().await;
    let left = left
        .iter()
        .filter(|account| account["deleted_at"].is_null());
    let left = left.count();
    running.stop().await;
    Side {
        onboard,
        report_p50_seconds: at(&reports, 50),
        report_p99_seconds: at(&reports, 99),
        delete,
        peak_mb: process.peak_mb,
        settled_mb: process.rss_mb,
        accounts,
        left,
    }
}

async fn deletion(stage: &Stage, sandbox: &Sandbox, meter: Meter<'_>, size: usize) -> Cost {
    let mut log = Log::from_now(sandbox).await;
    let mut asked = 0;
    stage.delete_all().await;
    let gone = async || {
        asked += sum(&log.read(sandbox).await, |_| true);
        asked >= size && stage.is_empty().await
    };
    meter.until(size, "the last deletion", gone).await
}
