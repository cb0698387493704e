//! What entries allow, and what is not said in them.

use super::*;
use DeletionPolicy::{Delete, Retain, Revoke};

fn with(change: impl FnOnce(&mut Request<'static>)) -> Request<'static> {
    let mut request = request("team", "team/bob");
    change(&mut request);
    request
}

#[rstest]
#[case::by_the_first(with(|_| ()), Ok(()))]
#[case::not_to_take_over_with_the_user_of_the_first(with(|one| one.names_id = true), Err(Field::ConnectedAccountId))]
#[case::not_another_toolkit_with_the_user_of_the_first(with(|one| one.toolkits = vec!["slack"]), Err(Field::Toolkit))]
#[case::a_shared_account_which_no_entry_excludes(with(|one| one.visibility = Visibility::Shared), Ok(()))]
#[case::not_what_neither_entry_allows(
    with(|one| {
        one.users = vec![Some("other/bob")];
        one.names_id = true;
    }),
    Err(Field::Visibility)
)]
#[case::not_the_user_of_neither(with(|one| one.users = vec![Some("else/bob")]), Err(Field::User))]
fn one_entry_alone_must_allow_the_whole_request(
    #[case] request: Request<'static>,
    #[case] expected: Result<(), Field>,
) {
    let mixed = cluster(json!([
        {"users": ["team/*"], "toolkits": ["gmail"]},
        {"users": ["other/*"], "toolkits": ["*"], "takeOver": true, "visibilities": ["Shared"]},
    ]));
    assert_eq!(mixed.judge(&request), expected, "{request:?}");
}

#[rstest]
#[case::namespaces(json!({"namespaces": []}), Field::Namespace)]
#[case::users(json!({"users": []}), Field::User)]
#[case::toolkits(json!({"toolkits": []}), Field::Toolkit)]
#[case::sources(json!({"sources": []}), Field::SignIn)]
#[case::visibilities(json!({"visibilities": []}), Field::Visibility)]
#[case::no_accounts(json!({"maxAccounts": 0}), Field::TooMany)]
// What is no pattern matches nothing.
#[case::no_pattern_of_users(json!({"users": ["*{{namespace}}*"]}), Field::User)]
#[case::no_pattern_of_toolkits(json!({"toolkits": ["{{namespace}}"]}), Field::Toolkit)]
fn an_empty_list_allows_nothing_and_an_absent_one_everything(
    #[case] entry: Value,
    #[case] expected: Field,
) {
    let judged = cluster(json!([entry])).judge(&with(|_| ()));
    assert_eq!(judged, Err(expected), "{entry}");
}

#[test]
fn no_entry_allows_nothing_and_an_empty_one_everything() {
    assert_eq!(
        cluster(json!([])).judge(&with(|_| ())),
        Err(Field::Namespace)
    );
    assert_eq!(cluster(json!([{}])).judge(&with(|_| ())), Ok(()));
}

#[test]
fn an_empty_list_of_auth_configs_counts_once_the_auth_config_is_known() {
    let restricted = cluster(json!([{"authConfigs": []}]));
    assert_eq!(restricted.judge(&with(|_| ())), Ok(()), "none is known yet");
    let found = with(|one| one.auth_configs = vec!["ac_1"]);
    assert_eq!(restricted.judge(&found), Err(Field::AuthConfig));
}

#[test]
fn what_is_not_shown_is_not_allowed_where_it_matters() {
    let unknown_user = || with(|one| one.users.push(None));
    let unknown_list = || {
        with(|one| {
            one.shared_with = vec![None];
            one.shares_with_all = true;
        })
    };
    let open = cluster(json!([{"sharing": "All"}]));
    assert_eq!(open.judge(&unknown_user()), Ok(()));
    assert_eq!(open.judge(&unknown_list()), Ok(()));
    let bound = cluster(json!([{"users": ["{{namespace}}/*"], "sharing": "All"}]));
    assert_eq!(bound.judge(&unknown_user()), Err(Field::User));
    assert_eq!(bound.judge(&unknown_list()), Err(Field::AllowedUsers));
    let default = cluster(json!([{}]));
    assert_eq!(default.judge(&unknown_list()), Err(Field::AllowAll));
}

