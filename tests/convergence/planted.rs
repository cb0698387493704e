//! Faults planted into the decider and the teller: whoever looks for such must find them.

use std::sync::Arc;

use composio_operator::composio::Account;
use composio_operator::crd::{Link, Reason};
use composio_operator::plan::{
    Decision, Desired, Effect, Observed, Pin, Plan, Presence, Rule, Wait, decide,
};
use composio_operator::report::report;
use jiff::Timestamp;

use crate::support::simulation::{Logic, Repeats};

type Planted = (&'static str, fn() -> Logic);

/// What is wrong, and the logic that does it so.
pub(crate) const PLANTED: [Planted; 9] = [
    ("no pin before the first POST", no_pin),
    ("a stale pin after a rename", stale_pin),
    ("a link renewed on a timer", renews_links),
    ("DELETE before Revoke", deletes_first),
    ("a remembered look that acts", acts_on_memory),
    ("no Adopt", never_adopts),
    ("an echo that is not written", forgets_the_echo),
    ("an id in a status that is believed", believes_the_status),
    ("no de-duplication", no_deduplication),
];

/// Logic with that fault; by which rule it decides nobody asks.
fn deciding(
    planted: impl Fn(&Desired, &Observed, Timestamp) -> Plan + Send + Sync + 'static,
) -> Logic {
    Logic {
        decide: Arc::new(move |desired, observed, now| Decision {
            rule: Rule::AsDeclared,
            plan: planted(desired, observed, now),
        }),
        ..Logic::default()
    }
}

fn plan(desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    decide(desired, observed, now).plan
}

/// Makes the account first; that it is ours is written down afterwards, if ever.
fn no_pin() -> Logic {
    deciding(
        |desired, observed, now| match plan(desired, observed, now) {
            Plan::Do(Effect::Pin { alias })
                if observed.account.account().is_none()
                    && desired.presence == Presence::Present =>
            {
                let pinned = Desired {
                    pin: Pin::Own { alias },
                    finalizer: true,
                    ..desired.clone()
                };
                plan(&pinned, observed, now)
            }
            other => other,
        },
    )
}

fn stale_pin() -> Logic {
    deciding(|desired, observed, now| {
        let planned = plan(desired, observed, now);
        let carried = observed
            .account
            .account()
            .and_then(|account: &Account| account.alias.clone());
        match planned {
            Plan::Do(Effect::Pin { .. }) if desired.pin.is_own() && carried.is_some() => {
                let pinned = Desired {
                    pin: Pin::Own { alias: carried },
                    ..desired.clone()
                };
                plan(&pinned, observed, now)
            }
            other => other,
        }
    })
}

fn renews_links() -> Logic {
    deciding(|desired, observed, now| {
        let planned = plan(desired, observed, now);
        let account = observed.account.account();
        match (planned, account) {
            (
                Plan::Wait(Wait {
                    reason:
                        Reason::LinkExpired | Reason::SignInFailed | Reason::ReauthorizationRequired,
                    ..
                }),
                Some(account),
            ) if observed.fresh => Plan::Do(Effect::Refresh {
                id: account.id.clone(),
            }),
            (
                Plan::Wait(Wait {
                    reason:
                        Reason::LinkExpired | Reason::SignInFailed | Reason::ReauthorizationRequired,
                    ..
                }),
                Some(_),
            ) => Plan::Look(composio_operator::plan::Need::Account),
            (other, _) => other,
        }
    })
}

fn deletes_first() -> Logic {
    deciding(
        |desired, observed, now| match plan(desired, observed, now) {
            Plan::Do(Effect::Revoke { id }) => Plan::Do(Effect::Delete { id, revoke: false }),
            other => other,
        },
    )
}

fn acts_on_memory() -> Logic {
    deciding(|desired, observed, now| {
        let believed = Observed {
            fresh: observed.fresh || observed.account.account().is_some(),
            ..observed.clone()
        };
        plan(desired, &believed, now)
    })
}

fn never_adopts() -> Logic {
    deciding(
        |desired, observed, now| match plan(desired, observed, now) {
            Plan::Do(Effect::Adopt) => Plan::Wait(Wait {
                reason: Reason::Progressing,
                detail: String::new(),
                until: None,
            }),
            other => other,
        },
    )
}

/// The second row of an account that a list shows twice is taken for a duplicate, as any other would be.
fn no_deduplication() -> Logic {
    let repeats = Repeats::default();
    let seen = repeats.clone();
    let logic = deciding(move |desired, observed, now| {
        let planned = plan(desired, observed, now);
        let account = observed.account.account();
        let recorded = observed.recorded.connected_account_id.as_ref();
        match (planned, account) {
            (Plan::Nothing | Plan::Wait(_) | Plan::Do(_), Some(account))
                if seen.show(observed)
                    && desired.presence == Presence::Present
                    && recorded == Some(&account.id)
                    && account.alias.as_deref() == desired.pin.alias()
                    && (desired.spec.credentials.is_some() || account.timed_out()) =>
            {
                Plan::Do(Effect::Delete {
                    id: account.id.clone(),
                    revoke: false,
                })
            }
            (other, _) => other,
        }
    });
    Logic { repeats, ..logic }
}

/// Each pass takes the request for a link for a new one.
fn forgets_the_echo() -> Logic {
    Logic {
        report: Arc::new(|desired, previous, outcome, now| {
            let mut status = report(desired, previous, outcome, now);
            let issued = |link: &Option<Link>| link.clone();
            if issued(&status.link) != issued(&previous.link) {
                status
                    .last_handled_link_request
                    .clone_from(&previous.last_handled_link_request);
            }
            status
        }),
        ..Logic::default()
    }
}

/// Whoever can write the status says whose account is whose.
fn believes_the_status() -> Logic {
    deciding(|desired, observed, now| {
        let mut believed = observed.clone();
        if let Some(id) = &observed.recorded.connected_account_id {
            believed.recorded.record = Some(observed.keys.sign(&desired.own_alias, id));
        }
        plan(desired, &believed, now)
    })
}
