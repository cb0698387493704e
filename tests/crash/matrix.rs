//! Every boundary of every scenario, and everything that can happen there.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};

use tokio::sync::Semaphore;

use super::boundary::{Boundary, Kind};
use super::broken::Broken;
use super::interceptor::Fault;
use super::run::{Conditions, Run, run};
use super::scenario::Scenario;
use super::test_bed::{TestBed, World};
use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::receiver::Receiver;
use crate::support::sandbox::Sandbox;
use crate::support::tools::say;

/// So many runs at the same time: most of the time they wait.
const TEST_BEDS: usize = 8;
/// And so many in all matrices together: more would only wait for the machine.
static RUNS: Semaphore = Semaphore::const_new(16);
/// A boundary that a run did not reach is tried again so often, and each time the end of a step is
/// waited for longer: what is late, because the machine is busy, counts for the next step.
const TRIES: u32 = 4;
const QUIET: Duration = Duration::from_millis(100);
/// All waits are short. What needs no second look in a run gets none.
const WAITS: &[(&str, &str)] = &[
    ("--leader-elect", "false"),
    ("--concurrency", "1"),
    ("--poll-interval", "250ms"),
    ("--poll-interval-waiting", "250ms"),
    ("--backoff-min", "100ms"),
    ("--backoff-max", "500ms"),
    ("--secret-interval", "1h"),
    ("--key-interval", "1h"),
    ("--stalled-interval", "1h"),
    ("--unknown-outcome-wait", "1s"),
    ("--request-timeout", "5s"),
];

/// Where runs are made.
pub(super) struct Matrix {
    control_plane: &'static ControlPlane,
    // Before the folder, which waits for it to end.
    sandbox: Sandbox,
    folder: Folder,
    waits: Vec<(&'static str, &'static str)>,
    conditions: Conditions,
    receiver: Option<Arc<Receiver>>,
}

/// What came of all runs.
#[derive(Default)]
pub(super) struct Results {
    pub(super) boundaries: BTreeSet<(&'static str, Boundary)>,
    /// What happened where.
    pub(super) met: BTreeSet<(Boundary, Fault)>,
    /// How often something happened.
    pub(super) happened: usize,
    /// Where nothing happened, because no run came there again.
    pub(super) missed: Vec<(Boundary, Fault)>,
    pub(super) violations: Vec<String>,
    took: Duration,
}

struct Job<'a> {
    scenario: &'a Scenario,
    boundary: Boundary,
    fault: Fault,
    tries: u32,
}

/// How long nothing is asked at the end of a step.
fn quiet(tries: u32) -> Duration {
    QUIET * 2_u32.pow(tries)
}

impl Matrix {
    /// With those waits instead of the usual ones.
    pub(super) async fn new(waits: &[(&'static str, &'static str)]) -> Matrix {
        let folder = Folder::new().expect("a folder can be made");
        let sandbox = Sandbox::start(&folder, "sandbox")
            .await
            .expect("the sandbox starts");
        Matrix {
            control_plane: ControlPlane::with_crd().await,
            sandbox,
            folder,
            waits: [WAITS, waits].concat(),
            conditions: Conditions {
                switches: json!({}),
                broken: None,
                patience: Duration::from_secs(60),
                patience_after: Duration::from_secs(60),
            },
            receiver: None,
        }
    }

    /// The same, with the API's open questions answered like this.
    pub(super) fn with_switches(mut self, switches: Value) -> Matrix {
        self.conditions.switches = switches;
        self
    }

    /// The same with people who are notified there.
    pub(super) fn notifying(mut self, receiver: Arc<Receiver>) -> Matrix {
        self.receiver = Some(receiver);
        self
    }

