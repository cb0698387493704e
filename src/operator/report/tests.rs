//! `report` as sentences: what was reported, what happened, what the status says now.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::*;
use crate::{
    composio::model::State,
    crd::{CredentialsStep, Link, Progress, ReadyRule, Reason},
    plan::{
        Answer, Effect, Refusal, Wait,
        tests::build::{
            DesiredBuilder, NOW, ObservedBuilder, account, ago, enable, failure, link, not_looked,
            object, refresh, rejected, rename, seen, seen_none, share,
        },
    },
};

mod claims;
mod conditions;
mod config_map;
mod connection_data;
mod corrections;
mod credentials;
mod facts;
mod lost;
mod messages;
mod notification;
mod object_event;
mod requests;
mod requeue;

/// What a pass may have seen of an account in that state.
fn sights(state: State) -> [ObservedBuilder; 5] {
    let row = account("ca_1").is(state);
    [
        seen(row.clone()),
        seen(row.clone()).recorded("ca_1"),
        seen(row).recorded("ca_1").good_link().cached(),
        seen_none().recorded("ca_1"),
        not_looked(),
    ]
}

fn waiting(reason: Reason) -> OutcomeKind {
    OutcomeKind::Waiting(Wait {
        reason,
        detail: String::new(),
        until: None,
    })
}

fn refused(reason: Reason) -> OutcomeKind {
    OutcomeKind::Refused(Refusal {
        reason,
        detail: "why".into(),
    })
}

fn did(done: Applied) -> OutcomeKind {
    OutcomeKind::Applied(done)
}

fn failed(reason: Reason, answer: Answer) -> OutcomeKind {
    OutcomeKind::Failed(failure(reason, answer))
}

const LATER: Answer = Answer::NotNow { after: None };

fn good_link() -> Link {
    Link::in_clear("https://connect.example/2", Time(ago(-600)))
}

/// The status after an event, on what is seen and recorded.
fn after(
    wanted: &DesiredBuilder,
    sight: &ObservedBuilder,
    outcome: OutcomeKind,
) -> ConnectedAccountStatus {
    let outcome = Outcome {
        observed: sight.0.clone(),
        kind: outcome,
    };
    report(&wanted.0, &sight.0.recorded, &outcome, NOW)
}

/// Every kind of event but a refusal of the provider, which is counted each time.
fn events() -> Vec<OutcomeKind> {
    let mut events = vec![
        OutcomeKind::Settled,
        did(Applied::Marked),
        did(Applied::Adopted),
        did(Applied::Forgotten),
        did(Applied::Linked { link: good_link() }),
        did(Applied::Created),
        did(Applied::Rotated),
        did(Applied::Changed),
        did(Applied::Revoked { tokens: Vec::new() }),
        did(Applied::Deleted),
        did(Applied::Released),
        failed(Reason::OutcomeUnknown, Answer::Unknown),
        failed(Reason::ComposioUnavailable, LATER),
        failed(Reason::ComposioUnavailable, Answer::LookAgain),
        OutcomeKind::Failed(rejected()),
    ];
    for reason in Reason::all() {
        events.extend([waiting(reason), refused(reason)]);
    }
    events
}
