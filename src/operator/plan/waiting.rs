//! Ours, without a live grant: a person or a Secret is waited for, or a new sign-in is due.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{Reason, condition},
};

use super::{
    Decision, Desired, Effect, Kind, Observed, Rule, after, credentials, stopped, unconfirmed,
    usable_link,
};

/// Our account, with no live grant: it waits for a person, or needs a new link to do so.
pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let recorded = &observed.recorded;
    if let Some(declared) = &desired.spec.credentials {
        return credentials::revive(desired, declared, observed, account, now);
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
    let refresh = Effect::Refresh {
        id: account.id.clone(),
    };
    if let Some(refused) = observed.refused_exactly(&refresh) {
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
    Rule::SignInAgain.does(refresh)
}

/// Whether a person asks for a link and was not answered yet.
pub(super) fn asks_for_link(desired: &Desired, observed: &Observed) -> bool {
    desired.link_request.is_some()
        && desired.link_request != observed.recorded.last_handled_link_request
}

/// A link was issued and is over: each new one costs a row, so a person has to ask for it.
pub(super) fn wait_for_request(observed: &Observed) -> Decision {
    match observed.recorded.first_connected_at {
        Some(_) => Rule::LinkOver.waits(Reason::ReauthorizationRequired, "", None),
        None => Rule::LinkOver.waits(Reason::LinkExpired, "", None),
    }
}