#[rstest]
#[case::pattern(json!({"namespaces": ["team-*"]}), "team-a", true)]
#[case::pattern_with_nothing_before_its_end(json!({"namespaces": ["team-*"]}), "team", false)]
#[case::pattern_within_a_name(json!({"namespaces": ["team-*"]}), "myteam-a", false)]
#[case::a_label(json!({"namespaceSelector": {"matchLabels": {"tier": "agents"}}}), "a", true)]
#[case::one_of_two_labels(
    json!({"namespaceSelector": {"matchLabels": {"tier": "agents", "env": "test"}}}), "a", false
)]
#[case::a_label_of_another_case(json!({"namespaceSelector": {"matchLabels": {"Tier": "agents"}}}), "a", false)]
#[case::no_label(json!({"namespaceSelector": {"matchLabels": {}}}), "a", false)]
fn a_namespace_is_meant_by_its_name_or_by_all_of_the_labels(
    #[case] allow: Value,
    #[case] namespace: &'static str,
    #[case] expected: bool,
) {
    let labels: Labels = [("tier", "agents"), ("env", "prod")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let request = Request {
        labels: &labels,
        ..request(namespace, "bob")
    };
    let judged = cluster(json!([allow])).judge(&request);
    assert_eq!(judged.is_ok(), expected);
}

#[rstest]
#[case::anybody(json!({}), false)]
#[case::users_by_name_in_every_namespace(json!({"users": ["team/*"]}), false)]
#[case::users_by_name_in_two_namespaces(json!({"namespaces": ["team", "other"], "users": ["team/*"]}), false)]
#[case::everybody_beside_the_bound(json!({"namespaces": ["tea*"], "users": ["{{namespace}}/*", "*"]}), false)]
// Together they are no bound: team/bob is both's.
#[case::two_bounds_that_meet(json!({"users": ["{{namespace}}/*", "*/{{namespace}}"]}), false)]
#[case::users_bound_to_the_namespace(json!({"users": ["{{namespace}}/*"]}), true)]
#[case::users_of_one_namespace(json!({"namespaces": ["team"], "users": ["team/*"]}), true)]
#[case::one_namespace(json!({"namespaces": ["team"]}), true)]
#[case::where_the_project_says_so(json!({"sources": ["SignIn", "Secret"]}), true)]
#[case::not_where_it_says_otherwise(json!({"users": ["{{namespace}}/*"], "sources": ["SignIn"]}), false)]
fn nobody_is_signed_in_without_consent_where_users_are_not_bound_to_the_namespace(
    #[case] allow: Value,
    #[case] is_allowed: bool,
) {
    let from_secret = with(|one| one.source = Source::Secret);
    let judged = cluster(json!([allow.clone()])).judge(&from_secret);
    let expected = match is_allowed {
        true => Ok(()),
        false => Err(Field::Credentials),
    };
    assert_eq!(judged, expected, "{allow}");
    if judged.is_err() {
        let judged = cluster(json!([allow.clone()])).judge(&with(|_| ()));
        assert_eq!(judged, Ok(()), "a person may: {allow}");
    }
}

#[test]
fn in_a_project_of_one_namespace_nobody_is_signed_in_from_another() {
    let own = policy(ProjectKind::ComposioProject, json!([{}]));
    let from_secret = with(|one| one.source = Source::Secret);
    assert_eq!(own.judge(&from_secret), Ok(()));
}

#[rstest]
#[case::bound_users(json!([{"users": ["{{namespace}}/*"]}]), vec![])]
#[case::anybody_anywhere(json!([{}]), vec![(0, 0)])]
#[case::anybody_in_two_namespaces(json!([{"namespaces": ["a"]}, {"namespaces": ["b"]}]), vec![(0, 1)])]
#[case::the_same_namespace_twice(json!([{"namespaces": ["a"]}, {"namespaces": ["a"]}]), vec![])]
#[case::users_of_their_own_in_two_namespaces(
    json!([{"namespaces": ["a"], "users": ["a/*"]}, {"namespaces": ["b"], "users": ["b/*"]}]),
    vec![]
)]
#[case::a_namespace_with_its_own_beside_bound_users(
    json!([{"users": ["{{namespace}}/*"]}, {"namespaces": ["ops"], "users": ["ops/*"]}]), vec![]
)]
#[case::a_namespace_with_those_of_others_beside_bound_users(
    json!([{"users": ["{{namespace}}/*"]}, {"namespaces": ["ops"], "users": ["web/*"]}]),
    vec![(0, 1)]
)]
#[case::two_bounds(json!([{"users": ["{{namespace}}/*"]}, {"users": ["app:{{namespace}}"]}]), vec![])]
#[case::a_bound_at_the_end(json!([{"users": ["*@{{namespace}}"]}]), vec![])]
#[case::one_user_in_two_namespaces(json!([{"namespaces": ["a", "b"], "users": ["bob"]}]), vec![(0, 0)])]
fn which_entries_overlap_is_told_by_their_places(
    #[case] allow: Value,
    #[case] expected: Vec<(usize, usize)>,
) {
    assert_eq!(cluster(allow.clone()).overlaps(), expected, "{allow}");
}

