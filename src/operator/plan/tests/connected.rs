use super::*;
use crate::composio::{
    SharingPatch,
    model::{Acl, State},
};

fn acl(allowed: &[&str], denied: &[&str]) -> Acl {
    Acl {
        allow_all: false,
        allowed: allowed.iter().map(|user| (*user).into()).collect(),
        denied: denied.iter().map(|user| (*user).into()).collect(),
    }
}

fn ours(row: Row) -> ObservedBuilder {
    seen(row).recorded("ca_1").connected(ago(100))
}

fn shares(allowed: Option<&[&str]>, denied: Option<&[&str]>) -> Effect {
    let set = |users: &[&str]| users.iter().map(|user| (*user).into()).collect();
    patch(Change::Sharing(SharingPatch {
        allow_all: None,
        allowed: allowed.map(set),
        denied: denied.map(set),
    }))
}

#[test]
fn each_difference_is_a_call_of_its_own_in_order() {
    let everything = || {
        object()
            .shared_with(&["new"], &[])
            .called("support")
            .disabled()
    };
    let row = |state| ours(account("ca_1").is(state).shared(Some(acl(&["old"], &[]))));
    let taken = || failure(Reason::AliasInUse, Answer::Refused(400));
    check([
        (
            "as declared",
            object(),
            ours(account("ca_1").active()),
            nothing(),
        ),
        (
            "disabled as declared",
            object().disabled(),
            ours(account("ca_1").inactive()),
            nothing(),
        ),
        (
            "disabled by somebody",
            object(),
            ours(account("ca_1").inactive()),
            does(enable()),
        ),
        (
            "what takes rights away comes first",
            everything(),
            row(State::Active),
            does(disable()),
        ),
        (
            "then the list, removals first",
            everything(),
            row(State::Inactive),
            does(shares(Some(&[]), None)),
        ),
        (
            "a refusal does not stop the others",
            everything(),
            row(State::Inactive).refused(share(), rejected()),
            does(rename("support")),
        ),
        (
            "what was refused is told in the end",
            everything(),
            row(State::Inactive)
                .refused(share(), rejected())
                .refused(rename("a"), taken()),
            Refuses(Reason::Rejected),
        ),
        (
            "a used alias may be freed",
            object().called("support"),
            ours(account("ca_1").active()).refused(rename("a"), taken()),
            Waits(Reason::AliasInUse),
        ),
        (
            "what is gone from under a call is looked at later",
            object().disabled(),
            ours(account("ca_1").active()).refused(
                disable(),
                failure(Reason::ComposioUnavailable, Answer::LookAgain),
            ),
            Waits(Reason::ComposioUnavailable),
        ),
    ]);
}

#[test]
fn the_pin_follows_the_alias_that_the_account_rightly_carries() {
    check([
        (
            "the alias was renamed: the pin follows",
            object().called("support"),
            ours(account("ca_1").active().called("support")),
            does(pin("support")),
        ),
        (
            "both are as declared",
            object().called("support").pinned("support"),
            ours(account("ca_1").active().called("support")),
            nothing(),
        ),
        (
            "an account taken over keeps the alias it has",
            object().taking_over("ca_1").pinned("theirs"),
            ours(account("ca_1").active().called("theirs")),
            nothing(),
        ),
        (
            "also when somebody changes it",
            object().taking_over("ca_1").pinned("theirs"),
            ours(account("ca_1").active().called("newer")),
            does(pin("newer")),
        ),
        (
            "also when it has none",
            object().taking_over("ca_1"),
            ours(account("ca_1").active().nameless()),
            nothing(),
        ),
        (
            "unless one is declared",
            object().taking_over("ca_1").called("ours").pinned("ours"),
            ours(account("ca_1").active().called("theirs")),
            does(rename("ours")),
        ),
        (
            "an alias that somebody cleared comes back",
            object(),
            ours(account("ca_1").active().nameless()),
            does(rename(ALIAS)),
        ),
        (
            "marks that somebody took away come back",
            object().without_finalizer(),
            ours(account("ca_1").active()),
            does(pin(ALIAS)),
        ),
        (
            "also while a person is waited for",
            object().unmarked(),
            seen(account("ca_1")).recorded("ca_1").good_link(),
            does(pin(ALIAS)),
        ),
    ]);
}

