//! What is known of an account within a pass, and how an effect changes it.

use super::*;
use crate::composio::model::Account;

fn of(ids: &[&str]) -> Seen {
    let accounts: Vec<Account> = ids.iter().map(|id| account(id).0).collect();
    Seen::of(accounts, None)
}

fn ids(seen: &Seen) -> Vec<&str> {
    match seen {
        Seen::NotLooked => vec!["not looked"],
        Seen::Absent => Vec::new(),
        Seen::One(account) => vec![&account.id],
        Seen::Many(accounts) => accounts.iter().map(|account| account.id.as_str()).collect(),
    }
}

#[test]
fn none_one_and_several_accounts_are_told_apart() {
    assert_eq!(of(&[]), Seen::Absent);
    assert!(matches!(of(&["ca_1"]), Seen::One(_)));
    assert!(matches!(of(&["ca_1", "ca_2"]), Seen::Many(_)));
    assert!(matches!(of(&["ca_1", "ca_1"]), Seen::One(_)));
}

#[test]
fn an_account_that_goes_leaves_the_others() {
    assert_eq!(of(&["ca_1"]).without("ca_1"), Seen::Absent);
    assert_eq!(ids(&of(&["ca_1"]).without("ca_2")), ["ca_1"]);
    assert_eq!(ids(&of(&["ca_1", "ca_2"]).without("ca_1")), ["ca_2"]);
    assert!(matches!(
        of(&["ca_1", "ca_2"]).without("ca_1"),
        Seen::One(_)
    ));
    assert_eq!(
        ids(&of(&["ca_1", "ca_2"]).without("ca_3")),
        ["ca_1", "ca_2"]
    );
    assert_eq!(Seen::Absent.without("ca_1"), Seen::Absent);
    assert_eq!(Seen::NotLooked.without("ca_1"), Seen::NotLooked);
}

#[test]
fn the_account_that_was_changed_and_no_other_is_given_to_be_changed() {
    for (mut seen, id, expected) in [
        (of(&["ca_1"]), "ca_1", Some("ca_1")),
        (of(&["ca_1"]), "ca_2", None),
        (of(&["ca_1", "ca_2"]), "ca_2", Some("ca_2")),
        (of(&["ca_1", "ca_2"]), "ca_3", None),
        (Seen::Absent, "ca_1", None),
        (Seen::NotLooked, "ca_1", None),
    ] {
        let given = seen.account_mut(id).map(|account| account.id.clone());
        assert_eq!(given.as_deref(), expected, "{id} of {seen:?}");
    }
}

#[test]
fn a_forgotten_look_is_no_look() {
    let mut observed = seen(account("ca_1").active()).recorded("ca_1").0;
    observed.forget_account();
    assert_eq!(observed.account, Seen::NotLooked);
    assert!(!observed.fresh);
}

#[test]
fn the_values_of_a_secret_are_known_where_there_is_none_or_it_was_read() {
    let values = |secret| sight(Seen::Absent, true).secret(secret).0.secrets();
    assert_eq!(
        values(SecretSeen::NotUsed).map(|values| values.len()),
        Some(0)
    );
    let read = sight(Seen::Absent, true).with_secret().0.secrets();
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
    assert_eq!(object().0.sought_alias(), ALIAS);
    assert_eq!(object().called("new").0.sought_alias(), ALIAS);
    assert_eq!(object().unpinned().called("new").0.sought_alias(), "new");
    assert_eq!(object().unpinned().0.sought_alias(), ALIAS);
}

#[test]
fn each_kind_of_effect_has_a_name_of_its_own() {
    let mut names: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Kind::ALL.len(), "{names:?}");
    assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    assert_eq!(Kind::Link.as_str(), "Link");
}
