//! Accounts that the object did not make: found by the alias that is declared, taken over, or copied along.

use super::*;

#[test]
fn an_account_found_by_its_declared_alias_is_managed_and_neither_renamed_nor_ended() {
    let called = || object().called("support").pinned_to_nothing();
    let found = || seen(account("ca_1").active().called("support"));
    let adopted = || {
        found()
            .named_by_status("ca_1")
            .adopted()
            .connected(ago(100))
    };
    check([
        (
            "it is marked as managed, with nothing asked for",
            object().called("support").unmarked(),
            found(),
            does(mark()),
        ),
        ("then recorded", called(), found(), does(Effect::Adopt)),
        ("and as declared", called(), adopted(), nothing()),
        (
            "disabled as declared",
            called().disabled(),
            adopted(),
            does(disable()),
        ),
        (
            "the alias is changed in the declaration: it is not renamed",
            object().called("another").pinned_to_nothing(),
            adopted(),
            Refuses(Reason::AliasChanged),
        ),
        (
            "without its marks they are written, and claim no more than before",
            called().unpinned(),
            adopted(),
            does(mark()),
        ),
        (
            "it is left as it is when the object goes",
            called().deleted(DeletionPolicy::Revoke),
            adopted(),
            does(Effect::Release),
        ),
        (
            "a person confirms it: from then on it is the object's own",
            called().given("ca_1"),
            adopted(),
            does(pin("support")),
        ),
        (
            "and ends with it",
            called().given("ca_1").deleted(DeletionPolicy::Delete),
            adopted(),
            does(delete(false)),
        ),
        (
            "another id confirms nothing",
            called().given("ca_2").deleted(DeletionPolicy::Revoke),
            adopted(),
            does(Effect::Release),
        ),
        (
            "it makes no room for a new one",
            called().asking_for_link("now"),
            seen(account("ca_1").expired().called("support"))
                .named_by_status("ca_1")
                .adopted()
                .link_issued(ago(900))
                .refused(refresh(), rejected()),
            Refuses(Reason::AliasChanged),
        ),
        (
            "not from a Secret either",
            called().made_from_secret(),
            seen(account("ca_1").expired().called("support"))
                .named_by_status("ca_1")
                .adopted()
                .with_secret()
                .sent("uid/7", crate::crd::CredentialsStep::Patched),
            Refuses(Reason::AliasChanged),
        ),
    ]);
}

#[test]
fn an_account_taken_over_with_the_alias_of_another_object_is_pinned_to_nothing() {
    let theirs = computed_alias("", "agents", "former");
    let taken = || object().taking_over("ca_1");
    check([
        (
            "that pin would be read as a copy's",
            taken().unmarked(),
            seen(account("ca_1").active().called(&theirs)),
            does(mark()),
        ),
        (
            "and it stays as it is",
            taken().pinned_to_nothing(),
            seen(account("ca_1").active().called(&theirs))
                .recorded("ca_1")
                .connected(ago(100)),
            nothing(),
        ),
        (
            "it is this object's to end: the declaration names it",
            taken().pinned_to_nothing().deleted(DeletionPolicy::Delete),
            seen(account("ca_1").active().called(&theirs)).recorded("ca_1"),
            does(delete(false)),
        ),
    ]);
}

#[test]
fn what_was_copied_along_with_the_pin_of_another_object_gives_nothing_to_the_copy() {
    let shared = || account("ca_1").active().called("support");
    let copy = || {
        object()
            .called("support")
            .copied_from("blue/mail")
            .given("ca_1")
    };
    check([
        (
            "a person has given the account to the other object: the copy finds it by its alias alone",
            copy(),
            seen(shared()),
            does(Effect::Pin { alias: None }),
        ),
        (
            "also where the status came along",
            copy(),
            seen(shared()).named_by_status("ca_1"),
            does(Effect::Pin { alias: None }),
        ),
        (
            "and it goes without the account, whatever the alias",
            object()
                .copied_from("blue/mail")
                .given("ca_1")
                .deleted(DeletionPolicy::Revoke),
            seen(shared()).named_by_status("ca_1"),
            does(Effect::Release),
        ),
        (
            "so does one whose declaration names the account, and that was never marked",
            object()
                .copied_from("blue/mail")
                .taking_over("ca_1")
                .deleted(DeletionPolicy::Revoke),
            seen(shared()).named_by_status("ca_1"),
            does(Effect::Release),
        ),
        (
            "a record of a former API key is a copy too: no person is asked to give the account to it",
            object().copied_from("blue/mail"),
            seen(shared()).recorded_with_another_key("ca_1"),
            does(Effect::Forget),
        ),
        (
            "and so is the mark of an adopted one",
            object().called("mine").copied_from("blue/mail"),
            seen(shared()).named_by_status("ca_1").adopted(),
            does(Effect::Forget),
        ),
        (
            "an own account ends though somebody wrote nonsense into the pin",
            object()
                .copied_from("blue/mail")
                .taking_over("ca_1")
                .deleted(DeletionPolicy::Delete),
            seen(shared()).recorded("ca_1"),
            does(Effect::Delete {
                id: "ca_1".into(),
                revoke: false,
            }),
        ),
    ]);
}
