//! What is found of the accounts of a project.

use std::collections::HashMap;

use clap::ValueEnum;
use composio_api::is_computed_form;
use composio_operator::composio::{Account, State, Visibility};

use crate::objects::Objects;

/// What is found of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Finding {
    /// An object manages it.
    Declared,
    /// No object manages it.
    Undeclared,
    /// No object manages it, and it has the alias of one that is not here: another cluster's, or one that is gone.
    Elsewhere,
    /// Its sign-in was never finished.
    Abandoned,
    /// Another active account of its user and toolkit is newer: agents take that one.
    Duplicate,
    /// Its auth config is disabled.
    AuthConfigDisabled,
    /// The account of an object is not there.
    Gone,
}

impl Finding {
    /// Each of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Declared,
        Self::Undeclared,
        Self::Elsewhere,
        Self::Abandoned,
        Self::Duplicate,
        Self::AuthConfigDisabled,
        Self::Gone,
    ];

    /// As it is typed and printed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Undeclared => "undeclared",
            Self::Elsewhere => "elsewhere",
            Self::Abandoned => "abandoned",
            Self::Duplicate => "duplicate",
            Self::AuthConfigDisabled => "auth-config-disabled",
            Self::Gone => "gone",
        }
    }
}

/// What is found of each account.
pub(super) struct Findings {
    /// In the order of the accounts.
    pub(super) of_accounts: Vec<Vec<Finding>>,
}

impl Findings {
    pub(super) fn of(accounts: &[Account], objects: &Objects) -> Self {
        let newest = newest(accounts);
        let of_one = |account: &Account| {
            let mut findings = vec![whose(account, objects)];
            if is_abandoned(account) {
                findings.push(Finding::Abandoned);
            }
            let first = agents_take(account).and_then(|place| newest.get(&place));
            if first.is_some_and(|first| first.id != account.id) {
                findings.push(Finding::Duplicate);
            }
            if account.auth_config_disabled {
                findings.push(Finding::AuthConfigDisabled);
            }
            findings
        };
        Self {
            of_accounts: accounts.iter().map(of_one).collect(),
        }
    }
}

/// Whether its sign-in was never finished, and cannot be any more.
pub(super) fn is_abandoned(account: &Account) -> bool {
    account.state == State::Expired && account.timed_out()
}

fn whose(account: &Account, objects: &Objects) -> Finding {
    if objects.whose(account).manager().is_some() {
        return Finding::Declared;
    }
    match account.alias.as_deref().is_some_and(is_computed_form) {
        true => Finding::Elsewhere,
        false => Finding::Undeclared,
    }
}

/// For whom agents take it, if they do: without being told they use the private ones alone.
fn agents_take(account: &Account) -> Option<(&str, &str)> {
    let user = account.user_id.as_deref()?;
    let is_live = account.state == State::Active && account.visibility == Visibility::Private;
    is_live.then_some((user, account.toolkit.as_str()))
}

fn newest(accounts: &[Account]) -> HashMap<(&str, &str), &Account> {
    let mut newest: HashMap<(&str, &str), &Account> = HashMap::new();
    for account in accounts {
        let Some(place) = agents_take(account) else {
            continue;
        };
        let first = newest.entry(place).or_insert(account);
        if (account.created_at, &account.id) > (first.created_at, &first.id) {
            *first = account;
        }
    }
    newest
}