fn team(policies: Value) -> Value {
    json!({"users": ["team/*"], "deletionPolicies": policies})
}

#[rstest]
#[case::nothing_is_listed(json!([{}]), Retain, Retain)]
#[case::another_is_listed(json!([team(json!(["Revoke"]))]), Retain, Revoke)]
#[case::the_first_of_two(json!([team(json!(["Delete", "Revoke"]))]), Retain, Delete)]
#[case::the_second_as_declared(json!([team(json!(["Delete", "Revoke"]))]), Revoke, Revoke)]
// Whoever may ask for it by one entry may.
#[case::by_another_entry_that_allows_it(json!([team(json!(["Revoke"])), team(json!(["Retain"]))]), Retain, Retain)]
// Whoever asks for what is not allowed gains nothing by it.
#[case::not_of_an_entry_for_others(
    json!([{"users": ["other/*"], "deletionPolicies": ["Revoke"]}, {"users": ["x"]}]),
    Retain,
    Revoke
)]
#[case::not_of_an_entry_for_another_namespace(
    json!([{"namespaces": ["other"], "deletionPolicies": ["Revoke"]}]), Retain, Revoke
)]
#[case::nothing_is_allowed(json!([]), Retain, Retain)]
fn how_an_account_ends_is_what_is_declared_or_the_first_that_is_listed(
    #[case] allow: Value,
    #[case] declared: DeletionPolicy,
    #[case] expected: DeletionPolicy,
) {
    let policy = cluster(allow.clone());
    let ends = policy.deletion_policy(&with(|_| ()), declared);
    assert_eq!(ends, expected, "{allow} {declared:?}");
}

#[test]
fn how_an_account_ends_is_what_is_declared_where_the_project_says_nothing() {
    let free = Policy::new(ProjectKind::ComposioProject, None);
    assert_eq!(free.deletion_policy(&with(|_| ()), Retain), Retain);
}

#[test]
fn a_secret_of_a_cluster_project_must_say_itself_that_it_may_be_sent() {
    let wants = |policy: &Policy| policy.wants_annotation(&with(|_| ()));
    assert!(wants(&cluster(json!([{}]))));
    assert!(!wants(&cluster(json!([{"secrets": "Any"}]))));
    assert!(!wants(&cluster(json!([{}, {"secrets": "Any"}]))));
    assert!(wants(&cluster(
        json!([{}, {"secrets": "Any", "users": ["x"]}])
    )));
    assert!(
        wants(&cluster(json!([{"users": ["x"]}]))),
        "nothing is allowed"
    );
    assert!(!wants(&policy(ProjectKind::ComposioProject, json!([{}]))));
    assert!(wants(&policy(
        ProjectKind::ComposioProject,
        json!([{"secrets": "Annotated"}])
    )));
    assert!(!wants(&Policy::everything()));
}

#[test]
fn a_project_of_the_namespace_allows_everything_where_it_says_nothing() {
    let everything = with(|one| {
        one.names_id = true;
        one.names_alias = true;
        one.source = Source::Secret;
        one.shares_with_all = true;
        one.before = 1_000;
    });
    let free = Policy::new(ProjectKind::ComposioProject, None);
    assert_eq!(free.judge(&everything), Ok(()));
    assert!(free.may_take_over("team", &Labels::new(), Some("u"), Some("gmail")));
    let said = policy(ProjectKind::ComposioProject, json!([{}]));
    assert_eq!(said.judge(&everything), Err(Field::ConnectedAccountId));
    let none = Policy::new(ProjectKind::ClusterComposioProject, None);
    assert_eq!(none.judge(&with(|_| ())), Err(Field::Namespace));
}

