//! Whatever users, persons, providers and networks do, in whatever order: once they are quiet, every
//! account is as the last declaration says, and nothing more is asked.
//!
//! Sequences are random and told by their seed: `SEED=7 cargo test convergence` runs one again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use composio_operator::plan::{Desired, Observed, Rule, decide};
use strum::IntoEnumIterator;
use tokio::runtime::Runtime;

use crate::support::simulation::{Logic, Repeats, Simulation};
use crate::support::tools::say;

mod check;
mod ground;
mod planted;
mod real;

pub(crate) mod rules;
mod sequence;
mod simulated;
pub(crate) mod taken;
mod visits;

use planted::PLANTED;
use rules::{Table, judge};
use sequence::Sequence;
use taken::Taken;

/// For a first answer within a minute; `SEQUENCES=100000 cargo test convergence` for more.
const SEQUENCES: u64 = 300;
/// What the gate runs. From here on nothing of the table may be left out.
const MANY: u64 = 1_200;
/// Steps of one sequence.
const STEPS: u32 = 26;
/// So often each row of the table and each variant of a plan is taken, in so many sequences.
const AT_LEAST: u64 = 5;
/// Rules, and effects of the same name, that nothing in these sequences leads to: nobody asks by a request, and no
/// identity is expected. The visits to the connect page lead to them, and to the last one the verified sign-ins of
/// `tests/connect`.
const ELSEWHERE: [Rule; 9] = [
    Rule::DisableAtOnce,
    Rule::DeletingUnused,
    Rule::DeletingRetained,
    Rule::AwaitRequest,
    Rule::FinishedElsewhere,
    Rule::NotReturned,
    Rule::AwaitReturn,
    Rule::WrongIdentity,
    Rule::CompleteAuth,
];
/// And those of a status that was forged or copied, so often.
const FORGED: (&str, u64) = ("NotOurs", 80);
/// So often, in so many sequences, an object is decided on whose account on record is in another project.
const ELSEWHERE_AT_LEAST: u64 = 500;
/// And so many passes are over an object whose user or toolkit its project does not allow.
const REFUSED_AT_LEAST: u64 = 500;
/// And so many are over an object of which no more is kept than its summary.
const AT_REST_AT_LEAST: u64 = 1_000;
/// And so many do not even read it, since nothing has changed.
const CONCLUDED_AT_LEAST: u64 = 50;
/// So often the account that a look finds stands twice in its list, in so many sequences.
const REPEATED_AT_LEAST: u64 = 100;
/// So many failures are enough to see what is wrong.
const ENOUGH: usize = 8;
/// A planted fault is found within so many sequences.
const FOUND_WITHIN: u64 = 800;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

/// Runs one sequence in memory. The error says what went wrong, in any way.
///
/// It tells how many passes there were over what is not allowed, over objects at rest, and over those of which
/// nothing had changed.
fn run(seed: u64, logic: &Logic) -> Result<[u64; 3], String> {
    caught(|runtime| {
        runtime.block_on(async {
            let worlds = sequence::worlds(seed);
            let ground = Simulation::with_two_projects(worlds, sequence::SECOND, logic.clone());
            let mut sequence = Sequence::new(ground, seed);
            sequence.run(STEPS).await?;
            let ground = sequence.ground;
            let refused = ground.refused.passes;
            Ok([refused, ground.passes_at_rest, ground.concluded])
        })
    })
}

/// Does that on a runtime whose time stands still; a panic is an error like the others.
fn caught<T>(work: impl FnOnce(Runtime) -> Result<T, String>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    catch_unwind(AssertUnwindSafe(|| work(runtime))).unwrap_or_else(|panic| Err(said(&*panic)))
}

fn said(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => (*text).to_owned(),
        (None, None) => "it panicked".to_owned(),
    }
}

/// Logic that counts what it decides, and refuses to decide by a rule that does not fit what is seen.
fn counting(taken: &Arc<Mutex<Taken>>) -> Logic {
    let taken = Arc::clone(taken);
    let repeats = Repeats::default();
    let seen = repeats.clone();
    Logic {
        repeats,
        decide: Arc::new(move |desired, observed, now| {
            let decision = decide(desired, observed, now);
            let table = Table::new(desired.presence);
            judge(&table, desired, observed, &decision, now)
                .unwrap_or_else(|wrong| panic!("{wrong}"));
            let mut taken = taken.lock().expect("nothing panics while it holds this");
            taken.count(&decision);
            taken.repeated += u64::from(seen.show_anew(observed));
            taken.elsewhere += u64::from(is_elsewhere(desired, observed));
            decision
        }),
        ..Logic::default()
    }
}

/// Whether the account on record is in another project than the one that the object refers to.
fn is_elsewhere(desired: &Desired, observed: &Observed) -> bool {
    observed.recorded.connected_account_id.is_some() && desired.pinned_elsewhere().is_some()
}

