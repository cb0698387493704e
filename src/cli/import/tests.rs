use std::collections::BTreeSet;

use composio_operator::composio::{Acl, Visibility};
use composio_operator::projects::ProjectKey;
use composio_testing::{Dice, ODD, for_seeds};

use super::names::{Named, assign};
use super::*;
use crate::text::is_hostile;

const BREAKS: [&str; 6] = [
    "x\n---\nkind: ClusterRoleBinding",
    "- a: b",
    "\u{85}kind: Evil\u{2029}",
    "a # b",
    "\u{feff}---",
    "*/{{namespace}}/*",
];

fn text(dice: &mut Dice) -> String {
    match dice.number(3) {
        0 => dice.of(&BREAKS).to_owned(),
        1 => dice.of(&ODD).to_owned(),
        _ => dice.text(&["alice@acme.com", "acme/bob", "42", "true", "~", "東京"]),
    }
}

fn account(dice: &mut Dice) -> Account {
    let users =
        |dice: &mut Dice| -> BTreeSet<String> { (0..dice.number(3)).map(|_| text(dice)).collect() };
    Account {
        id: dice.text(&["ca_1", "ca_2", "ca_3"]),
        alias: dice.maybe(text),
        user_id: Some(text(dice)),
        toolkit: dice.text(&["gmail", "slack"]),
        auth_config: dice.text(&["ac_1"]),
        auth_config_disabled: dice.once_in(3),
        state: State::from(dice.text(&["ACTIVE", "INACTIVE", "EXPIRED"]).as_str()),
        state_reason: dice.maybe(text),
        identity: dice.maybe(text),
        visibility: dice.of(&[Visibility::Private, Visibility::Shared]),
        sharing: dice.maybe(|dice| Acl {
            allow_all: dice.once_in(2),
            allowed: users(dice),
            denied: users(dice),
        }),
        created_at: None,
        updated_at: None,
    }
}

fn key() -> ProjectKey {
    "ComposioProject/agents/default".parse().expect("a key")
}

#[test]
fn whatever_accounts_hold_their_manifests_are_these_objects_and_nothing_else() {
    let (mut written, mut refused) = (0, 0);
    for_seeds(3000, |dice| {
        let accounts: Vec<Account> = (0..3).map(|_| account(dice)).collect();
        let (mut expected, mut output) = (Vec::new(), String::new());
        for account in accounts {
            if let Some(why) = manifest::why_not(&account) {
                refused += 1;
                output.push_str(&format!("# {}\n", manifest::refusal(&account, why)));
                continue;
            }
            written += 1;
            let named = Named {
                namespace: "agents".to_owned(),
                name: "mail".to_owned(),
                account,
            };
            let manifest = Manifest::of(&named, &key());
            output.push_str(&manifest.document().expect("it can be written"));
            let read: ConnectedAccount =
                serde_json::from_value(manifest.object.clone()).expect("an object");
            let account = named.account;
            assert_eq!(Some(read.spec.user), account.user_id);
            assert_eq!(read.spec.connected_account_id, Some(account.id));
            if let Some(alias) = read.spec.metadata.and_then(|metadata| metadata.alias) {
                assert_eq!(Some(alias), account.alias);
            }
            assert_eq!(read.spec.enabled, account.state != State::Inactive);
            expected.push(manifest.object);
        }
        let moves = |character: char| is_hostile(character) && character != '\n';
        assert!(!output.contains(moves), "{output:?}");
        let read: Vec<Value> = serde_saphyr::from_multiple(&output)
            .unwrap_or_else(|error| panic!("{error}\n{output}"));
        let read: Vec<Value> = read.into_iter().filter(|one| !one.is_null()).collect();
        assert_eq!(read, expected, "{output}");
    });
    assert!(written > 1000 && refused > 1000, "{written} {refused}");
}

fn of_user(id: &str, user: &str) -> (String, Account) {
    let account = for_one(|dice| Account {
        id: id.to_owned(),
        user_id: Some(user.to_owned()),
        toolkit: "gmail".to_owned(),
        ..account(dice)
    });
    ("agents".to_owned(), account)
}

fn for_one<T>(make: impl Fn(&mut Dice) -> T) -> T {
    let mut made = None;
    for_seeds(1, |dice| made = Some(make(dice)));
    made.expect("it was made")
}

fn names(placed: Vec<(String, Account)>, template: &str) -> Result<Vec<String>, String> {
    let template: Template = template.parse().expect("a template");
    let named = assign(placed, &template, &Objects::default()).map_err(|why| why.to_string())?;
    Ok(named.into_iter().map(|named| named.name).collect())
}

const USUAL: &str = "{user}-{toolkit}";

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
    assert_eq!(names(accounts.to_vec(), USUAL).expect("names"), expected);
    assert_eq!(names(turned, USUAL).expect("names"), expected);
}

#[test]
fn accounts_of_one_user_are_told_apart_by_their_ids() {
    let both = vec![of_user("ca_1", "bob"), of_user("ca_2", "bob")];
    let made = names(both, USUAL).expect("names");
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
    let made = names(both, USUAL).expect("names");
    assert!(made.iter().all(|name| name.len() <= 63), "{made:?}");
}

#[test]
fn users_whose_objects_would_be_called_the_same_are_refused() {
    let both = vec![of_user("ca_1", "a.b"), of_user("ca_2", "a-b\u{1b}")];
    let why = names(both.clone(), USUAL).expect_err("they are two");
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
