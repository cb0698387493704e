//! The auth configs of a project, as they were read a while ago.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Project, cache::Cache};
use crate::{
    composio::{
        error::{Error, Retry},
        model::AuthConfig,
    },
    time::to_std,
};

pub(super) struct AuthConfigs {
    /// Of an id, or that there is none.
    by_id: Cache<Option<AuthConfig>>,
    by_toolkit: Cache<Vec<AuthConfig>>,
}

impl AuthConfigs {
    /// They are read again when older than that.
    pub(super) fn new(lifetime: SignedDuration) -> Self {
        Self {
            by_id: Cache::new(to_std(lifetime)),
            by_toolkit: Cache::new(to_std(lifetime)),
        }
    }
}

impl Project {
    /// Reads an auth config, or remembers it.
    ///
    /// # Errors
    /// When Composio does not answer. That there is none is `Ok(None)`.
    pub async fn auth_config(&self, id: &str) -> Result<Option<AuthConfig>, Error> {
        let lifetime = self.auth_configs.by_id.lifetime();
        self.auth_config_as_of(id, lifetime).await
    }

    /// Whether there is an auth config now, and not only in a memory that is older than this.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub async fn has_auth_config(&self, id: &str, oldest: SignedDuration) -> Result<bool, Error> {
        Ok(self.auth_config_as_of(id, to_std(oldest)).await?.is_some())
    }

    async fn auth_config_as_of(
        &self,
        id: &str,
        oldest: Duration,
    ) -> Result<Option<AuthConfig>, Error> {
        let read = async {
            match self.client.auth_config(id).await {
                Ok(auth_config) => Ok(Some(auth_config)),
                Err(error) if error.retry() == Retry::Gone => Ok(None),
                Err(error) => Err(error),
            }
        };
        let by_id = &self.auth_configs.by_id;
        by_id.get(id, oldest, || self.instant(), read).await
    }

    /// Reads the auth configs of a toolkit, or remembers them.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub async fn auth_configs(&self, toolkit: &str) -> Result<Vec<AuthConfig>, Error> {
        let by_toolkit = &self.auth_configs.by_toolkit;
        let read = self.client.auth_configs(toolkit);
        let lifetime = by_toolkit.lifetime();
        by_toolkit
            .get(toolkit, lifetime, || self.instant(), read)
            .await
    }

    /// Forgets what is known of auth configs: one of them was not what it was remembered to be.
    pub fn forget_auth_configs(&self) {
        self.auth_configs.by_id.clear();
        self.auth_configs.by_toolkit.clear();
    }
}
