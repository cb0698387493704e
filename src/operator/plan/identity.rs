//! Whether who signed in is who was expected. It guards against mistakes, and proves nothing.

use jiff::Timestamp;

use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, IdentityVerdict, Verdict},
};

use super::{
    Desired, Observed, Presence,
    sign_in::{unbound, was_connected},
};

/// What is judged of the last sign-in, once: at the first look that shows who signed in. An edit of the declaration, or of
/// what Composio shows, changes nothing of it; another sign-in is judged anew.
///
/// Only who signed in by a link of this object, and was not seen before, can be found to be another one: of an account that
/// was found, or that was connected before an identity was expected, nothing is disabled.
///
/// Where the project demands the person, an account that was found is judged too: whoever may make the object anew would
/// else be rid of the verdict. Who is not shown, or shown as something of another kind, is not that person. One who is
/// not shown yet is judged once they are.
pub fn identity_verdict(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
) -> Option<IdentityVerdict> {
    if !account.state.is_connected() {
        return None;
    }
    let was_connected = was_connected(recorded);
    let known = recorded.identity_verdict.as_ref();
    let known = known.filter(|known| was_connected && known.account_id == account.id);
    let is_final = |known: &&IdentityVerdict| known.verdict != Verdict::NotShown;
    if let Some(known) = known.filter(is_final) {
        return Some(known.clone());
    }
    let is_by_link = recorded.last_link_issued_at.is_some()
        && recorded.adopted.is_none()
        && desired.spec.connected_account_id.is_none();
    let is_new = !was_connected || known.is_some();
    let demanded = desired.demanded_person(account).filter(|_| is_new);
    // Whoever could not be judged stays so, whatever became of the demand.
    let demanded = demanded.or(known.map(|known| known.expected.as_str()));
    if let Some(person) = demanded {
        return Some(IdentityVerdict {
            account_id: account.id.clone(),
            expected: person.to_owned(),
            verdict: demand(person, desired, account),
        });
    }
    let expected = desired.spec.expected_identity.as_ref()?;
    let shown = account.identity.as_ref()?;
    let was_seen = was_connected && recorded.identity.is_some();
    let verdict = match compare(expected, shown) {
        Verdict::AnotherIdentity if was_seen || !is_by_link => Verdict::NotComparable,
        verdict => verdict,
    };
    Some(IdentityVerdict {
        account_id: account.id.clone(),
        expected: expected.clone(),
        verdict,
    })
}

/// Whether the account is that person's, as the project demands, and of whom the declaration expects besides.
fn demand(person: &str, desired: &Desired, account: &Account) -> Verdict {
    let Some(shown) = &account.identity else {
        return Verdict::NotShown;
    };
    let expected = desired.spec.expected_identity.as_deref();
    let is_expected = |one| compare(one, shown) == Verdict::AsExpected;
    match std::iter::once(person).chain(expected).all(is_expected) {
        true => Verdict::AsExpected,
        false => Verdict::AnotherIdentity,
    }
}

/// Addresses are compared in any case. An address and a name are of two kinds: nothing is concluded from that.
fn compare(expected: &str, shown: &str) -> Verdict {
    match (expected.contains('@'), shown.contains('@')) {
        (true, true) if expected.eq_ignore_ascii_case(shown) => Verdict::AsExpected,
        (false, false) if expected == shown => Verdict::AsExpected,
        (true, true) | (false, false) => Verdict::AnotherIdentity,
        (true, false) | (false, true) => Verdict::NotComparable,
    }
}

/// Whether an account with a grant is to be disabled because of who has signed in, and for nothing else, so that it may
/// take turns with others. Where the project demands the person it never waits: somebody may want others to.
pub fn may_be_put_off(desired: &Desired, observed: &Observed, now: Timestamp) -> bool {
    let recorded = &observed.recorded;
    desired.presence == Presence::Present
        && desired.spec.enabled
        && (observed.account.account()).is_some_and(|account| {
            is_wrong(desired, recorded, account)
                && desired.demanded_person(account).is_none()
                && unbound(desired, recorded, account, now).is_none()
        })
}

/// Whether somebody else than was expected has signed in, or may have where that is not enough.
pub(super) fn is_wrong(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
) -> bool {
    identity_verdict(desired, recorded, account).is_some_and(|judged| match judged.verdict {
        Verdict::AnotherIdentity | Verdict::NotShown => true,
        Verdict::AsExpected | Verdict::NotComparable => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_one_kind_is_compared() {
        for (expected, shown, verdict) in [
            ("ann@acme.com", "ann@acme.com", Verdict::AsExpected),
            ("ann@acme.com", "Ann@ACME.com", Verdict::AsExpected),
            ("ann@acme.com", "bob@acme.com", Verdict::AnotherIdentity),
            ("ann@acme.com", "Ann Arbor", Verdict::NotComparable),
            ("ann", "ann", Verdict::AsExpected),
            ("ann", "Ann", Verdict::AnotherIdentity),
            ("ann", "ann@acme.com", Verdict::NotComparable),
        ] {
            assert_eq!(compare(expected, shown), verdict, "{expected} {shown}");
        }
    }
}
