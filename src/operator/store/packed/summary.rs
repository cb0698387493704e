//! What is known of an object whatever of it cannot be read: by what it means an account, and what is
//! recorded of that account.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    composio::model::Account,
    crd::{ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountStatus, OWN_ACCOUNT_ANNOTATION},
    plan::{Claim, Claimant, Desired, Flags, Labels, Pin, computed_alias},
    record::RecordKeys,
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

    /// The namespace of the object.
    pub fn namespace(&self) -> String {
        self.metadata.namespace.clone().unwrap_or_default()
    }

    /// The alias that is computed from the object's name.
    pub fn own_alias(&self, flags: &Flags) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        computed_alias(&flags.alias_prefix, &self.namespace(), name)
    }

    /// Whether its pin names another project than the one that it refers to: what it has on record is there, and is
    /// nothing to ask this one for.
    pub(crate) fn is_pinned_elsewhere(&self, flags: &Flags) -> bool {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let pin = self.annotation(ALIAS_ANNOTATION);
        let project = pin.and_then(|pin| Pin::project(pin, &self.namespace(), name));
        project.is_some_and(|project| project != flags.project)
    }

    /// Works on what of the object bears on whose an account is, in a namespace of those labels.
    pub fn claimant<T>(
        &self,
        flags: &Flags,
        labels: &Labels,
        work: impl FnOnce(Claimant<'_>) -> T,
    ) -> T {
        let own_alias = self.own_alias(flags);
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let annotation = self.annotation(ALIAS_ANNOTATION);
        let pin = Pin::read(annotation, flags, &self.namespace(), name);
        work(Claimant {
            own_alias: &own_alias,
            declared_alias: self.alias.as_deref(),
            connected_account_id: self.connected_account_id.as_deref(),
            own_account: self.annotation(OWN_ACCOUNT_ANNOTATION),
            pin: &pin,
            may_take_over: (flags.policy.as_ref()).is_some_and(|policy| {
                let (user, toolkit) = (self.user.as_deref(), self.toolkit.as_deref());
                policy.may_take_over(&self.namespace(), labels, user, toolkit)
            }),
        })
    }

    /// What the object has to say for an account that another one has found, if it manages the account or
    /// would as soon as it looks for one. An id that only its status names is none of its claims. A user or
    /// toolkit that cannot be read may be the other's. What the project does not let it take over it does not have.
    /// `flags` are those of this object's project.
    pub(crate) fn claim(
        &self,
        flags: &Flags,
        other: &Desired,
        labels: &Labels,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Claim> {
        let may_be =
            |ours: &Option<String>, theirs: &str| ours.as_deref().is_none_or(|ours| ours == theirs);
        let is_of_it =
            may_be(&self.user, &other.spec.user) && may_be(&self.toolkit, &other.spec.toolkit);
        self.claimant(flags, labels, |claimant| {
            let claim = claimant.claim(&self.status, keys, account)?;
            let alias = account.alias.as_deref();
            let is_own_alias = alias == Some(claimant.own_alias);
            // What was made beside the account that it has may carry the alias that it was marked with. To whoever
            // has found it by that alias it is not free; a person who names it by its id may have it.
            let is_pinned_alias = alias.is_some() && alias == claimant.pin.alias();
            let named = [&other.spec.connected_account_id, &other.own_account];
            let is_named = named.contains(&&Some(account.id.clone()));
            let is_its_own_alias =
                claimant.pin.is_own() && (is_own_alias || (is_pinned_alias && !is_named));
            let means = match self.recorded_id() {
                Some(id) => id == account.id || (is_its_own_alias && is_of_it),
                None => {
                    claimant.connected_account_id == Some(&account.id)
                        || (is_of_it && alias == Some(claimant.lookup_alias()))
                }
            };
            means.then_some(claim)
        })
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
    use crate::store::PackedObject;

    fn summary(spec: Value, status: Value) -> Summary {
        let pin = Pin::annotation(&Flags::default(), "agents", "mail", Some("pinned"));
        let object = json!({
            "metadata": {
                "name": "mail", "namespace": "agents", "uid": "u",
                "annotations": {ALIAS_ANNOTATION: pin},
            },
            "spec": spec, "status": status,
        });
        let packed: PackedObject =
            serde_json::from_str(&object.to_string()).expect("it has metadata");
        packed.summary().expect("it was packed")
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
            auth_config_disabled: false,
            state: crate::composio::model::State::Active,
            state_reason: None,
            identity: None,
            visibility: crate::composio::model::Visibility::Private,
            sharing: None,
            created_at: None,
            updated_at: None,
        };
        let keys = RecordKeys::derive(b"the API key", "project");
        let finds_it = |object: &Summary, account: &Account| {
            let claim = object.claim(&other.flags, &other, &Labels::default(), &keys, account);
            claim.is_some()
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
                true,
                odd("user", json!(7)),
                json!({"connectedAccountId": "ca_2", "state": 7}),
                "it has another, and asked for one of this alias",
            ),
        ] {
            let summary = summary(spec, status);
            assert!(!summary.is_readable, "{reason}");
            assert_eq!(finds_it(&summary, &account), finds, "{reason}");
        }
        let elsewhere = Account {
            alias: Some(computed_alias("", "agents", "mail")),
            ..account.clone()
        };
        let unreadable = summary(json!("odd"), json!({}));
        assert!(!finds_it(&unreadable, &elsewhere), "the pin counts");
        let by_id = summary(odd("connectedAccountId", json!("ca_1")), json!({}));
        assert!(finds_it(&by_id, &elsewhere), "declared by its id");
    }
}
