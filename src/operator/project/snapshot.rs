//! The accounts of a project as they were seen last. Pure: what was seen when is an argument, in a
//! count of its own, because the clocks of two servers cannot order what one program saw.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::composio::model::{Account, each_once};

/// So many duplicates are remembered. The one that changed longest ago is forgotten first; it is noticed again
/// when it changes, and each time that its object is looked at.
const MAX_DUPLICATES: usize = 1000;

/// The accounts of a project that are ours, as they were seen last.
#[derive(Debug, Default)]
pub struct Snapshot {
    rows: HashMap<String, Row>,
    /// Accounts with the alias of an object that has another one on record, by id. There are none, but
    /// where Composio let a second one be made. No more than [`MAX_DUPLICATES`]: whoever may make accounts at
    /// Composio decides how many there are.
    duplicates: HashMap<String, Account>,
    /// Ids of accounts that changed without the object that owns them being told: another object saw the
    /// change, or the watch has not shown yet which object recorded the id.
    unowned_changes: BTreeSet<String>,
    seen: u64,
}

#[derive(Debug)]
struct Row {
    account: CachedAccount,
    seen: u64,
}

/// An account as it was seen last, or the proof that there is none of that id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachedAccount {
    /// The account.
    Present(Box<Account>),
    /// A GET answered that there is none.
    Absent,
    /// We deleted it ourselves.
    Deleted,
}

/// The ids whose account is not as it was before a scan.
pub type Changes = Vec<String>;

impl Snapshot {
    /// The account of an id as it was seen last; `None` where it never was, or only missing in a list.
    pub fn cached(&self, id: &str) -> Option<CachedAccount> {
        self.rows.get(id).map(|row| row.account.clone())
    }

    /// Whether we deleted it ourselves.
    pub fn is_deleted(&self, id: &str) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| row.account == CachedAccount::Deleted)
    }

    /// Of how many ids anything is known.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// Takes in what a fresh look, or the answer to an effect, says of an account.
    pub fn see(&mut self, account: Account) {
        self.put(
            account.id.clone(),
            CachedAccount::Present(Box::new(account)),
        );
    }

    /// The same for a look by an object that does not have it on record: the owner is to be told of a change.
    pub fn see_unowned(&mut self, account: Account) {
        let known = self.rows.get(&account.id);
        if known.is_some_and(
            |row| matches!(&row.account, CachedAccount::Present(known) if **known != account),
        ) {
            self.unowned_changes.insert(account.id.clone());
        }
        self.see(account);
    }

    /// Keeps a change of this account until an object has it on record. An account that is not cached is
    /// left out: nobody is about to record it.
    pub fn keep_unowned_change(&mut self, id: &str) {
        if self.rows.contains_key(id) {
            self.unowned_changes.insert(id.to_owned());
        }
    }

    /// Takes the unowned changes that came since the last call.
    pub fn take_unowned_changes(&mut self) -> Changes {
        std::mem::take(&mut self.unowned_changes)
            .into_iter()
            .collect()
    }

    /// Takes in an account that carries the alias of an object which has another one on record.
    pub fn note_duplicate(&mut self, account: Account) {
        let known = self.duplicates.get(&account.id);
        // A page may be older than the one before.
        if known.is_none_or(|known| account.updated_at >= known.updated_at) {
            self.duplicates.insert(account.id.clone(), account);
        }
        if self.duplicates.len() > MAX_DUPLICATES
            && let Some(id) = oldest(&self.duplicates)
        {
            self.duplicates.remove(&id);
        }
    }

    /// All that were noticed.
    pub fn all_duplicates(&self) -> Vec<Account> {
        self.duplicates.values().cloned().collect()
    }

    /// Forgets one that is a duplicate no more: it has another alias, or the object that has another account
    /// on record is gone, or a list does not show it any more. Should it be one, it is noticed again.
    pub fn forget_duplicate(&mut self, id: &str) {
        self.duplicates.remove(id);
    }

    /// The account of that id, if it was noticed as a duplicate.
    pub fn duplicate(&self, id: &str) -> Option<Account> {
        self.duplicates.get(id).cloned()
    }

    /// The other accounts of the same user, toolkit and alias that were noticed.
    pub fn duplicates_of(&self, account: &Account) -> Vec<Account> {
        let is_duplicate = |other: &&Account| {
            other.id != account.id
                && other.alias.is_some()
                && (&other.alias, &other.toolkit) == (&account.alias, &account.toolkit)
                && other.user_id == account.user_id
        };
        self.duplicates
            .values()
            .filter(is_duplicate)
            .cloned()
            .collect()
    }

    /// Takes in that a look has proved an account to be gone.
    pub fn absent(&mut self, id: &str) {
        self.duplicates.remove(id);
        self.put(id.to_owned(), CachedAccount::Absent);
    }

    /// Takes in that we deleted an account.
    pub fn deleted(&mut self, id: &str) {
        self.duplicates.remove(id);
        self.unowned_changes.remove(id);
        self.put(id.to_owned(), CachedAccount::Deleted);
    }

    /// Marks the beginning of a scan, or of one request of it, before it is sent.
    pub fn begin_scan(&mut self) -> u64 {
        self.count()
    }

    /// Takes in rows of a change scan: those that are cached here, whatever else
    /// the project holds is not ours to keep, and that are not older by Composio's own clock: a page may
    /// be older than a look.
    pub fn scanned(&mut self, began: u64, rows: Vec<Account>) -> Changes {
        let mut rows = each_once(rows);
        rows.retain(|listed| match self.rows.get(&listed.id) {
            None => false,
            Some(row) => match &row.account {
                CachedAccount::Present(known) => listed.updated_at >= known.updated_at,
                CachedAccount::Absent | CachedAccount::Deleted => true,
            },
        });
        self.listed(began, rows)
    }

    /// Takes in rows that were asked for by their ids. What was seen after the scan began stays. Here an
    /// older row is taken too: clocks differ, and if it was only late, a look will say so.
    pub fn listed(&mut self, began: u64, rows: Vec<Account>) -> Changes {
        let seen = self.count();
        let mut changes = Changes::new();
        for listed in each_once(rows) {
            let id = listed.id.clone();
            let account = CachedAccount::Present(Box::new(listed));
            match self.rows.get_mut(&id) {
                Some(row) if row.seen > began => continue,
                Some(row) => {
                    row.seen = seen;
                    if row.account == account {
                        continue;
                    }
                    row.account = account;
                }
                None => drop(self.rows.insert(id.clone(), Row { account, seen })),
            }
            changes.push(id);
        }
        changes
    }

    /// Takes in that ids which were asked for were not listed. Such a row is dropped, not called gone:
    /// a list proves nothing.
    pub fn missed(&mut self, began: u64, ids: Vec<String>) -> Changes {
        let mut changes = Changes::new();
        for id in ids {
            let is_known = match self.rows.get(&id) {
                None => false,
                Some(row) => {
                    row.seen > began
                        || matches!(row.account, CachedAccount::Absent | CachedAccount::Deleted)
                }
            };
            if !is_known {
                self.rows.remove(&id);
                changes.push(id);
            }
        }
        changes
    }

    /// Whether an account was seen to be there since that mark.
    pub fn is_alive_since(&self, began: u64, id: &str) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| row.seen > began && matches!(row.account, CachedAccount::Present(_)))
    }

    /// Drops what is nobody's any more, but not what was seen after that mark: it may be somebody's
    /// who has not said so yet.
    pub fn keep(&mut self, began: u64, ids: &HashSet<String>) {
        self.rows
            .retain(|id, row| row.seen > began || ids.contains(id));
        self.rows.shrink_to_fit();
        self.unowned_changes.retain(|id| self.rows.contains_key(id));
    }

    fn put(&mut self, id: String, account: CachedAccount) {
        let seen = self.count();
        self.rows.insert(id, Row { account, seen });
    }

    fn count(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
}

