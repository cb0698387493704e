//! Which objects may mean an account.

use std::sync::Arc;

use super::{Key, Objects, Summary};
use crate::composio::model::Account;

impl Objects {
    /// Those that may mean the account of that id.
    pub(crate) fn with_id(&self, id: &str) -> Vec<Arc<Summary>> {
        self.index.lock().with(&Key::Id(id))
    }

    /// Whether an object other than the one of that uid has the account on record.
    pub(crate) fn have_recorded(&self, id: &str, uid: &str) -> bool {
        self.with_id(id)
            .iter()
            .filter(|other| other.uid.as_deref() != Some(uid))
            .any(|other| other.recorded_id() == Some(id))
    }

    /// Those that may look for that alias of that user and toolkit.
    pub(crate) fn with_alias(&self, user: &str, toolkit: &str, alias: &str) -> Vec<Arc<Summary>> {
        let index = self.index.lock();
        let mut with = index.with(&Key::Alias(user, toolkit, alias));
        with.extend(index.with(&Key::AliasOfSomebody(alias)));
        with
    }

    /// Those that may look for the account by its alias.
    pub(crate) fn with_alias_of(&self, account: &Account) -> Vec<Arc<Summary>> {
        match (&account.user_id, &account.alias) {
            (Some(user), Some(alias)) => self.with_alias(user, &account.toolkit, alias),
            _ => Vec::new(),
        }
    }

    /// Whether the account has the alias of an object that has another account on record.
    pub(crate) fn have_another(&self, account: &Account) -> bool {
        self.with_alias_of(account)
            .iter()
            .any(|object| object.recorded_id().is_some_and(|id| id != account.id))
    }
}
