use super::*;

#[test]
fn an_account_is_an_objects_own_by_proof_and_not_by_what_its_status_says() {
    let strange = || account("ca_1").called("by-hand");
    for (sentence, wanted, sight, claim) in [
        (
            "it carries the computed alias",
            object().unpinned(),
            seen(account("ca_1")),
            Some(Claim::Own),
        ),
        (
            "the record was signed for it",
            object().unpinned(),
            seen(strange()).recorded("ca_1"),
            Some(Claim::Own),
        ),
        (
            "the declaration names it",
            object().taking_over("ca_1"),
            seen(strange()),
            Some(Claim::Own),
        ),
        (
            "a person has given it",
            object().given("ca_1"),
            seen(strange()),
            Some(Claim::Own),
        ),
        (
            "a person has given it to the object that this one was copied from",
            object().copied_from("agents/original").given("ca_1"),
            seen(strange()).named_by_status("ca_1"),
            None,
        ),
        (
            "it was asked for by this object under that alias",
            object().called("by-hand").pinned("by-hand"),
            seen(strange()),
            Some(Claim::Own),
        ),
        (
            "the alias is declared, and that is all",
            object().called("by-hand").unpinned(),
            seen(strange()),
            Some(Claim::DeclaredAlias),
        ),
        (
            "the same after it was found and marked",
            object().called("by-hand").pinned_to_nothing(),
            seen(strange()).named_by_status("ca_1").adopted(),
            Some(Claim::DeclaredAlias),
        ),
        (
            "the pin of another prefix proves nothing of who asked",
            object().pinned_formerly("by-hand"),
            seen(strange()),
            None,
        ),
        (
            "an id in a status is no proof",
            object(),
            seen(strange()).named_by_status("ca_1"),
            None,
        ),
        (
            "the record of another account is none of this one",
            object(),
            seen(strange()).recorded("ca_2"),
            None,
        ),
        (
            "a record that is copied to another id does not hold",
            object(),
            seen(strange())
                .recorded("ca_2")
                .with(|observed| observed.recorded.connected_account_id = Some("ca_1".into())),
            None,
        ),
        (
            "a record of a key that is not known proves nothing",
            object(),
            seen(strange()).recorded_with_another_key("ca_1"),
            None,
        ),
        (
            "a declared alias is no claim to accounts of another alias",
            object().called("support").unpinned(),
            seen(strange()),
            None,
        ),
    ] {
        let account = sight.0.account.account().expect("there is one");
        assert_eq!(sight.0.claim(&wanted.0, account), claim, "{sentence}");
    }
}

#[test]
fn an_id_that_somebody_wrote_into_the_status_is_dropped_and_nothing_is_done_to_its_account() {
    let strange = || account("ca_1").active().called("by-hand");
    check([
        (
            "however much of it differs",
            object().disabled(),
            seen(strange()).named_by_status("ca_1").connected(ago(100)),
            does(Effect::Forget),
        ),
        (
            "also where another object manages it: it is no rival",
            object(),
            seen(strange())
                .named_by_status("ca_1")
                .held_by("agents/other"),
            does(Effect::Forget),
        ),
        (
            "its own is found beside it",
            object(),
            seen_all(vec![account("ca_2").active(), strange()])
                .with(|observed| {
                    observed.account = AccountLookup::of(
                        vec![account("ca_2").active().0, strange().0],
                        Some("ca_1"),
                    );
                })
                .recorded_with_another_key("ca_1"),
            does(Effect::Forget),
        ),
        (
            "a remembered one is looked at first",
            object(),
            seen(strange()).named_by_status("ca_1").cached(),
            looks(Need::Account),
        ),
        (
            "it is not ended with the object",
            object().deleted(DeletionPolicy::Revoke),
            seen(strange()).named_by_status("ca_1"),
            does(Effect::Release),
        ),
        (
            "nor with a copy of an object to which a person has given it",
            object()
                .copied_from("agents/original")
                .given("ca_1")
                .deleted(DeletionPolicy::Revoke),
            seen(strange()).named_by_status("ca_1"),
            does(Effect::Release),
        ),
        (
            "the own one is",
            object().deleted(DeletionPolicy::Delete),
            seen(account("ca_2")).with(|observed| {
                observed.account =
                    AccountLookup::of(vec![account("ca_2").0, strange().0], Some("ca_1"));
                observed.recorded.connected_account_id = Some("ca_1".into());
            }),
            does(Effect::Delete {
                id: "ca_2".into(),
                revoke: false,
            }),
        ),
    ]);
}

#[test]
fn after_a_change_of_the_key_the_alias_alone_decides() {
    check([
        (
            "it carries the own alias",
            object(),
            seen(account("ca_1").active())
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            nothing(),
        ),
        (
            "somebody renamed it meanwhile: a person must tell whose it is",
            object(),
            seen(account("ca_1").active().called("by-hand"))
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            Refuses(Reason::AliasChanged),
        ),
        (
            "another object has proved it to be its own meanwhile",
            object(),
            seen(account("ca_1").active().called("by-hand"))
                .recorded_with_another_key("ca_1")
                .held_by("agents/other"),
            does(Effect::Forget),
        ),
        (
            "an account with the own alias stands beside it",
            object(),
            seen_all(vec![
                account("ca_1").active().called("by-hand"),
                account("ca_2").active(),
            ])
            .recorded_with_another_key("ca_1"),
            does(Effect::Forget),
        ),
        (
            "another one that is not the object's own stands beside it",
            object(),
            seen_all(vec![
                account("ca_1").active().called("by-hand"),
                account("ca_2").active().called("by-hand-2"),
            ])
            .recorded_with_another_key("ca_1"),
            Refuses(Reason::AliasChanged),
        ),
        (
            "the object is a copy: its record speaks for the original",
            object().copied_from("agents/original"),
            seen(account("ca_1").active().called("by-hand"))
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            does(Effect::Forget),
        ),
        (
            "the object comes from another prefix: the account is found again by the pin",
            object().pinned_formerly("before"),
            seen(account("ca_1").active().called("before"))
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            does(Effect::Forget),
        ),
        (
            "from another prefix, and renamed meanwhile: nothing would find it again",
            object().pinned_formerly("before"),
            seen(account("ca_1").active().called("by-hand"))
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            Refuses(Reason::AliasChanged),
        ),
        (
            "a person has told",
            object().given("ca_1"),
            seen(account("ca_1").active().called("by-hand"))
                .recorded_with_another_key("ca_1")
                .connected(ago(100)),
            does(rename(ALIAS)),
        ),
        (
            "nothing is ended on that word",
            object().deleted(DeletionPolicy::Revoke),
            seen(account("ca_1").active().called("by-hand")).recorded_with_another_key("ca_1"),
            does(Effect::Release),
        ),
    ]);
}

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
