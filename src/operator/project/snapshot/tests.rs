use super::*;
use crate::composio::model::{State, Visibility};

fn account(id: &str, state: State, updated: i64) -> Account {
    Account {
        id: id.to_owned(),
        alias: None,
        user_id: None,
        toolkit: "gmail".to_owned(),
        auth_config: "ac_1".to_owned(),
        auth_config_disabled: false,
        state,
        state_reason: None,
        identity: None,
        visibility: Visibility::Private,
        sharing: None,
        created_at: None,
        updated_at: jiff::Timestamp::from_second(updated).ok(),
    }
}

fn state(snapshot: &Snapshot, id: &str) -> Option<State> {
    match snapshot.cached(id) {
        Some(CachedAccount::Present(account)) => Some(account.state),
        Some(CachedAccount::Absent | CachedAccount::Deleted) | None => None,
    }
}

#[test]
fn a_scan_tells_exactly_what_changed() {
    let mut snapshot = Snapshot::default();
    let began = snapshot.begin_scan();
    let rows = vec![
        account("a", State::Active, 1),
        account("b", State::Active, 1),
    ];
    assert_eq!(snapshot.listed(began, rows.clone()).len(), 2);
    let began = snapshot.begin_scan();
    assert_eq!(
        snapshot.listed(began, rows),
        Changes::new(),
        "the same rows are no change"
    );
    let began = snapshot.begin_scan();
    let changed = vec![account("a", State::Expired, 2)];
    assert_eq!(snapshot.listed(began, changed), ["a"]);
    assert_eq!(snapshot.missed(began, vec!["b".to_owned()]), ["b"]);
    assert_eq!(
        snapshot.cached("b"),
        None,
        "absence from a list is no proof"
    );
}

#[test]
fn a_list_that_shows_what_our_own_effect_has_left_tells_no_change() {
    let bare = |state| Account {
        updated_at: None,
        ..account("a", state, 0)
    };
    let listed = |snapshot: &mut Snapshot, state, updated| {
        let began = snapshot.begin_scan();
        snapshot.listed(began, vec![account("a", state, updated)])
    };
    let mut snapshot = Snapshot::default();
    snapshot.see_own_effect(&bare(State::Initializing));
    let told = listed(&mut snapshot, State::Initializing, 1);
    assert_eq!(told, Changes::new(), "when it was is all that is new");
    let told = listed(&mut snapshot, State::Initializing, 2);
    assert_eq!(told, ["a"], "that was not us");
    snapshot.see_own_effect(&bare(State::Initializing));
    assert_eq!(listed(&mut snapshot, State::Active, 3), ["a"], "nor that");
    snapshot.see_own_effect(&bare(State::Inactive));
    snapshot.see(&account("a", State::Inactive, 4));
    let told = listed(&mut snapshot, State::Inactive, 5);
    assert_eq!(told, ["a"], "a look came after it");
}

#[test]
fn what_is_not_ours_is_neither_kept_nor_told() {
    let mut snapshot = Snapshot::default();
    snapshot.see(&account("a", State::Active, 1));
    let began = snapshot.begin_scan();
    let rows = vec![
        account("a", State::Expired, 2),
        account("somebody's", State::Active, 2),
    ];
    assert_eq!(snapshot.scanned(began, rows), ["a"]);
    assert_eq!(snapshot.size(), 1);
}

#[test]
fn what_nobody_records_any_more_is_dropped_unless_it_was_seen_meanwhile() {
    let mut snapshot = Snapshot::default();
    for id in ["ours", "former"] {
        snapshot.see(&account(id, State::Active, 1));
    }
    let first = snapshot.begin_scan();
    snapshot.keep(first, |id| id == "ours");
    snapshot.see(&account("just made", State::Initiated, 2));
    let second = snapshot.begin_scan();
    snapshot.see(&account("new", State::Active, 2));
    snapshot.keep(second, |id| id == "ours");
    assert_eq!(snapshot.cached("former"), None);
    assert_eq!(snapshot.size(), 3, "whose id is not in any cache yet");
    // Nobody has recorded it since.
    let third = snapshot.begin_scan();
    snapshot.keep(third, |id| id == "ours");
    assert_eq!(snapshot.cached("just made"), None);
}

