//! What is told of one account, whatever the form. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    crd::{ConnectedAccount, NotificationType, ProjectRef},
    text::{SENTENCE, sanitize_line},
};

/// What is told of one account. What a team has written is one line of plain characters, at most 256 each.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The same each time it is sent.
    pub(super) id: String,
    pub(super) type_: NotificationType,
    /// When it happened.
    pub(super) time: Timestamp,
    pub(super) namespace: String,
    pub(super) name: String,
    /// `metadata.uid` of the object.
    pub(super) uid: String,
    pub(super) project: ProjectRef,
    pub(super) toolkit: String,
    /// Whose account it is, as the team has declared it.
    pub(super) user: String,
    /// Who is asked: `spec.person`, or else the user.
    pub(super) person: String,
    /// For what it is used, in the team's words.
    pub(super) description: Option<String>,
    /// Where the person asks for a link; absent where no page is served, or nobody is awaited.
    pub(super) page: Option<String>,
    pub(super) account: Option<String>,
}

impl Notice {
    /// What is pending of an object, if anything is. `with_token`: the address of the page opens it for whoever has it.
    pub(super) fn of(object: &ConnectedAccount, with_token: bool) -> Option<Self> {
        let status = object.status.as_ref()?;
        let pending = status.pending_notification.as_ref()?;
        let spec = &object.spec;
        let line = |text: &str| sanitize_line(text, SENTENCE);
        let user = line(&spec.user);
        let page = status.connect_page.as_ref().map(|page| match with_token {
            true => page.url.clone(),
            false => without_query(&page.url),
        });
        Some(Self {
            id: pending.id.clone(),
            type_: pending.type_,
            time: pending.time.0,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            project: spec.project_ref.clone(),
            toolkit: line(&spec.toolkit),
            person: spec.person.as_deref().map_or_else(|| user.clone(), line),
            user,
            description: spec.description.as_deref().map(line),
            page,
            account: status.connected_account_id.clone(),
        })
    }

    /// What happened, in one sentence.
    pub(super) fn sentence(&self) -> &'static str {
        match self.type_ {
            NotificationType::AwaitingUser => "A person must sign in to connect this account.",
            NotificationType::ReauthorizationRequired => {
                "The grant of this account is dead: the person must sign in again."
            }
            NotificationType::WrongIdentity => {
                "Somebody else than expected may have signed in: the account is disabled, and the person must sign in again."
            }
            NotificationType::Connected => "The person has signed in: the account is connected.",
            NotificationType::Revoked => {
                "The grant of this account was revoked: the person must sign in again."
            }
        }
    }
}

/// The token of an address is in its query.
fn without_query(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    url[..end].to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An object that is awaited, of which this is declared too.
    pub(crate) fn awaited(spec: &Value) -> ConnectedAccount {
        let mut object = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "namespace": "agents", "uid": "u1"},
            "spec": {
                "user": "ann@acme.com", "toolkit": "gmail",
                "projectRef": {"kind": "ClusterComposioProject", "name": "shared"},
            },
            "status": {
                "connectPage": {"url": "https://connect.acme.com/connect/agents/mail?t=SECRET"},
                "link": {"url": "https://connect.example/link/SECRET", "expiresAt": "2026-01-01T00:10:00Z"},
                "pendingNotification": {
                    "id": "u1-AwaitingUser-1767225600000000", "type": "AwaitingUser",
                    "time": "2026-01-01T00:00:00.000000Z",
                },
            },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        serde_json::from_str(&object.to_string()).expect("an object")
    }

    /// The notice of such an object.
    pub(crate) fn notice(spec: &Value) -> Notice {
        Notice::of(&awaited(spec), false).expect("it is pending")
    }

    #[test]
    fn the_address_holds_a_token_only_where_that_is_said() {
        let object = awaited(&json!({}));
        let page = |with_token| Notice::of(&object, with_token).and_then(|notice| notice.page);
        let address = "https://connect.acme.com/connect/agents/mail";
        assert_eq!(page(false).as_deref(), Some(address));
        assert_eq!(page(true), Some(format!("{address}?t=SECRET")));
    }

    #[test]
    fn the_person_is_the_user_unless_another_one_is_declared() {
        let person = |spec: Value| notice(&spec).person;
        assert_eq!(person(json!({})), "ann@acme.com");
        assert_eq!(person(json!({"person": "bob@acme.com"})), "bob@acme.com");
    }

    #[test]
    fn what_a_team_has_written_is_one_line_of_bounded_length() {
        let hostile = format!("a\n\u{202e}b{}", "x".repeat(1000));
        let told = notice(&json!({"description": hostile, "user": hostile}));
        for text in [told.description.expect("it is told"), told.user] {
            assert_eq!(text.chars().count(), 256);
            assert!(text.starts_with("a \u{fffd}bx"), "{text}");
        }
    }

    #[test]
    fn nothing_is_told_of_an_object_of_which_nothing_is_pending() {
        let mut object = awaited(&json!({}));
        object
            .status
            .as_mut()
            .expect("a status")
            .pending_notification = None;
        assert!(Notice::of(&object, true).is_none());
    }
}
