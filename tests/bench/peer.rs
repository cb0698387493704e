//! The same work by a plain operator of controller-runtime, one after the other on control planes of their own: what
//! each needs of time, of the apiserver and of itself.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::meter::{Log, Process, Requests, Served, pause, sum};
use super::part::LONG;
use super::profile::Profile;
use super::run::{at, stop};
use super::stage::{self, Mix, NAMESPACE, Stage};
use super::table::{ratio, say, seconds};
use crate::support::child::{Child, Folder, Signal};
use crate::support::operator::Operator;
use crate::support::sandbox::{API_KEY, Sandbox};
use crate::support::tools::{self, PEER};

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
/// Of a request that was made less often for an account nothing is told.
const LEAST_COUNT: f64 = 0.01;

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
    delete: Cost,
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
    let mut asked = 0;
    let many = size as u64;
    let reported = async || {
        asked += sum(&log.read(&sandbox).await, |_| true);
        if asked < size {
            return false;
        }
        let written = Served::read(&stage.client).await.since(before);
        written.statuses >= many
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
    let requests = Requests::read(&stage.client).await;
    let meter = Meter::from(&stage, child, Instant::now(), process.cpu, requests);
    let mut log = Log::from_now(&sandbox).await;
    let mut asked = 0;
    let profiled = profile.then(|| Profile::begin(&stage, which.name(), "delete"));
    stage.delete_all().await;
    let gone = async || {
        asked += sum(&log.read(&sandbox).await, |_| true);
        asked >= size && stage.is_empty().await
    };
    let delete = meter.until(size, "the last deletion", gone).await;
    if let Some(profiled) = profiled {
        profiled.written().await;
    }
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

impl Peer {
    /// A figure a line: ours, the peer's, and how many times the peer's ours is. Each is the median of the rounds.
    pub(crate) fn print(&self) {
        type Figure = fn(&Side) -> f64;
        let figures: [(&str, Figure); 13] = [
            ("onboard: seconds", |side| side.onboard.seconds),
            ("onboard: seconds to a report, p50", |side| {
                side.report_p50_seconds
            }),
            ("onboard: seconds to a report, p99", |side| {
                side.report_p99_seconds
            }),
            ("onboard: p99 of p50", |side| {
                side.report_p99_seconds / side.report_p50_seconds
            }),
            ("onboard: apiserver CPU seconds", |side| {
                side.onboard.apiserver_cpu_seconds
            }),
            ("onboard: own CPU seconds", |side| {
                side.onboard.own_cpu_seconds
            }),
            ("delete: seconds", |side| side.delete.seconds),
            ("delete: apiserver CPU seconds", |side| {
                side.delete.apiserver_cpu_seconds
            }),
            ("delete: own CPU seconds", |side| {
                side.delete.own_cpu_seconds
            }),
            ("accounts made", |side| side.accounts as f64),
            ("accounts left", |side| side.left as f64),
            ("peak MB", |side| side.peak_mb),
            ("MB when all are reported", |side| side.settled_mb),
        ];
        say("");
        let rounds = self.rounds.len();
        let head = format!("{} accounts, {:?}, median of {rounds}", self.size, self.mix);
        say(&format!(
            "{head:<40}{:>14}{:>14}{:>14}",
            "ours", "the peer", "times"
        ));
        for (name, figure) in figures {
            let ours = median(self.rounds.iter().map(|round| figure(&round.ours)));
            let peer = median(self.rounds.iter().map(|round| figure(&round.peer)));
            let (times, ours, peer) = (ratio(ours, peer), seconds(ours), seconds(peer));
            say(&format!("{name:<40}{ours:>14}{peer:>14}{times:>14}"));
        }
        self.print_requests("onboard", |side| &side.onboard);
        self.print_requests("delete", |side| &side.delete);
    }

    /// What each has asked of the apiserver for an account, the bench's own reading among it.
    fn print_requests(&self, part: &str, cost: fn(&Side) -> &Cost) {
        let rounds = self.rounds.iter();
        let sides = rounds.flat_map(|round| [&round.ours, &round.peer]);
        let all = sides.flat_map(|side| cost(side).requests.0.keys());
        let all: BTreeSet<&String> = all.collect();
        let many = self.size as f64;
        for words in all {
            let count = |side: &Side| {
                let count = cost(side).requests.0.get(words);
                count.copied().unwrap_or(0) as f64 / many
            };
            let ours = median(self.rounds.iter().map(|round| count(&round.ours)));
            let peer = median(self.rounds.iter().map(|round| count(&round.peer)));
            if ours.max(peer) >= LEAST_COUNT {
                let name = format!("{part}: {words}, an account");
                say(&format!("{name:<52}{ours:>14.3}{peer:>14.3}"));
            }
        }
    }

    /// Where a count of ours is not what it must be. The peer's are in the table: with others its times do not count.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let ours = self.rounds.iter().map(|round| &round.ours);
        let counts = ours.flat_map(|ours| {
            [
                ("accounts", self.size, ours.accounts),
                ("accounts left", 0, ours.left),
            ]
        });
        counts
            .filter(|(_, expected, found)| expected != found)
            .map(|(what, expected, found)| {
                format!("beside a peer: {what}: {found} instead of {expected}")
            })
            .collect()
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
