use super::*;
use crate::{composio::model::Acl, plan::Effect, report::object_event::of_effect};

fn id() -> String {
    "ca_1".to_owned()
}

/// The news of an effect on what is wanted, and seen and recorded before it.
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

#[test]
fn each_effect_is_told_in_its_own_words() {
    const NORMAL: bool = false;
    const WARNING: bool = true;
    let deleted = || object().deleted(DeletionPolicy::Revoke);
    let linked = || Applied::Linked { link: good_link() };
    let refresh = || Effect::Refresh { id: id() };
    let enable = || Effect::Enable { id: id() };
    let disable = || Effect::Disable { id: id() };
    let revoke = || Effect::Revoke { id: id() };
    let delete = |revoke| Effect::Delete { id: id(), revoke };
    let sharing = || object().shared_with(&["ann@acme.com", "bob@acme.com"], &["eve@acme.com"]);
    let list = Acl {
        allow_all: false,
        allowed: ["ann@acme.com".into(), "bob@acme.com".into()].into(),
        denied: ["eve@acme.com".into()].into(),
    };
    type Case<'a> = (
        &'static str,
        DesiredBuilder,
        ObservedBuilder,
        Effect,
        Applied,
        &'a [(&'static str, bool)],
        &'static str,
    );
    let cases: Vec<Case<'_>> = vec![
        (
            "a first link",
            object(),
            seen(account("ca_1")),
            Effect::Link {
                auth_config: "ac_1".into(),
                alias: "a".into(),
            },
            linked(),
            &[("LinkIssued", NORMAL)],
            "status.link while",
        ),
        (
            "another link for the same account",
            object(),
            ours(account("ca_1").expired()),
            refresh(),
            linked(),
            &[("LinkIssued", NORMAL)],
            "status.link",
        ),
        (
            "a refresh that found it alive issued none",
            object(),
            ours(account("ca_1").active()),
            refresh(),
            Applied::Changed,
            &[],
            "",
        ),
        (
            "an account that was found",
            object(),
            seen(account("ca_1").active()),
            Effect::Adopt,
            Applied::Adopted,
            &[("Adopted", NORMAL)],
            "ca_1",
        ),
        (
            "an account that is gone, though not by us",
            object(),
            seen_none().recorded("ca_1"),
            Effect::Forget,
            Applied::Forgotten,
            &[("AccountVanished", WARNING)],
            "ca_1",
        ),
        (
            "enabled",
            object(),
            ours(account("ca_1").active()),
            enable(),
            Applied::Changed,
            &[("Enabled", NORMAL)],
            "ca_1",
        ),
        (
            "enabled only to be revoked",
            deleted(),
            ours(account("ca_1").active()),
            enable(),
            Applied::Changed,
            &[],
            "",
        ),
        (
            "disabled",
            object().disabled(),
            ours(account("ca_1").inactive()),
            disable(),
            Applied::Changed,
            &[("Disabled", NORMAL)],
            "ca_1",
        ),
        (
            "disabled as soon as the person consented",
            object().disabled(),
            seen(account("ca_1").inactive())
                .recorded("ca_1")
                .recorded_state(State::Initiated),
            disable(),
            Applied::Changed,
            &[("Connected", NORMAL), ("Disabled", NORMAL)],
            "ca_1",
        ),
        (
            "disabled again after a revocation that failed",
            deleted().disabled(),
            ours(account("ca_1").inactive()),
            disable(),
            Applied::Changed,
            &[],
            "",
        ),
        (
            "how many share it",
            sharing(),
            ours(account("ca_1").active().shared(Some(list.clone()))),
            share(),
            Applied::Changed,
            &[("SharingChanged", NORMAL)],
            "everybody allowed: no, users allowed: 2, users denied: 1",
        ),
        (
            "half a change of the access list",
            object().shared_with(&["ann@acme.com"], &[]),
            ours(account("ca_1").active().shared(Some(list))),
            share(),
            Applied::Changed,
            &[],
            "",
        ),
        (
            "another alias",
            object(),
            ours(account("ca_1").active()),
            rename("mail"),
            Applied::Changed,
            &[("Renamed", NORMAL)],
            "\"mail\"",
        ),
        (
            "what was revoked",
            deleted(),
            ours(account("ca_1").active()),
            revoke(),
            revoked(&["access_token", "refresh_token"]),
            &[("Revoked", NORMAL)],
            ": access_token, refresh_token",
        ),
        (
            "should Composio ever send the token itself, it is not passed on",
            deleted(),
            ours(account("ca_1").active()),
            revoke(),
            revoked(&["ya29.A0ARrdaM", "refresh_token"]),
            &[("Revoked", NORMAL)],
            ": another, refresh_token",
        ),
        (
            "nothing was left to revoke",
            deleted(),
            ours(account("ca_1").active()),
            revoke(),
            revoked(&[]),
            &[("Revoked", NORMAL)],
            "was revoked already",
        ),
        (
            "deleted",
            deleted(),
            ours(account("ca_1").active()),
            delete(false),
            Applied::Deleted,
            &[("Deleted", NORMAL)],
            "ca_1 was deleted",
        ),
        (
            "deleted without knowing what becomes of the grant",
            deleted(),
            ours(account("ca_1").expired()),
            delete(true),
            Applied::Deleted,
            &[("Deleted", NORMAL)],
            "revocation was requested, its outcome is unknown",
        ),
        (
            "deleted though the provider does not agree",
            deleted(),
            ours(account("ca_1").active()).revoke_refused(ago(4000), 5),
            delete(true),
            Applied::Deleted,
            &[("Deleted", WARNING)],
            "refused to revoke 5 times",
        ),
        (
            "deleted for another to take its place",
            object(),
            ours(account("ca_1").expired()),
            delete(false),
            Applied::Deleted,
            &[("Deleted", NORMAL)],
            "to make room",
        ),
        (
            "our marks are nobody's business",
            object(),
            seen_none(),
            Effect::Pin {
                alias: Some("a".into()),
            },
            Applied::Marked,
            &[],
            "",
        ),
        (
            "an account from a Secret is told when it is active",
            object().made_from_secret(),
            seen(account("ca_1").active()),
            Effect::Create {
                auth_config: "ac_1".into(),
                alias: "a".into(),
            },
            Applied::Created,
            &[],
            "",
        ),
    ];
    for (sentence, wanted, sight, effect, done, expected, note) in cases {
        let events = told(&wanted, sight, &effect, done);
        assert_eq!(words(&events), expected, "{sentence}");
        if let Some(last) = events.last() {
            assert!(last.note.contains(note), "{sentence}: {}", last.note);
        }
        for one in &events {
            assert!(!one.note.contains("http"), "{sentence}: {}", one.note);
            assert!(!one.note.contains('@'), "{sentence}: {}", one.note);
        }
    }
}
