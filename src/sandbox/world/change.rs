//! Changes of an account that is there: PATCH, status, refresh, revoke, delete.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::account::{Account, Grant, GrantEnd, State, reason};
use super::create::{acl_on_private, check_callback, names};
use super::credential_body::{Changes, StateBody, parse, parse_optional};
use super::list::flag;
use super::refusal::Refusal;
use super::scheme::Scheme;
use super::sharing::SharingPatch;
use super::{Call, Reply, World};

#[derive(Deserialize)]
struct PatchBody {
    alias: Option<String>,
    connection: Option<PatchConnection>,
    experimental: Option<PatchExperimental>,
}

#[derive(Deserialize)]
struct PatchConnection {
    state: StateBody,
}

#[derive(Deserialize)]
struct PatchExperimental {
    acl_config_for_shared: Option<SharingPatch>,
}

#[derive(Deserialize)]
struct StatusBody {
    enabled: bool,
}

#[derive(Default, Deserialize)]
struct RefreshBody {
    redirect_url: Option<String>,
}

impl World {
    /// All of a PATCH is checked before any of it is done.
    pub(super) fn patch(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let body: PatchBody = parse(call.body)?;
        let account = self.store.at(n);
        let config = account.config;
        let scheme = self.configs[config].scheme;
        let sharing = body
            .experimental
            .and_then(|experimental| experimental.acl_config_for_shared);
        if let Some(sharing) = &sharing {
            if account.sharing.is_none() {
                return Err(acl_on_private());
            }
            sharing.check()?;
        }
        let credentials = match &body.connection {
            None => None,
            Some(connection) => {
                let changes = patched(scheme, &connection.state)?;
                if self.switches.patch_knows_its_fields {
                    connection.state.must_be_known()?;
                }
                Some(changes)
            }
        };
        if let Some(alias) = body.alias.as_deref().filter(|alias| !alias.is_empty()) {
            self.check_alias(&account.user, config, alias, Some(n))?;
        }
        if let Some(alias) = body.alias {
            self.rename(n, alias, call.now);
        }
        let revives = !self.switches.patch_does_not_revive;
        let moves = credentials.is_some() || !self.switches.quiet_metadata;
        let at = self.moved(n, moves, call.now);
        self.store.change(n, at, |account| {
            if let (Some(patch), Some(held)) = (sharing, &mut account.sharing) {
                patch.apply(held);
            }
            if let Some(changes) = credentials {
                account.merge(&changes);
                new_credentials(account, scheme, revives);
            }
        });
        let account = self.store.at(n);
        Ok(Reply::ok(json!({
            "id": account.id,
            "status": account.state.word(),
            "success": true,
        })))
    }

    /// An empty alias is none.
    pub(super) fn rename(&mut self, n: usize, alias: String, now: Timestamp) {
        self.free_alias_of(n);
        let alias = Some(alias).filter(|alias| !alias.is_empty());
        if let Some(alias) = &alias {
            let account = self.store.at(n);
            let key = self.alias_key(&account.user, account.config, alias);
            self.store.take_alias(key, n);
        }
        let at = self.moved(n, !self.switches.quiet_metadata, now);
        self.store.change(n, at, |account| account.alias = alias);
    }

    /// What a change makes of `updated_at`.
    fn moved(&self, n: usize, moves: bool, now: Timestamp) -> Timestamp {
        if moves {
            now
        } else {
            self.store.at(n).updated_at
        }
    }

    fn free_alias_of(&mut self, n: usize) {
        let account = self.store.at(n);
        if let Some(alias) = &account.alias {
            let key = self.alias_key(&account.user, account.config, alias);
            self.store.free_alias(&key, n);
        }
    }

    pub(super) fn set_status(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let StatusBody { enabled } = parse(call.body)?;
        let account = self.store.at(n);
        let wanted = if enabled {
            State::Active
        } else {
            State::Inactive
        };
        let allowed = match &account.state {
            State::Active => true,
            State::Inactive => !enabled || account.ever_active,
            State::Initializing
            | State::Initiated
            | State::Expired
            | State::Failed
            | State::Revoked
            | State::Other(_) => false,
        };
        if !allowed && !self.switches.status_sets_anything {
            return Err(Refusal::bad_request(format!(
                "Cannot {} a connection in status {}",
                if enabled { "enable" } else { "disable" },
                account.state.word()
            )));
        }
        if account.state != wanted {
            self.store.change(n, call.now, |account| {
                account.ever_active |= enabled;
                account.state = wanted;
                account.reason = Some(reason::BY_USER.to_owned());
            });
        }
        Ok(Reply::ok(json!({"success": true})))
    }

