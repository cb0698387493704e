//! Many projects with a few accounts each, in one operator: each has a key and a poller of its own.

use std::time::Duration;

use composio_operator::composio::Endpoint;
use composio_operator::plan::computed_alias;
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::PostParams;
use serde::Serialize;
use serde_json::{Value, json};

use super::meter::{Process, Served, pause};
use super::part::LONG;
use super::stage::{self, Mix, NAMESPACE, Stage};
use super::table::say;
use crate::support::child::Folder;
use crate::support::operator::Operator;
use crate::support::sandbox::Sandbox;
use crate::support::wait;

/// Accounts of each project, where nothing else is said.
pub(crate) const ACCOUNTS: usize = 10;
/// Projects that are declared at a time.
const PROJECTS_AT_A_TIME: usize = 8;
/// Objects of each of them that are.
const AT_A_TIME: usize = 4;
/// After so long everything that follows a start is over.
const QUIET: Duration = Duration::from_secs(60);
/// How long is measured: each project is polled several times, or a part of them once.
const REST: Duration = Duration::from_secs(120);

/// What so many projects have cost.
#[derive(Debug, Serialize)]
pub(crate) struct Many {
    pub(crate) projects: usize,
    pub(crate) accounts: usize,
    pub(crate) adoption_seconds: f64,
    pub(crate) adoption_effects: u64,
    pub(crate) adoption_writes: u64,
    pub(crate) peak_mb: f64,
    pub(crate) rest: Rest,
    /// From the start of another process until every project was polled.
    pub(crate) restart_seconds: f64,
    pub(crate) restart_writes: u64,
    /// From the start to the end of the time at rest.
    pub(crate) restart_peak_mb: f64,
    /// The same at the pace of projects in which nothing has happened for an hour.
    pub(crate) idle: Rest,
}

/// What it costs when nothing happens.
#[derive(Debug, Serialize)]
pub(crate) struct Rest {
    pub(crate) mb: f64,
    pub(crate) core_percent: f64,
    pub(crate) requests_a_minute: f64,
    pub(crate) effects: u64,
    pub(crate) writes: u64,
}

/// Measures so many projects, with so many accounts each. All are in one namespace.
pub(crate) async fn measure(
    projects: usize,
    accounts_each: usize,
    concurrency: u16,
    smoke: bool,
) -> Many {
    let folder = Folder::new().expect("a folder can be made");
    let sandbox = stage::composio(&folder).await;
    let stage = Stage::set(concurrency, Mix::Usual).await;
    say(&format!("{projects} projects: adoption"));
    stream::iter(0..projects)
        .for_each_concurrent(PROJECTS_AT_A_TIME, |n| {
            declare(&stage, &sandbox, n, accounts_each)
        })
        .await;
    let before = Served::read(&stage.client).await;
    let operator = start(&stage, &sandbox, projects, "adopts", "30s");
    let begun = std::time::Instant::now();
    let accounts = projects * accounts_each;
    let mut told = std::time::Instant::now();
    loop {
        let writes = Served::read(&stage.client).await.since(before);
        let ended = operator.child.exited();
        assert!(ended.is_none(), "{}", operator.child.log_tail(20));
        if writes.statuses >= accounts as u64 {
            break;
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = std::time::Instant::now();
            say(&format!("    adopted: {writes:?}"));
        }
        assert!(begun.elapsed() < LONG, "{writes:?} of {accounts}");
        tokio::time::sleep(pause(accounts)).await;
    }
    let adoption_seconds = begun.elapsed().as_secs_f64();
    // To list them all is work for the apiserver: it is done once they are written.
    wait::until("all accounts", LONG, async || match ready(&stage).await {
        all if all == accounts => Ok(()),
        some => Err(format!("{some} of {accounts}")),
    })
    .await;
    let calls = Calls::read(&operator).await;
    let writes = Served::read(&stage.client).await.since(before);
    let peak_mb = Process::read(operator.child.pid()).peak_mb;
    say(&format!("{projects} projects: at rest"));
    let rest = rest(&stage, &operator, smoke).await;
    super::run::stop(operator).await;
    say(&format!("{projects} projects: idle"));
    let before = Served::read(&stage.client).await;
    let begun = std::time::Instant::now();
    let operator = start(&stage, &sandbox, projects, "idle", "5m");
    let last_poll = "composio_operator_last_poll_timestamp_seconds{";
    wait::until("the first polls", LONG, async || {
        let (_, metrics) = operator.get("/metrics").await;
        match metrics.matches(last_poll).count() {
            polled if polled == projects => Ok(()),
            polled => Err(format!("{polled} of {projects}")),
        }
    })
    .await;
    let restart_seconds = begun.elapsed().as_secs_f64();
    let restart_writes = Served::read(&stage.client).await.since(before);
    let idle = self::rest(&stage, &operator, smoke).await;
    let restart_peak_mb = Process::read(operator.child.pid()).peak_mb;
    super::run::stop(operator).await;
    Many {
        projects,
        accounts,
        adoption_seconds,
        adoption_effects: calls.effects,
        adoption_writes: writes.patches + writes.statuses,
        peak_mb,
        rest,
        restart_seconds,
        restart_writes: restart_writes.patches + restart_writes.statuses,
        restart_peak_mb,
        idle,
    }
}

