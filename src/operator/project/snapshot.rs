//! The accounts of a project as they were seen last. Pure: what was seen when is an argument, in a
//! count of its own, because the clocks of two servers cannot order what one program saw.

use std::collections::{BTreeSet, HashMap};

use crate::composio::model::{Account, each_once};

mod packed_account;

use packed_account::PackedAccount;

/// So many duplicates are remembered. The one that changed longest ago is forgotten first; it is noticed again
/// when it changes, and each time that its object is looked at.
const MAX_DUPLICATES: usize = 1000;

/// The accounts of a project that are ours, as they were seen last.
#[derive(Debug, Default)]
pub struct Snapshot {
    rows: HashMap<Box<str>, Row>,
    /// Accounts with the alias of an object that has another one on record, by id. There are none, but
    /// where Composio let a second one be made. No more than [`MAX_DUPLICATES`]: whoever may make accounts at
    /// Composio decides how many there are.
    duplicates: HashMap<String, Account>,
    /// Ids of accounts that changed without the object that owns them being told: another object saw the
    /// change, or the watch has not shown yet which object recorded the id.
    unowned_changes: BTreeSet<String>,
    seen: u64,
    /// The mark of the last [`Snapshot::keep`].
    kept: u64,
}

#[derive(Debug)]
struct Row {
    account: Stored,
    seen: u64,
    /// What an effect of ours has left, which is not told when it was made or changed.
    is_own: bool,
}

/// A [`CachedAccount`], as it is kept.
#[derive(Debug, PartialEq, Eq)]
enum Stored {
    Present(PackedAccount),
    Absent,
    Deleted,
}

