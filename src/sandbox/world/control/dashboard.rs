//! What somebody does in Composio's dashboard, where no rule of the API stops them.

use jiff::Timestamp;

use super::ControlError;
use crate::world::World;
use crate::world::account::{Account, Grant, State, reason};
use crate::world::seed::AuthConfig;

impl World {
    /// Somebody enables or disables the account in the dashboard, where no rule stops them.
    pub fn set_enabled(
        &mut self,
        id: &str,
        enabled: bool,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        self.store.change(n, now, |account| {
            account.state = if enabled {
                State::Active
            } else {
                State::Inactive
            };
            account.ever_active |= enabled;
            account.reason = Some(reason::BY_USER.to_owned());
        });
        Ok(())
    }

    /// Somebody deletes the account in the dashboard, and leaves its grant alone.
    pub fn delete_by_hand(&mut self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        self.bury(n, None, now);
        Ok(())
    }

    /// Somebody gives the account another alias; an empty one is none.
    pub fn rename_by_hand(
        &mut self,
        id: &str,
        alias: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        let account = self.store.at(n);
        if !alias.is_empty() {
            self.check_alias(&account.user, account.config, alias, Some(n))
                .map_err(|refusal| ControlError::NotPossible(refusal.message().to_owned()))?;
        }
        self.rename(n, alias.to_owned(), now);
        Ok(())
    }

    /// Sets any word as status, also one that Composio does not have. ACTIVE brings a live grant.
    pub fn force_state(
        &mut self,
        id: &str,
        word: &str,
        why: Option<String>,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        if word.is_empty() {
            return Err(ControlError::Invalid("state must not be empty".to_owned()));
        }
        self.store.change(n, now, |account| {
            account.state = State::from_text(word);
            account.reason = why;
            if account.state == State::Active {
                account.ever_active = true;
                account.grant = Grant::Alive;
            }
        });
        Ok(())
    }

    /// Adds an auth config, or replaces the one of this id.
    pub fn put_auth_config(&mut self, config: AuthConfig) -> Result<(), ControlError> {
        if config.id.is_empty() || config.toolkit.is_empty() {
            let text = "id and toolkit must not be empty".to_owned();
            return Err(ControlError::Invalid(text));
        }
        match self.config_index(&config.id) {
            // Aliases are unique per toolkit, so it must not change under accounts.
            Some(n) if self.configs[n].toolkit != config.toolkit => {
                return Err(ControlError::NotPossible(format!(
                    "{} is of toolkit {}, which cannot be changed",
                    config.id, self.configs[n].toolkit
                )));
            }
            Some(n) => {
                if self.configs[n].enabled && !config.enabled {
                    self.just_disabled.push(n);
                }
                self.configs[n] = config;
            }
            None => self.configs.push(config),
        }
        Ok(())
    }

    /// Lets the disabling of auth configs reach their accounts.
    pub(in crate::world) fn settle_configs(&mut self, now: Timestamp) {
        let configs = std::mem::take(&mut self.just_disabled);
        if configs.is_empty() || !self.switches.disabled_config_disables_accounts {
            return;
        }
        let concerned = |account: &Account| {
            account.state == State::Active
                && account.deleted_at.is_none()
                && configs.contains(&account.config)
        };
        let rows: Vec<usize> = (0..self.store.all().len())
            .filter(|n| concerned(self.store.at(*n)))
            .collect();
        for n in rows {
            self.store.change(n, now, |account| {
                account.state = State::Inactive;
                account.reason = Some(reason::CONFIG_DISABLED.to_owned());
            });
        }
    }
}
