use std::collections::{BTreeMap, HashSet};

use composio_operator::composio::{Acl, Visibility};
use composio_operator::projects::ProjectKey;
use composio_testing::ODD;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::names::{Named, assign};
use super::*;
use crate::text::is_hostile;

/// Of a project that has none.
fn no_objects() -> Objects {
    Objects::none(
        composio_operator::plan::Flags::default(),
        composio_operator::record::RecordKeys::derive(b"a key", "ComposioProject/default"),
    )
}

const BREAKS: [&str; 6] = [
    "x\n---\nkind: ClusterRoleBinding",
    "- a: b",
    "\u{85}kind: Evil\u{2029}",
    "a # b",
    "\u{feff}---",
    "*/{{namespace}}/*",
];
const USUAL: [&str; 6] = ["alice@acme.com", "acme/bob", "42", "true", "~", "東京"];

/// Any text, and often one that makes trouble, alone or within another.
fn text() -> impl Strategy<Value = String> {
    let known = [&BREAKS[..], &ODD, &USUAL].concat();
    let known = select(known).prop_map(str::to_owned);
    let piece = prop_oneof![known, any::<char>().prop_map(String::from), "\\PC{0,8}"];
    prop_oneof![
        3 => vec(piece, 1..4).prop_map(|pieces| pieces.concat()),
        1 => ".{0,300}",
    ]
}

/// Words of which an id or a slug is made, and now and then something else.
fn word(usual: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![8 => usual, 1 => text()]
}

fn account() -> impl Strategy<Value = Account> {
    let users = || btree_set(text(), 0..3);
    let list = (any::<bool>(), users(), users());
    let list = list.prop_map(|(allow_all, allowed, denied)| Acl {
        allow_all,
        allowed,
        denied,
    });
    let ids = (word("ca_[a-z0-9]{1,6}"), word("gmail|slack"), word("ac_1"));
    let texts = (text(), [0; 3].map(|_| proptest::option::of(text())));
    let states = select(vec!["ACTIVE", "INACTIVE", "EXPIRED"]);
    let visibilities = select(vec![Visibility::Private, Visibility::Shared]);
    let rest = (
        states,
        visibilities,
        proptest::option::of(list),
        any::<bool>(),
    );
    (ids, texts, rest).prop_map(|(ids, (user, [alias, reason, identity]), rest)| {
        let (id, toolkit, auth_config) = ids;
        let (state, visibility, sharing, auth_config_disabled) = rest;
        Account {
            id,
            alias,
            user_id: Some(user),
            toolkit,
            auth_config,
            auth_config_disabled,
            state: State::from(state),
            state_reason: reason,
            identity,
            visibility,
            sharing,
            created_at: None,
            updated_at: None,
        }
    })
}

fn key() -> ProjectKey {
    "ComposioProject/agents/default".parse().expect("a key")
}

/// What fails is told, and kept nowhere: the folders of the sources hold sources.
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// How often each came to pass, of all cases of a property.
#[derive(Default)]
struct Counts {
    written: usize,
    refused: usize,
}

#[test]
fn whatever_accounts_hold_their_manifests_are_these_objects_and_nothing_else() {
    let counts = std::cell::RefCell::new(Counts::default());
    let config = cases();
    let names = select(vec![
        "mail", "123456", "1e3", "null", "true", "0", "1.5", "yes",
    ]);
    let places = (names, select(vec!["agents", "2026", "on", "0x1f"]));
    proptest!(config, |(accounts in vec((account(), places), 1..4))| {
        let mut counts = counts.borrow_mut();
        let (mut expected, mut output) = (Vec::new(), String::new());
        for (account, (name, namespace)) in accounts {
            if let Some(why) = manifest::why_not(&account) {
                counts.refused += 1;
                output.push_str(&format!("# {}\n", manifest::refusal(&account, why)));
                continue;
            }
            counts.written += 1;
            let named = Named {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                account,
            };
            let manifest = Manifest::of(&named, &key());
            output.push_str(&manifest.document().expect("it can be written"));
            let read: ConnectedAccount =
                serde_json::from_value(manifest.object.clone()).expect("an object");
            let account = named.account;
            prop_assert_eq!(Some(read.spec.user), account.user_id);
            prop_assert_eq!(read.spec.connected_account_id, Some(account.id));
            if let Some(alias) = read.spec.metadata.and_then(|metadata| metadata.alias) {
                prop_assert_eq!(Some(alias), account.alias);
            }
            prop_assert_eq!(read.spec.enabled, account.state != State::Inactive);
            expected.push(manifest.object);
        }
        let moves = |character: char| is_hostile(character) && character != '\n';
        prop_assert!(!output.contains(moves), "{output:?}");
        let read: Vec<Value> = match serde_saphyr::from_multiple(&output) {
            Ok(read) => read,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{output}"))),
        };
        let read: Vec<Value> = read.into_iter().filter(|one| !one.is_null()).collect();
        prop_assert_eq!(read, expected, "{}", output);
    });
    let Counts { written, refused } = counts.into_inner();
    assert!(written > 250 && refused > 250, "{written} {refused}");
}

/// Accounts with an id each, of few users whose names are alike, in few namespaces.
fn placed() -> impl Strategy<Value = Vec<(String, Account)>> {
    let user = prop_oneof![
        select(vec!["a.b", "a-b", "A b", "bob"]).prop_map(str::to_owned),
        text()
    ];
    let one = (select(vec!["agents", "team"]), user, account());
    vec(one, 0..12).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let named = numbered.map(|(n, (namespace, user, account))| {
            let account = Account {
                id: format!("ca_{n}"),
                user_id: Some(user),
                toolkit: "gmail".to_owned(),
                ..account
            };
            (namespace.to_owned(), account)
        });
        named.collect()
    })
}

