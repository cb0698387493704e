//! How urgent a plan is: in a busy organisation the ends of access go first, then what a person waits for.

use jiff::Timestamp;

use crate::composio::budget::Urgency;

use super::{Desired, Effect, Observed, Plan, Presence, first_rule, has_unanswered_request};

/// How urgent the calls are that come next: those of the effect that is due by what is known so far, or
/// of the look before it.
pub fn urgency(desired: &Desired, observed: &Observed, now: Timestamp) -> Urgency {
    if matches!(desired.presence, Presence::Deleting { .. }) {
        return Urgency::Withdrawal;
    }
    match first_rule(desired, observed, now).plan {
        Plan::Do(Effect::Disable { .. }) => Urgency::Withdrawal,
        Plan::Do(Effect::Patch { change, .. }) if change.takes_away(observed.account.account()) => {
            Urgency::Withdrawal
        }
        Plan::Do(_) | Plan::Look(_) | Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) => {
            if has_unanswered_request(desired, observed) {
                Urgency::Request
            } else if observed.recorded.connected_account_id.is_none() {
                Urgency::Creation
            } else {
                Urgency::Drift
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        composio::model::Acl,
        crd::DeletionPolicy,
        plan::tests::build::{
            DesiredBuilder, NOW, ObservedBuilder, account, not_looked, object, seen,
        },
    };

    #[test]
    fn the_ends_of_access_come_first_and_what_people_wait_for_second() {
        let shared = |allowed: &[&str]| {
            let allowed = allowed.iter().map(|user| (*user).to_owned()).collect();
            let list = Acl {
                allowed,
                ..Acl::default()
            };
            seen(account("ca_1").active().shared(Some(list))).recorded("ca_1")
        };
        let ours = || seen(account("ca_1").active()).recorded("ca_1");
        let cases: [(&str, DesiredBuilder, ObservedBuilder, Urgency); 10] = [
            (
                "an object that goes takes its account along",
                object().deleted(DeletionPolicy::Delete),
                not_looked().recorded("ca_1"),
                Urgency::Withdrawal,
            ),
            (
                "to disable is to end access",
                object().disabled(),
                ours().cached(),
                Urgency::Withdrawal,
            ),
            (
                "somebody is taken off the list",
                object().shared_with(&["a"], &[]),
                shared(&["a", "b"]).cached(),
                Urgency::Withdrawal,
            ),
            (
                "somebody is denied it",
                object().shared_with(&["a"], &["b"]),
                shared(&["a"]).cached(),
                Urgency::Withdrawal,
            ),
            (
                "somebody is put on it",
                object().shared_with(&["a", "b"], &[]),
                shared(&["a"]).cached(),
                Urgency::Drift,
            ),
            (
                "a person asked for a link",
                object().asking_for_link("now"),
                ours().cached(),
                Urgency::Request,
            ),
            (
                "nothing is there yet",
                object(),
                not_looked(),
                Urgency::Creation,
            ),
            (
                "what is known is too old",
                object(),
                not_looked().recorded("ca_1"),
                Urgency::Drift,
            ),
            (
                "nothing can be done now",
                object().suspended(),
                ours().cached(),
                Urgency::Drift,
            ),
            (
                "a person must help",
                object(),
                ours().held_by("agents/older"),
                Urgency::Drift,
            ),
        ];
        for (sentence, wanted, sight, expected) in cases {
            assert_eq!(urgency(&wanted.0, &sight.0, NOW), expected, "{sentence}");
        }
    }
}