impl Row {
    /// Whether a list says no more of the account than what is known: of what we did ourselves it also tells when
    /// that was, on which nothing depends.
    fn says(&self, listed: &PackedAccount) -> bool {
        match &self.account {
            Stored::Present(known) if self.is_own => known.is_same_but_for_times(listed),
            Stored::Present(known) => known == listed,
            Stored::Absent | Stored::Deleted => false,
        }
    }
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
        match &self.rows.get(id)?.account {
            Stored::Present(packed) => {
                let account = packed.unpack(id)?;
                Some(CachedAccount::Present(Box::new(account)))
            }
            Stored::Absent => Some(CachedAccount::Absent),
            Stored::Deleted => Some(CachedAccount::Deleted),
        }
    }

    /// Whether we deleted it ourselves.
    pub fn is_deleted(&self, id: &str) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| row.account == Stored::Deleted)
    }

    /// Of how many ids anything is known.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// Takes in what a fresh look says of an account.
    pub fn see(&mut self, account: &Account) {
        let packed = PackedAccount::pack(account);
        self.put(&account.id, Stored::Present(packed));
    }

    /// Takes in what an effect of ours has left of an account: a list that shows just that is no change.
    pub fn see_own_effect(&mut self, account: &Account) {
        self.see(account);
        if let Some(row) = self.rows.get_mut(account.id.as_str()) {
            row.is_own = true;
        }
    }

    /// The same for a look by an object that is not the one to be told: the owner is to be told of a change.
    pub fn see_unowned(&mut self, account: &Account) {
        let seen = PackedAccount::pack(account);
        self.note_unowned_change(&account.id, |cached| *cached != seen);
        self.put(&account.id, Stored::Present(seen));
    }

    /// Takes in a proof, by such a look, that an account is gone. No list would tell it any more.
    pub fn see_unowned_absent(&mut self, id: &str) {
        self.note_unowned_change(id, |_| true);
        self.absent(id);
    }

    fn note_unowned_change(&mut self, id: &str, is_another: impl FnOnce(&PackedAccount) -> bool) {
        let cached = self.rows.get(id);
        if cached.is_some_and(
            |row| matches!(&row.account, Stored::Present(cached) if is_another(cached)),
        ) {
            self.unowned_changes.insert(id.to_owned());
        }
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

    /// Forgets one that is a duplicate no more. Should it be one, it is noticed again.
    pub fn forget_duplicate(&mut self, id: &str) {
        self.duplicates.remove(id);
    }

    /// The account of that id, if it was noticed as a duplicate.
    pub fn duplicate(&self, id: &str) -> Option<Account> {
        self.duplicates.get(id).cloned()
    }

    /// The other accounts of the same user and toolkit that were noticed with that alias, which the account
    /// itself may have lost.
    pub fn duplicates_of(&self, account: &Account, alias: &str) -> Vec<Account> {
        let is_duplicate = |other: &&Account| {
            other.id != account.id
                && other.alias.as_deref() == Some(alias)
                && other.toolkit == account.toolkit
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
        self.put(id, Stored::Absent);
    }

    /// Takes in that we deleted an account.
    pub fn deleted(&mut self, id: &str) {
        self.duplicates.remove(id);
        self.unowned_changes.remove(id);
        self.put(id, Stored::Deleted);
    }

    /// Marks the beginning of a scan, or of one request of it, before it is sent.
    pub fn begin_scan(&mut self) -> u64 {
        self.count()
    }

    /// Takes in rows of a change scan: those that are cached here, since the others are not ours to keep, and
    /// not older by Composio's own clock: a page may be older than a look.
    pub fn scanned(&mut self, began: u64, rows: Vec<Account>) -> Changes {
        let mut rows = each_once(rows);
        rows.retain(|listed| match self.rows.get(listed.id.as_str()) {
            None => false,
            Some(row) => match &row.account {
                Stored::Present(known) => listed.updated_at >= known.updated_at(),
                Stored::Absent | Stored::Deleted => true,
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
            let known = self.rows.get_mut(listed.id.as_str());
            if known.as_ref().is_some_and(|row| row.seen > began) {
                continue;
            }
            let packed = PackedAccount::pack(&listed);
            if !known.as_ref().is_some_and(|row| row.says(&packed)) {
                changes.push(listed.id.clone());
            }
            let row = Row {
                account: Stored::Present(packed),
                seen,
                is_own: false,
            };
            match known {
                Some(known) => *known = row,
                None => drop(self.rows.insert(listed.id.into(), row)),
            }
        }
        changes
    }

    /// Takes in that ids which were asked for were not listed. Such a row is dropped, not called gone:
    /// a list proves nothing.
    pub fn missed(&mut self, began: u64, ids: Vec<String>) -> Changes {
        let mut changes = Changes::new();
        for id in ids {
            let is_known = match self.rows.get(id.as_str()) {
                None => false,
                Some(row) => {
                    row.seen > began || matches!(row.account, Stored::Absent | Stored::Deleted)
                }
            };
            if !is_known {
                self.rows.remove(id.as_str());
                changes.push(id);
            }
        }
        changes
    }

    /// Whether an account was seen to be there since that mark.
    pub fn is_alive_since(&self, began: u64, id: &str) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| row.seen > began && matches!(row.account, Stored::Present(_)))
    }

    /// Drops what is nobody's any more, but not what was seen since the last time that it was asked: an account that was
    /// just made is somebody's who has not said so yet when the recorded ids were gathered, at that mark.
    pub fn keep(&mut self, began: u64, is_recorded: impl Fn(&str) -> bool) {
        let since = std::mem::replace(&mut self.kept, began);
        self.rows
            .retain(|id, row| row.seen > since || is_recorded(id));
        self.rows.shrink_to_fit();
        self.unowned_changes
            .retain(|id| self.rows.contains_key(id.as_str()));
    }

    fn put(&mut self, id: &str, account: Stored) {
        let seen = self.count();
        let row = Row {
            account,
            seen,
            is_own: false,
        };
        self.rows.insert(id.into(), row);
    }

    fn count(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
}

fn oldest(duplicates: &HashMap<String, Account>) -> Option<String> {
    let oldest = duplicates.values().min_by_key(|account| account.updated_at);
    oldest.map(|account| account.id.clone())
}

#[cfg(test)]
mod tests;
