//! A grant that is not to be used: somebody else has given it, or may have. It is disabled before anything else is
//! done, and nothing of it is retained.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{ConnectedAccountStatus, FinishedIn, Reason, Verdict},
    record::Proven,
};

use super::{
    AccountLookup, Decision, Desired, Effect, Need, Observed, Rule, identity,
    sign_in::{self, Unbound},
    stopped, unconfirmed,
};

/// Of a grant of which nobody has said in time who gave it.
const NOT_RETURNED: &str = "nobody came back to the connect page within ten minutes in the browser that had asked for the link, as the project demands";

/// Why a grant is not to be used.
pub(super) struct Unused {
    rule: Rule,
    reason: Reason,
    detail: &'static str,
}

/// Why the grant of the recorded account is not to be used; `None`: it may be, as far as that is known.
pub(super) fn why(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
    now: Timestamp,
) -> Option<Unused> {
    let (rule, reason, detail) = match sign_in::unbound(desired, recorded, account, now) {
        Some(Unbound::Elsewhere) => (Rule::FinishedElsewhere, Reason::FinishedElsewhere, ""),
        Some(Unbound::NotReturned) => (Rule::NotReturned, Reason::FinishedElsewhere, NOT_RETURNED),
        Some(Unbound::Awaited(_)) | None => identity::is_wrong(desired, recorded, account)
            .then_some((Rule::WrongIdentity, Reason::WrongIdentity, ""))?,
    };
    Some(Unused {
        rule,
        reason,
        detail,
    })
}

/// What is active, and not to be used, is disabled: neither that the object is suspended, nor that it differs from what
/// is declared by now, is a way to keep it in use.
pub(super) fn disables(desired: &Desired, observed: &Observed, now: Timestamp) -> Option<Decision> {
    let account = observed.account.account()?;
    let recorded = &observed.recorded;
    let is_its_own = recorded.connected_account_id.as_ref() == Some(&account.id)
        && desired.leaves().is_none()
        && observed.holder.is_none()
        && observed.claim(desired, account).is_some();
    if !is_its_own || account.state != State::Active {
        return None;
    }
    why(desired, recorded, account, now)?;
    let effect = disable(account);
    let refused = observed.refused_exactly(&effect);
    refused.is_none().then(|| Rule::DisableAtOnce.does(effect))
}

/// The same of an object whose pin names another project: whoever may edit the object may write that pin. It is looked
/// for only where the record proves that it is here. `None`: nothing is to be done here.
pub(super) fn in_spite_of_pin(
    desired: &Desired,
    observed: &Observed,
    now: Timestamp,
) -> Option<Decision> {
    let recorded = &observed.recorded;
    let is_unseen = observed.account == AccountLookup::NotLooked && may_be(recorded, now);
    let is_told = !observed.fresh && desired.has_return(recorded);
    match is_signed(desired, observed) && (is_unseen || is_told) {
        true => Some(Rule::LookAfresh.looks(Need::Account)),
        false => disables(desired, observed, now),
    }
}

/// Whether the record proves that the recorded account is this object's in this project.
pub(super) fn is_signed(desired: &Desired, observed: &Observed) -> bool {
    observed.proven(desired) == Some(Proven::Valid)
}

/// It is disabled, or cannot be: the grant is theirs to end who gave it. A new link takes a new account.
pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    unused: &Unused,
) -> Decision {
    let Unused {
        rule,
        reason,
        detail,
    } = *unused;
    let effect = match account.state {
        State::Active => disable(account),
        _ if desired.asks_for_link(&observed.recorded) => {
            if let Some(unconfirmed) = unconfirmed(desired, observed, account) {
                return unconfirmed;
            }
            Effect::Delete {
                id: account.id.clone(),
                revoke: false,
            }
        }
        _ => return rule.refuses(reason, detail),
    };
    match observed.refused_exactly(&effect) {
        Some(refused) => stopped(rule, &refused.failure),
        None => rule.does(effect),
    }
}

fn disable(account: &Account) -> Effect {
    Effect::Disable {
        id: account.id.clone(),
    }
}

/// Whether the last sign-in is still open, or was no good one, as the status tells: of the account that object leaves
/// behind nobody would know that any more.
pub(super) fn may_be(recorded: &ConnectedAccountStatus, now: Timestamp) -> bool {
    let Some(id) = &recorded.connected_account_id else {
        return false;
    };
    let is_unfinished = recorded.sign_in.as_ref().is_some_and(|sign_in| {
        sign_in.finished_in == Some(FinishedIn::Another) || sign_in.return_by.is_some()
    });
    let is_another = recorded.identity_verdict.as_ref().is_some_and(|judged| {
        let is_wrong = match judged.verdict {
            Verdict::AnotherIdentity | Verdict::NotShown => true,
            Verdict::AsExpected | Verdict::NotComparable => false,
        };
        is_wrong && judged.account_id == *id
    });
    is_unfinished || is_another || is_link_out(recorded, now)
}

/// Whether the account is not left to whoever makes the object anew: its grant is not to be used, or not yet, or the link
/// that would bring one is out.
pub(super) fn is_not_retained(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
    now: Timestamp,
) -> bool {
    let is_recorded = recorded.connected_account_id.as_ref() == Some(&account.id);
    let is_unused = match account.state.is_connected() {
        true => {
            sign_in::unbound(desired, recorded, account, now).is_some()
                || identity::is_wrong(desired, recorded, account)
        }
        false => is_link_out(recorded, now),
    };
    is_recorded && is_unused
}

/// Whether somebody has a link of the connect page that can still be used.
fn is_link_out(recorded: &ConnectedAccountStatus, now: Timestamp) -> bool {
    recorded.link.as_ref().is_some_and(|link| {
        let asked = link.requested_by.as_ref();
        now < link.expires_at.0 && asked.is_some_and(|asked| asked.browser.is_some())
    })
}
