//! What is told of one account, whatever the form. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    connect::page_address::ConnectUrl,
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
    /// What is pending of an object, if anything is. `connect_url`: where the page is served, if it is; its address is
    /// made of that and of the names of the object, since people follow it, and a status can be written by others.
    /// `with_token`: the address opens the page for whoever has it.
    pub(super) fn of(
        object: &ConnectedAccount,
        connect_url: Option<&ConnectUrl>,
        with_token: bool,
    ) -> Option<Self> {
        let status = object.status.as_ref()?;
        let pending = status.pending_notification.as_ref()?;
        let spec = &object.spec;
        let line = |text: &str| sanitize_line(text, SENTENCE);
        let user = line(&spec.user);
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let written = status.connect_page.as_ref().zip(connect_url);
        let page = written.map(|(written, connect_url)| {
            let token = connect_url.token_of(&written.url, &namespace, &name);
            connect_url.page(&namespace, &name, token.filter(|_| with_token))
        });
        Some(Self {
            id: pending.id.clone(),
            type_: pending.type_,
            time: pending.time.0,
            namespace,
            name,
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
        Notice::of(&awaited(spec), Some(&served()), false).expect("it is pending")
    }

    fn served() -> ConnectUrl {
        ConnectUrl::parse("https://connect.acme.com").expect("a URL")
    }

    #[test]
    fn the_address_holds_a_token_only_where_that_is_said() {
        let object = awaited(&json!({}));
        let served = served();
        let told = |with_token| Notice::of(&object, Some(&served), with_token);
        let page = |with_token| told(with_token).and_then(|notice| notice.page);
        let address = "https://connect.acme.com/connect/agents/mail";
        assert_eq!(page(false).as_deref(), Some(address));
        assert_eq!(page(true), Some(format!("{address}?t=SECRET")));
        let unserved = Notice::of(&object, None, true).and_then(|notice| notice.page);
        assert_eq!(unserved, None, "no page is served");
    }

    #[test]
    fn an_address_that_somebody_wrote_into_the_status_is_not_told() {
        for forged in [
            "https://evil.example",
            "https://evil.example/connect/agents/mail?t=SECRET",
            "https://connect.acme.com.evil.example/connect/agents/mail?t=SECRET",
            "https://connect.acme.com@evil.example/connect/agents/mail?t=SECRET",
            "https://connect.acme.com/connect/agents/other?t=SECRET",
            "https://connect.acme.com/connect/agents/mail/../other?t=SECRET",
            "https://connect.acme.com/connect/agents/mail?t=a&next=https://evil.example",
            "https://connect.acme.com/connect/agents/mail?t=a b",
            "https://connect.acme.com/connect/agents/mail?t=",
            "javascript:alert(1)",
        ] {
            let mut object = awaited(&json!({}));
            let status = object.status.as_mut().expect("a status");
            status.connect_page.as_mut().expect("a page").url = forged.to_owned();
            for with_token in [false, true] {
                let told = Notice::of(&object, Some(&served()), with_token);
                assert_eq!(
                    told.and_then(|notice| notice.page).as_deref(),
                    Some("https://connect.acme.com/connect/agents/mail"),
                    "{forged}"
                );
            }
        }
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
        assert!(Notice::of(&object, Some(&served()), true).is_none());
    }
}
