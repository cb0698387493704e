//! What is worth telling of a pass, as Kubernetes events: transitions only, each told once. No I/O.
//!
//! Whoever may read events need not be allowed to read the object, so no connect link, no other URL
//! and nobody's name on an access list is in them.

use crate::{
    composio::model::State,
    crd::{ConnectedAccountStatus, DeletionPolicy, FINALIZER, Progress, Reason, condition},
    plan::{
        Applied, Desired, Effect, Observed, Pin, Presence, ends_with_object, is_abandoned, is_ours,
    },
    text,
};

use super::is_in;

mod ending;
mod identity;
mod link;
mod reason;
use ending::{deleted, policy_replaced, why_disabled};
use identity::of_identity;
use link::link_issued;
pub use link::{of_incomplete_sign_in, of_unproved_return};
pub use reason::EventReason;

/// The apiserver's limit, in bytes.
const MAX_NOTE: usize = 1024;
/// What Composio names as revoked is a word like `access_token`. Anything longer is none.
const MAX_TOKEN_NAME: usize = 32;

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// What it is about.
    pub reason: EventReason,
    /// What exactly happened, at most 1 kB.
    pub note: String,
    /// Whether somebody should look at it.
    pub warning: bool,
}

impl ObjectEvent {
    /// Whether an account was deleted although its provider had refused to revoke the grant.
    pub fn is_unrevoked_deletion(&self) -> bool {
        self.reason == EventReason::Deleted && self.warning
    }
}

/// The events of one effect that went through. `previous` is the status before it, `observed` what is
/// seen and recorded after it.
pub fn of_effect(
    effect: &Effect,
    done: &Applied,
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    observed: &Observed,
) -> Vec<ObjectEvent> {
    // To be revoked an account may have to be enabled: that is a part of its end.
    let declared = desired.presence == Presence::Present;
    match effect {
        Effect::Pin { .. } => copied(desired).or(moved(desired)).into_iter().collect(),
        Effect::Release => {
            let replaced = policy_replaced(desired, previous, DeletionPolicy::Retain);
            replaced
                .into_iter()
                .chain(let_go(desired, observed))
                .collect()
        }
        // That the account is connected is told with the status that says so.
        Effect::Unpin | Effect::Create { .. } | Effect::CompleteAuth { .. } => Vec::new(),
        Effect::Link { .. } | Effect::Refresh { .. } => link_issued(desired, done),
        Effect::Adopt => {
            let id = observed.recorded.connected_account_id.as_deref();
            let note = format!(
                "account {} was found and is managed by this object",
                id.unwrap_or_default()
            );
            vec![normal(EventReason::Adopted, note)]
        }
        Effect::Forget if desired.leaves().is_some() => {
            let left = left_behind(desired, previous.connected_account_id.as_deref());
            left.into_iter().collect()
        }
        Effect::Forget if *done == Applied::Disowned => {
            let id = previous.connected_account_id.as_deref();
            let note = format!(
                "account {} stood in the status and is not this object's: it was left alone",
                id.unwrap_or_default()
            );
            vec![warning(EventReason::RecordRejected, note)]
        }
        Effect::Forget => {
            let id = previous.connected_account_id.as_deref();
            let note = format!(
                "account {} is not in Composio any more, or not of this user and toolkit",
                id.unwrap_or_default()
            );
            vec![warning(EventReason::AccountVanished, note)]
        }
        Effect::Enable { .. } if !declared => Vec::new(),
        Effect::Disable { .. } if !declared => Vec::new(),
        Effect::Enable { id } => {
            vec![normal(
                EventReason::Enabled,
                format!("account {id} was enabled, as declared"),
            )]
        }
        Effect::Disable { id } => {
            // It is disabled before anything was said of the consent.
            let was_told = observed.recorded.connected_at == previous.connected_at;
            let first = (!was_told).then(|| connected(id));
            let why = why_disabled(&observed.recorded);
            let note = format!("account {id} was disabled, {why}");
            first
                .into_iter()
                .chain([normal(EventReason::Disabled, note)])
                .collect()
        }
        Effect::Patch { id, change } => {
            let note = change.note(desired, id, observed.account.account());
            let reason = EventReason::Changed(change.kind());
            note.map(|note| normal(reason, note)).into_iter().collect()
        }
        Effect::Revoke { id } => vec![normal(EventReason::Revoked, revoked(id, done))],
        Effect::Delete { id, revoke } => {
            let ends = desired.deletion_policy();
            let is_the_end = !declared && previous.connected_account_id.as_ref() == Some(id);
            let replaced = policy_replaced(desired, previous, ends).filter(|_| is_the_end);
            let deleted = deleted(id, *revoke, declared, previous);
            replaced.into_iter().chain([deleted]).collect()
        }
    }
}

