//! What was found: what of it is refused, what proves nothing, and what is not told.

use super::*;

fn only_ac_1() -> DesiredBuilder {
    usual(json!({"authConfigs": ["ac_1"]}))(object())
}

/// An object that takes over `ca_1`, which the entry allows besides.
fn taken_over(mut entry: Value) -> DesiredBuilder {
    entry["takeOver"] = json!(true);
    usual(entry)(object().taking_over("ca_1"))
}

/// The same, and shared by the list that the account has.
fn keeps_list(entry: Value) -> DesiredBuilder {
    taken_over(entry).with(|desired| desired.spec.visibility = crate::crd::Visibility::Shared)
}

fn another() -> Row {
    account("ca_1").active().called("another")
}

fn with_mallory() -> Option<Acl> {
    Some(Acl {
        allowed: ["mallory".to_owned()].into(),
        ..Acl::default()
    })
}

#[rstest]
#[case::the_only_auth_config_is_not_allowed(
    only_ac_1(),
    seen_none().auth_config(AuthConfigCheck::Fit("ac_2".to_owned())),
    Rule::NoAuthConfig
)]
#[case::its_own_was_made_from_another_auth_config(
    only_ac_1(),
    seen(
        account("ca_1")
            .active()
            .with(|row| row.auth_config = "ac_2".to_owned()),
    ),
    Rule::FoundNotAllowed
)]
#[case::one_that_is_taken_over_was(
    taken_over(json!({"authConfigs": ["ac_1"]})),
    seen(another().with(|row| row.auth_config = "ac_2".to_owned())),
    Rule::FoundNotAllowed
)]
#[case::a_forged_record_of_it_is_worth_nothing(
    taken_over(json!({"authConfigs": ["ac_1"]})),
    seen(another().with(|row| row.auth_config = "ac_2".to_owned())).named_by_status("ca_1"),
    Rule::FoundNotAllowed
)]
#[case::a_list_that_would_stay_names_somebody_else(
    keeps_list(json!({"users": ["support@acme.com"]})),
    seen(another().shared(with_mallory())),
    Rule::FoundNotAllowed
)]
#[case::a_list_that_is_not_shown_may(
    keeps_list(json!({"sharing": "Users"})), seen(another().shared(None)), Rule::FoundNotAllowed
)]
#[case::a_user_that_is_not_shown_may_be_another(
    taken_over(json!({"users": ["support@acme.com"]})),
    seen(another().with(|row| row.user_id = None)),
    Rule::FoundNotAllowed
)]
fn what_was_found_is_judged_once_it_is_seen(
    #[case] wanted: DesiredBuilder,
    #[case] seen: ObservedBuilder,
    #[case] rule: Rule,
) {
    let (by, reason, detail) = said(&wanted, &seen);
    assert_eq!((by, reason), (rule, Reason::NotAllowed));
    for value in ["ac_2", "mallory", "another", "ca_1"] {
        assert!(!detail.contains(value), "{detail}");
    }
}

#[rstest]
#[case::a_pin(object().pinned("another"))]
#[case::an_annotation(object().given("ca_1"))]
fn names_pins_and_records_take_nothing_over_where_that_is_not_allowed(
    #[case] wanted: DesiredBuilder,
) {
    let free = usual(json!({"takeOver": true}));
    let bound = usual(json!({}));
    let seen = seen(another()).named_by_status("ca_1");
    assert_eq!(
        plan(&bound(wanted.clone()).0, &seen.0, NOW),
        Plan::Do(Effect::Forget),
        "it claims nothing"
    );
    let taken = plan(&free(wanted.clone()).0, &seen.0, NOW);
    assert_ne!(
        taken,
        Plan::Do(Effect::Forget),
        "it does where that is allowed"
    );
    let going = bound(wanted.deleted(DeletionPolicy::Revoke));
    assert_eq!(
        plan(&going.0, &seen.0, NOW),
        Plan::Do(Effect::Release),
        "it ends nothing"
    );
}

/// One entry lets take over, and the other has the auth config.
fn split(wanted: DesiredBuilder) -> DesiredBuilder {
    let entries: Vec<Allow> = serde_json::from_value(json!([
        {"takeOver": true, "authConfigs": ["ac_9"]},
        {"authConfigs": ["ac_1"]},
    ]))
    .expect("entries");
    let policy = Policy::new(ProjectKind::ClusterComposioProject, Some(&entries));
    wanted.with(|desired| desired.flags.policy = Some(Arc::new(policy)))
}

/// One entry alone must allow all of it: that one lets take over and another has the user is nobody's word.
#[rstest]
#[case::a_pin(object().pinned("another"))]
#[case::an_annotation(object().given("ca_1"))]
fn one_entry_lets_take_over_what_it_allows_itself(#[case] wanted: DesiredBuilder) {
    let one = usual(json!({"takeOver": true, "authConfigs": ["ac_1"]}));
    for sight in [
        seen(another()),
        seen(another()).named_by_status("ca_1"),
        seen(another()).recorded_with_another_key("ca_1"),
    ] {
        let DesiredBuilder(wanted) = split(wanted.clone());
        let decision = decide(&wanted, &sight.0, NOW);
        assert_eq!(decision.rule, Rule::FoundNotAllowed, "{decision:?}");
    }
    let going = split(wanted.clone().deleted(DeletionPolicy::Revoke));
    let ends = plan(&going.0, &seen(another()).named_by_status("ca_1").0, NOW);
    assert_eq!(ends, Plan::Do(Effect::Release), "it ends nothing");
    let DesiredBuilder(allowed) = one(wanted);
    let decision = decide(&allowed, &seen(another()).0, NOW);
    assert_eq!(decision.rule, Rule::Adopt, "{decision:?}");
}

#[rstest]
#[case::what_the_operator_has_signed(another())]
#[case::what_it_has_made_under_the_own_alias(account("ca_1").active())]
fn what_is_proved_to_be_the_objects_own_is_taken_over_from_nobody(#[case] row: Row) {
    let DesiredBuilder(wanted) = split(object());
    let decision = decide(&wanted, &seen(row).recorded("ca_1").0, NOW);
    let expected = [Rule::AsDeclared, Rule::Rename];
    assert!(expected.contains(&decision.rule), "{decision:?}");
}

#[rstest]
#[case::same_namespace("agents/older", "account ca_1 is managed by agents/older")]
#[case::one_that_begins_alike("agents-2/older", "account ca_1 is managed by another object")]
#[case::another_one("other/mail", "account ca_1 is managed by another object")]
fn an_object_of_another_namespace_is_not_named(#[case] holder: &str, #[case] expected: &str) {
    let (_, reason, detail) = said(&object(), &seen(account("ca_1").active()).held_by(holder));
    assert_eq!((reason, detail.as_str()), (Reason::Conflict, expected));
}

#[rstest]
#[case::user(account("ca_1").active().with(|row| row.user_id = Some("mallory@evil.com".to_owned())))]
#[case::toolkit(account("ca_1").active().with(|row| row.toolkit = "evil".to_owned()))]
#[case::auth_config(account("ca_1").active().with(|row| row.auth_config = "ac_evil".to_owned()))]
fn what_another_account_has_instead_is_not_told(#[case] row: Row) {
    let wanted = object().taking_over("ca_1").through("ac_1");
    let (rule, reason, detail) = said(&wanted, &seen(row));
    assert_eq!((rule, reason), (Rule::Mismatch, Reason::Mismatch));
    assert!(!detail.contains("evil"), "{detail}");
}
