//! The accounts of a world and their indexes. All changes go through [`Store::change`], which keeps
//! the indexes right.
//!
//! Deleted accounts stay, as the real deletion is a soft one and a test wants to see what became of
//! the grant; no index but that of ids and links knows them.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::account::{Account, State, reason};

#[derive(Default)]
pub(super) struct Store {
    accounts: Vec<Account>,
    by_id: HashMap<String, usize>,
    by_user: HashMap<String, Vec<usize>>,
    by_link: HashMap<String, usize>,
    aliases: HashMap<AliasKey, usize>,
    created: BTreeSet<(Timestamp, usize)>,
    updated: BTreeSet<(Timestamp, usize)>,
    deadlines: BTreeSet<(Timestamp, usize)>,
    connections: HashMap<usize, usize>,
}

/// User, toolkit, alias: what must be unique.
pub(super) type AliasKey = (String, String, String);

impl Store {
    pub(super) fn insert(&mut self, account: Account) -> usize {
        let n = self.accounts.len();
        self.by_id.insert(account.id.clone(), n);
        self.by_user
            .entry(account.user.clone())
            .or_default()
            .push(n);
        self.created.insert((account.created_at, n));
        *self.connections.entry(account.config).or_default() += 1;
        self.accounts.push(account);
        self.index(n);
        n
    }

    /// A live account.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.find_any(id)
            .filter(|n| self.accounts[*n].deleted_at.is_none())
    }

    /// An account, be it deleted or not.
    pub(super) fn find_any(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(super) fn find_link(&self, token: &str) -> Option<usize> {
        self.by_link.get(token).copied()
    }

    pub(super) fn at(&self, n: usize) -> &Account {
        &self.accounts[n]
    }

    pub(super) fn all(&self) -> &[Account] {
        &self.accounts
    }

    /// Live and deleted rows of a user, oldest first.
    pub(super) fn of_user(&self, user: &str) -> &[usize] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }

    /// Live rows, oldest first.
    pub(super) fn by_created(&self) -> &BTreeSet<(Timestamp, usize)> {
        &self.created
    }

    /// Live rows, the one that rested longest first.
    pub(super) fn by_updated(&self) -> &BTreeSet<(Timestamp, usize)> {
        &self.updated
    }

    pub(super) fn connections(&self, config: usize) -> usize {
        self.connections.get(&config).copied().unwrap_or(0)
    }

    /// Who holds an alias.
    pub(super) fn alias_holder(&self, key: &AliasKey) -> Option<usize> {
        self.aliases.get(key).copied()
    }

    pub(super) fn take_alias(&mut self, key: AliasKey, n: usize) {
        self.aliases.insert(key, n);
    }

    /// Frees an alias, if it is this row that holds it.
    pub(super) fn free_alias(&mut self, key: &AliasKey, n: usize) {
        if self.aliases.get(key) == Some(&n) {
            self.aliases.remove(key);
        }
    }

    /// The only way to change a row. `at` is when it happened.
    pub(super) fn change(&mut self, n: usize, at: Timestamp, change: impl FnOnce(&mut Account)) {
        self.unindex(n);
        let account = &mut self.accounts[n];
        let was_deleted = account.deleted_at.is_some();
        change(account);
        account.updated_at = at;
        if account.deleted_at.is_some() && !was_deleted {
            self.created.remove(&(account.created_at, n));
            if let Some(count) = self.connections.get_mut(&account.config) {
                *count -= 1;
            }
        }
        self.index(n);
    }

    /// Lets time do its work: sign-ins that ran out expire at the moment they ran out, not at the
    /// moment somebody looks.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((deadline, n)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.change(n, deadline, |account| {
                account.state = State::Expired;
                account.reason = Some(reason::INITIATION_TIMEOUT.to_owned());
            });
        }
    }

    fn unindex(&mut self, n: usize) {
        let account = &self.accounts[n];
        self.updated.remove(&(account.updated_at, n));
        if let Some(deadline) = account.deadline() {
            self.deadlines.remove(&(deadline, n));
        }
    }

    fn index(&mut self, n: usize) {
        let account = &self.accounts[n];
        if account.deleted_at.is_none() {
            self.updated.insert((account.updated_at, n));
        }
        if let Some(deadline) = account.deadline() {
            self.deadlines.insert((deadline, n));
        }
        if let Some(link) = &account.link
            && !self.by_link.contains_key(&link.token)
        {
            self.by_link.insert(link.token.clone(), n);
        }
    }
}
