//! Ours, without a live grant: a person or a Secret is waited for, or a new sign-in is due.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{ConnectedAccountStatus, Reason, condition},
    text,
};

use super::{
    Decision, Desired, Effect, EffectKind, Observed, Rule, after, allowed, connection_data,
    credentials, link_out, stopped, unconfirmed, usable_link,
};

/// Our account, with no live grant: it waits for a person, or needs a new link to do so.
pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let recorded = &observed.recorded;
    let not_allowed = allowed::of_own(desired, observed, account);
    if let Some(declared) = &desired.spec.credentials {
        return match &not_allowed {
            Some(not_allowed) => allowed::kept(not_allowed),
            None => credentials::revive(desired, declared, observed, account, now),
        };
    }
    // Nobody is to sign in with connection data that was corrected: that asks for another link, too.
    let usable = usable_link(recorded, account, now);
    let asked = desired.asks_for_another_link(recorded, usable, now)
        || connection_data::is_corrected(desired, recorded, account);
    if not_allowed.is_none()
        && let Some(effect) = to_complete(desired, observed, account)
    {
        return Rule::CompleteAuth.does(effect);
    }
    if !asked && let Some(link) = usable {
        let kept = desired.link_kept_until(recorded, usable, now);
        let until = kept.map_or(link.expires_at.0, |kept| kept.min(link.expires_at.0));
        return Rule::AwaitUser.waits(Reason::AwaitingUser, "", Some(until));
    }
    if let Some(not_allowed) = &not_allowed {
        return allowed::kept(not_allowed);
    }
    if account.state == State::Revoked && !asked {
        return Rule::GrantRevoked.waits(Reason::Revoked, "", None);
    }
    let had_grant = recorded.connected_at.is_some();
    if !desired.spec.enabled && had_grant && account.state.is_dead() && !asked {
        return Rule::DisabledAndDead.waits(Reason::Disabled, "", None);
    }
    let is_held_back = desired.is_on_demand() || !link_is_missing(recorded, account);
    if !asked && is_held_back {
        return wait_for_request(desired, observed, Some(account));
    }
    sign_in_again(desired, observed, account, now)
}

/// The sign-in that a person has come back from, and that Composio is to be told of. Before the dead states: a
/// refreshed account may stay in one until the person is done. Nor is it too late when the link ends: the session of
/// who has come back in time lives on.
fn to_complete(desired: &Desired, observed: &Observed, account: &Account) -> Option<Effect> {
    let recorded = &observed.recorded;
    link_out(recorded, account)?;
    let effect = Effect::CompleteAuth {
        id: account.id.clone(),
        request: desired.to_complete(recorded)?.uid.clone(),
    };
    let is_refused = observed.refused_exactly(&effect).is_some();
    Some(effect).filter(|_| !is_refused)
}

/// Whether a link that is due without a request is not there: none was issued since the grant was lost, or somebody
/// took it out of the status.
fn link_is_missing(recorded: &ConnectedAccountStatus, account: &Account) -> bool {
    let was_lost = match (&recorded.last_link_issued_at, &recorded.connected_at) {
        (None, _) => true,
        (Some(issued), Some(connected)) => issued.0 < connected.0,
        (Some(_), None) => false,
    };
    // Whenever the operator says that, it writes the link too.
    let was_taken = recorded.link.is_none()
        && !account.state.is_dead()
        && recorded.says(condition::SYNCED, &[Reason::AwaitingUser]);
    was_lost || was_taken
}

/// A new link for the account that is there, or room for another account where a refresh will not do.
fn sign_in_again(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let recorded = &observed.recorded;
    let refresh = Effect::Refresh {
        id: account.id.clone(),
    };
    let refused = observed.refused_exactly(&refresh);
    // A refresh takes no connection data.
    if refused.is_some() || connection_data::is_other(desired, recorded) {
        let stands = observed
            .refused(EffectKind::Delete)
            .or(refused.filter(|refused| refused.failure.reason == Reason::Forbidden));
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

/// A link was issued and is over, or links are made on demand: each one makes another account in Composio, so a person
/// has to ask for it. How the sign-in ended is told, also of a grant that was to be given anew.
pub(super) fn wait_for_request(
    desired: &Desired,
    observed: &Observed,
    account: Option<&Account>,
) -> Decision {
    let failed = account.filter(|account| account.state == State::Failed);
    let (reason, detail) = match (failed, &observed.recorded.first_connected_at) {
        (Some(account), _) => how_it_failed(account),
        (None, Some(_)) => (Reason::ReauthorizationRequired, String::new()),
        (None, None) if desired.is_on_demand() => {
            return Rule::AwaitRequest.waits(Reason::AwaitingUser, "", None);
        }
        (None, None) => (Reason::LinkExpired, String::new()),
    };
    Rule::LinkOver.waits(reason, detail, None)
}

fn how_it_failed(account: &Account) -> (Reason, String) {
    if account.failed_verification() {
        return (Reason::IdentityRefused, String::new());
    }
    if account.was_declined() {
        return (Reason::SignInDeclined, String::new());
    }
    let told = account.state_reason.as_deref().map(text::sentence);
    (Reason::SignInFailed, told.unwrap_or_default())
}
