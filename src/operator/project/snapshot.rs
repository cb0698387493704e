//! The accounts of a project as they were seen last. Pure: what was seen when is an argument, in a
//! count of its own, because the clocks of two servers cannot order what one program saw.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::composio::model::{Account, each_once};

/// So many duplicates are remembered. The one that changed longest ago is forgotten first; it is noticed again
/// when it changes, and each time that its object is looked at.
const MOST_TWINS: usize = 1000;

/// The accounts of a project that are ours, as they were seen last.
#[derive(Debug, Default)]
pub struct Snapshot {
    rows: HashMap<String, Row>,
    /// Accounts with the alias of an object that has another one on record, by id. There are none, but
    /// where Composio let a second one be made. No more than [`MOST_TWINS`]: whoever may make accounts at
    /// Composio decides how many there are.
    twins: HashMap<String, Account>,
    /// Ids whose account changed, and whose object was not told: another one saw it, or it is not known yet.
    untold: BTreeSet<String>,
    seen: u64,
}

#[derive(Debug)]
struct Row {
    what: What,
    seen: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    There(Box<Account>),
    /// By proof.
    Gone,
    /// It is gone because we deleted it.
    Deleted,
}

/// What the snapshot knows of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// It is gone, by proof.
    Gone,
    /// It was there.
    There(Box<Account>),
}

/// The ids whose account is not as it was before a scan.
pub type Changes = Vec<String>;

impl Snapshot {
    /// What is known of an id.
    pub fn known(&self, id: &str) -> Known {
        match self.rows.get(id).map(|row| &row.what) {
            None => Known::Nothing,
            Some(What::Gone | What::Deleted) => Known::Gone,
            Some(What::There(account)) => Known::There(account.clone()),
        }
    }