impl Many {
    /// Where a count is not what it must be.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let each = u64::try_from(self.accounts).unwrap_or(u64::MAX);
        let checks = [
            ("adoption: calls that change", 0, self.adoption_effects),
            ("adoption: writes", 2 * each, self.adoption_writes),
            ("rest: calls that change", 0, self.rest.effects),
            ("rest: writes", 0, self.rest.writes),
            ("restart: writes", 0, self.restart_writes),
            ("idle: calls that change", 0, self.idle.effects),
            ("idle: writes", 0, self.idle.writes),
        ];
        let wrong = checks.into_iter();
        let wrong = wrong.filter(|(_, expected, found)| expected != found);
        wrong
            .map(|(what, expected, found)| {
                format!("projects, {what}: {found} instead of {expected}")
            })
            .collect()
    }

    pub(crate) fn print(&self) {
        say("");
        for (name, figure) in [
            ("projects", self.projects as f64),
            ("accounts", self.accounts as f64),
            ("adoption: seconds", self.adoption_seconds),
            ("adoption: peak MB", self.peak_mb),
            ("rest: MB", self.rest.mb),
            ("rest: % of a core", self.rest.core_percent),
            ("rest: requests a minute", self.rest.requests_a_minute),
            ("rest: kube writes", self.rest.writes as f64),
            (
                "restart: seconds until all were polled",
                self.restart_seconds,
            ),
            ("restart: kube writes", self.restart_writes as f64),
            ("restart: peak MB", self.restart_peak_mb),
            ("after an idle hour: MB", self.idle.mb),
            ("after an idle hour: % of a core", self.idle.core_percent),
            (
                "after an idle hour: requests a minute",
                self.idle.requests_a_minute,
            ),
        ] {
            say(&format!("{name:<40}{figure:>14.2}"));
        }
    }
}

fn start(
    stage: &Stage,
    sandbox: &Sandbox,
    projects: usize,
    name: &str,
    poll_interval: &str,
) -> Operator {
    let options = stage
        .options(sandbox)
        .without_project()
        .flag("--max-projects-per-namespace", &projects.to_string())
        .flag("--poll-interval", poll_interval);
    Operator::spawn(&stage.folder, name, &options).expect("the operator starts")
}

