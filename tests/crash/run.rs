//! One run of one scenario, with at most one boundary at which something happens.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::boundary::Boundary;
use super::broken::Broken;
use super::interceptor::Fault;
use super::neighbour::Worlds;
use super::scenario::{Scenario, Step};
use super::test_bed::{TestBed, World};
use crate::support::child::Signal;
use crate::support::operator::Operator;

const PAUSE: Duration = Duration::from_millis(100);

/// What came of a run.
pub(super) struct Run {
    /// What was crossed, in order.
    pub(super) crossed: Vec<Boundary>,
    /// Whether something happened at the boundary; it may not have been reached.
    pub(super) met: bool,
    /// What did not hold, and what is known about it.
    pub(super) violation: Option<String>,
}

/// How runs are made.
pub(super) struct Conditions {
    /// How the API's open questions are answered.
    pub(super) switches: Value,
    /// What is wrong with the operator, if anything.
    pub(super) broken: Option<fn(&World<'_>) -> Broken>,
    /// How long an operator may take to have nothing left to do.
    pub(super) patience: Duration,
    /// How long it may take after what happened at the boundary.
    pub(super) patience_after: Duration,
}

struct Trap {
    fault: Fault,
    done: Option<oneshot::Receiver<()>>,
}

/// Runs the scenario; at the boundary, if there is one, that happens. A step is over when all holds that
/// must, and nothing has been asked for that long.
pub(super) async fn run(
    test_bed: &TestBed<'_>,
    scenario: &Scenario,
    at: Option<(&Boundary, Fault)>,
    quiet: Duration,
    conditions: &Conditions,
) -> Run {
    let mut own = test_bed
        .world(&scenario.accounts, &conditions.switches)
        .await;
    if scenario.is_verified() {
        own.verifies_sign_ins().await;
    }
    let broken = conditions.broken.map(|broken| Arc::new(broken(&own)));
    let neighbour = match scenario.steps.iter().any(|step| step.beside.is_some()) {
        true => Some(test_bed.neighbour(&own, &conditions.switches).await),
        false => None,
    };
    let mut worlds = Worlds { own, neighbour };
    test_bed.interceptor.begin(broken);
    let mut trap = at.map(|(boundary, fault)| Trap {
        fault,
        done: Some(test_bed.interceptor.trap(boundary.clone(), fault)),
    });
    let mut operator = worlds.own.operator();
    let mut violation = None;
    for step in &scenario.steps {
        test_bed.interceptor.enter(step.name);
        worlds.act(step).await;
        let come = converge(
            &mut worlds,
            &mut operator,
            &mut trap,
            step,
            quiet,
            conditions,
        );
        if let Err(complaint) = come.await {
            let log = operator.child.log_tail(30);
            let described = worlds.describe().await;
            violation = Some(format!("{}: {complaint}\n{described}{log}", step.name));
            break;
        }
    }
    let killed = kill(&operator).await;
    killed.expect("the operator can be killed");
    let run = Run {
        crossed: test_bed.interceptor.crossed(),
        met: trap.is_some_and(|trap| trap.done.is_none()),
        violation,
    };
    worlds.end().await;
    run
}

/// Waits until all holds that must, and nothing more is asked.
async fn converge(
    worlds: &mut Worlds<'_>,
    operator: &mut Operator,
    trap: &mut Option<Trap>,
    step: &Step,
    quiet: Duration,
    conditions: &Conditions,
) -> Result<(), String> {
    let mut end = Instant::now() + conditions.patience;
    loop {
        if sprung(&mut worlds.own, operator, trap).await? {
            end = Instant::now() + conditions.patience_after;
        }
        worlds.witness().await?;
        let held = worlds.check(step).await;
        if held.is_ok() {
            worlds.own.quiet(quiet).await;
            let is_set = worlds.own.test_bed.interceptor.is_set();
            let is_over = trap
                .as_ref()
                .is_none_or(|trap| trap.done.is_none() || is_set);
            if is_over && worlds.check(step).await.is_ok() {
                return worlds.witness().await;
            }
        }
        if let Some(ended) = operator.child.exited() {
            return Err(format!("the operator ended by itself: {ended}"));
        }
        match held {
            Err(complaint) if Instant::now() >= end => return Err(complaint),
            Ok(()) | Err(_) => sleep(PAUSE).await,
        }
    }
}

/// If the boundary was reached: what happens there, until it has happened. Whether it has now.
async fn sprung(
    world: &mut World<'_>,
    operator: &mut Operator,
    trap: &mut Option<Trap>,
) -> Result<bool, String> {
    let Some(Trap { fault, done }) = trap else {
        return Ok(false);
    };
    if world.test_bed.interceptor.is_set() {
        return Ok(false);
    }
    let Some(done) = done.take() else {
        return Ok(false);
    };
    done.await
        .map_err(|_| "what was caught got away".to_owned())?;
    if fault.is_a_crash() {
        kill(operator).await.map_err(|error| error.to_string())?;
        *operator = world.operator();
    }
    Ok(true)
}

async fn kill(operator: &Operator) -> std::io::Result<()> {
    operator.child.signal(Signal::Kill)?;
    let ended = operator.child.wait(Duration::from_secs(30)).await;
    ended
        .map(drop)
        .ok_or_else(|| std::io::Error::other("SIGKILL did not end it"))
}