/// By the id of the account.
fn by_id(named: &[Named]) -> BTreeMap<String, (String, String)> {
    let all = named.iter();
    all.map(|one| {
        let place = (one.namespace.clone(), one.name.clone());
        (one.account.id.clone(), place)
    })
    .collect()
}

#[test]
fn names_are_valid_and_unique_and_the_same_for_the_same_accounts_in_any_order() {
    let counts = std::cell::RefCell::new(Counts::default());
    let config = cases();
    let cases = placed().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()));
    let template = select(vec![
        USUAL_NAME,
        "{user}-{id}",
        "{toolkit}-{id}",
        "x",
        "{alias}-{user}",
    ]);
    proptest!(config, |((accounts, shuffled) in cases, template in template)| {
        let mut counts = counts.borrow_mut();
        let template: Template = template.parse().expect("a template");
        let count = accounts.len();
        let named = assign(accounts, &template, &no_objects());
        let again = assign(shuffled, &template, &no_objects());
        let (named, again) = match (named, again) {
            (Ok(named), Ok(again)) => (named, again),
            (Err(_), Err(_)) => {
                counts.refused += 1;
                return Ok(());
            }
            _ => return Err(TestCaseError::fail("the order decides")),
        };
        counts.written += 1;
        prop_assert_eq!(by_id(&named), by_id(&again));
        prop_assert_eq!(named.len(), count, "each has a name");
        let mut seen = HashSet::new();
        for one in &named {
            prop_assert!(crate::name::namespace(&one.name).is_ok(), "{}", one.name);
            prop_assert!(seen.insert((&one.namespace, &one.name)), "{} twice", one.name);
        }
        // One more account changes the names of nobody else's.
        let first = named.first().map(|one| one.account.clone());
        if let Some(first) = first {
            let more = Account {
                id: "ca_more".to_owned(),
                user_id: Some("somebody-quite-different".to_owned()),
                ..first
            };
            let all = named.into_iter().map(|one| (one.namespace, one.account));
            let all = all.chain([("another-namespace".to_owned(), more)]).collect();
            let mut grown = by_id(&assign(all, &template, &no_objects()).expect("names"));
            grown.remove("ca_more");
            prop_assert_eq!(grown, by_id(&again));
        }
    });
    let Counts { written, refused } = counts.into_inner();
    assert!(written > 100 && refused > 100, "{written} {refused}");
}

fn of_user(id: &str, user: &str) -> (String, Account) {
    let account = Account {
        id: id.to_owned(),
        alias: None,
        user_id: Some(user.to_owned()),
        toolkit: "gmail".to_owned(),
        auth_config: "ac_1".to_owned(),
        auth_config_disabled: false,
        state: State::Active,
        state_reason: None,
        identity: None,
        visibility: Visibility::Private,
        sharing: None,
        created_at: None,
        updated_at: None,
    };
    ("agents".to_owned(), account)
}

fn names(placed: Vec<(String, Account)>, template: &str) -> Result<Vec<String>, String> {
    let template: Template = template.parse().expect("a template");
    let named = assign(placed, &template, &no_objects()).map_err(|why| why.to_string())?;
    Ok(named.into_iter().map(|named| named.name).collect())
}

/// As the flag has it.
const USUAL_NAME: &str = "{user}-{toolkit}";

#[test]
fn names_are_those_of_objects_and_do_not_hang_on_the_order() {
    let accounts = [
        of_user("ca_1", "Alice@Acme.example"),
        of_user("ca_2", "bob"),
        of_user("ca_3", "../kube-system"),
    ];
    let expected = ["alice-acme-example-gmail", "bob-gmail", "kube-system-gmail"];
    let mut turned = accounts.to_vec();
    turned.reverse();
    assert_eq!(
        names(accounts.to_vec(), USUAL_NAME).expect("names"),
        expected
    );
    assert_eq!(names(turned, USUAL_NAME).expect("names"), expected);
}

#[test]
fn accounts_of_one_user_are_told_apart_by_their_ids() {
    let both = vec![of_user("ca_1", "bob"), of_user("ca_2", "bob")];
    let made = names(both, USUAL_NAME).expect("names");
    assert_eq!(made.len(), 2);
    assert_ne!(made[0], made[1]);
    for name in &made {
        assert!(
            crate::name::object(name).is_ok() && name.starts_with("bob-gmail-"),
            "{name}"
        );
    }
    let long = "x".repeat(200);
    let both = vec![of_user("ca_1", &long), of_user("ca_2", &long)];
    let made = names(both, USUAL_NAME).expect("names");
    assert!(made.iter().all(|name| name.len() <= 63), "{made:?}");
}

#[test]
fn users_whose_objects_would_be_called_the_same_are_refused() {
    let both = vec![of_user("ca_1", "a.b"), of_user("ca_2", "a-b\u{1b}")];
    let why = names(both.clone(), USUAL_NAME).expect_err("they are two");
    assert!(
        why.contains("agents/a-b-gmail") && !why.contains('\u{1b}'),
        "{why}"
    );
    let made = names(both, "{user}-{id}").expect("names");
    assert_eq!(made, ["a-b-ca-1", "a-b-ca-2"]);
    let none = vec![of_user("ca_1", "東京")];
    assert!(names(none, "{user}").is_err());
    for wrong in ["{name}", "{user", "{}"] {
        assert!(wrong.parse::<Template>().is_err(), "{wrong}");
    }
}
