//! What to do for an object that is declared: the first rule that matches decides.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{Reason, condition},
};

use super::{
    AccountLookup, AuthConfigCheck, Claim, Decision, Desired, Effect, Kind, NOT_VISIBLE, Need,
    Observed, Pin, Rule, after, checks, connected, credentials, credentials::CredentialsState,
    duplicates, stopped, unconfirmed, usable_link,
};

pub(super) fn decide(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    let recorded = observed.recorded.connected_account_id.is_some();
    if desired.spec.suspend {
        let rule = Rule::Suspended;
        return match observed.account {
            // It is still observed: whether it is gone, too.
            AccountLookup::NotLooked if recorded => rule.looks(Need::Account),
            AccountLookup::Absent if recorded => {
                rule.waits(Reason::Suspended, "the account is gone", None)
            }
            AccountLookup::NotLooked
            | AccountLookup::Absent
            | AccountLookup::One(_)
            | AccountLookup::Many(_) => rule.waits(Reason::Suspended, "", None),
        };
    }
    let account = match &observed.account {
        AccountLookup::NotLooked => return Rule::LookAfresh.looks(Need::Account),
        AccountLookup::Absent if recorded => return vanished(desired, observed, now),
        AccountLookup::Absent => return absent(desired, observed, now),
        AccountLookup::One(account) => account,
        AccountLookup::Many(accounts) => match accounts.first() {
            Some(kept) => kept,
            None => return absent(desired, observed, now),
        },
    };
    let claim = observed.claim(desired, account);
    if recorded && claim.is_none() {
        return disown(desired, observed, account);
    }
    if let Some(holder) = &observed.holder {
        return Rule::HeldByAnother.refuses(
            Reason::Conflict,
            format!("account {} is managed by {}", account.id, holder.object),
        );
    }
    if let Some(id) = &observed.recorded.connected_account_id
        && *id != account.id
    {
        let other = format!("account {id} was asked for, {} was shown", account.id);
        return Rule::Mismatch.refuses(Reason::Mismatch, other);
    }
    let differs = if recorded {
        checks::made_elsewhere(desired, account)
    } else {
        checks::mismatch(desired, account)
    };
    if let Some(difference) = differs {
        return Rule::Mismatch.refuses(Reason::Mismatch, difference);
    }
    let Some(claim) = claim else {
        return former(desired, account);
    };
    if !recorded && checks::may_be_anothers(desired, observed, account) {
        return Rule::HolderUnknown.waits(Reason::NamespaceUnreachable, "", None);
    }
    if !recorded {
        return adopt(desired, claim, account);
    }
    if let State::Unknown(word) = &account.state {
        let detail = format!("the state is {word:?}");
        return Rule::UnknownState.waits(Reason::UnknownState, detail, None);
    }
    // Somebody took our marks off the object: without them nobody would find the account, or end it.
    if !desired.is_marked() {
        return Rule::RestoreMarks.does(Effect::Pin {
            alias: desired.to_pin(claim, account.alias.as_deref().unwrap_or(&desired.alias)),
        });
    }
    if let Some(duplicate) = duplicates::to_delete(desired, observed) {
        return Rule::DeleteDuplicate.does(Effect::Delete {
            id: duplicate.id.clone(),
            revoke: false,
        });
    }
    let had_grant = observed.recorded.connected_at.is_some();
    match account.state {
        // Disabled before it ever had a grant: to enable it would call it connected.
        State::Inactive
            if desired.spec.enabled && !had_grant && desired.spec.credentials.is_none() =>
        {
            unconnected(desired, observed, account, now)
        }
        State::Active | State::Inactive => connected::decide(desired, observed, account, now),
        State::Initializing
        | State::Initiated
        | State::Expired
        | State::Failed
        | State::Revoked => unconnected(desired, observed, account, now),
        State::Unknown(_) => Rule::UnknownState.nothing(),
    }
}

