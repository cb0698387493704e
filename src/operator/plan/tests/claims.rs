//! What makes an account an object's own, and what does not.

use super::*;

/// An account of another alias than the computed one.
fn strange() -> Row {
    account("ca_1").called("by-hand")
}

#[rstest]
#[case::it_carries_the_computed_alias(object().unpinned(), seen(account("ca_1")), Some(Claim::Own))]
#[case::the_record_was_signed_for_it(object().unpinned(), seen(strange()).recorded("ca_1"), Some(Claim::Own))]
#[case::the_declaration_names_it(object().taking_over("ca_1"), seen(strange()), Some(Claim::Own))]
#[case::a_person_has_given_it(object().given("ca_1"), seen(strange()), Some(Claim::Own))]
#[case::a_person_has_given_it_to_the_object_that_this_one_was_copied_from(
    object().copied_from("agents/original").given("ca_1"),
    seen(strange()).named_by_status("ca_1"),
    None
)]
#[case::it_was_asked_for_by_this_object_under_that_alias(
    object().called("by-hand").pinned("by-hand"), seen(strange()), Some(Claim::Own)
)]
#[case::the_alias_is_declared_and_that_is_all(
    object().called("by-hand").unpinned(), seen(strange()), Some(Claim::DeclaredAlias)
)]
#[case::the_same_after_it_was_found_and_marked(
    object().called("by-hand").pinned_to_nothing(),
    seen(strange()).named_by_status("ca_1").adopted(),
    Some(Claim::DeclaredAlias)
)]
#[case::the_pin_of_another_prefix_proves_nothing_of_who_asked(
    object().pinned_formerly("by-hand"), seen(strange()), None
)]
#[case::an_id_in_a_status_is_no_proof(object(), seen(strange()).named_by_status("ca_1"), None)]
#[case::the_record_of_another_account_is_none_of_this_one(object(), seen(strange()).recorded("ca_2"), None)]
#[case::a_record_that_is_copied_to_another_id_does_not_hold(
    object(),
    seen(strange())
        .recorded("ca_2")
        .with(|observed| observed.recorded.connected_account_id = Some("ca_1".into())),
    None
)]
#[case::a_record_of_a_key_that_is_not_known_proves_nothing(
    object(), seen(strange()).recorded_with_another_key("ca_1"), None
)]
#[case::a_declared_alias_is_no_claim_to_accounts_of_another_alias(
    object().called("support").unpinned(), seen(strange()), None
)]
fn an_account_is_an_objects_own_by_proof_and_not_by_what_its_status_says(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] claim: Option<Claim>,
) {
    let account = sight.0.account.account().expect("there is one");
    assert_eq!(sight.0.claim(&wanted.0, account), claim);
}

#[test]
fn an_id_that_somebody_wrote_into_the_status_is_dropped_and_nothing_is_done_to_its_account() {
    let strange = || strange().active();
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
