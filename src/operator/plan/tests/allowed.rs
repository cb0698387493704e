//! What a project does not allow: what is refused unseen, and what goes on for an account that would not be allowed
//! any more.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    composio::model::Acl,
    crd::{Allow, CredentialsStep, DeletionPolicy, ProjectKind},
    plan::Policy,
};

mod found;

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

/// An object that nothing was done for yet.
fn new() -> DesiredBuilder {
    object().unmarked()
}

#[rstest]
#[case::another_namespace(new(), json!({"namespaces": ["other"]}), "objects of this namespace")]
#[case::labels(new(), json!({"namespaceSelector": {"matchLabels": {"tier": "agents"}}}), "objects of this namespace")]
#[case::a_namespace_that_fits_but_for_its_case(new(), json!({"namespaces": ["AGENTS"]}), "objects of this namespace")]
#[case::another_teams_user(new(), json!({"users": ["{{namespace}}/*"]}), "spec.user")]
#[case::a_user_that_looks_alike(new(), json!({"users": ["suppоrt@acme.com"]}), "spec.user")]
#[case::a_user_of_another_case(new(), json!({"users": ["Support@acme.com"]}), "spec.user")]
#[case::a_toolkit(new(), json!({"toolkits": ["slack"]}), "spec.toolkit")]
#[case::an_auth_config(
    new().through("ac_2"),
    json!({"authConfigs": ["ac_1"]}),
    "spec.authConfig, or the one that would be used"
)]
#[case::an_id(new().taking_over("ca_1"), json!({}), "spec.connectedAccountId")]
#[case::an_alias(new().called("support"), json!({}), "spec.metadata.alias")]
#[case::a_secret(new().made_from_secret(), json!({"sources": ["SignIn"]}), "spec.credentials")]
#[case::a_person(new(), json!({"sources": ["Secret"]}), "accounts that a person signs in to")]
#[case::to_share(
    new().shared_with(&["support@acme.com", "mallory"], &[]),
    json!({"users": ["support@*"]}),
    "the users of the access list"
)]
#[case::too_many(
    new().with(|desired| desired.before = 2),
    json!({"maxAccounts": 2}),
    "so many accounts of one namespace: TooMany"
)]
fn what_is_declared_and_not_allowed_is_refused_before_any_look(
    #[case] wanted: DesiredBuilder,
    #[case] entry: Value,
    #[case] field: &str,
) {
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
            assert_eq!(said(&wanted, &seen), expected);
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
