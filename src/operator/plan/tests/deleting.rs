use super::*;
use crate::{
    composio::model::State,
    crd::DeletionPolicy::{Delete, Retain, Revoke},
};

fn ours(row: Row) -> ObservedBuilder {
    seen(row).recorded("ca_1").connected(ago(9000))
}

fn later() -> Failure {
    failure(Reason::RevokeRefused, Answer::NotNow { after: None })
}

#[test]
fn an_object_is_let_go_without_asking_when_nothing_is_to_be_touched() {
    let refused = |reason| {
        not_looked()
            .condition("Ready", "False", reason)
            .condition("Synced", "False", reason)
    };
    check([
        (
            "Retain leaves the account as it is",
            object().deleted(Retain),
            not_looked().recorded("ca_1").read_closed(),
            does(Effect::Release),
        ),
        (
            "nothing was ever asked for",
            object().unpinned().deleted(Revoke),
            not_looked(),
            does(Effect::Release),
        ),
        (
            "it lost against another object",
            object().deleted(Revoke),
            refused(Reason::Conflict),
            does(Effect::Release),
        ),
        (
            "what was found is not what is declared",
            object().deleted(Revoke),
            refused(Reason::Mismatch),
            does(Effect::Release),
        ),
        (
            "it lost, and since then the project may be another one",
            object().deleted(Revoke),
            not_looked()
                .condition("Ready", "False", Reason::Conflict)
                .condition("Synced", "False", Reason::ProjectUnavailable)
                .proof(Proof::Failed),
            does(Effect::Release),
        ),
        (
            "it lost, but a POST of it may be in flight",
            object().deleted(Revoke),
            not_looked()
                .condition("Ready", "False", Reason::Conflict)
                .condition("Synced", "False", Reason::ProjectUnavailable)
                .unknown_since(ago(5)),
            looks(Need::Account),
        ),
        (
            "nothing is released because an account is not in another project",
            object().deleted(Revoke),
            seen_none().recorded("ca_1").proof(Proof::Failed),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "nor before the project is proved to be ours",
            object().deleted(Revoke),
            seen_none().recorded("ca_1").proof(Proof::Awaited),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "a readiness kept from before proves nothing: a POST may be in flight",
            object().deleted(Revoke),
            not_looked()
                .condition("Ready", "False", Reason::Mismatch)
                .condition("Synced", "False", Reason::OutcomeUnknown),
            looks(Need::Account),
        ),
        (
            "it is let go once",
            object().without_finalizer().deleted(Revoke),
            ours(account("ca_1").active()),
            Waits(Reason::Deleting),
        ),
    ]);
}

#[test]
fn an_object_is_let_go_only_when_its_account_is_proved_gone() {
    check([
        (
            "a remembered absence proves nothing",
            object().deleted(Revoke),
            seen_none().recorded("ca_1").cached(),
            looks(Need::Account),
        ),
        (
            "the recorded id is gone",
            object().deleted(Revoke),
            seen_none().recorded("ca_1"),
            does(Effect::Release),
        ),
        (
            "it was made a moment ago, and a GET may lag behind",
            object().deleted(Revoke),
            seen_none().recorded("ca_1").link_issued(ago(59)),
            WaitsUntil(Reason::Deleting, ago(-1)),
        ),
        (
            "not any more",
            object().deleted(Revoke),
            seen_none().recorded("ca_1").link_issued(ago(60)),
            does(Effect::Release),
        ),
        (
            "pinned and no id: a POST may be in flight",
            object().deleted(Revoke).deleted_at(ago(59)),
            seen_none(),
            WaitsUntil(Reason::Deleting, ago(-1)),
        ),
        (
            "not for ever",
            object().deleted(Revoke).deleted_at(ago(60)),
            seen_none(),
            does(Effect::Release),
        ),
        (
            "a POST that ended unknown after the deletion is waited for as long",
            object().deleted(Revoke).deleted_at(ago(90)),
            seen_none().unknown_since(ago(30)),
            WaitsUntil(Reason::Deleting, ago(-30)),
        ),
    ]);
}