#[test]
fn an_entry_lets_its_own_users_take_over_and_nobody_else() {
    let policy = cluster(json!([
        {"namespaces": ["team"], "users": ["team/*"], "toolkits": ["gmail"], "takeOver": true},
        {"users": ["{{namespace}}/*"]},
    ]));
    let may =
        |namespace, user, toolkit| policy.may_take_over(namespace, &Labels::new(), user, toolkit);
    assert!(may("team", Some("team/bob"), Some("gmail")));
    assert!(!may("team", Some("other/bob"), Some("gmail")));
    assert!(!may("team", Some("team/bob"), Some("slack")));
    assert!(!may("other", Some("team/bob"), Some("gmail")));
    assert!(may("team", None, None), "it may be one of them");
}

#[test]
fn an_entry_that_wants_people_back_allows_no_sign_in_that_cannot_bring_them() {
    let bound = json!({"signIn": "Bound", "toolkits": ["gmail"], "sources": ["SignIn", "Secret"]});
    let unbound = |one: &mut Request<'_>| one.is_bound = false;
    let secret = |one: &mut Request<'_>| {
        one.is_bound = false;
        one.source = Source::Secret;
    };
    let alone = cluster(json!([bound]));
    assert_eq!(alone.judge(&with(|_| ())), Ok(()));
    assert!(alone.wants_return(&with(|_| ())));
    assert_eq!(alone.judge(&with(unbound)), Err(Field::Unbound));
    assert_eq!(alone.judge(&with(secret)), Ok(()), "nobody signs in");
    // Another entry that allows the whole request does not demand it.
    let beside = cluster(json!([bound, {}]));
    assert_eq!(beside.judge(&with(unbound)), Ok(()));
    assert!(!beside.wants_return(&with(unbound)));
    assert!(!beside.wants_return(&with(|_| ())));
    // Which of them decides is not known before the auth config is.
    let by_config = cluster(json!([bound, {"authConfigs": ["ac_1"]}]));
    assert!(by_config.wants_return(&with(|_| ())));
    assert!(!by_config.wants_return(&with(|one| one.auth_configs = vec!["ac_1"])));
}

fn hosts() -> Value {
    json!([
        {"toolkits": ["gmail"], "callbackHosts": ["app.acme.com", "*.acme.org"]},
        {"toolkits": ["slack"], "callbackHosts": ["slack.acme.com"]},
    ])
}

#[rstest]
#[case::by_name("app.acme.com", true)]
#[case::not_with_a_port("app.acme.com:8443", false)]
#[case::by_a_pattern("a.b.acme.org", true)]
#[case::not_what_the_pattern_begins_with("acme.org", false)]
#[case::not_what_looks_like_the_pattern("evil-acme.org", false)]
#[case::not_what_looks_like_the_name("evilapp.acme.com", false)]
#[case::not_another("evil.example", false)]
#[case::not_what_begins_like_the_name("app.acme.com.evil.example", false)]
#[case::not_of_an_entry_for_others("slack.acme.com", false)]
fn people_are_taken_on_only_to_hosts_that_an_entry_of_a_cluster_project_names(
    #[case] host: &str,
    #[case] is_named: bool,
) {
    let named = cluster(hosts()).vouches_for(&with(|_| ()), host);
    assert_eq!(named, is_named, "{host}");
}

#[test]
fn nobody_is_taken_on_who_is_not_allowed_or_whose_project_is_not_of_the_cluster() {
    let refused = with(|one| one.toolkits = vec!["github"]);
    assert!(!cluster(hosts()).vouches_for(&refused, "app.acme.com"));
    let of_team = policy(ProjectKind::ComposioProject, hosts());
    assert!(!of_team.vouches_for(&with(|_| ()), "app.acme.com"));
    assert!(!Policy::everything().vouches_for(&with(|_| ()), "app.acme.com"));
}