/// An annotation that was copied along with the object, or written by hand. `desired` is the object before it
/// was replaced.
fn copied(desired: &Desired) -> Option<ObjectEvent> {
    let Pin::Foreign { object } = &desired.pin else {
        return None;
    };
    let whose = match object {
        Some(object) => format!("was written for {object}"),
        None => "was not written by the operator".to_owned(),
    };
    let note = format!(
        "the annotation composio.dev/alias {whose} and was replaced: this object has no part in that account"
    );
    Some(warning(EventReason::CopyDetected, note))
}

/// The account on record, which stays in the project that the object leaves.
fn left_behind(desired: &Desired, id: Option<&str>) -> Option<ObjectEvent> {
    let (there, here) = (desired.leaves()?, &desired.flags.project);
    let id = id.unwrap_or_default();
    let note = format!(
        "account {id} in project {there} is left as it is, with its grant: the object goes on in {here}"
    );
    Some(warning(EventReason::Moved, note))
}

/// `desired` is the object before it was moved.
fn moved(desired: &Desired) -> Option<ObjectEvent> {
    let (there, here) = (desired.leaves()?, &desired.flags.project);
    let alias = desired.pin.alias().unwrap_or_default();
    let note = format!(
        "the object is in project {here} now: what it has in {there} under the alias {alias:?} is left as it is"
    );
    Some(warning(EventReason::Moved, note))
}

/// What an object leaves behind that is let go.
fn let_go(desired: &Desired, observed: &Observed) -> Option<ObjectEvent> {
    if !is_abandoned(desired, observed) {
        return retained(desired, observed);
    }
    let account = desired.abandon.as_deref().unwrap_or_default();
    let note = format!(
        "account {account} was given up: its grant may still be good, end it at Composio or at the provider"
    );
    Some(warning(EventReason::AccountAbandoned, note))
}

/// An account that is there when the object goes, and is not ended because nothing proves that it is this
/// object's.
fn retained(desired: &Desired, observed: &Observed) -> Option<ObjectEvent> {
    let account = observed.account.account()?;
    if !ends_with_object(desired.deletion_policy())
        || observed.holder.is_some()
        || is_ours(desired, observed, account)
    {
        return None;
    }
    let note = format!(
        "account {} was left as it is: nothing proves that this object has made it, and the annotation composio.dev/own-account did not name it",
        account.id
    );
    Some(warning(EventReason::AccountRetained, note))
}

fn connected(id: &str) -> ObjectEvent {
    normal(EventReason::Connected, format!("account {id} is active"))
}

/// Composio names what it revoked. Should it ever send the thing itself, it is not passed on.
fn revoked(id: &str, done: &Applied) -> String {
    let mut tokens = Vec::new();
    if let Applied::Revoked { tokens: named } = done {
        tokens.extend(named.iter().map(|token| token_name(token)));
    }
    if tokens.is_empty() {
        return format!("the grant of account {id} was revoked already");
    }
    format!(
        "the grant of account {id} was revoked: {}",
        tokens.join(", ")
    )
}

fn token_name(token: &str) -> &str {
    let is_name = token.len() <= MAX_TOKEN_NAME
        && token
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { token } else { "another" }
}

/// The event of an object that cannot be read in these fields. `is_held`: it is being deleted, and our
/// finalizer is on it.
pub fn of_unreadable(fields: &[Box<str>], is_held: bool) -> ObjectEvent {
    let fields = fields.join(", ");
    if is_held {
        let note = format!(
            "cannot be read: {fields}. The account is not ended, and the finalizer {FINALIZER} stays: correct the object, or remove the finalizer to leave the account as it is"
        );
        return warning(EventReason::DeletionBlocked, note);
    }
    let note = format!(
        "cannot be read: {fields}. The object and its account are left alone until it is corrected"
    );
    warning(EventReason::NotDecoded, note)
}

/// The event of an object on which the apiserver takes no write.
pub fn of_refusal(refusal: &str) -> ObjectEvent {
    let note = format!("the apiserver refused a write of the object: {refusal}");
    warning(EventReason::Problem(Reason::KubernetesRefused), note)
}