#[test]
fn whatever_happens_the_last_declaration_holds_once_all_is_quiet() {
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("SEQUENCES").unwrap_or(SEQUENCES)),
    };
    let next = AtomicU64::new(first);
    let total = Mutex::new(Taken::default());
    let failures = Mutex::new(Vec::new());
    let work = || {
        let taken = Arc::new(Mutex::new(Taken::default()));
        let logic = counting(&taken);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count || failures.lock().expect("no panic").len() >= ENOUGH {
                break;
            }
            match run(seed, &logic) {
                Ok([refused, at_rest, concluded]) => {
                    let mut total = total.lock().expect("no panic");
                    total.refused += refused;
                    total.at_rest += at_rest;
                    total.concluded += concluded;
                }
                Err(wrong) => {
                    let mut failures = failures.lock().expect("no panic");
                    failures.push(format!("SEED={seed}: {wrong}"));
                }
            }
        }
        let taken = std::mem::take(&mut *taken.lock().unwrap_or_else(|held| held.into_inner()));
        total.lock().expect("no panic").add(taken);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let taken = total.into_inner().expect("no panic");
    tell(count, &taken);
    if count >= MANY {
        let seldom = seldom(&taken);
        assert!(
            seldom.is_empty(),
            "taken less than {AT_LEAST} times: {seldom:#?}"
        );
        assert!(
            taken.repeated >= REPEATED_AT_LEAST,
            "the account that was looked for stood twice in its list {} times only",
            taken.repeated
        );
        assert!(
            taken.elsewhere >= ELSEWHERE_AT_LEAST && taken.refused >= REFUSED_AT_LEAST,
            "with an account of another project {} decisions only, and {} passes over what is not allowed",
            taken.elsewhere,
            taken.refused
        );
        assert!(
            taken.at_rest >= AT_REST_AT_LEAST && taken.concluded >= CONCLUDED_AT_LEAST,
            "{} passes over objects at rest only, and {} of which nothing had changed",
            taken.at_rest,
            taken.concluded
        );
    }
}

/// For whoever reads what the gate prints.
fn tell(sequences: u64, taken: &Taken) {
    say(&format!(
        "{sequences} sequences of {STEPS} steps; decisions by rule:"
    ));
    for rule in Rule::iter() {
        say(&format!(
            "{:>9}  {}: {}",
            taken.rules.get(&rule).copied().unwrap_or_default(),
            rule.as_str(),
            rule.when()
        ));
    }
    say(&format!(
        "{:>9}  looks found their account twice in one list",
        taken.repeated
    ));
    say(&format!(
        "{:>9}  decisions over an object whose account on record is in another project",
        taken.elsewhere
    ));
    say(&format!(
        "{:>9}  passes over an object that its project does not allow, without a call",
        taken.refused
    ));
    say(&format!(
        "{:>9}  passes over an object of which no more was kept than its summary",
        taken.at_rest
    ));
    say(&format!(
        "{:>9}  passes that did not even read it, since nothing had changed",
        taken.concluded
    ));
    say("by variant:");
    for variant in taken::variants() {
        let count = taken.variants.get(&variant).copied().unwrap_or_default();
        say(&format!("{count:>9}  {variant}"));
    }
}

fn seldom(taken: &Taken) -> Vec<String> {
    let rules = Rule::iter().filter(|rule| !ELSEWHERE.contains(rule));
    let rules = rules.map(|rule| {
        let count = taken.rules.get(&rule).copied();
        (rule.as_str().to_owned(), count)
    });
    let is_here = |variant: &String| ELSEWHERE.iter().all(|rule| rule.as_str() != variant);
    let variants = taken::variants().into_iter().filter(is_here);
    let variants = variants.map(|variant| {
        let count = taken.variants.get(&variant).copied();
        (variant, count)
    });
    rules
        .chain(variants)
        .filter(|(what, count)| {
            let least = if *what == FORGED.0 {
                FORGED.1
            } else {
                AT_LEAST
            };
            count.unwrap_or_default() < least
        })
        .map(|(what, count)| format!("{what}: {}", count.unwrap_or_default()))
        .collect()
}

#[test]
fn each_planted_fault_is_found() {
    for (fault, logic) in PLANTED {
        let logic = logic();
        let found = (0..FOUND_WITHIN).find(|seed| run(*seed, &logic).is_err());
        match found {
            Some(seed) => say(&format!("{fault}: found by SEED={seed}")),
            None => panic!("{fault} was not found within {FOUND_WITHIN} sequences"),
        }
    }
}

/// Neighbours of the table whose exchange is planted. The unit tests of `plan` exchange all of them.
const EXCHANGED: [(Rule, Rule); 3] = [
    (Rule::NotVisibleYet, Rule::AccountGone),
    (Rule::Mark, Rule::Link),
    (Rule::DeletingMayShowUp, Rule::DeletingGone),
];

#[test]
fn two_rules_of_the_table_that_are_exchanged_are_found() {
    for exchanged in EXCHANGED {
        let logic = Logic {
            decide: Arc::new(move |desired, observed, now| {
                let decision = decide(desired, observed, now);
                let table = Table::new(desired.presence);
                let mut neighbours = table.neighbours();
                if let Some((at, _)) = neighbours.find(|(_, pair)| *pair == exchanged) {
                    judge(&table.swapped(at), desired, observed, &decision, now)
                        .unwrap_or_else(|wrong| panic!("{wrong}"));
                }
                decision
            }),
            ..Logic::default()
        };
        let found = (0..FOUND_WITHIN).find(|seed| run(*seed, &logic).is_err());
        match found {
            Some(seed) => say(&format!("{exchanged:?} exchanged: found by SEED={seed}")),
            None => panic!("{exchanged:?} exchanged was not found within {FOUND_WITHIN} sequences"),
        }
    }
}