    /// The same with an operator that is broken, which is given up on early.
    pub(super) fn with_broken(mut self, broken: fn(&World<'_>) -> Broken) -> Matrix {
        self.conditions.broken = Some(broken);
        // What it has left broken stays so, and is waited for in vain.
        self.conditions.patience_after = Duration::from_secs(20);
        self
    }

    /// Kills the operator at every boundary of the scenarios, on both sides of it.
    pub(super) async fn crashes(&self, scenarios: &[Scenario]) -> Results {
        self.everywhere(scenarios, |_| vec![Fault::KillBefore, Fault::KillAfter])
            .await
    }

    /// Injects those faults at the boundaries of the scenarios.
    pub(super) async fn everywhere(
        &self,
        scenarios: &[Scenario],
        mut faults: impl FnMut(&Boundary) -> Vec<Fault>,
    ) -> Results {
        let began = Instant::now();
        let wanted = match scenarios.len() {
            1 => 2,
            several => TEST_BEDS.min(4 * several),
        };
        let test_beds = join_all((0..wanted).map(|_| self.test_bed())).await;
        let mut results = Results::default();
        let mut jobs = VecDeque::new();
        let recorded = Mutex::new(scenarios.iter().collect::<VecDeque<_>>());
        let runs = in_test_beds(&test_beds, &recorded, async |test_bed, scenario| {
            let run = run(test_bed, scenario, None, quiet(TRIES), &self.conditions).await;
            (scenario, run)
        });
        for (
            scenario,
            Run {
                crossed, violation, ..
            },
        ) in runs.await
        {
            let name = scenario.name;
            results.violations.extend(
                violation.map(|violation| format!("{name}, without any trouble: {violation}")),
            );
            for boundary in crossed {
                results.boundaries.insert((name, boundary.clone()));
                jobs.extend(faults(&boundary).into_iter().map(|fault| Job {
                    scenario,
                    boundary: boundary.clone(),
                    fault,
                    tries: 0,
                }));
            }
        }
        // A broken operator may be found out without a crash, and is to be found out by one.
        if results.violations.is_empty() || self.conditions.broken.is_some() {
            let jobs = Mutex::new(jobs);
            let runs = in_test_beds(&test_beds, &jobs, async |test_bed, job: Job<'_>| {
                let at = Some((&job.boundary, job.fault));
                let run = run(
                    test_bed,
                    job.scenario,
                    at,
                    quiet(job.tries),
                    &self.conditions,
                )
                .await;
                let tries = job.tries + 1;
                if !run.met && run.violation.is_none() && tries < TRIES {
                    jobs.lock().push_back(Job { tries, ..job });
                    return None;
                }
                Some((job, run))
            });
            for (job, run) in runs.await.into_iter().flatten() {
                results.take(&job, run);
            }
        }
        results.took = began.elapsed();
        results
    }

    async fn test_bed(&self) -> TestBed<'_> {
        let test_bed = TestBed::new(self.control_plane, &self.sandbox, &self.folder, &self.waits);
        let test_bed = test_bed.await;
        match &self.receiver {
            Some(receiver) => test_bed.notifying(Arc::clone(receiver)).await,
            None => test_bed,
        }
    }
}

/// Works off the queue, one after the other in each test bed.
async fn in_test_beds<J, T>(
    test_beds: &[TestBed<'_>],
    queue: &Mutex<VecDeque<J>>,
    work: impl AsyncFn(&TestBed<'_>, J) -> T,
) -> Vec<T> {
    let test_beds = test_beds.iter().map(async |test_bed| {
        let mut done = Vec::new();
        loop {
            let Some(job) = queue.lock().pop_front() else {
                return done;
            };
            // It is never closed.
            let _permit = RUNS.acquire().await;
            done.push(work(test_bed, job).await);
        }
    });
    join_all(test_beds).await.into_iter().flatten().collect()
}

impl Results {
    fn take(&mut self, job: &Job<'_>, run: Run) {
        let Job {
            scenario,
            boundary,
            fault,
            ..
        } = job;
        let place = format!("{}, {boundary}, {fault:?}", scenario.name);
        if run.met {
            self.happened += 1;
            self.met.insert((boundary.clone(), *fault));
        } else {
            self.missed.push((boundary.clone(), *fault));
        }
        self.violations.extend(
            run.violation
                .map(|violation| format!("{place}: {violation}")),
        );
    }

    /// Says the counts in one line.
    pub(super) fn tell(&self, what: &str) {
        say(&format!(
            "{what}: boundaries = {}, crashes = {}, not reached again = {}, violations = {} ({} s)",
            self.boundaries.len(),
            self.happened,
            self.missed.len(),
            self.violations.len(),
            self.took.as_secs(),
        ));
    }

    /// The boundaries that are the first of their kind in their step, and that no run reached again. What comes once
    /// more in a step, by the machine's load, may stay away the next time; and so may a read that no step needs but one
    /// that was late, where another step reads the same.
    pub(super) fn not_reached(&self) -> Vec<String> {
        let first = self.missed.iter().filter(|(boundary, _)| boundary.nth == 1);
        let met_elsewhere = |kind: &Kind, fault: Fault| {
            let mut met = self.met.iter();
            kind.method == "GET" && met.any(|(other, was)| other.kind == *kind && *was == fault)
        };
        first
            .filter(|(boundary, fault)| !met_elsewhere(&boundary.kind, *fault))
            .map(|(boundary, fault)| format!("{boundary} was not reached again for {fault:?}"))
            .collect()
    }

    /// Fails where something did not hold.
    pub(super) fn must_hold(&self) {
        let violations = &self.violations;
        assert!(violations.is_empty(), "\n{}", violations.join("\n\n"));
    }
}