#[test]
fn an_access_list_is_changed_only_where_it_differs() {
    let wanted = || object().shared_with(&["a", "b"], &["z"]);
    let row = |sharing| ours(account("ca_1").active().shared(sharing));
    let whole = || {
        patch(Change::Sharing(SharingPatch {
            allow_all: Some(false),
            allowed: Some(["a".into(), "b".into()].into()),
            denied: Some(["z".into()].into()),
        }))
    };
    check([
        (
            "the same",
            wanted(),
            row(Some(acl(&["b", "a"], &["z"]))),
            nothing(),
        ),
        (
            "only adding is one step",
            wanted(),
            row(Some(acl(&["a"], &["z"]))),
            does(shares(Some(&["a", "b"]), None)),
        ),
        (
            "only removing is one step",
            wanted(),
            row(Some(acl(&["a", "b", "c"], &[]))),
            does(shares(Some(&["a", "b"]), Some(&["z"]))),
        ),
        (
            "not managed where none is declared",
            object().with(|desired| desired.spec.visibility = crate::crd::Visibility::Shared),
            row(Some(acl(&["c"], &[]))),
            nothing(),
        ),
        (
            "a list that is not shown is sent as a whole",
            wanted(),
            row(None),
            does(whole()),
        ),
        (
            "once",
            wanted(),
            row(None).condition("Synced", "True", Reason::Connected),
            nothing(),
        ),
        (
            "once to a disabled account, too",
            wanted().disabled(),
            ours(account("ca_1").inactive().shared(None)).condition(
                "Synced",
                "True",
                Reason::Disabled,
            ),
            nothing(),
        ),
        (
            "once a generation",
            wanted().with(|desired| desired.generation = 2),
            row(None).condition("Synced", "True", Reason::Connected),
            does(whole()),
        ),
        (
            "an adoption that is under way has sent nothing",
            wanted(),
            row(None).condition("Synced", "True", Reason::Progressing),
            does(whole()),
        ),
    ]);
}

#[test]
fn what_does_not_stay_as_declared_is_put_right_less_often() {
    let changed_back = |since, count| ours(account("ca_1").inactive()).corrected(since, count);
    check([
        (
            "three times it is put right at once",
            object(),
            changed_back(ago(30), 2),
            does(enable()),
        ),
        (
            "then only after ten minutes",
            object(),
            changed_back(ago(30), 3),
            WaitsUntil(Reason::DoesNotConverge, ago(-570)),
        ),
        (
            "which are over",
            object(),
            changed_back(ago(600), 3),
            does(enable()),
        ),
        (
            "and another ten",
            object(),
            changed_back(ago(700), 4),
            WaitsUntil(Reason::DoesNotConverge, ago(-500)),
        ),
        (
            "but never longer than an hour after the first",
            object(),
            changed_back(ago(3599), 40),
            WaitsUntil(Reason::DoesNotConverge, ago(-1)),
        ),
        (
            "an hour later all is forgotten",
            object(),
            changed_back(ago(3600), 40),
            does(enable()),
        ),
        (
            "a new declaration is a new beginning",
            object().with(|desired| desired.generation = 2),
            changed_back(ago(30), 3),
            does(enable()),
        ),
        (
            "once one is put right, the others of this pass are, too",
            object().called("support"),
            ours(account("ca_1").active())
                .corrected(ago(30), 3)
                .having_done(&[enable()]),
            does(rename("support")),
        ),
        (
            "what cannot be read back is none of it",
            object().made_from_secret(),
            ours(account("ca_1").active())
                .corrected(ago(30), 3)
                .with_secret(),
            does(send()),
        ),
    ]);
}

#[test]
fn an_auth_config_that_is_declared_later_must_be_the_one_of_the_account() {
    check([
        (
            "it is",
            object().through("ac_1"),
            ours(account("ca_1").active()),
            nothing(),
        ),
        (
            "it is not",
            object().through("ac_2"),
            ours(account("ca_1").active()),
            Refuses(Reason::Mismatch),
        ),
    ]);
}
