//! What a project does not allow: what is refused unseen, what of an account is refused once it is seen, and what
//! goes on for an account that would not be allowed any more.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    composio::model::Acl,
    crd::{Allow, CredentialsStep, DeletionPolicy, ProjectKind},
    plan::Policy,
};

/// The project allows that, of one entry.
fn allowing(entry: Value) -> impl Fn(DesiredBuilder) -> DesiredBuilder {
    let entry: Allow = serde_json::from_value(entry).expect("an entry");
    let policy = Arc::new(Policy::new(
        ProjectKind::ClusterComposioProject,
        Some(&[entry]),
    ));
    move |wanted| wanted.with(|desired| desired.flags.policy = Some(Arc::clone(&policy)))
}

/// Everything but to take over, and `{{namespace}}` is no part of users.
fn usual(mut entry: Value) -> impl Fn(DesiredBuilder) -> DesiredBuilder {
    for (name, value) in [
        ("sources", json!(["SignIn", "Secret"])),
        ("sharing", json!("All")),
    ] {
        if entry[name].is_null() {
            entry[name] = value;
        }
    }
    allowing(entry)
}

/// The words of a refusal, or of a wait.
fn said(
    DesiredBuilder(desired): &DesiredBuilder,
    ObservedBuilder(seen): &ObservedBuilder,
) -> (Rule, Reason, String) {
    let decision = decide(desired, seen, NOW);
    match decision.plan {
        Plan::Refuse(refusal) => (decision.rule, refusal.reason, refusal.detail),
        Plan::Wait(wait) => (decision.rule, wait.reason, wait.detail),
        other => panic!("{:?} decided {other:?}", decision.rule),
    }
}

#[test]
fn what_is_declared_and_not_allowed_is_refused_before_any_look() {
    let new = || object().unmarked();
    let cases = [
        (
            "another namespace",
            new(),
            json!({"namespaces": ["other"]}),
            "objects of this namespace",
        ),
        (
            "labels",
            new(),
            json!({"namespaceSelector": {"matchLabels": {"tier": "agents"}}}),
            "objects of this namespace",
        ),
        (
            "a namespace that fits but for its case",
            new(),
            json!({"namespaces": ["AGENTS"]}),
            "objects of this namespace",
        ),
        (
            "another team's user",
            new(),
            json!({"users": ["{{namespace}}/*"]}),
            "spec.user",
        ),
        (
            "a user that looks alike",
            new(),
            json!({"users": ["suppоrt@acme.com"]}),
            "spec.user",
        ),
        (
            "a user of another case",
            new(),
            json!({"users": ["Support@acme.com"]}),
            "spec.user",
        ),
        (
            "a toolkit",
            new(),
            json!({"toolkits": ["slack"]}),
            "spec.toolkit",
        ),
        (
            "an auth config",
            new().through("ac_2"),
            json!({"authConfigs": ["ac_1"]}),
            "spec.authConfig, or the one that would be used",
        ),
        (
            "an id",
            new().taking_over("ca_1"),
            json!({}),
            "spec.connectedAccountId",
        ),
        (
            "an alias",
            new().called("support"),
            json!({}),
            "spec.metadata.alias",
        ),
        (
            "a Secret",
            new().made_from_secret(),
            json!({"sources": ["SignIn"]}),
            "spec.credentials",
        ),
        (
            "a person",
            new(),
            json!({"sources": ["Secret"]}),
            "accounts that a person signs in to",
        ),
        (
            "to share",
            new().shared_with(&["support@acme.com", "mallory"], &[]),
            json!({"users": ["support@*"]}),
            "the users of the access list",
        ),
        (
            "too many",
            new().with(|desired| desired.before = 2),
            json!({"maxAccounts": 2}),
            "so many accounts of one namespace: TooMany",
        ),
    ];
    for (sentence, wanted, entry, field) in cases {
        let wanted = usual(entry)(wanted);
        let forged = not_looked().named_by_status("ca_7");
        for seen in [
            not_looked(),
            forged,
            seen(account("ca_7").active()),
            seen_none(),
        ] {
            for wanted in [wanted.clone(), wanted.clone().suspended()] {
                let detail = format!("ComposioProject/default does not allow {field}");
                let expected = (Rule::NotAllowed, Reason::NotAllowed, detail);
                assert_eq!(said(&wanted, &seen), expected, "{sentence}");
            }
        }
    }
}