#[test]
fn a_scan_that_began_earlier_does_not_overwrite_a_look() {
    let mut snapshot = Snapshot::default();
    let began = snapshot.begin_scan();
    snapshot.see(&account("a", State::Inactive, 5));
    snapshot.absent("b");
    snapshot.see(&account("c", State::Active, 5));
    let stale = vec![
        account("a", State::Active, 4),
        account("b", State::Active, 4),
    ];
    assert_eq!(snapshot.listed(began, stale), Changes::new());
    let missed = snapshot.missed(began, vec!["c".to_owned()]);
    assert_eq!(missed, Changes::new());
    assert_eq!(state(&snapshot, "a"), Some(State::Inactive));
    assert_eq!(snapshot.cached("b"), Some(CachedAccount::Absent));
    assert_eq!(state(&snapshot, "c"), Some(State::Active));
}

#[test]
fn the_newest_never_take_a_row_back_in_time_and_a_look_at_all_may() {
    let mut snapshot = Snapshot::default();
    snapshot.see(&account("a", State::Inactive, 5));
    let older = vec![account("a", State::Active, 4)];
    let began = snapshot.begin_scan();
    assert_eq!(snapshot.scanned(began, older.clone()), Changes::new());
    assert_eq!(state(&snapshot, "a"), Some(State::Inactive));
    assert_eq!(
        snapshot.listed(began, older),
        ["a"],
        "or a change that is stamped early would be missed for ever"
    );
}

#[test]
fn a_proof_that_an_account_is_gone_is_not_missed_again_and_again() {
    let mut snapshot = Snapshot::default();
    snapshot.absent("a");
    snapshot.deleted("b");
    let began = snapshot.begin_scan();
    let missed = snapshot.missed(began, vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(missed, Changes::new());
    assert!(snapshot.is_deleted("b") && !snapshot.is_deleted("a"));
}

#[test]
fn duplicates_without_end_are_not_all_remembered() {
    let mut snapshot = Snapshot::default();
    for n in 0..3 * MAX_DUPLICATES {
        let updated = i64::try_from(n).expect("few");
        snapshot.note_duplicate(account(&format!("ca_{n}"), State::Active, updated));
    }
    assert_eq!(snapshot.all_duplicates().len(), MAX_DUPLICATES);
    let last = format!("ca_{}", 3 * MAX_DUPLICATES - 1);
    assert!(snapshot.duplicate(&last).is_some(), "the newest stay");
    snapshot.forget_duplicate(&last);
    assert!(snapshot.duplicate(&last).is_none());
}

#[test]
fn that_an_account_is_gone_is_told_also_if_another_object_has_found_it_out() {
    let mut snapshot = Snapshot::default();
    snapshot.see(&account("a", State::Active, 1));
    snapshot.see_unowned_absent("a");
    snapshot.see_unowned_absent("unknown");
    assert_eq!(snapshot.cached("a"), Some(CachedAccount::Absent));
    assert_eq!(snapshot.take_unowned_changes(), ["a"]);
    snapshot.see_unowned_absent("a");
    assert_eq!(snapshot.take_unowned_changes(), Changes::new(), "once");
}

#[test]
fn an_unowned_change_is_told_once_however_often_it_is_seen() {
    let mut snapshot = Snapshot::default();
    for n in 0..10 {
        let state = if n % 2 == 0 {
            State::Active
        } else {
            State::Inactive
        };
        snapshot.see_unowned(&account("a", state, n));
    }
    assert_eq!(snapshot.take_unowned_changes(), ["a"]);
    assert_eq!(snapshot.take_unowned_changes(), Changes::new());
}
