//! What people are to be told: a change of state that concerns a person, remembered by the write that says it.

use jiff::Timestamp;

use crate::{
    composio::model::State,
    crd::{
        ConnectedAccountStatus, ForPerson, NotificationType, PendingNotification, Reason, condition,
    },
    plan::{Applied, Desired, Outcome, OutcomeKind, Presence},
};

use super::conditions::Verdict;

/// Notes what people are to be told, beside the conditions that say it.
///
/// # Guarantees
/// - The same state is told once, however often it is left for what passes by itself and comes back.
/// - Nothing is told of what was so before notifications were turned on, nor of an account that was found: one that is
///   older than the object. A younger one was made for it, and who made it did not come to say so.
/// - What was to be told of an object before it was restored from a backup is told, unless it is not so any more.
/// - At rest nothing is written, and where nobody is notified there is nothing of it in the status.
pub(super) fn record_notification(
    status: &mut ConnectedAccountStatus,
    previous: &ConnectedAccountStatus,
    desired: &Desired,
    verdict: &Verdict,
    outcome: &Outcome,
    now: Timestamp,
) {
    if !desired.is_notified() {
        status.pending_notification = None;
        status.notification_state = None;
        return;
    }
    // Whoever deletes an object knows of it.
    if desired.presence != Presence::Present {
        status.pending_notification = None;
        return;
    }
    // Under another uid nobody knows whether it was sent.
    let renewed = |pending: PendingNotification| match pending.is_of(&desired.uid) {
        true => pending,
        false => PendingNotification::new(&desired.uid, pending.type_, now),
    };
    status.pending_notification = status.pending_notification.take().map(renewed);
    let before = status.notification_state.or_else(|| said_by(previous));
    if before.is_none() && outcome.kind == OutcomeKind::Applied(Applied::Adopted) {
        status.notification_state = found(desired, outcome);
        return;
    }
    let Some(state) = state_of(verdict.reason) else {
        // What passes, or concerns nobody. As long as it lasts nothing is written for this, and once it begins it must
        // not be forgotten what was before.
        if !previous.says(condition::SYNCED, &[verdict.reason]) {
            status.notification_state = before;
        }
        return;
    };
    let is_connected = state == NotificationType::Connected;
    let is_over = |pending: &mut PendingNotification| {
        (pending.type_ == NotificationType::Connected) != is_connected
    };
    status.pending_notification.take_if(is_over);
    if before == Some(state) {
        return;
    }
    status.notification_state = Some(state);
    if is_told(before, state) {
        let type_ = match (before, state) {
            // The link that is made at once for a grant that is dead.
            (Some(NotificationType::Connected), NotificationType::AwaitingUser) => {
                NotificationType::ReauthorizationRequired
            }
            (_, state) => state,
        };
        let pending = PendingNotification::new(&desired.uid, type_, now);
        status.pending_notification = Some(pending);
    }
}

/// Whether a change is worth telling.
fn is_told(before: Option<NotificationType>, state: NotificationType) -> bool {
    use NotificationType::{
        AwaitingUser, Connected, ReauthorizationRequired, Revoked, WrongIdentity,
    };
    match (before, state) {
        // Who was told to come is told nothing new by the link that was made for them.
        (None | Some(Connected), AwaitingUser) => true,
        (Some(_), AwaitingUser) => false,
        // A grant can only be lost where there was one: what runs out otherwise is a link.
        (before, ReauthorizationRequired | Revoked) => before == Some(Connected),
        // Where nobody was asked, nobody waits for the answer.
        (before, Connected) => before.is_some(),
        (_, WrongIdentity) => true,
    }
}

/// The state of an account that was found, which others were told of before; `None`: it was made for this object.
fn found(desired: &Desired, outcome: &Outcome) -> Option<NotificationType> {
    let account = outcome.observed.account.account()?;
    let made = account.created_at.zip(desired.created);
    if made.is_some_and(|(account, object)| account >= object) {
        return None;
    }
    Some(match account.state {
        State::Active | State::Inactive => NotificationType::Connected,
        State::Expired => NotificationType::ReauthorizationRequired,
        State::Revoked => NotificationType::Revoked,
        State::Initializing | State::Initiated | State::Failed | State::Unknown(_) => {
            NotificationType::AwaitingUser
        }
    })
}

/// The state that the conditions speak of: that of a status which is older than the notifications.
fn said_by(status: &ConnectedAccountStatus) -> Option<NotificationType> {
    let ready = status.condition(condition::READY)?;
    let reason = Reason::named(&ready.reason)?;
    let is_ready = ready.status == "True";
    state_of(reason).or(is_ready.then_some(NotificationType::Connected))
}

/// The state that a reason means to people; `None`: it passes by itself, or no person who signs in can help.
fn state_of(reason: Reason) -> Option<NotificationType> {
    match reason.for_person() {
        ForPerson::Asked(state) => Some(state),
        ForPerson::Connected => Some(NotificationType::Connected),
        ForPerson::Passing | ForPerson::Nothing => None,
    }
}