#[test]
fn whoever_is_within_the_limits_goes_on() {
    let listed = |wanted: DesiredBuilder| {
        usual(json!({
            "namespaces": ["agen*"], "users": ["*@acme.com"], "toolkits": ["gmail"],
            "authConfigs": ["ac_?"], "visibilities": ["Private"], "maxAccounts": 1,
        }))(wanted)
    };
    check([
        (
            "it looks",
            listed(object().unmarked()),
            not_looked(),
            looks(Need::Account),
        ),
        (
            "it marks",
            listed(object().unmarked()),
            seen_none(),
            does(pin(ALIAS)),
        ),
        (
            "it asks for a link",
            listed(object()),
            seen_none(),
            does(link()),
        ),
        (
            "it takes up what is its own",
            listed(object()),
            seen(account("ca_1").active()),
            does(Effect::Adopt),
        ),
    ]);
}

#[test]
fn what_was_found_is_judged_once_it_is_seen() {
    let only_ac_1 = |wanted| usual(json!({"authConfigs": ["ac_1"]}))(wanted);
    let taken_over = |entry: Value| {
        let mut entry = entry;
        entry["takeOver"] = json!(true);
        usual(entry)(object().taking_over("ca_1"))
    };
    let shared = |row: Row| {
        row.shared(Some(Acl {
            allowed: ["mallory".to_owned()].into(),
            ..Acl::default()
        }))
    };
    let keeps_list = |entry| {
        let DesiredBuilder(mut desired) = taken_over(entry);
        desired.spec.visibility = crate::crd::Visibility::Shared;
        DesiredBuilder(desired)
    };
    let hidden = || account("ca_1").active().shared(None);
    let another = || account("ca_1").active().called("another");
    for (sentence, wanted, seen, rule) in [
        (
            "the only auth config is not allowed",
            only_ac_1(object()),
            seen_none().auth_config(AuthConfigCheck::Fit("ac_2".to_owned())),
            Rule::NoAuthConfig,
        ),
        (
            "its own was made from another auth config",
            only_ac_1(object()),
            seen(
                account("ca_1")
                    .active()
                    .with(|row| row.auth_config = "ac_2".to_owned()),
            ),
            Rule::FoundNotAllowed,
        ),
        (
            "one that is taken over was",
            taken_over(json!({"authConfigs": ["ac_1"]})),
            seen(another().with(|row| row.auth_config = "ac_2".to_owned())),
            Rule::FoundNotAllowed,
        ),
        (
            "a forged record of it is worth nothing",
            taken_over(json!({"authConfigs": ["ac_1"]})),
            seen(another().with(|row| row.auth_config = "ac_2".to_owned())).named_by_status("ca_1"),
            Rule::FoundNotAllowed,
        ),
        (
            "a list that would stay names somebody else",
            keeps_list(json!({"users": ["support@acme.com"]})),
            seen(shared(another())),
            Rule::FoundNotAllowed,
        ),
        (
            "a list that is not shown may",
            keeps_list(json!({"sharing": "Users"})),
            seen(hidden().called("another")),
            Rule::FoundNotAllowed,
        ),
        (
            "a user that is not shown may be another",
            taken_over(json!({"users": ["support@acme.com"]})),
            seen(another().with(|row| row.user_id = None)),
            Rule::FoundNotAllowed,
        ),
    ] {
        let (by, reason, detail) = said(&wanted, &seen);
        assert_eq!((by, reason), (rule, Reason::NotAllowed), "{sentence}");
        for value in ["ac_2", "mallory", "another", "ca_1"] {
            assert!(!detail.contains(value), "{sentence}: {detail}");
        }
    }
}

