//! New accounts: by a hosted sign-in, or from credentials in hand.

use http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::account::{Account, Credential, Grant, Link, Sharing, State, iso};
use super::credential_body::{StateBody, parse};
use super::refusal::Refusal;
use super::sharing::SharingPatch;
use super::{Call, LINK_LIFE, Reply, World};

#[derive(Deserialize)]
struct LinkBody {
    auth_config_id: String,
    user_id: String,
    alias: Option<String>,
    callback_url: Option<String>,
    connection_data: Option<Map<String, Value>>,
    experimental: Option<SharingBody>,
}

#[derive(Deserialize)]
struct CreateBody {
    auth_config: ConfigRef,
    connection: ConnectionBody,
    #[serde(default)]
    validate_credentials: bool,
}

#[derive(Deserialize)]
struct ConfigRef {
    id: String,
}

#[derive(Deserialize)]
struct ConnectionBody {
    /// Composio's own default; it refuses to verify the identity of such a placeholder.
    #[serde(default = "placeholder")]
    user_id: String,
    state: Option<StateBody>,
    /// Deprecated: the fields of `state.val`.
    data: Option<Map<String, Value>>,
    callback_url: Option<String>,
    /// Deprecated: the old name of `callback_url`.
    redirect_uri: Option<String>,
    alias: Option<String>,
    experimental: Option<SharingBody>,
}

fn placeholder() -> String {
    "default".to_owned()
}

#[derive(Default, Deserialize)]
struct SharingBody {
    #[serde(default)]
    account_type: AccountType,
    acl_config_for_shared: Option<SharingPatch>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum AccountType {
    #[default]
    Private,
    Shared,
}

/// What both ways of creation have in common.
struct NewAccount {
    config: usize,
    user: String,
    alias: Option<String>,
    callback: Option<String>,
    sharing: Option<Sharing>,
}

impl World {
    pub(super) fn link(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let body: LinkBody = parse(call.body)?;
        let new = self.check(
            &body.auth_config_id,
            body.user_id,
            body.alias,
            body.callback_url,
            body.experimental,
        )?;
        let callback = new.callback.clone();
        let prefilled = body.connection_data.unwrap_or_default();
        self.has_required(new.config, |name| prefilled.contains_key(name))?;
        let mut account = self.blank(new, call);
        account.prefilled = prefilled;
        let link = self.new_link(call, callback);
        let answer = json!({
            "link_token": link.token,
            "redirect_url": link.url,
            "expires_at": iso(link.expires_at),
            "connected_account_id": account.id,
            "experimental": account.experimental(),
        });
        account.link = Some(link);
        Ok(Reply::created(answer, self.add(account)))
    }

    pub(super) fn create(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let body: CreateBody = parse(call.body)?;
        let connection = body.connection;
        let new = self.check(
            &body.auth_config.id,
            connection.user_id,
            connection.alias,
            connection.callback_url.or(connection.redirect_uri),
            connection.experimental,
        )?;
        let config = &self.configs[new.config];
        let scheme = config.scheme;
        if config.managed && scheme.redirects() {
            return Err(Refusal::managed_oauth());
        }
        let state = match connection.data {
            Some(data) if connection.state.is_none() => Some(StateBody::of(scheme, data)),
            Some(_) | None => connection.state,
        };
        if let Some(state) = &state {
            state.must_be(scheme)?;
        }
        let in_hand = match &state {
            // Tokens from elsewhere can be brought along to a custom app.
            Some(state) if scheme.redirects() => state.status() == Some("ACTIVE"),
            Some(_) | None => !scheme.redirects(),
        };
        self.has_required(new.config, |name| {
            state.as_ref().is_some_and(|state| state.has(name))
        })?;
        let callback = new.callback.clone();
        let mut account = self.blank(new, call);
        if let Some(state) = &state {
            account.merge(&state.changes());
        }
        if in_hand {
            complete(
                &account.credentials,
                scheme.lacks(&names(&account)),
                body.validate_credentials,
            )?;
            account.connect();
        } else {
            account.link = Some(self.new_link(call, callback));
        }
        let url = account.link.as_ref().map(|link| link.url.clone());
        let mut data = account.credentials(&self.configs[account.config]);
        if let Some(url) = &url {
            data.val.insert("redirectUrl".to_owned(), json!(url));
        }
        let answer = json!({
            "id": account.id,
            "connectionData": data,
            "status": account.state.word(),
            "redirect_url": url,
            "redirect_uri": url,
            "experimental": account.experimental(),
        });
        Ok(Reply::created(answer, self.add(account)))
    }

