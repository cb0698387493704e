//! What is known of an object whatever of it cannot be read: by what it means an account, and what is
//! recorded of that account.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    composio::model::Account,
    crd::{ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountStatus},
    plan::{Desired, Flags, sought_alias},
};

/// What is known of an object whatever of it cannot be read. It is enough to tell whose an account is, and
/// too little to do anything with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Of it what is used.
    pub metadata: ObjectMeta,
    /// Whether the whole declaration could be read.
    pub is_readable: bool,
    /// The declared user, if it could be read.
    pub user: Option<String>,
    /// The declared toolkit, if it could be read.
    pub toolkit: Option<String>,
    /// The declared alias.
    pub alias: Option<String>,
    /// The declared id.
    pub connected_account_id: Option<String>,
    /// What of the status could be read.
    pub status: ConnectedAccountStatus,
}

impl Summary {
    /// Of an object; of one that could not be read as a whole, of what could.
    pub(super) fn of(object: ConnectedAccount, is_readable: bool) -> Self {
        let spec = object.spec;
        let read = |text: String| Some(text).filter(|text| is_readable || !text.is_empty());
        Self {
            metadata: object.metadata,
            is_readable,
            user: read(spec.user),
            toolkit: read(spec.toolkit),
            alias: spec.metadata.and_then(|metadata| metadata.alias),
            connected_account_id: spec.connected_account_id,
            status: object.status.unwrap_or_default(),
        }
    }

    /// The id of the account that the object has recorded.
    pub fn recorded_id(&self) -> Option<&str> {
        self.status.connected_account_id.as_deref()
    }

    /// The alias by which the object looks for its account while no id is recorded.
    pub fn sought_alias(&self, flags: &Flags) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        sought_alias(
            &text(&self.metadata.namespace),
            &text(&self.metadata.name),
            self.alias.as_deref(),
            self.annotation(ALIAS_ANNOTATION),
            flags,
        )
    }

    /// Whether the object, with nothing recorded yet, would find this account, which somebody else has found
    /// who wants it for that user and toolkit. A user or toolkit that cannot be read may be the same.
    pub(in crate::observe) fn would_find(&self, other: &Desired, account: &Account) -> bool {
        let may_be = |ours: &Option<String>, theirs: &String| {
            ours.as_ref().is_none_or(|ours| ours == theirs)
        };
        self.recorded_id().is_none()
            && (self.connected_account_id.as_ref() == Some(&account.id)
                || (may_be(&self.user, &other.spec.user)
                    && may_be(&self.toolkit, &other.spec.toolkit)
                    && account.alias == Some(self.sought_alias(&other.flags))))
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        let annotations = self.metadata.annotations.as_ref()?;
        annotations.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observe::Kept;

    fn summary(spec: Value, status: Value) -> Summary {
        let object = json!({
            "metadata": {
                "name": "mail", "namespace": "agents", "uid": "u",
                "annotations": {ALIAS_ANNOTATION: "pinned"},
            },
            "spec": spec, "status": status,
        });
        let kept: Kept = serde_json::from_str(&object.to_string()).expect("it has metadata");
        kept.summary().expect("it was packed")
    }

    #[test]
    fn an_unreadable_object_finds_what_it_would_find_and_what_it_may() {
        let other: ConnectedAccount = serde_json::from_value(json!({
            "metadata": {"name": "other", "namespace": "agents"},
            "spec": {"user": "u", "toolkit": "gmail"},
        }))
        .expect("an object");
        let other = Desired::of(&other, &Flags::default());
        let account = Account {
            id: "ca_1".to_owned(),
            alias: Some("pinned".to_owned()),
            user_id: Some("u".to_owned()),
            toolkit: "gmail".to_owned(),
            auth_config: "ac_1".to_owned(),
            state: crate::composio::model::State::Active,
            state_reason: None,
            visibility: crate::composio::model::Visibility::Private,
            sharing: None,
            created_at: None,
            updated_at: None,
        };
        let odd = |field: &str, value: Value| {
            let mut spec = json!({"user": "u", "toolkit": "gmail", "suspend": "perhaps"});
            spec[field] = value;
            spec
        };
        for (finds, spec, status, reason) in [
            (true, odd("suspend", json!(7)), json!({}), "its own"),
            (true, odd("user", json!(7)), json!([]), "perhaps its own"),
            (true, json!("odd"), json!({}), "all may be"),
            (false, odd("user", json!("v")), json!({}), "of another user"),
            (
                false,
                odd("toolkit", json!("x")),
                json!({}),
                "of another toolkit",
            ),
            (
                false,
                odd("user", json!(7)),
                json!({"connectedAccountId": "ca_2", "state": 7}),
                "it has another",
            ),
        ] {
            let summary = summary(spec, status);
            assert!(!summary.is_readable, "{reason}");
            assert_eq!(summary.would_find(&other, &account), finds, "{reason}");
        }
        let elsewhere = Account {
            alias: Some("agents.mail".to_owned()),
            ..account
        };
        let unreadable = summary(json!("odd"), json!({}));
        assert!(!unreadable.would_find(&other, &elsewhere), "the pin counts");
        let by_id = summary(odd("connectedAccountId", json!("ca_1")), json!({}));
        assert!(by_id.would_find(&other, &elsewhere), "declared by its id");
    }
}