/// The status names an account that is not this object's: it was copied, or written by hand. Where the
/// API key was changed the record may still be true, and only a person can tell, unless another object has
/// proved it to be its own, or the pin tells that the object is a copy.
fn disown(desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    let has_own = match &observed.account {
        AccountLookup::Many(accounts) => accounts
            .iter()
            .any(|other| observed.claim(desired, other) == Some(Claim::Own)),
        AccountLookup::NotLooked | AccountLookup::Absent | AccountLookup::One(_) => false,
    };
    let may_be_true =
        observed.is_record_of_another_key(desired) || observed.recorded.adopted.is_some();
    let is_held = observed.holder.is_some();
    let is_copy = match &desired.pin {
        Pin::Foreign { .. } => true,
        // It is found again by the pin, and then the refusal says what the pin does.
        Pin::Former { alias, .. } => account.alias.as_ref() == Some(alias),
        Pin::Own { .. } | Pin::Absent => false,
    };
    if has_own || is_held || is_copy || !may_be_true {
        return Rule::NotOurs.does(Effect::Forget);
    }
    Rule::Unproved.refuses(
        Reason::AliasChanged,
        format!(
            "account {} has the alias {:?}, the alias of this object is {:?}",
            account.id,
            account.alias.as_deref().unwrap_or_default(),
            desired.alias
        ),
    )
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

/// The recorded account is not there. One that was made a moment ago may not be visible yet.
fn vanished(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    match observed.hidden_until(desired.flags.unknown_outcome_wait, now) {
        Some(until) => Rule::NotVisibleYet.waits(Reason::Progressing, NOT_VISIBLE, Some(until)),
        None => Rule::AccountGone.does(Effect::Forget),
    }
}

/// No account, and none recorded.
fn absent(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
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
            format!("there is no account {id} in this project"),
        );
    }
    let Some(declared) = &desired.spec.credentials else {
        let link_is_over = observed.recorded.last_link_issued_at.is_some();
        if link_is_over && !asks_for_link(desired, observed) {
            return wait_for_request(observed);
        }
        return make(desired, observed, now, |auth_config, alias| {
            Rule::Link.does(Effect::Link { auth_config, alias })
        });
    };
    match credentials::state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => decision,
        CredentialsState::New | CredentialsState::Sent(_) => {
            make(desired, observed, now, |auth_config, alias| {
                Rule::Create.does(Effect::Create { auth_config, alias })
            })
        }
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
        Pin::Former { alias, .. } => Some(alias),
        Pin::Own { alias } => alias.as_ref().filter(|pin| **pin != desired.alias),
        Pin::Foreign { .. } | Pin::Absent => None,
    };
    // A time in the future was not written by a clock that can be trusted.
    let since = observed
        .recorded
        .unknown_since
        .as_ref()
        .map(|since| since.0.min(now));
    if since.is_some() || stale.is_some() {
        let until = after(since.unwrap_or(now), desired.flags.unknown_outcome_wait);
        if now < until {
            let detail =
                stale.map(|pin| format!("an account may still carry the former alias {pin:?}"));
            return Rule::OutcomeUnknown.waits(
                Reason::OutcomeUnknown,
                detail.unwrap_or_default(),
                Some(until),
            );
        }
    }
    if stale.is_some() {
        return Rule::DropFormerAlias.does(Effect::Unpin);
    }
    let auth_config = match &observed.auth_config {
        AuthConfigCheck::NotAsked => return Rule::FindAuthConfig.looks(Need::AuthConfig),
        AuthConfigCheck::Unfit { reason, detail } => {
            return Rule::NoAuthConfig.refuses(*reason, detail.clone());
        }
        AuthConfigCheck::Fit(id) => id.clone(),
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
        .find(|refused| matches!(refused.effect.kind(), Kind::Link | Kind::Create))?;
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

fn asks_for_link(desired: &Desired, observed: &Observed) -> bool {
    desired.link_request.is_some()
        && desired.link_request != observed.recorded.last_handled_link_request
}

fn wait_for_request(observed: &Observed) -> Decision {
    match observed.recorded.first_connected_at {
        Some(_) => Rule::LinkOver.waits(Reason::ReauthorizationRequired, "", None),
        None => Rule::LinkOver.waits(Reason::LinkExpired, "", None),
    }
}

/// Our account, with no live grant: it waits for a person, or needs a new link to do so.
fn unconnected(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let recorded = &observed.recorded;
    if let Some(declared) = &desired.spec.credentials {
        return credentials::revive(desired, declared, observed, account);
    }
    let asked = asks_for_link(desired, observed);
    // Before the dead states: a refreshed account may stay in one until the person is done.
    if !asked && let Some(link) = usable_link(recorded, account, now) {
        return Rule::AwaitUser.waits(Reason::AwaitingUser, "", Some(link.expires_at.0));
    }
    if account.state == State::Revoked && !asked {
        return Rule::GrantRevoked.waits(Reason::Revoked, "", None);
    }
    let had_grant = recorded.connected_at.is_some();
    if !desired.spec.enabled && had_grant && account.state.is_dead() && !asked {
        return Rule::DisabledAndDead.waits(Reason::Disabled, "", None);
    }
    let link_was_lost = match (&recorded.last_link_issued_at, &recorded.connected_at) {
        (None, _) => true,
        (Some(issued), Some(connected)) => issued.0 < connected.0,
        (Some(_), None) => false,
    };
    // Whenever the operator says that, it writes the link too: somebody took it out of the status.
    let link_was_taken = recorded.link.is_none()
        && !account.state.is_dead()
        && recorded.says(condition::SYNCED, &[Reason::AwaitingUser]);
    if !asked && !link_was_lost && !link_was_taken {
        return wait_for_request(observed);
    }
    if let Some(refused) = observed.refused(Kind::Refresh) {
        let stands = observed
            .refused(Kind::Delete)
            .or(Some(refused).filter(|refused| refused.failure.reason == Reason::Forbidden));
        if let Some(refused) = stands {
            return stopped(Rule::Refused, &refused.failure);
        }
        if let Some(unconfirmed) = unconfirmed(desired, observed, account) {
            return unconfirmed;
        }
        // Never with revocation: a provider may end the whole grant of that user and app.
        return Rule::MakeRoom.does(Effect::Delete {
            id: account.id.clone(),
            revoke: false,
        });
    }
    // A refresh that is still on its way would end the link that this one brings.
    if let Some(since) = &recorded.unknown_since {
        let until = after(since.0, desired.flags.unknown_outcome_wait);
        if now < until {
            return Rule::OutcomeUnknown.waits(Reason::OutcomeUnknown, "", Some(until));
        }
    }
    Rule::SignInAgain.does(Effect::Refresh {
        id: account.id.clone(),
    })
}