/// Declares a project and its accounts, which its Composio has already: their users have signed in.
async fn declare(stage: &Stage, sandbox: &Sandbox, n: usize, accounts: usize) {
    let (project, key) = (format!("p-{n}"), format!("key-{n}"));
    let name = |account: usize| format!("{project}-{account}");
    let seeded: Vec<Value> = (0..accounts)
        .map(|account| {
            json!({
                "auth_config": "ac_gmail", "user_id": name(account), "status": "ACTIVE",
                "alias": computed_alias("", NAMESPACE, &name(account)),
            })
        })
        .collect();
    let world = json!({"api_key": key, "limit": 4_000_000_000_u32, "accounts": seeded});
    sandbox.control("POST", "worlds", world).await;
    let items = vec![
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": key},
            "stringData": {"api-key": key},
        }),
        json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
            "metadata": {"name": project},
            "spec": {"apiKeySecretRef": {"name": key}, "baseURL": sandbox.url()},
        }),
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let args = ["-n", NAMESPACE, "create", "-f", "-"];
    let made = stage.control_plane.kubectl_stdin(&args, &list).await;
    assert!(made.status.success(), "{made:?}");
    let (objects, params) = (stage.api(), PostParams::default());
    let object = |account: usize| {
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": name(account)},
            "spec": {
                "user": name(account), "toolkit": "gmail", "authConfig": "ac_gmail",
                "projectRef": {"name": project},
            },
        });
        serde_json::from_value(object).expect("a declaration")
    };
    stream::iter((0..accounts).map(object))
        .for_each_concurrent(AT_A_TIME, async |object| {
            let made = objects.create(&params, &object).await;
            made.expect("it is taken");
        })
        .await;
}

/// How many accounts are known to be connected.
async fn ready(stage: &Stage) -> usize {
    let all = stage.list().await;
    let is_ready = |name: &str, status: Option<&composio_operator::crd::ConnectedAccountStatus>| {
        let ready = status.and_then(|status| status.condition("Ready"));
        ready.is_some_and(|ready| ready.status == "True") && !name.is_empty()
    };
    all.iter()
        .filter(|one| is_ready(&one.name_any(), one.status.as_ref()))
        .count()
}

async fn rest(stage: &Stage, operator: &Operator, smoke: bool) -> Rest {
    let (quiet, long) = match smoke {
        true => (Duration::from_secs(4), Duration::from_secs(4)),
        false => (QUIET, REST),
    };
    tokio::time::sleep(quiet).await;
    let pid = operator.child.pid();
    let (calls, writes) = (
        Calls::read(operator).await,
        Served::read(&stage.client).await,
    );
    let before = Process::read(pid);
    tokio::time::sleep(long).await;
    let after = Process::read(pid);
    let calls = Calls::read(operator).await.since(calls);
    let writes = Served::read(&stage.client).await.since(writes);
    Rest {
        mb: after.rss_mb,
        core_percent: 100.0 * (after.cpu - before.cpu).as_secs_f64() / long.as_secs_f64(),
        requests_a_minute: calls.all as f64 * 60.0 / long.as_secs_f64(),
        effects: calls.effects,
        writes: writes.patches + writes.statuses,
    }
}

/// What the operator says that it has asked of Composio: the log of the emulated one is one for each key.
#[derive(Clone, Copy)]
struct Calls {
    all: u64,
    effects: u64,
}

impl Calls {
    async fn read(operator: &Operator) -> Calls {
        let (_, metrics) = operator.get("/metrics").await;
        let mut calls = Calls { all: 0, effects: 0 };
        let lines = metrics.lines();
        for line in
            lines.filter(|line| line.starts_with("composio_operator_composio_requests_total{"))
        {
            let count = line.rsplit(' ').next().and_then(|text| text.parse().ok());
            let count: u64 = count.unwrap_or_default();
            calls.all += count;
            let is_of = |endpoint: &&Endpoint| line.contains(&format!("endpoint=\"{endpoint}\""));
            let endpoint = Endpoint::ALL.iter().find(is_of);
            if endpoint.is_none_or(|endpoint| endpoint.is_effect()) {
                calls.effects += count;
            }
        }
        calls
    }

    fn since(self, before: Calls) -> Calls {
        Calls {
            all: self.all - before.all,
            effects: self.effects - before.effects,
        }
    }
}
