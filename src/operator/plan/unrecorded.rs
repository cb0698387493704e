//! No account is on record: one is found and adopted, or one is to be made.

use jiff::Timestamp;

use crate::{
    composio::model::Account,
    crd::{CredentialsStep, Reason},
};

use super::{
    AccountLookup, Claim, Decision, Desired, Effect, EffectKind, Observed, Pin, Plan, Presence,
    Rule, allowed, checks,
    credentials::{self, CredentialsState},
    marks, still_within, waiting,
};

/// One that the object may mean is there.
pub(super) fn found(desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    if let Some(held) = checks::held_by_another(desired, observed, account) {
        return held;
    }
    if let Some(marks) = marks::restored(desired, None) {
        return marks;
    }
    if let Some(difference) = checks::mismatch(desired, account) {
        return Rule::Mismatch.refuses(Reason::Mismatch, difference);
    }
    let Some(claim) = observed.claim(desired, account) else {
        return former(desired, account);
    };
    if checks::may_be_anothers(desired, observed, account) {
        return Rule::HolderUnknown.waits(Reason::NamespaceUnreachable, "", None);
    }
    if let Some(not_allowed) = desired.not_allowed_of(account, false) {
        return allowed::refused_as_found(&not_allowed);
    }
    adopt(desired, claim, account)
}

/// An account with the alias that this object had under another alias prefix or in another project. It may
/// be that of another cluster, in which the object was before.
fn former(desired: &Desired, account: &Account) -> Decision {
    let Pin::Former {
        prefix, project, ..
    } = &desired.pin
    else {
        return Rule::Unproved.refuses(
            Reason::AliasChanged,
            format!("account {} is not this object's", account.id),
        );
    };
    Rule::Unproved.refuses(
        Reason::AliasChanged,
        format!(
            "account {} has the alias of this object under the alias prefix {prefix:?} in project {project}; for an account of its own take the annotation composio.dev/alias off the object",
            account.id
        ),
    )
}

/// An account that is ours by its alias, or by the id that the spec names, and is not recorded yet.
fn adopt(desired: &Desired, claim: Claim, account: &Account) -> Decision {
    if desired.is_marked() {
        return Rule::Adopt.does(Effect::Adopt);
    }
    // With no declared alias an account taken over by id keeps the one it has.
    let alias = match &account.alias {
        Some(alias) if !desired.declares_alias() => alias,
        Some(_) | None => &desired.alias,
    };
    Rule::Adopt.does(Effect::Pin {
        alias: desired.to_pin(claim, alias),
    })
}

/// No account, and none recorded.
pub(super) fn absent(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    if let Some(plan) = refused_to_make(desired, observed) {
        return plan;
    }
    // The auth config is recorded with the first account, and stays.
    let had_one = observed.recorded.auth_config.is_some();
    if let Some(id) = &desired.spec.connected_account_id
        && !had_one
    {
        return Rule::AccountNotFound.refuses(
            Reason::AccountNotFound,
            format!("there is no account {id} in this project that this object may have"),
        );
    }
    let Some(declared) = &desired.spec.credentials else {
        let link_is_over = observed.recorded.last_link_issued_at.is_some();
        let is_asked = desired.asks_for_link(&observed.recorded);
        if !is_asked && desired.is_on_demand() {
            return held_back(desired, observed, now);
        }
        if !is_asked && link_is_over {
            return waiting::wait_for_request(desired, observed, None);
        }
        return make(desired, observed, now, |auth_config, alias| {
            Rule::Link.does(Effect::Link { auth_config, alias })
        });
    };
    match credentials::state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => decision,
        CredentialsState::Sent(CredentialsStep::Refused) => {
            Rule::CredentialsRejected.refuses(Reason::CredentialsRejected, "")
        }
        CredentialsState::New
        | CredentialsState::NeedsNewAccount
        | CredentialsState::Unverifiable
        | CredentialsState::Sent(
            CredentialsStep::Created
            | CredentialsStep::Remade
            | CredentialsStep::Patched
            | CredentialsStep::Assumed,
        ) => make(desired, observed, now, |auth_config, alias| {
            Rule::Create.does(Effect::Create { auth_config, alias })
        }),
    }
}