#[test]
fn names_pins_and_records_take_nothing_over_where_that_is_not_allowed() {
    let another = || account("ca_1").active().called("theirs");
    let free = usual(json!({"takeOver": true}));
    let bound = usual(json!({}));
    for (wanted, sentence) in [
        (object().pinned("theirs"), "a pin"),
        (object().given("ca_1"), "an annotation"),
    ] {
        let seen = seen(another()).named_by_status("ca_1");
        assert_eq!(
            plan(&bound(wanted.clone()).0, &seen.0, NOW),
            Plan::Do(Effect::Forget),
            "{sentence} claims nothing"
        );
        let taken = plan(&free(wanted.clone()).0, &seen.0, NOW);
        assert_ne!(
            taken,
            Plan::Do(Effect::Forget),
            "{sentence} is one where it is allowed"
        );
        let going = bound(wanted.deleted(DeletionPolicy::Revoke));
        assert_eq!(
            plan(&going.0, &seen.0, NOW),
            Plan::Do(Effect::Release),
            "{sentence} ends nothing"
        );
    }
}

/// One entry alone must allow all of it: that one lets take over and another has the user is nobody's word.
#[test]
fn one_entry_lets_take_over_what_it_allows_itself() {
    let another = || account("ca_1").active().called("theirs");
    let split = |wanted: DesiredBuilder| {
        let entries: Vec<Allow> = serde_json::from_value(json!([
            {"takeOver": true, "authConfigs": ["ac_9"]},
            {"authConfigs": ["ac_1"]},
        ]))
        .expect("entries");
        let policy = Policy::new(ProjectKind::ClusterComposioProject, Some(&entries));
        wanted.with(|desired| desired.flags.policy = Some(Arc::new(policy)))
    };
    let one = usual(json!({"takeOver": true, "authConfigs": ["ac_1"]}));
    for (wanted, sentence) in [
        (object().pinned("theirs"), "a pin"),
        (object().given("ca_1"), "an annotation"),
    ] {
        for sight in [
            seen(another()),
            seen(another()).named_by_status("ca_1"),
            seen(another()).recorded_with_another_key("ca_1"),
        ] {
            let DesiredBuilder(wanted) = split(wanted.clone());
            let decision = decide(&wanted, &sight.0, NOW);
            assert_eq!(
                decision.rule,
                Rule::FoundNotAllowed,
                "{sentence}: {decision:?}"
            );
        }
        let going = split(wanted.clone().deleted(DeletionPolicy::Revoke));
        let ends = plan(&going.0, &seen(another()).named_by_status("ca_1").0, NOW);
        assert_eq!(ends, Plan::Do(Effect::Release), "{sentence} ends nothing");
        let DesiredBuilder(allowed) = one(wanted);
        let decision = decide(&allowed, &seen(another()).0, NOW);
        assert_eq!(decision.rule, Rule::Adopt, "{sentence}: {decision:?}");
    }
    // What the operator has signed, or has made under the object's own alias, is taken over from nobody.
    for row in [another(), account("ca_1").active()] {
        let DesiredBuilder(wanted) = split(object());
        let decision = decide(&wanted, &seen(row).recorded("ca_1").0, NOW);
        let expected = [Rule::AsDeclared, Rule::Rename];
        assert!(expected.contains(&decision.rule), "{decision:?}");
    }
}

