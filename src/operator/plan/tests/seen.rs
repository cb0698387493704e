//! What is known of an account within a pass, and how an effect changes it.

use super::*;
use crate::composio::model::Account;

fn of(ids: &[&str]) -> AccountLookup {
    let accounts: Vec<Account> = ids.iter().map(|id| account(id).0).collect();
    AccountLookup::of(accounts, None)
}

fn ids(seen: &AccountLookup) -> Vec<&str> {
    match seen {
        AccountLookup::NotLooked => vec!["not looked"],
        AccountLookup::Absent => Vec::new(),
        AccountLookup::One(account) => vec![&account.id],
        AccountLookup::Many(accounts) => {
            accounts.iter().map(|account| account.id.as_str()).collect()
        }
    }
}

#[test]
fn none_one_and_several_accounts_are_told_apart() {
    assert_eq!(of(&[]), AccountLookup::Absent);
    assert!(matches!(of(&["ca_1"]), AccountLookup::One(_)));
    assert!(matches!(of(&["ca_1", "ca_2"]), AccountLookup::Many(_)));
    assert!(matches!(of(&["ca_1", "ca_1"]), AccountLookup::One(_)));
}

#[test]
fn an_account_that_goes_leaves_the_others() {
    assert_eq!(of(&["ca_1"]).without("ca_1"), AccountLookup::Absent);
    assert_eq!(ids(&of(&["ca_1"]).without("ca_2")), ["ca_1"]);
    assert_eq!(ids(&of(&["ca_1", "ca_2"]).without("ca_1")), ["ca_2"]);
    assert!(matches!(
        of(&["ca_1", "ca_2"]).without("ca_1"),
        AccountLookup::One(_)
    ));
    assert_eq!(
        ids(&of(&["ca_1", "ca_2"]).without("ca_3")),
        ["ca_1", "ca_2"]
    );
    assert_eq!(AccountLookup::Absent.without("ca_1"), AccountLookup::Absent);
    assert_eq!(
        AccountLookup::NotLooked.without("ca_1"),
        AccountLookup::NotLooked
    );
}

#[test]
fn the_account_that_was_changed_and_no_other_is_given_to_be_changed() {
    for (mut seen, id, expected) in [
        (of(&["ca_1"]), "ca_1", Some("ca_1")),
        (of(&["ca_1"]), "ca_2", None),
        (of(&["ca_1", "ca_2"]), "ca_2", Some("ca_2")),
        (of(&["ca_1", "ca_2"]), "ca_3", None),
        (AccountLookup::Absent, "ca_1", None),
        (AccountLookup::NotLooked, "ca_1", None),
    ] {
        let given = seen.account_mut(id).map(|account| account.id.clone());
        assert_eq!(given.as_deref(), expected, "{id} of {seen:?}");
    }
}

#[test]
fn a_forgotten_look_is_no_look() {
    let mut observed = seen(account("ca_1").active()).recorded("ca_1").0;
    observed.forget_account();
    assert_eq!(observed.account, AccountLookup::NotLooked);
    assert!(!observed.fresh);
}

#[test]
fn the_values_of_a_secret_are_known_where_there_is_none_or_it_was_read() {
    let values = |secret| {
        sight(AccountLookup::Absent, true)
            .secret(secret)
            .0
            .secrets()
    };
    assert_eq!(
        values(SecretSeen::NotUsed).map(|values| values.len()),
        Some(0)
    );
    let read = sight(AccountLookup::Absent, true).with_secret().0.secrets();
    assert_eq!(read.map(|values| values.len()), Some(1));
    for secret in [
        SecretSeen::NotRead,
        SecretSeen::Missing("gone".into()),
        SecretSeen::Unfit("odd".into()),
    ] {
        assert!(values(secret.clone()).is_none(), "{secret:?}");
    }
}

#[test]
fn an_alias_is_sought_as_it_was_pinned() {
    assert_eq!(object().0.lookup_alias(), ALIAS);
    assert_eq!(object().called("new").0.lookup_alias(), ALIAS);
    assert_eq!(object().unpinned().called("new").0.lookup_alias(), "new");
    assert_eq!(object().unpinned().0.lookup_alias(), ALIAS);
}

#[test]
fn an_effect_is_named_by_its_kind_and_its_change() {
    let names = refusable().map(|effect| effect.to_string());
    assert_eq!(
        names,
        [
            "Link",
            "Create",
            "Refresh",
            "Enable",
            "Disable",
            "Patch(Sharing)",
            "Patch(Credentials)",
            "Patch(Alias)",
            "Revoke",
            "Delete"
        ]
    );
}

#[test]
fn a_refusal_stands_for_effects_like_the_refused_one() {
    for (n, one) in refusable().iter().enumerate() {
        for (m, other) in refusable().iter().enumerate() {
            assert_eq!(one.is_like(other), n == m, "{one} {other}");
        }
    }
    assert!(rename("a").is_like(&rename("b")));
}
