//! What the operator tells of an account.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::KubeSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use super::{
    ConnectPage, CredentialsStatus, Decoded, HandledConnectRequest, IdentityVerdict,
    LinkRequestedBy, NotificationType, PendingNotification, Reason, SignIn, WrittenTo, condition,
    decode,
};

/// What the operator knows of the account. Every time in it is by the operator's clock.
// What is derived here decodes all or nothing, and is used by `decode` alone: everybody else takes what
// can be decoded.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schemars(!remote)]
pub struct ConnectedAccountStatus {
    /// The generation that the conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The account that is managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_account_id: Option<String>,
    /// The account that was managed before this one: whoever names it must name the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_connected_account_id: Option<String>,
    /// Proves that this operator recorded `connectedAccountId` for this object: a copy of the status, or
    /// an id written by hand, does not count.
    // A map, and not a struct: kube has a word for structs that CustomResourceDefinitions do not know. Whole, as all below: the
    // operator alone writes them, and the apiserver works through each field that is owned, at every write of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub record: Option<AccountRecord>,
    /// The alias of the account, or the one that it will be made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// `ByDeclaredAlias`: the account was found by its declared alias, not made by this object, and is left as it is when the object goes, until the
    /// annotation `composio.dev/own-account: <account id>` confirms it, or its user signs in anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// The auth config that the account was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_config: Option<String>,
    /// Composio's own word for the account's state, also when this version does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Composio's reason for the state, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Who signed in, as the provider names them: an address, a user name. Absent if Composio does not show it. It is
    /// information, not proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The link that a person must open, while it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub link: Option<Link>,
    /// The page on which the person asks for a link, while a sign-in is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub connect_page: Option<ConnectPage>,
    /// The last ConnectRequest that was handled, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub last_connect_request: Option<HandledConnectRequest>,
    /// The last sign-in through a link of the connect page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub sign_in: Option<SignIn>,
    /// Whether who signed in is `spec.expectedIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub identity_verdict: Option<IdentityVerdict>,
    /// The notification that is to be sent, until the receiver has accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub pending_notification: Option<PendingNotification>,
    /// The state from which notifications are derived: a change of it is sent, and a return to it is not sent again.
    /// Absent if nobody is notified, and until it first changes: `AwaitingUser`, `ReauthorizationRequired`,
    /// `WrongIdentity`, `Connected` or `Revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_state: Option<NotificationType>,
    /// When the last link was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_link_issued_at: Option<MicroTime>,
    /// When this account last became active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<MicroTime>,
    /// When the object first had an active account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_connected_at: Option<MicroTime>,
    /// The last value of the annotation `composio.dev/link-requested-at` that was handled; one that is
    /// too long is ignored, and stands here cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_link_request: Option<String>,
    /// The last value of the annotation `composio.dev/reconcile-requested-at` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Which data of the Secret the account has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub credentials: Option<CredentialsStatus>,
    /// SHA-256 over the `connectionData` that the account was linked with, in base64. Where `spec.connectionData`
    /// is another one, it is taken in at the next sign-in. Absent: not known, and taken to be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_data_digest: Option<String>,
    /// Since when the outcome of the last effect is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<MicroTime>,
    /// How often the provider refused to revoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub revoke_refusals: Option<Tally>,
    /// How often the operator had to correct the same difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub corrections: Option<Tally>,
    /// What was written for those who use the account, as `spec.writeTo` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub written_to: Option<WrittenTo>,
    /// Ready and Synced always, Reconciling and Stalled while true, ConfigMapWritten with `spec.writeTo`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "conditions"
    )]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The status, decoded as a whole or not at all.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Whole(#[serde(with = "ConnectedAccountStatus")] ConnectedAccountStatus);

/// Takes what can be decoded, see [`ConnectedAccountStatus::decode`]. From JSON only.
impl<'de> Deserialize<'de> for ConnectedAccountStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::decode(json.get()).value)
    }
}

