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

    /// The same for a look of an object that is not the one to be told.
    pub fn overhear(&mut self, account: Account) {
        self.note_untold(&account.id, |known| *known != account);
        self.see(account);
    }

    /// Takes in a proof, by such a look, that an account is gone. No list would tell it any more.
    pub fn overhear_gone(&mut self, id: &str) {
        self.note_untold(id, |_| true);
        self.gone(id);
    }

    fn note_untold(&mut self, id: &str, is_another: impl FnOnce(&Account) -> bool) {
        let known = self.rows.get(id);
        if known.is_some_and(|row| matches!(&row.what, What::There(known) if is_another(known))) {
            self.untold.insert(id.to_owned());
        }
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
mod tests;
