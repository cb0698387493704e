//! What entries allow, and what is not said in them.

use super::*;

fn with(change: impl FnOnce(&mut Request<'static>)) -> Request<'static> {
    let mut request = request("team", "team/bob");
    change(&mut request);
    request
}

#[test]
fn one_entry_alone_must_allow_the_whole_request() {
    let mixed = cluster(json!([
        {"users": ["team/*"], "toolkits": ["gmail"]},
        {"users": ["other/*"], "toolkits": ["*"], "takeOver": true, "visibilities": ["Shared"]},
    ]));
    let takes_over = |request: &mut Request<'_>| request.names_id = true;
    for (request, expected) in [
        (with(|_| ()), Ok(())),
        (with(takes_over), Err(Field::ConnectedAccountId)),
        (
            with(|one| one.toolkits = vec!["slack"]),
            Err(Field::Toolkit),
        ),
        (with(|one| one.visibility = Visibility::Shared), Ok(())),
        (
            with(|one| {
                one.users = vec![Some("other/bob")];
                one.names_id = true;
            }),
            Err(Field::Visibility),
        ),
        (
            with(|one| one.users = vec![Some("else/bob")]),
            Err(Field::User),
        ),
    ] {
        assert_eq!(mixed.judge(&request), expected, "{request:?}");
    }
}

#[test]
fn an_empty_list_allows_nothing_and_an_absent_one_everything() {
    let plain = || with(|_| ());
    assert_eq!(cluster(json!([])).judge(&plain()), Err(Field::Namespace));
    assert_eq!(cluster(json!([{}])).judge(&plain()), Ok(()));
    for (entry, expected) in [
        (json!({"namespaces": []}), Field::Namespace),
        (json!({"users": []}), Field::User),
        (json!({"toolkits": []}), Field::Toolkit),
        (json!({"sources": []}), Field::SignIn),
        (json!({"visibilities": []}), Field::Visibility),
        (json!({"maxAccounts": 0}), Field::TooMany),
        // What is no pattern matches nothing.
        (json!({"users": ["*{{namespace}}*"]}), Field::User),
        (json!({"toolkits": ["{{namespace}}"]}), Field::Toolkit),
    ] {
        let judged = cluster(json!([entry])).judge(&plain());
        assert_eq!(judged, Err(expected), "{entry}");
    }
    let restricted = cluster(json!([{"authConfigs": []}]));
    assert_eq!(restricted.judge(&plain()), Ok(()), "none is known yet");
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

#[test]
fn a_namespace_is_meant_by_its_name_or_by_all_of_the_labels() {
    let labels: Labels = [("tier", "agents"), ("env", "prod")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let judged = |allow: Value, namespace: &'static str| {
        let request = Request {
            labels: &labels,
            ..request(namespace, "bob")
        };
        cluster(json!([allow])).judge(&request).is_ok()
    };
    for (allow, namespace, expected) in [
        (json!({"namespaces": ["team-*"]}), "team-a", true),
        (json!({"namespaces": ["team-*"]}), "team", false),
        (json!({"namespaces": ["team-*"]}), "myteam-a", false),
        (
            json!({"namespaceSelector": {"matchLabels": {"tier": "agents"}}}),
            "a",
            true,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"tier": "agents", "env": "test"}}}),
            "a",
            false,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"Tier": "agents"}}}),
            "a",
            false,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {}}}),
            "a",
            false,
        ),
    ] {
        assert_eq!(
            judged(allow.clone(), namespace),
            expected,
            "{allow} {namespace}"
        );
    }
}

