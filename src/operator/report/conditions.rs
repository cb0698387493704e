//! The conditions: one reason for all of them, and what it says of each.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    composio::model::State,
    crd::{
        ConnectedAccountStatus, ForPerson, NotificationType, Progress, ReadyRule, ReadyWhen,
        Reason, condition,
    },
    plan::{Desired, OutcomeKind, Presence},
    text,
    time::whole_seconds,
};

use super::{MAX_DETAIL, MAX_MESSAGE, is_in};

/// What the conditions say of an object.
pub(super) struct Verdict {
    /// The one reason for all of them.
    pub(super) reason: Reason,
    /// What exactly is so; empty where the reason says all.
    detail: String,
    /// What exactly is so, what it means and what to do.
    sentence: String,
}

/// What is to be said of the object after that outcome.
pub(super) fn verdict(
    desired: &Desired,
    status: &ConnectedAccountStatus,
    outcome: &OutcomeKind,
) -> Verdict {
    let (reason, detail) = match outcome {
        OutcomeKind::Settled if desired.spec.enabled => (Reason::Connected, ""),
        OutcomeKind::Settled => (Reason::Disabled, ""),
        OutcomeKind::Waiting(wait) => (wait.reason, wait.detail.as_str()),
        OutcomeKind::Refused(refusal) => (refusal.reason, refusal.detail.as_str()),
        OutcomeKind::Failed(failure) => (failure.reason, failure.message.as_str()),
        OutcomeKind::Applied(_) => match desired.presence {
            Presence::Present => (Reason::Progressing, ""),
            Presence::Deleting { .. } => (Reason::Deleting, ""),
        },
    };
    let reason = match reason {
        // It ran out between the decision and now: who says that the person is awaited shows the link.
        Reason::AwaitingUser if status.link.is_none() && !desired.is_on_demand() => {
            match status.first_connected_at {
                None => Reason::LinkExpired,
                Some(_) => Reason::ReauthorizationRequired,
            }
        }
        other => other,
    };
    // Also past the link's end, so that a wave that went on is not called broken later.
    let (reason, detail) = match (reason, reason.for_person()) {
        (other, _) if !content_with_link(desired, status) => (other, Cow::from(detail)),
        (Reason::AwaitingUser | Reason::LinkIssued | Reason::LinkExpired, _) => {
            (Reason::LinkIssued, Cow::from(detail))
        }
        (how, ForPerson::Asked(NotificationType::AwaitingUser)) => {
            let words = [&how.words(), detail];
            let words = words.into_iter().filter(|words| !words.is_empty());
            let text = words.collect::<Vec<_>>().join(": ");
            (Reason::LinkIssued, Cow::from(text))
        }
        (other, _) => (other, Cow::from(detail)),
    };
    let detail = detail.trim_end_matches('.');
    let is_bare_refusal = detail.is_empty() && matches!(outcome, OutcomeKind::Refused(_));
    let (detail, sentence) = match status.full_message(reason.as_str()) {
        // A refusal that stands says no more than when it came.
        Some(text) if is_bare_refusal => (short_message(status, reason), text.to_owned()),
        _ if detail.is_empty() => ("", reason.meaning().to_owned()),
        _ => (detail, format!("{detail}. {}", reason.meaning())),
    };
    Verdict {
        reason,
        detail: text::sanitize_line(detail, MAX_DETAIL),
        sentence: text::sanitize_line(&sentence, MAX_MESSAGE),
    }
}

/// What a status says briefly for that reason, where it does.
fn short_message(status: &ConnectedAccountStatus, reason: Reason) -> &str {
    [condition::RECONCILING, condition::STALLED]
        .into_iter()
        .filter_map(|type_| status.condition(type_))
        .find(|condition| condition.reason == reason.as_str())
        .map(|condition| condition.message.as_str())
        .unwrap_or_default()
}

fn content_with_link(desired: &Desired, status: &ConnectedAccountStatus) -> bool {
    match desired.spec.ready_when {
        ReadyWhen::Active => false,
        ReadyWhen::LinkIssued => {
            let waits_on_page = desired.is_on_demand() && desired.flags.page.is_some();
            status.first_connected_at.is_none()
                && (status.last_link_issued_at.is_some() || waits_on_page)
        }
    }
}

/// Whether an account that was ready can still be called so, as it was seen last.
fn may_be_ready(desired: &Desired, status: &ConnectedAccountStatus) -> bool {
    is_in(status, &[State::Active])
        || content_with_link(desired, status)
        || (!desired.spec.enabled
            && (status.connected_at.is_some() || is_in(status, &[State::Inactive])))
}

pub(super) fn conditions(
    previous: &ConnectedAccountStatus,
    desired: &Desired,
    status: &ConnectedAccountStatus,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<Condition> {
    let Verdict {
        reason,
        detail,
        sentence,
    } = verdict;
    let build = |type_: &str, value: &str, message: &str| {
        let unchanged = previous
            .condition(type_)
            .filter(|condition| condition.status == value);
        Condition {
            type_: type_.to_owned(),
            status: value.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(desired.generation),
            last_transition_time: unchanged.map_or_else(
                || Time(whole_seconds(now)),
                |condition| condition.last_transition_time.clone(),
            ),
        }
    };
    let ready = match reason.ready() {
        ReadyRule::True => build(condition::READY, "True", sentence),
        ReadyRule::False => build(condition::READY, "False", sentence),
        ReadyRule::Unknown => build(condition::READY, "Unknown", sentence),
        ReadyRule::KeptOrFalse if status.connected_account_id.is_none() => {
            build(condition::READY, "False", sentence)
        }
        ReadyRule::Kept | ReadyRule::KeptOrFalse => match previous.condition(condition::READY) {
            None => build(condition::READY, "Unknown", sentence),
            // What is kept is what was seen last: a grant that was seen dead is not ready.
            Some(ready) if ready.status == "True" && !may_be_ready(desired, status) => {
                build(condition::READY, "False", sentence)
            }
            Some(ready) if ready.reason == reason.as_str() => {
                build(condition::READY, &ready.status, sentence)
            }
            Some(ready) => ready.clone(),
        },
    };
    // The sentence is said once: where Ready has another one to say, here.
    let synced = build(
        condition::SYNCED,
        if reason.synced() { "True" } else { "False" },
        match ready.reason == reason.as_str() {
            true => "",
            false => sentence,
        },
    );
    // Tools that follow kstatus show what these two say.
    let brief = match detail.as_str() {
        "" => reason.words(),
        detail => detail.to_owned(),
    };
    let progress = match reason.progress() {
        Progress::None => None,
        Progress::Reconciling => Some(build(condition::RECONCILING, "True", &brief)),
        Progress::Stalled => Some(build(condition::STALLED, "True", &brief)),
    };
    let ours = [ready, synced].into_iter().chain(progress);
    // Whoever else keeps one here would write it again, and that would bring the object back each time.
    let others = previous
        .conditions
        .iter()
        .filter(|one| !condition::ALL.contains(&one.type_.as_str()));
    ours.chain(others.cloned()).collect()
}
