//! Whatever users, persons, providers and networks do, in whatever order: once they are quiet, every
//! account is as the last declaration says, and nothing more is asked.
//!
//! Sequences are random and told by their seed: `SEED=7 cargo test convergence` runs one again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use composio_operator::plan::{Rule, decide};
use strum::IntoEnumIterator;

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

use planted::PLANTED;
use rules::{Table, judge};
use sequence::Sequence;
use taken::Taken;

/// For a first answer within a minute; `SEQUENCES=100000 cargo test convergence` for more.
const SEQUENCES: u64 = 300;
/// What the gate runs. From here on nothing of the table may be left out.
const MANY: u64 = 5_000;
/// Steps of one sequence.
const STEPS: u32 = 20;
/// So often each row of the table and each variant of a plan is taken, in so many sequences.
const AT_LEAST: u64 = 50;
/// And those of a status that was forged or copied, so often.
const FORGED: (&str, u64) = ("NotOurs", 200);
/// Rules that nothing in these sequences leads to: their one project is always there, and allows everything. Each has
/// its tables among the unit tests of `plan`, and its tests on a real control plane.
const ELSEWHERE: [Rule; 7] = [
    Rule::NotAllowed,
    Rule::FoundNotAllowed,
    Rule::NoLongerAllowed,
    Rule::ProjectMismatch,
    Rule::Move,
    Rule::DeletingAbandoned,
    Rule::DeletingProjectMismatch,
];
/// So often the account that a look finds stands twice in its list, in so many sequences.
const REPEATED_AT_LEAST: u64 = 200;
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
fn run(seed: u64, logic: &Logic) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    let run = || {
        runtime.block_on(async {
            let ground = Simulation::with_logic(sequence::world(seed), logic.clone());
            Sequence::new(ground, seed).run(STEPS).await
        })
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(said(&*panic)))
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
            decision
        }),
        ..Logic::default()
    }
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
            if let Err(wrong) = run(seed, &logic) {
                failures
                    .lock()
                    .expect("no panic")
                    .push(format!("SEED={seed}: {wrong}"));
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
    let variants = taken::variants().into_iter().map(|variant| {
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