    fn check(
        &self,
        config_id: &str,
        user: String,
        alias: Option<String>,
        callback: Option<String>,
        sharing: Option<SharingBody>,
    ) -> Result<NewAccount, Refusal> {
        let config = self
            .config_index(config_id)
            .ok_or_else(|| Refusal::auth_config_not_found(config_id))?;
        if !(1..=256).contains(&user.chars().count()) {
            return Err(Refusal::validation(
                "user_id: must have 1 to 256 characters",
            ));
        }
        self.check_identity(&user)?;
        if let Some(callback) = &callback {
            check_callback(callback)?;
        }
        let sharing = sharing_of(sharing.unwrap_or_default())?;
        if !self.configs[config].enabled {
            return Err(Refusal::bad_request(format!(
                "Auth config {config_id} is disabled"
            )));
        }
        let alias = alias.filter(|alias| !alias.is_empty());
        if let Some(alias) = &alias {
            self.check_alias(&user, config, alias, None)?;
        }
        Ok(NewAccount {
            config,
            user,
            alias,
            callback,
            sharing,
        })
    }

    /// Refuses a connection without the fields that its toolkit needs.
    fn has_required(&self, config: usize, has: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let config = &self.configs[config];
        let lacks = |name: &&String| !has(name);
        let missing: Vec<&str> = config
            .requires
            .iter()
            .filter(lacks)
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::missing_fields(format!(
            "Toolkit {} needs connection fields that are missing: {}",
            config.toolkit,
            missing.join(", ")
        )))
    }

    /// Refuses an alias that another row of this user and toolkit has.
    pub(super) fn check_alias(
        &self,
        user: &str,
        config: usize,
        alias: &str,
        own: Option<usize>,
    ) -> Result<(), Refusal> {
        let narrow = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if self.switches.narrow_aliases && !alias.chars().all(narrow) {
            return Err(Refusal::validation(
                "alias: may hold letters, digits and - only",
            ));
        }
        let holder = self
            .store
            .alias_holder(&self.alias_key(user, config, alias));
        if holder.is_none() || holder == own || self.switches.alias_not_unique {
            return Ok(());
        }
        Err(Refusal::alias_in_use(alias))
    }

    fn blank(&mut self, new: NewAccount, call: &Call<'_>) -> Account {
        let id = self.ids.next("ca_");
        let word_id = self.ids.words(&self.configs[new.config].toolkit);
        Account {
            id,
            word_id,
            user: new.user,
            alias: new.alias,
            config: new.config,
            state: State::Initializing,
            reason: None,
            created_at: call.now,
            updated_at: call.now,
            sharing: new.sharing,
            grant: Grant::None,
            ever_active: false,
            deleted_at: None,
            credentials: Vec::new(),
            prefilled: Map::new(),
            link: None,
            display_name: None,
        }
    }

    pub(super) fn new_link(&mut self, call: &Call<'_>, callback: Option<String>) -> Link {
        let token = self.ids.next("lk_");
        Link {
            url: format!("{}/connect/{token}", call.base),
            token,
            expires_at: call.now.saturating_add(LINK_LIFE).unwrap_or(call.now),
            callback,
            used: false,
            browser: None,
            unverified: None,
        }
    }

    fn add(&mut self, account: Account) -> String {
        let id = account.id.clone();
        let key = account
            .alias
            .as_deref()
            .map(|alias| self.alias_key(&account.user, account.config, alias));
        let n = self.store.insert(account);
        if let Some(key) = key {
            self.store.take_alias(key, n);
        }
        id
    }
}

pub(super) fn names(account: &Account) -> Vec<&str> {
    account
        .credentials
        .iter()
        .map(|credential| credential.name.as_str())
        .collect()
}

fn complete(
    credentials: &[Credential],
    lacks: Option<&'static str>,
    validate: bool,
) -> Result<(), Refusal> {
    if let Some(name) = lacks {
        return Err(Refusal::missing_fields(format!(
            "Missing required field {name} in connection.state.val"
        )));
    }
    if validate && credentials.iter().any(|credential| !credential.accepted) {
        return Err(Refusal::bad_request(
            "Credential validation failed: the provider refused the credentials",
        ));
    }
    Ok(())
}

/// Any absolute URL will do, as apps come back to schemes of their own.
pub(super) fn check_callback(url: &str) -> Result<(), Refusal> {
    let absolute = url
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some());
    if absolute && url.len() <= 2048 {
        return Ok(());
    }
    Err(Refusal::validation("callback_url: must be an absolute URL"))
}

fn sharing_of(body: SharingBody) -> Result<Option<Sharing>, Refusal> {
    match (body.account_type, body.acl_config_for_shared) {
        (AccountType::Private, None) => Ok(None),
        (AccountType::Private, Some(_)) => Err(acl_on_private()),
        (AccountType::Shared, patch) => {
            let patch = patch.unwrap_or_default();
            patch.check()?;
            let mut sharing = Sharing::default();
            patch.apply(&mut sharing);
            Ok(Some(sharing))
        }
    }
}

pub(super) fn acl_on_private() -> Refusal {
    Refusal::bad_request("acl_config_for_shared is only valid on SHARED connected accounts")
}
