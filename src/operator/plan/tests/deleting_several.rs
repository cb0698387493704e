//! What becomes of several accounts when their object goes.

use super::*;
use crate::crd::DeletionPolicy::Revoke;

fn later() -> Failure {
    failure(Reason::RevokeRefused, Answer::NotNow { after: None })
}

#[test]
fn of_several_accounts_the_recorded_or_else_the_best_ends_last() {
    let deleted = || object().deleted(Revoke);
    let two = || seen_all(vec![account("ca_1").expired(), account("ca_2").active()]);
    check([
        (
            "duplicates go first, without revocation: it might end the whole grant",
            deleted(),
            two(),
            does(delete(false)),
        ),
        (
            "the recorded one is never a duplicate, and what has a grant ends as the policy says",
            deleted(),
            two().recorded("ca_1"),
            does(Effect::Revoke { id: "ca_2".into() }),
        ),
        (
            "also a disabled one",
            deleted(),
            seen_all(vec![account("ca_1").active(), account("ca_2").inactive()]).recorded("ca_1"),
            does(Effect::Enable { id: "ca_2".into() }),
        ),
        (
            "a refused one is not repeated",
            deleted(),
            two().refused(delete(false), rejected()),
            Refuses(Reason::Rejected),
        ),
        (
            "one that is not as declared is not ours",
            deleted(),
            seen_all(vec![
                account("ca_1").active(),
                account("ca_2").expired().shared(None),
            ]),
            does(revoke()),
        ),
    ]);
}

#[test]
fn what_is_refused_of_one_account_says_nothing_of_another() {
    let deleted = || object().deleted(Revoke);
    let of_another = |effect: fn(String) -> Effect| effect("ca_2".into());
    let revoke_another = || of_another(|id| Effect::Revoke { id });
    let enable_another = || of_another(|id| Effect::Enable { id });
    let last = |row: Row| seen(row).recorded("ca_1").connected(ago(9000));
    check([
        (
            "a second one could not be revoked, and is deleted: the recorded one is asked for itself",
            deleted(),
            last(account("ca_1").active()).refused(revoke_another(), rejected()),
            does(revoke()),
        ),
        (
            "also where it is disabled",
            deleted(),
            last(account("ca_1").inactive()).refused(revoke_another(), later()),
            does(enable()),
        ),
        (
            "a second one could not be enabled",
            deleted(),
            last(account("ca_1").inactive()).refused(enable_another(), rejected()),
            does(enable()),
        ),
        (
            "one that was not tried was not enabled for it either",
            deleted().disabled(),
            last(account("ca_1").active()).refused(revoke_another(), later()),
            does(revoke()),
        ),
    ]);
}

#[test]
fn what_another_object_manages_stays_when_it_is_seen_beside_the_own_one() {
    let deleted = || object().deleted(Revoke);
    let forged = || {
        let recorded = account("ca_1").active().called("by-hand");
        let rows = vec![recorded.0, account("ca_2").active().0];
        sight(AccountLookup::of(rows, Some("ca_1")), true).named_by_status("ca_1")
    };
    check([
        (
            "it was found under the own pin, and another object has it on record",
            deleted(),
            forged().other_is_held("ca_2"),
            does(Effect::Release),
        ),
        (
            "nobody else has it",
            deleted(),
            forged(),
            does(Effect::Revoke { id: "ca_2".into() }),
        ),
        (
            "the record is a copy of another object's: the own one beside it ends all the same",
            deleted(),
            forged().held_by("agents/original"),
            does(Effect::Revoke { id: "ca_2".into() }),
        ),
        (
            "the own one ends alone",
            deleted(),
            seen_all(vec![account("ca_1").active(), account("ca_2").expired()])
                .recorded("ca_1")
                .other_is_held("ca_2"),
            does(revoke()),
        ),
    ]);
}
