//! Who has signed in, where that is not as it was, or cannot be told. Nobody's name is in an event.

use crate::{
    crd::{ConnectedAccountStatus, Verdict},
    plan::{Desired, Presence, was_connected},
};

use super::{EventReason, ObjectEvent, warning};

/// What is told, and nothing done about.
pub(super) fn of_identity(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    if desired.presence != Presence::Present || !was_connected(status) {
        return None;
    }
    changed(previous, status).or_else(|| unknown(desired, previous, status))
}

/// The toolkit shows somebody else, and nobody has signed in anew.
fn changed(
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    let (former, now) = (previous.identity.as_ref()?, status.identity.as_ref()?);
    let is_one_sign_in = was_connected(previous)
        && previous.connected_account_id == status.connected_account_id
        && previous.connected_at == status.connected_at;
    (is_one_sign_in && former != now).then(|| {
        let note = "the toolkit shows somebody else in status.identity than before, and nobody has signed in anew: nothing was disabled";
        warning(EventReason::IdentityChanged, note.to_owned())
    })
}

/// Somebody was expected, and whether it is they cannot be told.
fn unknown(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
) -> Option<ObjectEvent> {
    let verdict = |status: &ConnectedAccountStatus| {
        let judged = status.identity_verdict.as_ref();
        judged.map(|judged| (judged.account_id.clone(), judged.verdict))
    };
    let (now, before) = (verdict(status), verdict(previous));
    let why = match &now {
        Some((_, Verdict::NotComparable)) if now != before => {
            "the toolkit shows something of another kind, or the account was connected before"
        }
        None if desired.spec.expected_identity.is_some()
            && status.identity.is_none()
            && status.connected_at != previous.connected_at =>
        {
            "the toolkit shows nobody so far"
        }
        _ => return None,
    };
    let note = format!(
        "whether spec.expectedIdentity has signed in cannot be told: {why}. Nothing was disabled"
    );
    Some(warning(EventReason::IdentityUnknown, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crd::IdentityVerdict, plan::tests::build::object};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    fn connected(identity: Option<&str>, at: i64) -> ConnectedAccountStatus {
        let at = jiff::Timestamp::from_second(at).expect("a time");
        ConnectedAccountStatus {
            connected_account_id: Some("ca_1".to_owned()),
            state: Some("ACTIVE".to_owned()),
            identity: identity.map(str::to_owned),
            connected_at: Some(MicroTime(at)),
            ..ConnectedAccountStatus::default()
        }
    }

    fn told(
        expected: Option<&str>,
        previous: &ConnectedAccountStatus,
        status: &ConnectedAccountStatus,
    ) -> Option<EventReason> {
        let wanted = object().with(|desired| {
            desired.spec.expected_identity = expected.map(str::to_owned);
        });
        let event = of_identity(&wanted.0, previous, status)?;
        assert!(event.warning && !event.note.contains('@'), "{event:?}");
        Some(event.reason)
    }

    #[test]
    fn what_cannot_be_told_of_who_signed_in_is_told_once_and_names_nobody() {
        let (ann, bob) = (Some("ann@acme.com"), Some("bob@acme.com"));
        let judged = |verdict| ConnectedAccountStatus {
            identity_verdict: Some(IdentityVerdict {
                account_id: "ca_1".to_owned(),
                expected: "ann@acme.com".to_owned(),
                verdict,
            }),
            ..connected(Some("Ann"), 1)
        };
        let none = ConnectedAccountStatus::default;
        let (unknown, changed) = (EventReason::IdentityUnknown, EventReason::IdentityChanged);
        for (sentence, expected, previous, status, event) in [
            ("as before", ann, connected(ann, 1), connected(ann, 1), None),
            (
                "another one",
                None,
                connected(ann, 1),
                connected(bob, 1),
                Some(changed),
            ),
            (
                "of another sign-in",
                ann,
                connected(ann, 1),
                connected(bob, 2),
                None,
            ),
            (
                "shown now",
                ann,
                connected(None, 1),
                connected(ann, 1),
                None,
            ),
            (
                "shown no more",
                ann,
                connected(ann, 1),
                connected(None, 1),
                None,
            ),
            (
                "nobody is shown",
                ann,
                none(),
                connected(None, 1),
                Some(unknown),
            ),
            (
                "nobody is shown still",
                ann,
                connected(None, 1),
                connected(None, 1),
                None,
            ),
            ("nobody is expected", None, none(), connected(None, 1), None),
            (
                "of another kind",
                ann,
                none(),
                judged(Verdict::NotComparable),
                Some(unknown),
            ),
            (
                "of another kind still",
                ann,
                judged(Verdict::NotComparable),
                judged(Verdict::NotComparable),
                None,
            ),
            (
                "somebody else",
                ann,
                none(),
                judged(Verdict::AnotherIdentity),
                None,
            ),
        ] {
            assert_eq!(told(expected, &previous, &status), event, "{sentence}");
        }
    }
}