/// The events of one write of the status, from what the apiserver had to what it has.
pub fn of_status(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Vec<ObjectEvent> {
    let connection = match (&status.connected_at, &status.connected_account_id) {
        (Some(_), Some(id))
            if status.connected_at != previous.connected_at
                && is_in(status, &[State::Active])
                && desired.presence == Presence::Present =>
        {
            Some(connected(id))
        }
        (Some(_) | None, _) => None,
    };
    let trouble = warning_reason(status)
        .filter(|(reason, _)| {
            Some(*reason) != self::warning_reason(previous).map(|(reason, _)| reason)
        })
        .map(|(reason, message)| warning(EventReason::Problem(reason), message.to_owned()));
    [
        replaced(previous, status),
        connection,
        of_identity(desired, previous, status),
        ignored(desired, previous, status),
        trouble,
        config_map_not_written(previous, status),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Another account than the one that was connected before: whoever names that one by its id loses it.
fn replaced(
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    let (former, id) = (
        status.previous_connected_account_id.as_ref()?,
        status.connected_account_id.as_ref()?,
    );
    (previous.connected_account_id.as_ref() != Some(id)).then(|| {
        let note = format!(
            "account {id} is in the place of {former}: sessions that name {former} must name the new id"
        );
        warning(EventReason::AccountReplaced, note)
    })
}

/// The ConfigMap says not, or not any more, what it must, or that for another reason.
fn config_map_not_written(
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    let written = |status: &ConnectedAccountStatus| {
        let condition = status.condition(condition::CONFIG_MAP_WRITTEN).cloned();
        condition.filter(|condition| condition.status == "False")
    };
    let (now, before) = (written(status)?, written(previous));
    (before.is_none_or(|before| before.reason != now.reason))
        .then(|| warning(EventReason::ConfigMapNotWritten, now.message))
}

/// What a person may have to end. Synced always carries the reason.
fn warning_reason(status: &ConnectedAccountStatus) -> Option<(Reason, &str)> {
    let synced = status.condition(condition::SYNCED)?;
    let reason = Reason::named(&synced.reason)?;
    warns(reason).then(|| {
        (
            reason,
            status.full_message(reason.as_str()).unwrap_or_default(),
        )
    })
}

/// Whether an object that comes to say so is told of: where only a person helps, and where what was to be done
/// failed. Not where time alone helps within a minute or so.
fn warns(reason: Reason) -> bool {
    match reason {
        Reason::OutcomeUnknown | Reason::RateLimited => false,
        // It is told when the apiserver refuses, since it may refuse the status too.
        Reason::KubernetesRefused => false,
        other => !other.synced() || other.progress() == Progress::Stalled,
    }
}

/// A request for a link that was handled, and brought none.
fn ignored(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    let handled = status.last_handled_link_request.as_ref()?;
    if previous.last_handled_link_request.as_ref() == Some(handled) {
        return None;
    }
    if desired.ignored_link_request.as_ref() == Some(handled) {
        return Some(warning(
            EventReason::LinkRequestIgnored,
            "the value of composio.dev/link-requested-at is longer than 64 characters".to_owned(),
        ));
    }
    let note = match &desired.spec.credentials {
        Some(_) => "the account is made from a Secret: no link was issued",
        None if desired.is_bound(None) => {
            "the project takes sign-ins from the connect page alone: no link was issued"
        }
        None => "the account has a grant: no link was issued",
    };
    (status.last_link_issued_at == previous.last_link_issued_at)
        .then(|| normal(EventReason::LinkRequestIgnored, note.to_owned()))
}

fn normal(reason: EventReason, note: String) -> ObjectEvent {
    ObjectEvent {
        reason,
        note: truncate_note(&note),
        warning: false,
    }
}

fn warning(reason: EventReason, note: String) -> ObjectEvent {
    ObjectEvent {
        reason,
        note: truncate_note(&note),
        warning: true,
    }
}

/// Without URLs, and no longer than the apiserver takes. What somebody else's message holds may be a
/// connect link.
pub(crate) fn truncate_note(note: &str) -> String {
    let mut fit = text::without_urls(&text::sanitize_line(note, MAX_NOTE));
    if fit.len() > MAX_NOTE {
        let dots = '…';
        let mut end = MAX_NOTE - dots.len_utf8();
        while !fit.is_char_boundary(end) {
            end -= 1;
        }
        fit.truncate(end);
        fit.push(dots);
    }
    fit
}