impl Serialize for ConnectedAccountStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// Conditions that say something: the type of the Kubernetes API has empty texts for what is missing. Those
/// of other controllers are kept as they are: some leave the reason empty.
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let conditions = Vec::<Condition>::deserialize(deserializer)?;
    let is_whole = |condition: &Condition| {
        let is_ours = condition::ALL.contains(&condition.type_.as_str());
        !condition.type_.is_empty()
            && (!is_ours
                || (!condition.reason.is_empty()
                    && ["True", "False", "Unknown"].contains(&condition.status.as_str())))
    };
    if conditions.iter().all(is_whole) {
        Ok(conditions)
    } else {
        Err(D::Error::custom("a condition lacks type, status or reason"))
    }
}

impl ConnectedAccountStatus {
    /// Decodes a status field by field. One that is written in another form counts as absent, and the
    /// next write of the status mends it.
    pub fn decode(json: &str) -> Decoded<Self> {
        let Decoded { value, left_out } = decode::<Whole>(json);
        Decoded {
            value: value.0,
            left_out,
        }
    }

    /// The condition of that type, if there is one.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }

    /// The condition that says how things are, which is the worst: `Stalled`, or else a `Synced` that is `False`,
    /// since a failed look or change stands there and `Ready` speaks of what was seen before; or else `Ready`.
    pub fn headline(&self) -> Option<&Condition> {
        let found = |type_: &str, value: &str| {
            self.condition(type_)
                .filter(|condition| condition.status == value)
        };
        found(condition::STALLED, "True")
            .or_else(|| found(condition::SYNCED, "False"))
            .or_else(|| self.condition(condition::READY))
    }

    /// The message in full for that reason: it stands once, on `Ready`, or on `Synced` where `Ready` has another
    /// reason. `None`: neither has the reason.
    pub fn full_message(&self, reason: &str) -> Option<&str> {
        [condition::READY, condition::SYNCED]
            .into_iter()
            .filter_map(|type_| self.condition(type_))
            .find(|condition| condition.reason == reason && !condition.message.is_empty())
            .map(|condition| condition.message.as_str())
    }

    /// The reason of the condition of that type; `None`: it is not there, or this version does not know the word.
    pub fn reason(&self, type_: &str) -> Option<Reason> {
        Reason::named(&self.condition(type_)?.reason)
    }

    /// Whether the condition of that type is there for one of these reasons.
    pub fn says(&self, type_: &str, reasons: &[Reason]) -> bool {
        self.condition(type_).is_some_and(|condition| {
            reasons
                .iter()
                .any(|reason| condition.reason == reason.as_str())
        })
    }
}

/// By what an account was found that this object has not made.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum Adopted {
    ByDeclaredAlias,
}

/// The signature of a record.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AccountRecord {
    /// Names the key, which is derived from the project's API key.
    pub key_id: String,
    /// HMAC-SHA256 over the object's computed alias and the account's id, in base64; of an account that was
    /// adopted over its link too.
    pub mac: String,
}

/// A hosted sign-in. Debug does not show its address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Who opens it connects their own account, so it is for the declared user only. Absent where the connect page is
    /// served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The link, sealed for the connect page: nobody else can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// The ConnectRequest that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<LinkRequestedBy>,
    /// Ten minutes after it was issued, in whole seconds.
    pub expires_at: Time,
}

impl Link {
    /// One that whoever reads the status can open.
    pub fn in_clear(url: impl Into<String>, expires_at: Time) -> Self {
        Self {
            url: Some(url.into()),
            sealed: None,
            requested_by: None,
            expires_at,
        }
    }

    /// One that only the connect page can open.
    pub fn sealed(sealed: String, expires_at: Time) -> Self {
        Self {
            url: None,
            sealed: Some(sealed),
            requested_by: None,
            expires_at,
        }
    }

    /// What tells it from another one: its address, in clear or sealed.
    pub fn text(&self) -> &str {
        let text = self.url.as_deref().or(self.sealed.as_deref());
        text.unwrap_or_default()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A count and when it began.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Tally {
    /// When the count began.
    pub since: MicroTime,
    /// How many times since then.
    #[schemars(schema_with = "count_schema")]
    pub count: u32,
}

impl Tally {
    /// Counts one more, as far as the definition takes it.
    pub fn add_one(&mut self) {
        self.count = self.count.saturating_add(1).min(i32::MAX.unsigned_abs());
    }
}

/// A count of the API: 32 bits with a sign.
pub(super) fn count_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": i32::MAX,
    })
}
