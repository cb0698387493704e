//! The accounts of a project as they were seen last. Pure: what was seen when is an argument, in a
//! count of its own, because the clocks of two servers cannot order what one program saw.

use std::collections::HashMap;

use crate::composio::model::Account;

/// The accounts of a project as they were seen last.
#[derive(Debug, Default)]
pub struct Snapshot {
    rows: HashMap<String, Row>,
    seen: u64,
}

#[derive(Debug)]
struct Row {
    /// `None`: it is proved to be gone.
    account: Option<Account>,
    seen: u64,
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
        match self.rows.get(id).map(|row| &row.account) {
            None => Known::Nothing,
            Some(None) => Known::Gone,
            Some(Some(account)) => Known::There(Box::new(account.clone())),
        }
    }

    /// Takes in what a fresh look, or the answer to an effect, says of an account.
    pub fn see(&mut self, account: Account) {
        let seen = self.count();
        self.rows.insert(
            account.id.clone(),
            Row {
                account: Some(account),
                seen,
            },
        );
    }

    /// Takes in that an account is gone.
    pub fn gone(&mut self, id: &str) {
        let seen = self.count();
        self.rows.insert(
            id.to_owned(),
            Row {
                account: None,
                seen,
            },
        );
    }

    /// Marks the beginning of a scan; give the mark to [`Snapshot::scanned`].
    pub fn begin_scan(&mut self) -> u64 {
        self.count()
    }

    /// Takes in a complete scan. What was seen after the scan began stays, and so does a row that is
    /// newer by Composio's own clock: a page may be older than a look. A row that the scan lacks is
    /// dropped, not called gone: pages shift while rows come and go, so a list proves nothing.
    pub fn scanned(&mut self, began: u64, accounts: Vec<Account>) -> Changes {
        let seen = self.count();
        let mut changes = Changes::new();
        let mut scanned: HashMap<String, Account> = accounts
            .into_iter()
            .map(|account| (account.id.clone(), account))
            .collect();
        self.rows.retain(|id, row| {
            let listed = scanned.remove(id);
            if row.seen > began {
                return true;
            }
            let Some(listed) = listed else {
                if row.account.is_some() {
                    changes.push(id.clone());
                }
                return false;
            };
            let older = row
                .account
                .as_ref()
                .is_some_and(|known| listed.updated_at < known.updated_at);
            if !older {
                if row.account.as_ref() != Some(&listed) {
                    changes.push(id.clone());
                }
                row.account = Some(listed);
            }
            row.seen = seen;
            true
        });
        for (id, account) in scanned {
            changes.push(id.clone());
            self.rows.insert(
                id,
                Row {
                    account: Some(account),
                    seen,
                },
            );
        }
        changes
    }

    fn count(&mut self) -> u64 {
        self.seen += 1;
        self.seen
    }
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
        assert_eq!(snapshot.scanned(began, rows.clone()).len(), 2);
        let began = snapshot.begin_scan();
        assert_eq!(
            snapshot.scanned(began, rows),
            Changes::new(),
            "the same rows are no change"
        );
        let began = snapshot.begin_scan();
        assert_eq!(
            snapshot
                .scanned(began, vec![account("a", State::Expired, 2)])
                .len(),
            2,
            "one changed, one vanished"
        );
        assert_eq!(
            snapshot.known("b"),
            Known::Nothing,
            "absence from a list is no proof"
        );
    }

    #[test]
    fn a_scan_that_began_earlier_does_not_overwrite_a_look() {
        let mut snapshot = Snapshot::default();
        let began = snapshot.begin_scan();
        snapshot.see(account("a", State::Inactive, 5));
        snapshot.gone("b");
        let stale = vec![
            account("a", State::Active, 4),
            account("b", State::Active, 4),
        ];
        assert_eq!(snapshot.scanned(began, stale), Changes::new());
        assert_eq!(state(&snapshot, "a"), Some(State::Inactive));
        assert_eq!(snapshot.known("b"), Known::Gone);
    }

    #[test]
    fn a_row_never_goes_back_in_time() {
        let mut snapshot = Snapshot::default();
        snapshot.see(account("a", State::Inactive, 5));
        let began = snapshot.begin_scan();
        assert_eq!(
            snapshot.scanned(began, vec![account("a", State::Active, 4)]),
            Changes::new()
        );
        assert_eq!(state(&snapshot, "a"), Some(State::Inactive));
    }
}