    pub(super) fn refresh(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let body: RefreshBody = parse_optional(call.body)?;
        let in_query = call.query.iter().find(|(name, _)| name == "redirect_url");
        let callback = body
            .redirect_url
            .or_else(|| in_query.map(|(_, value)| value.clone()));
        if let Some(callback) = &callback {
            check_callback(callback)?;
        }
        let account = self.store.at(n);
        let scheme = self.configs[account.config].scheme;
        if account.is_terminal() {
            return Err(Refusal::bad_request(
                "A connection whose identity verification failed cannot be refreshed",
            ));
        }
        let after = match account.state {
            State::Active if self.switches.refresh_reopens_active => State::Initiated,
            State::Active => State::Active,
            State::Initializing | State::Initiated | State::Expired | State::Failed => {
                if self.switches.refresh_leaves_expired {
                    State::Expired
                } else {
                    State::Initiated
                }
            }
            State::Inactive | State::Revoked | State::Other(_) => {
                return Err(Refusal::bad_request(format!(
                    "A connection in status {} cannot be refreshed",
                    account.state.word()
                )));
            }
        };
        if scheme == Scheme::NoAuth {
            return Err(Refusal::not_supported(scheme.word()));
        }
        let before = account.link.as_ref().and_then(|link| link.callback.clone());
        let mut url = None;
        let deadline = account
            .deadline()
            .filter(|_| self.switches.refresh_keeps_deadline);
        if scheme.redirects() {
            let mut link = self.new_link(call, callback.or(before));
            link.expires_at = deadline.unwrap_or(link.expires_at);
            url = Some(link.url.clone());
            self.store.change(n, call.now, |account| {
                if account.state != after {
                    account.state = after;
                    account.reason = None;
                }
                account.link = Some(link);
            });
        }
        Ok(Reply::ok(json!({
            "id": id,
            "status": self.store.at(n).state.word(),
            "redirect_url": url,
        })))
    }

    pub(super) fn revoke(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let account = self.store.at(n);
        let config = &self.configs[account.config];
        let tokens = config.scheme.tokens();
        let revoked: &[&str] = match (&account.state, account.grant) {
            (State::Revoked, _) => &[],
            (State::Active, _) if !config.can_revoke => {
                return Err(Refusal::bad_request(format!(
                    "Toolkit {} does not support revoking credentials",
                    config.toolkit
                )));
            }
            (State::Active, Grant::Alive) => tokens,
            // The provider does not know the grant any more.
            (State::Active, Grant::None | Grant::Dead(_, _)) => {
                return Err(Refusal::revoke_failed());
            }
            (
                state @ (State::Initializing
                | State::Initiated
                | State::Inactive
                | State::Expired
                | State::Failed
                | State::Other(_)),
                _,
            ) => return Err(Refusal::not_revokable(state.word())),
        };
        if !revoked.is_empty() {
            self.store.change(n, call.now, |account| {
                account.grant = Grant::Dead(GrantEnd::Revoke, call.now);
                account.state = State::Revoked;
                account.reason = Some(reason::REVOKED.to_owned());
                account.close_link();
            });
        }
        Ok(Reply::ok(json!({
            "revoked_tokens": revoked,
            "connected_account": {"id": id, "status": "REVOKED"},
        })))
    }

    pub(super) fn delete(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let revoke = flag(call, "revoke_on_delete")?.unwrap_or(false);
        let account = self.store.at(n);
        let state_allows =
            account.state == State::Active || !self.switches.revoke_on_delete_needs_active;
        let kills = revoke
            && state_allows
            && account.grant == Grant::Alive
            && self.configs[account.config].can_revoke;
        self.bury(n, kills.then_some(GrantEnd::RevokeOnDelete), call.now);
        let mut answer = json!({"success": true});
        if revoke {
            answer["revoke_job_id"] = json!(self.ids.next("job_"));
        }
        Ok(Reply::ok(answer))
    }
}

impl World {
    /// Deletes a row, and its grant if `end` says how.
    pub(super) fn bury(&mut self, n: usize, end: Option<GrantEnd>, now: Timestamp) {
        if !self.switches.deleted_holds_alias {
            self.free_alias_of(n);
        }
        self.store.change(n, now, |account| {
            account.deleted_at = Some(now);
            if let Some(end) = end {
                account.grant = Grant::Dead(end, now);
                account.state = State::Revoked;
                account.reason = Some(reason::REVOKED_ON_DELETE.to_owned());
            }
        });
    }
}

fn patched(scheme: Scheme, state: &StateBody) -> Result<Changes, Refusal> {
    if !scheme.patchable() {
        return Err(Refusal::bad_request(format!(
            "Credentials of scheme {} cannot be updated",
            scheme.word()
        )));
    }
    state.must_be(scheme)?;
    Ok(state.changes())
}

/// What new credentials do to a row.
fn new_credentials(account: &mut Account, scheme: Scheme, revives: bool) {
    let works = scheme.lacks(&names(account)).is_none()
        && account
            .credentials
            .iter()
            .all(|credential| credential.accepted);
    if !works || account.is_terminal() {
        return;
    }
    match account.state {
        State::Initializing | State::Initiated | State::Expired | State::Failed => {
            if revives {
                account.connect();
            }
        }
        State::Active | State::Inactive => account.grant = Grant::Alive,
        State::Revoked | State::Other(_) => {}
    }
}
