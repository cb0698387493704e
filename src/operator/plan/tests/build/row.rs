//! Accounts in Composio.

use super::ALIAS;
use crate::composio::model::{Account, Acl, State, Visibility};

/// An account in Composio.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Account);

/// An account that was asked for as [`object`] would, and that somebody has opened.
pub(crate) fn account(id: &str) -> Row {
    Row(Account {
        id: id.into(),
        alias: Some(ALIAS.into()),
        user_id: Some("support@acme.com".into()),
        toolkit: "gmail".into(),
        auth_config: "ac_1".into(),
        auth_config_disabled: false,
        state: State::Initiated,
        state_reason: None,
        identity: None,
        visibility: Visibility::Private,
        sharing: None,
        created_at: None,
        updated_at: None,
    })
}

impl Row {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Account)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn is(self, state: State) -> Self {
        self.with(|account| account.state = state)
    }

    pub(crate) fn active(self) -> Self {
        self.is(State::Active)
    }

    pub(crate) fn inactive(self) -> Self {
        self.is(State::Inactive)
    }

    pub(crate) fn expired(self) -> Self {
        self.is(State::Expired)
    }

    /// Nobody signed in within ten minutes.
    pub(crate) fn never_finished(self) -> Self {
        self.expired()
            .with(|account| account.state_reason = Some("INITIATION_TIMEOUT".into()))
    }

    pub(crate) fn called(self, alias: &str) -> Self {
        self.with(|account| account.alias = Some(alias.into()))
    }

    pub(crate) fn nameless(self) -> Self {
        self.with(|account| account.alias = None)
    }

    pub(crate) fn shared(self, sharing: Option<Acl>) -> Self {
        self.with(|account| {
            account.visibility = Visibility::Shared;
            account.sharing = sharing;
        })
    }
}
