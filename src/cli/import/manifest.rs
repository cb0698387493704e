//! What is declared of an account that is taken over as it is. It is serialised, never formatted: users, aliases and
//! identities are text of whoever uses the application.

use composio_operator::composio::{Account, Acl, State, Visibility};
use composio_operator::projects::ProjectKey;
use serde_json::{Value, json};

use super::names::Named;
use crate::failure::Failure;
use crate::objects::reference;
use crate::print;

/// Composio's longest user, in characters.
const MAX_USER: usize = 256;
/// The most entries of a list of users.
const MAX_USERS: usize = 1000;
/// The longest id or slug that a definition takes.
const MAX_ID: usize = 128;
/// The longest alias that can be declared.
const MAX_ALIAS: usize = 64;

/// An object, and what it cannot say.
pub(super) struct Manifest {
    pub(super) object: Value,
    /// A line each, without a line end.
    pub(super) comments: Vec<String>,
}

impl Manifest {
    pub(super) fn of(named: &Named, project: &ProjectKey) -> Self {
        let Named {
            namespace,
            name,
            account,
        } = named;
        // What Composio shows is declared, or said in a comment, or is nothing that can be declared.
        let Account {
            id,
            alias,
            user_id,
            toolkit,
            auth_config,
            auth_config_disabled,
            state,
            state_reason: _,
            identity,
            visibility,
            sharing: access_list,
            created_at: _,
            updated_at: _,
        } = account;
        let mut comments = Vec::new();
        let mut spec = json!({
            "user": user_id,
            "toolkit": toolkit,
            "authConfig": auth_config,
            "connectedAccountId": id,
            "deletionPolicy": "Retain",
        });
        if let Some(reference) = reference(&project.reference()) {
            spec["projectRef"] = reference;
        }
        if let Some(identity) = identity {
            comments.push(comment("signed in as", identity));
        }
        match state {
            State::Active => {}
            State::Inactive => {
                spec["enabled"] = json!(false);
                if *auth_config_disabled {
                    comments.push("disabled together with its auth config".to_owned());
                }
            }
            state => comments.push(comment(
                "its user will be asked to sign in, for it is",
                state.as_str(),
            )),
        }
        match alias.as_deref() {
            None => {}
            Some(alias) if may_be_declared(alias) => spec["metadata"] = json!({"alias": alias}),
            Some(alias) => comments.push(comment("keeps the alias", alias)),
        }
        if *visibility == Visibility::Shared {
            spec["visibility"] = json!("Shared");
            match access_list {
                Some(list) if is_declarable(list) => spec["sharing"] = sharing(list),
                Some(_) => {
                    comments.push("keeps its access list, which cannot be declared".to_owned())
                }
                None => {
                    comments.push("keeps its access list, which Composio does not show".to_owned())
                }
            }
        }
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        });
        Self { object, comments }
    }

    /// A document of YAML, behind its comments.
    pub(super) fn document(&self) -> Result<String, Failure> {
        let mut document = String::from("---\n");
        for comment in &self.comments {
            document.push_str(&format!("# {comment}\n"));
        }
        document.push_str(&print::yaml(&self.object).map_err(Failure::Failed)?);
        Ok(document)
    }
}

/// Why nothing can be declared of an account.
pub(super) fn why_not(account: &Account) -> Option<&'static str> {
    match &account.user_id {
        None => return Some("Composio does not show its user"),
        Some(user) if !is_user(user) => {
            return Some("its user is too long, or has control characters");
        }
        Some(_) => {}
    }
    let is_id = |id: &str| !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(is_word);
    let is_slug = |slug: &str| {
        is_id(slug) && !slug.starts_with('-') && !slug.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    match (
        is_slug(&account.toolkit),
        is_id(&account.auth_config),
        is_id(&account.id),
    ) {
        (true, true, true) => None,
        (false, _, _) => Some("its toolkit is no slug"),
        (_, false, _) => Some("its auth config is no id"),
        (_, _, false) => Some("its id is none"),
    }
}

/// The line that tells of it.
pub(super) fn refusal(account: &Account, why: &str) -> String {
    format!("not declared: {}: {why}", quoted(&account.id))
}

fn comment(what: &str, foreign: &str) -> String {
    format!("{what}: {}", quoted(foreign))
}

/// A JSON string on one line, in which nothing moves a terminal or ends the line for any reader of YAML.
fn quoted(text: &str) -> String {
    print::json(&Value::from(text)).unwrap_or_default()
}

fn sharing(list: &Acl) -> Value {
    let mut sharing = json!({"allowAll": list.allow_all});
    for (field, users) in [
        ("allowedUsers", &list.allowed),
        ("deniedUsers", &list.denied),
    ] {
        if !users.is_empty() {
            sharing[field] = json!(users);
        }
    }
    sharing
}

fn is_declarable(list: &Acl) -> bool {
    [&list.allowed, &list.denied]
        .iter()
        .all(|users| users.len() <= MAX_USERS && users.iter().all(|user| is_user(user)))
}

fn is_user(user: &str) -> bool {
    let length = user.chars().count();
    (1..=MAX_USER).contains(&length) && !user.contains(char::is_control)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether the definition takes it: it keeps those apart that are computed.
fn may_be_declared(alias: &str) -> bool {
    !alias.is_empty()
        && alias.len() <= MAX_ALIAS
        && alias.bytes().all(is_word)
        && !composio_api::is_computed_form(alias)
}