    /// Whether we deleted it ourselves.
    pub fn is_deleted(&self, id: &str) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| row.what == What::Deleted)
    }

    /// Of how many ids anything is known.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// Takes in what a fresh look, or the answer to an effect, says of an account.
    pub fn see(&mut self, account: Account) {
        self.put(account.id.clone(), What::There(Box::new(account)));
    }

    /// The same for a look of an object that does not have it on record.
    pub fn overhear(&mut self, account: Account) {
        let known = self.rows.get(&account.id);
        if known.is_some_and(|row| matches!(&row.what, What::There(known) if **known != account)) {
            self.untold.insert(account.id.clone());
        }
        self.see(account);
    }

    /// Takes note that a change is still to be told: nobody has that account on record yet.
    pub fn owe(&mut self, id: &str) {
        if self.rows.contains_key(id) {
            self.untold.insert(id.to_owned());
        }
    }

    /// The ids whose change is still to be told, since this was asked last.
    pub fn take_untold(&mut self) -> Changes {
        std::mem::take(&mut self.untold).into_iter().collect()
    }

    /// Takes in an account that carries the alias of an object which has another one on record.
    pub fn twin(&mut self, account: Account) {
        let known = self.twins.get(&account.id);
        // A page may be older than the one before.
        if known.is_none_or(|known| account.updated_at >= known.updated_at) {
            self.twins.insert(account.id.clone(), account);
        }
        if self.twins.len() > MOST_TWINS
            && let Some(id) = oldest(&self.twins)
        {
            self.twins.remove(&id);
        }
    }

    /// All that were noticed.
    pub fn all_twins(&self) -> Vec<Account> {
        self.twins.values().cloned().collect()
    }

    /// Forgets one that is a duplicate no more. Should it be one, it is noticed again.
    pub fn forget_twin(&mut self, id: &str) {
        self.twins.remove(id);
    }

    /// The account of that id, if it was noticed as a twin.
    pub fn noticed(&self, id: &str) -> Option<Account> {
        self.twins.get(id).cloned()
    }

    /// The other accounts of the same user, toolkit and alias that were noticed.
    pub fn twins(&self, account: &Account) -> Vec<Account> {
        let is_twin = |other: &&Account| {
            other.id != account.id
                && other.alias.is_some()
                && (&other.alias, &other.toolkit) == (&account.alias, &account.toolkit)
                && other.user_id == account.user_id
        };
        self.twins.values().filter(is_twin).cloned().collect()
    }

    /// Takes in that a look has proved an account to be gone.
    pub fn gone(&mut self, id: &str) {
        self.twins.remove(id);
        self.put(id.to_owned(), What::Gone);
    }

    /// Takes in that we deleted an account.
    pub fn deleted(&mut self, id: &str) {
        self.twins.remove(id);
        self.untold.remove(id);
        self.put(id.to_owned(), What::Deleted);
    }

    /// Marks the beginning of a scan, or of one request of it, before it is sent.
    pub fn begin_scan(&mut self) -> u64 {
        self.count()
    }

    /// Takes in rows that were asked for because they are new: those that are known here, since the others
    /// are not ours to keep, and not older by Composio's own clock: a page may be older than a look.
    pub fn newest(&mut self, began: u64, rows: Vec<Account>) -> Changes {
        let mut rows = each_once(rows);
        rows.retain(|listed| match self.rows.get(&listed.id) {
            None => false,
            Some(row) => match &row.what {
                What::There(known) => listed.updated_at >= known.updated_at,
                What::Gone | What::Deleted => true,
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
            let what = What::There(Box::new(listed));
            match self.rows.get_mut(&id) {
                Some(row) if row.seen > began => continue,
                Some(row) => {
                    row.seen = seen;
                    if row.what == what {
                        continue;
                    }
                    row.what = what;
                }
                None => drop(self.rows.insert(id.clone(), Row { what, seen })),
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
                Some(row) => row.seen > began || matches!(row.what, What::Gone | What::Deleted),
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
            .is_some_and(|row| row.seen > began && matches!(row.what, What::There(_)))
    }

    /// Drops what is nobody's any more, but not what was seen after that mark: it may be somebody's
    /// who has not said so yet.
    pub fn keep(&mut self, began: u64, ids: &HashSet<String>) {
        self.rows
            .retain(|id, row| row.seen > began || ids.contains(id));
        self.rows.shrink_to_fit();
        self.untold.retain(|id| self.rows.contains_key(id));
    }

    fn put(&mut self, id: String, what: What) {
        let seen = self.count();
        self.rows.insert(id, Row { what, seen });
    }

    fn count(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
}

fn oldest(twins: &HashMap<String, Account>) -> Option<String> {
    let oldest = twins.values().min_by_key(|account| account.updated_at);
    oldest.map(|account| account.id.clone())
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
            identity: None,
            visibility: Visibility::Private,
            sharing: None,
            created_at: None,
            updated_at: jiff::Timestamp::from_second(updated).ok(),
        }
    }

    fn state(snapshot: &Snapshot, id: &str) -> Option<State> {
        match snapshot.known(id) {
            Known::There(account) => Some(account.state),
            Known::Nothing | Known::Gone => None,
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
            snapshot.known("b"),
            Known::Nothing,
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
        assert_eq!(snapshot.newest(began, rows), ["a"]);
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
        assert_eq!(snapshot.known("former"), Known::Nothing);
        assert_eq!(snapshot.size(), 2, "whose id is not in any cache yet");
    }

    #[test]
    fn a_scan_that_began_earlier_does_not_overwrite_a_look() {
        let mut snapshot = Snapshot::default();
        let began = snapshot.begin_scan();
        snapshot.see(account("a", State::Inactive, 5));
        snapshot.gone("b");
        snapshot.see(account("c", State::Active, 5));
        let stale = vec![
            account("a", State::Active, 4),
            account("b", State::Active, 4),
        ];
        assert_eq!(snapshot.listed(began, stale), Changes::new());
        let missed = snapshot.missed(began, vec!["c".to_owned()]);
        assert_eq!(missed, Changes::new());
        assert_eq!(state(&snapshot, "a"), Some(State::Inactive));
        assert_eq!(snapshot.known("b"), Known::Gone);
        assert_eq!(state(&snapshot, "c"), Some(State::Active));
    }

    #[test]
    fn the_newest_never_take_a_row_back_in_time_and_a_look_at_all_may() {
        let mut snapshot = Snapshot::default();
        snapshot.see(account("a", State::Inactive, 5));
        let older = vec![account("a", State::Active, 4)];
        let began = snapshot.begin_scan();
        assert_eq!(snapshot.newest(began, older.clone()), Changes::new());
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
        snapshot.gone("a");
        snapshot.deleted("b");
        let began = snapshot.begin_scan();
        let missed = snapshot.missed(began, vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(missed, Changes::new());
        assert!(snapshot.is_deleted("b") && !snapshot.is_deleted("a"));
    }

    #[test]
    fn duplicates_without_end_are_not_all_remembered() {
        let mut snapshot = Snapshot::default();
        for n in 0..3 * MOST_TWINS {
            let updated = i64::try_from(n).expect("few");
            snapshot.twin(account(&format!("ca_{n}"), State::Active, updated));
        }
        assert_eq!(snapshot.all_twins().len(), MOST_TWINS);
        let last = format!("ca_{}", 3 * MOST_TWINS - 1);
        assert!(snapshot.noticed(&last).is_some(), "the newest stay");
        snapshot.forget_twin(&last);
        assert!(snapshot.noticed(&last).is_none());
    }

    #[test]
    fn what_is_overheard_again_and_again_is_told_once() {
        let mut snapshot = Snapshot::default();
        for n in 0..10 {
            let state = if n % 2 == 0 {
                State::Active
            } else {
                State::Inactive
            };
            snapshot.overhear(account("a", state, n));
        }
        assert_eq!(snapshot.take_untold(), ["a"]);
        assert_eq!(snapshot.take_untold(), Changes::new());
    }
}
