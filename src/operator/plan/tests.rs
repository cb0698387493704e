//! `plan` as tables of sentences: what is wanted, what is seen, what is due, and why.
//!
//! Of the changes of an operator, a condition, an arm, a constant, a reason or a rule that can be made to the
//! code of `plan`, these tests tell all but these, which change no decision:
//! - `connected::decide` takes `Nothing` for no difference. No difference is one of them: what is as declared is
//!   left out of the list.
//! - `unrecorded::make` asks once more whether the finalizer is on the object before the first POST. An object
//!   with a pinned alias and without a finalizer has its marks restored before.

use jiff::Timestamp;
use rstest::rstest;

use super::*;
use crate::record::{Proven, RecordKeys, SecretChange};

mod adopted;
mod after_failure;
mod allowed;
mod auth_configs;
pub(crate) mod build;
mod changes;
mod claims;
mod config_map;
mod connected;
mod connection_data;
mod credentials;
mod deleting;
mod deleting_several;
mod duplicates;
mod every;
mod failures;
mod gate;
mod moved;
mod order;
mod pins;
mod present;
mod random;
mod reading;
mod records;
#[path = "../../../tests/convergence/rules/mod.rs"]
mod rules;
mod seen;
mod sharing;
pub(crate) mod sign_ins;
mod suspended;
mod told;
mod unconnected;
mod unknown;
mod unused;

use build::*;

/// What a case expects. Details are for people; the reason is what is decided.
enum Due {
    Exactly(Plan),
    Waits(Reason),
    WaitsUntil(Reason, Timestamp),
    Refuses(Reason),
}
use Due::{Exactly, Refuses, Waits, WaitsUntil};

fn plan(desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    decide(desired, observed, now).plan
}

fn does(effect: Effect) -> Due {
    Exactly(Plan::Do(effect))
}

fn looks(need: Need) -> Due {
    Exactly(Plan::Look(need))
}

fn nothing() -> Due {
    Exactly(Plan::Nothing)
}

/// Each case: the sentence that it proves, what is wanted, what is seen, what is due. All are tried, so that the
/// first that is wrong hides no other.
fn check(cases: impl IntoIterator<Item = (&'static str, DesiredBuilder, ObservedBuilder, Due)>) {
    let mut wrong = Vec::new();
    for (sentence, wanted, sight, due) in cases {
        let plan = plan(&wanted.0, &sight.0, NOW);
        let right = match &due {
            Exactly(expected) => plan == *expected,
            Waits(reason) => matches!(&plan, Plan::Wait(wait) if wait.reason == *reason),
            WaitsUntil(reason, time) => matches!(&plan,
                Plan::Wait(wait) if wait.reason == *reason && wait.until == Some(*time)),
            Refuses(reason) => {
                matches!(&plan, Plan::Refuse(refusal) if refusal.reason == *reason)
            }
        };
        if !right {
            wrong.push(format!("{sentence}: planned {plan:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the Secret holds other data than was sent, which no PATCH takes.
fn takes_no_change(desired: &Desired, observed: &Observed) -> bool {
    let (Some(declared), Some(sent)) = (&desired.spec.credentials, &observed.recorded.credentials)
    else {
        return false;
    };
    let change = crate::plan::credentials::change(desired, &observed.keys, &observed.secret, sent);
    sent.account_id == observed.recorded.connected_account_id
        && change != SecretChange::Same
        && (change == SecretChange::CreateOnly || !declared.scheme.is_patchable())
}