fn oldest(duplicates: &HashMap<String, Account>) -> Option<String> {
    let oldest = duplicates
        .values()
        .min_by_key(|account| account.updated_at)?;
    Some(oldest.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composio::model::{State, Visibility};

    fn account(id: &str, state: State, updated: i64) -> Account {
        Account {
            id: id.to_owned(),
            alias: None,
            user_id: None,
            toolkit: "gmail".to_owned(),
            auth_config: "ac_1".to_owned(),
            state,
            state_reason: None,
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
    fn what_is_not_ours_is_neither_kept_nor_told() {
        let mut snapshot = Snapshot::default();
        snapshot.see(account("a", State::Active, 1));
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
            snapshot.see(account(id, State::Active, 1));
        }
        let began = snapshot.begin_scan();
        snapshot.see(account("new", State::Active, 2));
        snapshot.keep(began, &HashSet::from(["ours".to_owned()]));
        assert_eq!(snapshot.cached("former"), None);
        assert_eq!(snapshot.size(), 2, "whose id is not in any cache yet");
    }

    #[test]
    fn a_scan_that_began_earlier_does_not_overwrite_a_look() {
        let mut snapshot = Snapshot::default();
        let began = snapshot.begin_scan();
        snapshot.see(account("a", State::Inactive, 5));
        snapshot.absent("b");
        snapshot.see(account("c", State::Active, 5));
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
        snapshot.see(account("a", State::Inactive, 5));
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
    fn an_unowned_change_is_told_once_however_often_it_is_seen() {
        let mut snapshot = Snapshot::default();
        for n in 0..10 {
            let state = if n % 2 == 0 {
                State::Active
            } else {
                State::Inactive
            };
            snapshot.see_unowned(account("a", state, n));
        }
        assert_eq!(snapshot.take_unowned_changes(), ["a"]);
        assert_eq!(snapshot.take_unowned_changes(), Changes::new());
    }
}