#[test]
fn what_takes_access_away_goes_on_and_what_gives_some_does_not() {
    let none = usual(json!({"namespaces": ["other"]}));
    let connected = |row: Row| seen(row).recorded("ca_1").connected(ago(800));
    let listed = |names: &[&str]| Acl {
        allowed: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Acl::default()
    };
    let row = || account("ca_1").active();
    let kept = || Waits(Reason::NotAllowed);
    check([
        (
            "at rest it is told",
            none(object()),
            connected(row()),
            kept(),
        ),
        (
            "also by what is remembered",
            none(object()),
            connected(row()).cached(),
            kept(),
        ),
        (
            "it is disabled",
            none(object().disabled()),
            connected(row()),
            does(disable()),
        ),
        (
            "it is not enabled",
            none(object()),
            connected(row().inactive()),
            kept(),
        ),
        (
            "it is not renamed",
            none(object().called("support")),
            connected(row()),
            kept(),
        ),
        (
            "somebody is taken off the list",
            none(object().shared_with(&["a"], &[])),
            connected(row().shared(Some(listed(&["a", "b"])))),
            does(patch(Change::Sharing(crate::composio::SharingPatch {
                allowed: Some(["a".to_owned()].into()),
                ..Default::default()
            }))),
        ),
        (
            "nobody is put on it",
            none(object().shared_with(&["a", "b"], &[])),
            connected(row().shared(Some(listed(&["a"])))),
            kept(),
        ),
        (
            "nor where the list is not shown",
            none(object().shared_with(&["a"], &[])),
            connected(row().shared(None)),
            kept(),
        ),
        (
            "other data of its Secret is sent",
            none(object().made_from_secret()),
            connected(row())
                .sent("uid/6", CredentialsStep::Patched)
                .with_secret(),
            does(send()),
        ),
        (
            "also for a user that is not allowed any more: who rotates has the account already",
            usual(json!({"users": ["other"]}))(object().made_from_secret()),
            connected(row())
                .sent("uid/6", CredentialsStep::Patched)
                .with_secret(),
            does(send()),
        ),
        (
            "no new sign-in begins",
            none(object().asking_for_link("now")),
            seen(account("ca_1").expired())
                .recorded("ca_1")
                .link_issued(ago(900)),
            kept(),
        ),
        (
            "a link that is out may be used",
            none(object()),
            seen(account("ca_1")).recorded("ca_1").good_link(),
            Waits(Reason::AwaitingUser),
        ),
        (
            "a dead one is not brought back by a Secret",
            none(object().made_from_secret()),
            seen(account("ca_1").expired())
                .recorded("ca_1")
                .with_secret(),
            kept(),
        ),
        (
            "one that is gone is forgotten",
            none(object()),
            seen_none().recorded("ca_1"),
            does(Effect::Forget),
        ),
        (
            "and not made again",
            none(object()),
            seen_none(),
            Refuses(Reason::NotAllowed),
        ),
        (
            "with the object it ends",
            none(object().deleted(DeletionPolicy::Revoke)),
            connected(row()),
            does(revoke()),
        ),
    ]);
}

#[test]
fn how_the_account_ends_is_the_projects_to_say() {
    let revokes = usual(json!({"deletionPolicies": ["Revoke"]}));
    let found = || seen(account("ca_1").active()).recorded("ca_1");
    check([
        (
            "it is not kept",
            revokes(object().deleted(DeletionPolicy::Retain)),
            found(),
            does(revoke()),
        ),
        (
            "nor deleted with its grant alive",
            revokes(object().deleted(DeletionPolicy::Delete)),
            found(),
            does(revoke()),
        ),
        (
            "nor let go by what is remembered",
            revokes(object().deleted(DeletionPolicy::Retain)),
            not_looked().recorded("ca_1"),
            looks(Need::Account),
        ),
    ]);
}

#[test]
fn an_object_of_another_namespace_is_not_named() {
    let seen = |holder: &str| seen(account("ca_1").active()).held_by(holder);
    for (holder, expected) in [
        ("agents/older", "account ca_1 is managed by agents/older"),
        (
            "agents-2/older",
            "account ca_1 is managed by another object",
        ),
        ("other/mail", "account ca_1 is managed by another object"),
    ] {
        let (_, reason, detail) = said(&object(), &seen(holder));
        assert_eq!((reason, detail.as_str()), (Reason::Conflict, expected));
    }
}

#[test]
fn what_another_account_has_instead_is_not_told() {
    for row in [
        account("ca_1")
            .active()
            .with(|row| row.user_id = Some("mallory@evil.com".to_owned())),
        account("ca_1")
            .active()
            .with(|row| row.toolkit = "evil".to_owned()),
        account("ca_1")
            .active()
            .with(|row| row.auth_config = "ac_evil".to_owned()),
    ] {
        let wanted = object().taking_over("ca_1").through("ac_1");
        let (rule, reason, detail) = said(&wanted, &seen(row));
        assert_eq!((rule, reason), (Rule::Mismatch, Reason::Mismatch));
        assert!(!detail.contains("evil"), "{detail}");
    }
}

#[test]
fn a_secret_that_is_not_offered_is_waited_for_with_the_command_to_type() {
    let seen = seen_none().secret(SecretSeen::NotOffered);
    let (rule, reason, detail) = said(&object().made_from_secret(), &seen);
    assert_eq!(
        (rule, reason),
        (Rule::SecretInvalid, Reason::SecretNotOffered)
    );
    let command = "kubectl annotate secret -n agents gmail-key composio.dev/credentials=true";
    assert!(detail.contains(command), "{detail}");
}