/// Whether a call of unknown outcome, of which no account came, could not be answered by one any more: a look that is
/// taken now is the last that it is waited for.
pub fn came_to_nothing(desired: &Desired, observed: &Observed, now: Timestamp) -> bool {
    let recorded = &observed.recorded;
    let is_over = recorded.unknown_since.as_ref().is_some_and(|since| {
        still_within(since.0, desired.flags.unknown_outcome_wait, now).is_none()
    });
    is_over
        && desired.presence == Presence::Present
        && !desired.spec.suspend
        && recorded.connected_account_id.is_none()
        && observed.account == AccountLookup::Absent
}

/// Nobody has asked for a link yet. What keeps one from being made is told now, and not to who comes for it. A link that
/// was asked for and got lost is looked for once more when it would be there.
fn held_back(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    let since = observed.recorded.unknown_since.as_ref();
    let wait = desired.flags.unknown_outcome_wait;
    let until = since.and_then(|since| still_within(since.0, wait, now));
    let mut waits = waiting::wait_for_request(desired, observed, None);
    if let Plan::Wait(waits) = &mut waits.plan {
        waits.until = until;
    }
    match checks::auth_config(desired, observed) {
        Err(decision) if waits.rule == Rule::AwaitRequest => decision,
        Ok(_) | Err(_) => waits,
    }
}

/// A POST is due. It is the one kind of call that cannot be repeated, so everything that can be known
/// before is known before, and the alias is in the object first.
///
/// An alias that is in the object and is not the declared one is from before a change of the
/// declaration, or of the alias prefix: an account may carry it and not be visible yet. It is taken out when none has shown up
/// for long enough, and the declared one is written.
fn make(
    desired: &Desired,
    observed: &Observed,
    now: Timestamp,
    decision: impl FnOnce(String, String) -> Decision,
) -> Decision {
    let stale = match &desired.pin {
        Pin::Former { alias, .. } => alias.as_ref(),
        Pin::Own { alias } => alias.as_ref().filter(|pin| **pin != desired.alias),
        Pin::Foreign { .. } | Pin::Absent => None,
    };
    let since = observed.recorded.unknown_since.as_ref();
    let since = since.map(|since| since.0).or(stale.map(|_| now));
    let wait = desired.flags.unknown_outcome_wait;
    if let Some(until) = since.and_then(|since| still_within(since, wait, now)) {
        let detail =
            stale.map(|pin| format!("an account may still carry the former alias {pin:?}"));
        return Rule::OutcomeUnknown.waits(
            Reason::OutcomeUnknown,
            detail.unwrap_or_default(),
            Some(until),
        );
    }
    if stale.is_some() {
        return Rule::DropFormerAlias.does(Effect::Unpin);
    }
    let auth_config = match checks::auth_config(desired, observed) {
        Ok(id) => id.to_owned(),
        Err(decision) => return decision,
    };
    match &desired.pin {
        Pin::Own { alias: Some(alias) } if desired.finalizer => {
            decision(auth_config, alias.clone())
        }
        Pin::Own { .. } | Pin::Former { .. } | Pin::Foreign { .. } | Pin::Absent => Rule::Mark
            .does(Effect::Pin {
                alias: Some(desired.alias.clone()),
            }),
    }
}

/// After Composio refused to make the account in this pass: the pin goes, since nothing carries the
/// alias, unless the refusal is that something does.
fn refused_to_make(desired: &Desired, observed: &Observed) -> Option<Decision> {
    let refused = observed
        .refused
        .iter()
        .find(|refused| matches!(refused.effect.kind(), EffectKind::Link | EffectKind::Create))?;
    if refused.failure.reason == Reason::AliasInUse {
        return Some(Rule::AliasInUse.waits(
            Reason::AliasInUse,
            refused.failure.message.clone(),
            None,
        ));
    }
    if desired.pin.alias().is_some() {
        return Some(Rule::CreationRefused.does(Effect::Unpin));
    }
    Some(Rule::CreationRefused.refuses(refused.failure.reason, refused.failure.message.clone()))
}