#[test]
fn nobody_is_signed_in_without_consent_where_users_are_not_bound_to_the_namespace() {
    let from_secret = || with(|one| one.source = Source::Secret);
    for (allow, is_allowed) in [
        (json!({}), false),
        (json!({"users": ["team/*"]}), false),
        (
            json!({"namespaces": ["team", "other"], "users": ["team/*"]}),
            false,
        ),
        (
            json!({"namespaces": ["tea*"], "users": ["{{namespace}}/*", "*"]}),
            false,
        ),
        // Together they are no bound: team/bob is both's.
        (
            json!({"users": ["{{namespace}}/*", "*/{{namespace}}"]}),
            false,
        ),
        (json!({"users": ["{{namespace}}/*"]}), true),
        (json!({"namespaces": ["team"], "users": ["team/*"]}), true),
        (json!({"namespaces": ["team"]}), true),
        (json!({"sources": ["SignIn", "Secret"]}), true),
        (
            json!({"users": ["{{namespace}}/*"], "sources": ["SignIn"]}),
            false,
        ),
    ] {
        let judged = cluster(json!([allow.clone()])).judge(&from_secret());
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
    let own = policy(ProjectKind::ComposioProject, json!([{}]));
    assert_eq!(
        own.judge(&from_secret()),
        Ok(()),
        "all are of one namespace"
    );
}

#[test]
fn which_entries_overlap_is_told_by_their_places() {
    for (allow, expected) in [
        (json!([{"users": ["{{namespace}}/*"]}]), vec![]),
        (json!([{}]), vec![(0, 0)]),
        (
            json!([{"namespaces": ["a"]}, {"namespaces": ["b"]}]),
            vec![(0, 1)],
        ),
        (
            json!([{"namespaces": ["a"]}, {"namespaces": ["a"]}]),
            vec![],
        ),
        (
            json!([{"namespaces": ["a"], "users": ["a/*"]}, {"namespaces": ["b"], "users": ["b/*"]}]),
            vec![],
        ),
        (
            json!([{"users": ["{{namespace}}/*"]}, {"namespaces": ["ops"], "users": ["ops/*"]}]),
            vec![],
        ),
        (
            json!([{"users": ["{{namespace}}/*"]}, {"namespaces": ["ops"], "users": ["web/*"]}]),
            vec![(0, 1)],
        ),
        (
            json!([{"users": ["{{namespace}}/*"]}, {"users": ["app:{{namespace}}"]}]),
            vec![],
        ),
        (json!([{"users": ["*@{{namespace}}"]}]), vec![]),
        (
            json!([{"namespaces": ["a", "b"], "users": ["bob"]}]),
            vec![(0, 0)],
        ),
    ] {
        assert_eq!(cluster(allow.clone()).overlaps(), expected, "{allow}");
    }
}

#[test]
fn how_an_account_ends_is_what_is_declared_or_the_first_that_is_listed() {
    use DeletionPolicy::{Delete, Retain, Revoke};
    let team = |policies: Value| json!({"users": ["team/*"], "deletionPolicies": policies});
    for (allow, declared, expected) in [
        (json!([{}]), Retain, Retain),
        (json!([team(json!(["Revoke"]))]), Retain, Revoke),
        (json!([team(json!(["Delete", "Revoke"]))]), Retain, Delete),
        (json!([team(json!(["Delete", "Revoke"]))]), Revoke, Revoke),
        // Whoever may ask for it by one entry may.
        (
            json!([team(json!(["Revoke"])), team(json!(["Retain"]))]),
            Retain,
            Retain,
        ),
        // Whoever asks for what is not allowed gains nothing by it.
        (
            json!([{"users": ["other/*"], "deletionPolicies": ["Revoke"]}, {"users": ["x"]}]),
            Retain,
            Revoke,
        ),
        (
            json!([{"namespaces": ["other"], "deletionPolicies": ["Revoke"]}]),
            Retain,
            Revoke,
        ),
        (json!([]), Retain, Retain),
    ] {
        let policy = cluster(allow.clone());
        let ends = policy.deletion_policy(&with(|_| ()), declared);
        assert_eq!(ends, expected, "{allow} {declared:?}");
    }
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

#[test]
fn people_are_taken_on_only_to_hosts_that_an_entry_of_a_cluster_project_names() {
    let hosts = json!([
        {"toolkits": ["gmail"], "callbackHosts": ["app.acme.com", "*.acme.org"]},
        {"toolkits": ["slack"], "callbackHosts": ["slack.acme.com"]},
    ]);
    let of_cluster = cluster(hosts.clone());
    for (host, is_named) in [
        ("app.acme.com", true),
        ("app.acme.com:8443", false),
        ("a.b.acme.org", true),
        ("acme.org", false),
        ("evil-acme.org", false),
        ("evilapp.acme.com", false),
        ("evil.example", false),
        ("app.acme.com.evil.example", false),
        ("slack.acme.com", false),
    ] {
        let named = of_cluster.vouches_for(&with(|_| ()), host);
        assert_eq!(named, is_named, "{host}");
    }
    let refused = with(|one| one.toolkits = vec!["github"]);
    assert!(!of_cluster.vouches_for(&refused, "app.acme.com"));
    let of_team = policy(ProjectKind::ComposioProject, hosts);
    assert!(!of_team.vouches_for(&with(|_| ()), "app.acme.com"));
    assert!(!Policy::everything().vouches_for(&with(|_| ()), "app.acme.com"));
}
