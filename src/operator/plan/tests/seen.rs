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
    let formerly = object().pinned_formerly("former").called("new").0;
    assert_eq!(formerly.lookup_alias(), "former");
}

#[test]
fn a_link_is_good_only_for_the_account_on_record() {
    let status = seen_none().recorded("ca_1").good_link().0.recorded;
    let is_usable = |row: Row| usable_link(&status, &row.0, NOW).is_some();
    assert!(is_usable(account("ca_1")));
    assert!(!is_usable(account("ca_2")));
    assert!(!is_usable(account("ca_1").active()));
}

#[test]
fn without_a_record_there_is_none_of_another_key() {
    let is_of_another_key = |sight: ObservedBuilder| sight.0.is_record_of_another_key(&object().0);
    assert!(!is_of_another_key(not_looked()));
    let other = not_looked().recorded_with_another_key("ca_1");
    assert!(is_of_another_key(other.clone()));
    assert!(!is_of_another_key(not_looked().recorded("ca_1")));
    // Of a key alone, with no id, nothing is on record.
    assert!(!is_of_another_key(
        other.with(|observed| observed.recorded.connected_account_id = None)
    ));
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

#[test]
fn what_a_call_changes_in_composio_is_told_from_what_is_written_in_the_cluster() {
    let in_cluster = [
        mark(),
        Effect::Unpin,
        Effect::Adopt,
        Effect::Forget,
        Effect::Release,
    ];
    for effect in in_cluster {
        assert!(!effect.writes_to_composio(), "{effect}");
    }
    for effect in refusable() {
        assert!(effect.writes_to_composio(), "{effect}");
    }
}

#[test]
fn only_what_can_be_read_back_is_a_correction() {
    let corrections: Vec<String> = refusable()
        .into_iter()
        .chain([mark(), Effect::Unpin, Effect::Adopt, Effect::Forget])
        .filter(Effect::is_correction)
        .map(|effect| effect.to_string())
        .collect();
    assert_eq!(
        corrections,
        ["Enable", "Disable", "Patch(Sharing)", "Patch(Alias)"]
    );
}

#[test]
fn the_first_of_several_is_dealt_with_and_the_rest_are_the_others() {
    let others = |seen: AccountLookup| {
        let others = seen.others().iter();
        others.map(|account| account.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(others(of(&["ca_1", "ca_2", "ca_3"])), ["ca_2", "ca_3"]);
    assert!(others(of(&["ca_1"])).is_empty());
    assert!(others(of(&[])).is_empty());
}
