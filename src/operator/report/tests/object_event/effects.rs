use super::*;
use crate::{composio::model::Acl, plan::Effect, report::object_event::of_effect};

const NORMAL: bool = false;
const WARNING: bool = true;

fn id() -> String {
    "ca_1".to_owned()
}

/// The events of an effect on what is wanted, and seen and recorded before it.
fn told(
    wanted: &DesiredBuilder,
    sight: ObservedBuilder,
    effect: &Effect,
    done: Applied,
) -> Vec<ObjectEvent> {
    let previous = sight.0.recorded.clone();
    let recorded = after(wanted, &sight, did(done.clone()));
    let observed = sight.with(|observed| observed.recorded = recorded).0;
    of_effect(effect, &done, &wanted.0, &previous, &observed)
}

fn revoked(tokens: &[&str]) -> Applied {
    Applied::Revoked {
        tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
    }
}

/// What [`sharing`] declares.
fn list() -> Acl {
    Acl {
        allow_all: false,
        allowed: ["ann@acme.com".into(), "bob@acme.com".into()].into(),
        denied: ["eve@acme.com".into()].into(),
    }
}

fn deleted() -> DesiredBuilder {
    object().deleted(DeletionPolicy::Revoke)
}

fn linked() -> Applied {
    Applied::Linked { link: good_link() }
}

fn refresh() -> Effect {
    Effect::Refresh { id: id() }
}

fn enable() -> Effect {
    Effect::Enable { id: id() }
}

fn disable() -> Effect {
    Effect::Disable { id: id() }
}

fn revoke() -> Effect {
    Effect::Revoke { id: id() }
}

fn delete(revoke: bool) -> Effect {
    Effect::Delete { id: id(), revoke }
}

fn sharing() -> DesiredBuilder {
    object().shared_with(&["ann@acme.com", "bob@acme.com"], &["eve@acme.com"])
}

#[rstest]
#[case::a_first_link(
    object(),
    seen(account("ca_1")),
    Effect::Link {
        auth_config: "ac_1".into(),
        alias: "a".into(),
    },
    linked(),
    &[("LinkIssued", NORMAL)],
    "status.link while"
)]
#[case::another_link_for_the_same_account(
    object(),
    ours(account("ca_1").expired()),
    refresh(),
    linked(),
    &[("LinkIssued", NORMAL)],
    "status.link"
)]
#[case::a_refresh_that_found_it_alive_issued_none(
    object(), ours(account("ca_1").active()), refresh(), Applied::Changed, &[], ""
)]
#[case::an_account_that_was_found(
    object(),
    seen(account("ca_1").active()),
    Effect::Adopt,
    Applied::Adopted,
    &[("Adopted", NORMAL)],
    "ca_1"
)]
#[case::an_account_that_is_gone_though_not_by_us(
    object(),
    seen_none().recorded("ca_1"),
    Effect::Forget,
    Applied::Forgotten,
    &[("AccountVanished", WARNING)],
    "ca_1"
)]
#[case::enabled(object(), ours(account("ca_1").active()), enable(), Applied::Changed, &[("Enabled", NORMAL)], "ca_1")]
#[case::enabled_only_to_be_revoked(deleted(), ours(account("ca_1").active()), enable(), Applied::Changed, &[], "")]
#[case::disabled(
    object().disabled(),
    ours(account("ca_1").inactive()),
    disable(),
    Applied::Changed,
    &[("Disabled", NORMAL)],
    "ca_1"
)]
#[case::disabled_as_soon_as_the_person_consented(
    object().disabled(),
    seen(account("ca_1").inactive())
        .recorded("ca_1")
        .recorded_state(State::Initiated),
    disable(),
    Applied::Changed,
    &[("Connected", NORMAL), ("Disabled", NORMAL)],
    "ca_1"
)]
#[case::disabled_again_after_a_revocation_that_failed(
    deleted().disabled(), ours(account("ca_1").inactive()), disable(), Applied::Changed, &[], ""
)]
#[case::how_many_share_it(
    sharing(),
    ours(account("ca_1").active().shared(Some(list()))),
    share(),
    Applied::Changed,
    &[("SharingChanged", NORMAL)],
    "everybody allowed: no, users allowed: 2, users denied: 1"
)]
#[case::half_a_change_of_the_access_list(
    object().shared_with(&["ann@acme.com"], &[]),
    ours(account("ca_1").active().shared(Some(list()))),
    share(),
    Applied::Changed,
    &[],
    ""
)]
#[case::another_alias(
    object(),
    ours(account("ca_1").active()),
    rename("mail"),
    Applied::Changed,
    &[("Renamed", NORMAL)],
    "\"mail\""
)]
#[case::what_was_revoked(
    deleted(),
    ours(account("ca_1").active()),
    revoke(),
    revoked(&["access_token", "refresh_token"]),
    &[("Revoked", NORMAL)],
    ": access_token, refresh_token"
)]
#[case::should_composio_ever_send_the_token_itself_it_is_not_passed_on(
    deleted(),
    ours(account("ca_1").active()),
    revoke(),
    revoked(&["ya29.A0ARrdaM", "refresh_token"]),
    &[("Revoked", NORMAL)],
    ": another, refresh_token"
)]
#[case::nothing_was_left_to_revoke(
    deleted(),
    ours(account("ca_1").active()),
    revoke(),
    revoked(&[]),
    &[("Revoked", NORMAL)],
    "was revoked already"
)]
#[case::deleted(
    deleted(),
    ours(account("ca_1").active()),
    delete(false),
    Applied::Deleted,
    &[("Deleted", NORMAL)],
    "ca_1 was deleted"
)]
#[case::deleted_without_knowing_what_becomes_of_the_grant(
    deleted(),
    ours(account("ca_1").expired()),
    delete(true),
    Applied::Deleted,
    &[("Deleted", NORMAL)],
    "revocation was requested, its outcome is unknown"
)]
#[case::deleted_though_the_provider_does_not_agree(
    deleted(),
    ours(account("ca_1").active()).revoke_refused(ago(4000), 5),
    delete(true),
    Applied::Deleted,
    &[("Deleted", WARNING)],
    "refused to revoke 5 times"
)]
#[case::deleted_for_another_to_take_its_place(
    object(),
    ours(account("ca_1").expired()),
    delete(false),
    Applied::Deleted,
    &[("Deleted", NORMAL)],
    "to make room"
)]
#[case::our_marks_are_nobodys_business(
    object(),
    seen_none(),
    Effect::Pin {
        alias: Some("a".into()),
    },
    Applied::Marked,
    &[],
    ""
)]
#[case::an_account_from_a_secret_is_told_when_it_is_active(
    object().made_from_secret(),
    seen(account("ca_1").active()),
    Effect::Create {
        auth_config: "ac_1".into(),
        alias: "a".into(),
    },
    Applied::Created,
    &[],
    ""
)]
fn each_effect_is_told_in_its_own_words(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] effect: Effect,
    #[case] done: Applied,
    #[case] expected: &[(&str, bool)],
    #[case] note: &str,
) {
    let events = told(&wanted, sight, &effect, done);
    assert_eq!(words(&events), expected);
    if let Some(last) = events.last() {
        assert!(last.note.contains(note), "{}", last.note);
    }
    for one in &events {
        assert!(!one.note.contains("http"), "{}", one.note);
        assert!(!one.note.contains('@'), "{}", one.note);
    }
}