#[test]
fn an_account_ends_as_the_policy_says() {
    let is = |state| ours(account("ca_1").is(state));
    check([
        (
            "Delete",
            object().deleted(Delete),
            is(State::Active),
            does(delete(false)),
        ),
        (
            "Revoke first",
            object().deleted(Revoke),
            is(State::Active),
            does(revoke()),
        ),
        (
            "then delete",
            object().deleted(Revoke),
            is(State::Revoked),
            does(delete(false)),
        ),
        (
            "only an active account can be revoked",
            object().deleted(Revoke),
            is(State::Inactive),
            does(enable()),
        ),
        (
            "if it cannot be enabled it is deleted",
            object().deleted(Revoke),
            is(State::Inactive).refused(enable(), rejected()),
            does(delete(true)),
        ),
        (
            "the person may have consented a moment ago",
            object().deleted(Revoke),
            is(State::Initiated),
            does(delete(true)),
        ),
        (
            "it may hold a live refresh token",
            object().deleted(Revoke),
            is(State::Expired),
            does(delete(true)),
        ),
        (
            "an unknown word does not keep the object",
            object().deleted(Revoke),
            is(State::Unknown("PAUSED".into())),
            does(delete(true)),
        ),
        (
            "a deletion that is refused needs a person",
            object().deleted(Delete),
            is(State::Active).refused(
                delete(false),
                failure(Reason::Forbidden, Answer::Refused(403)),
            ),
            Refuses(Reason::Forbidden),
        ),
    ]);
}

#[test]
fn a_revocation_that_fails_is_tried_again_but_not_for_ever() {
    let active = || ours(account("ca_1").active());
    let deleted = || object().deleted(Revoke);
    check([
        (
            "the toolkit cannot revoke",
            deleted(),
            active().refused(revoke(), rejected()),
            does(delete(true)),
        ),
        (
            "we may not",
            deleted(),
            active().refused(revoke(), failure(Reason::Forbidden, Answer::Refused(403))),
            Refuses(Reason::Forbidden),
        ),
        (
            "the provider refuses now",
            deleted(),
            active().refused(revoke(), later()),
            Waits(Reason::RevokeRefused),
        ),
        (
            "an account that was enabled only for it is disabled again",
            deleted().disabled(),
            active().refused(revoke(), later()),
            does(disable()),
        ),
        (
            "and left so until the next try",
            deleted().disabled(),
            ours(account("ca_1").inactive()).refused(revoke(), later()),
            Waits(Reason::RevokeRefused),
        ),
        (
            "that cannot be done either",
            deleted().disabled(),
            active()
                .refused(revoke(), later())
                .refused(disable(), rejected()),
            Waits(Reason::RevokeRefused),
        ),
        (
            "two refusals are not enough",
            deleted(),
            active().revoke_refused(ago(4000), 2),
            does(revoke()),
        ),
        (
            "nor is less than ten minutes",
            deleted(),
            active().revoke_refused(ago(599), 9),
            does(revoke()),
        ),
        (
            "a namespace must not hang for ever",
            deleted(),
            active().revoke_refused(ago(600), 3),
            does(delete(true)),
        ),
    ]);
}

#[test]
fn only_an_account_of_its_own_ends_with_an_object() {
    let deleted = || object().deleted(Revoke);
    check([
        (
            "found by its pin: a crash lost the record",
            deleted(),
            seen(account("ca_1").active()),
            does(revoke()),
        ),
        (
            "found by its pin, and not what is declared",
            deleted(),
            seen(account("ca_1").active().shared(None)),
            does(Effect::Release),
        ),
        (
            "of another auth config than the declared one",
            deleted().through("ac_2"),
            seen(account("ca_1").active()),
            does(Effect::Release),
        ),
        (
            "recorded: the checks were passed then",
            deleted().through("ac_2"),
            ours(account("ca_1").active()),
            does(revoke()),
        ),
        (
            "taken over by id",
            deleted().taking_over("ca_1"),
            seen(account("ca_1").active().nameless()),
            does(revoke()),
        ),
        (
            "another object has it",
            deleted(),
            ours(account("ca_1").active()).held_by("agents/older"),
            does(Effect::Release),
        ),
        (
            "the recorded one is gone, another carries the alias and is not what is declared",
            deleted(),
            seen(account("ca_1").shared(None)).recorded("ca_0"),
            does(Effect::Release),
        ),
    ]);
}

#[test]
fn an_id_that_somebody_wrote_into_the_status_gives_no_right() {
    let foreign = account("ca_1")
        .active()
        .with(|account| account.user_id = Some("somebody-else".into()));
    check([(
        "the account of another user is left alone",
        object().deleted(Revoke),
        seen(foreign).recorded("ca_1"),
        does(Effect::Release),
    )]);
}
