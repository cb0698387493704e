//! The custom resources: `ConnectedAccount`, with its conditions and reasons, and the projects. Data only.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the KubeSchema derive repeats each struct inside a function"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
    },
    apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta, Time},
};
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

mod alias;
mod connect;
mod connect_request;
mod decode;
mod notification;
mod project;
mod reason;
#[cfg(test)]
mod tests;
mod write_to;
pub use alias::{computed_alias, is_computed_form, length_prefixed};
pub use connect::*;
pub use connect_request::*;
pub use decode::{Decoded, decode};
pub use notification::{NotificationType, PendingNotification};
pub use project::*;
pub use reason::{Progress, ReadyRule, Reason};
pub use write_to::{
    CONFIG_MAP_SUFFIX, ConfigMapReason, ConfigMapTarget, WriteTo, WrittenTo, config_map_name,
};

/// Keeps an object until its account is dealt with.
pub const FINALIZER: &str = "composio.dev/connected-account";
/// Says for which object an account was, or may have been, asked for under which alias. JSON, written by
/// the operator before it asks; a copy of the object carries it along, and it counts for the named one alone.
pub const ALIAS_ANNOTATION: &str = "composio.dev/alias";
/// A person gives an account to the object by writing the account's id here: one that was found by its
/// declared alias, or whose alias was changed.
pub const OWN_ACCOUNT_ANNOTATION: &str = "composio.dev/own-account";
/// On a Secret: `true` says that it may be sent to Composio.
pub const CREDENTIALS_ANNOTATION: &str = "composio.dev/credentials";
/// A person lets an object go without its account by writing the account's id here, or the alias that it was asked
/// for under: it is being deleted, and its project, or the key of it, is gone.
pub const ABANDON_ANNOTATION: &str = "composio.dev/abandon";
/// Annotation by which a person has an object go on in another project than its pin names: `kind/name` of that one,
/// which the object refers to.
pub const MOVE_TO_PROJECT_ANNOTATION: &str = "composio.dev/move-to-project";
/// A person asks for a new link by giving this annotation a new value.
pub const LINK_REQUESTED_ANNOTATION: &str = "composio.dev/link-requested-at";
/// A person or a GitOps tool asks for a fresh look by giving this annotation a new value.
pub const RECONCILE_REQUESTED_ANNOTATION: &str = "composio.dev/reconcile-requested-at";
/// A copy of the object as somebody applied it, written by `kubectl apply`.
pub const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether the object carries [`FINALIZER`].
pub fn has_finalizer(metadata: &ObjectMeta) -> bool {
    let mut finalizers = metadata.finalizers.iter().flatten();
    finalizers.any(|finalizer| finalizer == FINALIZER)
}

/// Whether a request by annotation has not been handled: `handled` is the value that the status holds.
pub fn is_unanswered(request: Option<&str>, handled: Option<&str>) -> bool {
    request.is_some() && request != handled
}

/// The condition types, in kstatus' words.
pub mod condition {
    /// Whether the account can be used as declared.
    pub const READY: &str = "Ready";
    /// Whether the last look and the last effect went through.
    pub const SYNCED: &str = "Synced";
    /// Present and true while something is still to come.
    pub const RECONCILING: &str = "Reconciling";
    /// Present and true while only a person can help.
    pub const STALLED: &str = "Stalled";
    /// Present where `spec.writeTo` names a ConfigMap: whether that says what the status says.
    pub const CONFIG_MAP_WRITTEN: &str = "ConfigMapWritten";
    /// All that are ours.
    pub const ALL: [&str; 5] = [READY, SYNCED, RECONCILING, STALLED, CONFIG_MAP_WRITTEN];
}

/// An authorised connection of one user to one toolkit, kept in Composio as declared here.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "composio.dev",
    version = "v1alpha1",
    kind = "ConnectedAccount",
    plural = "connectedaccounts",
    // Not `ca`: that is the short name of OpenShift's ClusterAutoscaler.
    shortname = "cacc",
    category = "composio",
    namespaced,
    status = "ConnectedAccountStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An authorised connection of one user to one toolkit, kept in Composio as declared here.",
    selectable = ".spec.user",
    selectable = ".spec.toolkit",
    selectable = ".status.authConfig",
    selectable = ".status.state",
    selectable = ".spec.projectRef.name",
    validation = Rule::new("!has(self.spec.writeTo) || size(self.metadata.name) <= 244")
        .message("writeTo needs an object whose name has at most 244 characters: with '-composio' it is the name of the ConfigMap")
        .field_path(".spec.writeTo").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.spec.writeTo) || !has(self.spec.writeTo.configMap.name) || self.spec.writeTo.configMap.name == self.metadata.name + '-composio'")
        .message("writeTo.configMap.name must be the name of the object and '-composio', or be left out: an object has one ConfigMap, and can claim no other")
        .field_path(".spec.writeTo.configMap.name").reason(Reason::FieldValueInvalid),
    printcolumn(name = "User", type_ = "string", json_path = ".spec.user"),
    printcolumn(name = "Toolkit", type_ = "string", json_path = ".spec.toolkit"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.connectedAccountId", priority = 1),
    printcolumn(name = "Identity", type_ = "string", json_path = ".status.identity", priority = 1),
    printcolumn(name = "Auth config", type_ = "string", json_path = ".status.authConfig", priority = 1),
    // As text: a date column shows a time in the future as <invalid>.
    printcolumn(name = "Link expires", type_ = "string", json_path = ".status.link.expiresAt", priority = 1),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.projectRef == oldSelf.projectRef")
        .message("projectRef is immutable: an account cannot move to another project; make a new object")
        .field_path(".projectRef").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(oldSelf.authConfig) || (has(self.authConfig) && self.authConfig == oldSelf.authConfig)")
        .message("authConfig is immutable once set: Composio cannot move an account to another auth config; make a new object")
        .field_path(".authConfig").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(oldSelf.connectedAccountId) || (has(self.connectedAccountId) && self.connectedAccountId == oldSelf.connectedAccountId)")
        .message("connectedAccountId is immutable once set: make a new object to take over another account")
        .field_path(".connectedAccountId").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.credentials) == has(oldSelf.credentials)")
        .message("credentials can neither be added nor removed: the account is made either from a Secret or by a person; make a new object")
        .field_path(".credentials").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.sharing) || self.visibility == 'Shared'")
        .message("sharing needs visibility: Shared")
        .field_path(".sharing").reason(Reason::FieldValueInvalid),
    validation = Rule::new("!(has(self.credentials) && has(self.connectionData))")
        .message("connectionData cannot go together with credentials: it pre-fills the hosted sign-in, which credentials make needless")
        .field_path(".connectionData").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!(has(self.credentials) && (has(self.linkPolicy) || has(self.expectedIdentity) || has(self.person)))")
        .message("linkPolicy, person and expectedIdentity cannot go together with credentials: no person signs in")
        .field_path(".credentials").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!(has(self.credentials) && has(self.callbackUrl))")
        .message("callbackUrl cannot go together with credentials: no person signs in")
        .field_path(".callbackUrl").reason(Reason::FieldValueForbidden)
)]
pub struct ConnectedAccountSpec {
    /// Composio user id: whose account it is. Immutable.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'\p{Cc}')").message("user must not contain control characters, such as a line end"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("user is immutable: an account belongs to one user; make a new object").reason(Reason::FieldValueForbidden))]
    pub user: String,

    /// Toolkit slug, such as `gmail`. Immutable.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9_][a-z0-9_-]*$')").message("toolkit must be a slug, such as gmail: lower-case letters, digits, '_' and '-', not '-' at the beginning"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("toolkit is immutable: an account belongs to one toolkit; make a new object").reason(Reason::FieldValueForbidden))]
    pub toolkit: String,

    /// The project in which the account is. Absent: the ComposioProject `default` of the object's namespace.
    /// Immutable.
    #[serde(default)]
    pub project_ref: ProjectRef,

    /// Id of the auth config to connect through. Absent: the toolkit's only enabled one, which is
    /// then recorded in the status. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("authConfig must be an id, such as ac_1234: letters, digits, '_' and '-'"))]
    pub auth_config: Option<String>,

    /// Whether the account may be used. A disabled account keeps its grant.
    #[serde(default = "yes")]
    pub enabled: bool,

    /// Who may use the account: `Private`, its user alone; `Shared`, also whom `sharing` names. Immutable,
    /// because Composio cannot change it.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("visibility is immutable: Composio cannot change it; make a new object").reason(Reason::FieldValueForbidden))]
    pub visibility: Visibility,

    /// Which other users may use a shared account. Absent: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,

    /// What Composio keeps about the account for its readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,

    /// Makes the account from a Secret, without a person. Can neither be added nor removed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,

    /// Fields pre-filled in the hosted sign-in, such as `subdomain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "connection_data_schema")]
    pub connection_data: Option<BTreeMap<String, String>>,

    /// When a connect link is made: `OnDemand`, when somebody asks for one, on the connect page or by a ConnectRequest;
    /// `Immediate`, at once. Absent: `OnDemand` where the operator serves the connect page, else `Immediate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_policy: Option<LinkPolicy>,

    /// What the person who is asked reads on the connect page: for what the account is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("description must be one line of plain text, without control characters"))]
    pub description: Option<String>,

    /// Who may ask for a link on the connect page where a proxy says who comes, such as `ann@acme.com`. Absent: the
    /// user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("person must not contain control characters, such as a line end"))]
    pub person: Option<String>,

    /// Who is to sign in, as the toolkit shows them: an address, a user name. It is compared once a sign-in, and an
    /// account of somebody else is disabled. It guards against mistakes and proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("expectedIdentity must not contain control characters, such as a line end"))]
    pub expected_identity: Option<String>,

    /// Where the browser goes after the hosted sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = Rule::new(r"self.matches(r'^https?://[^\s\p{Cc}/]+[^\s\p{Cc}]*$')").message("callbackUrl must be a whole URL that begins with https:// or http://, without spaces and control characters"))]
    pub callback_url: Option<String>,

    /// Takes over an account that exists already. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("connectedAccountId must be an id, such as ca_1234: letters, digits, '_' and '-'"))]
    pub connected_account_id: Option<String>,

    /// When Ready becomes true: `Active`, once the person has signed in; `LinkIssued`, once a first link to do
    /// so was issued.
    #[serde(default)]
    pub ready_when: ReadyWhen,

    /// What happens to the account when the object is deleted: `Revoke` ends the grant at the provider and
    /// deletes the account; `Delete` deletes the account only; `Retain` leaves it as it is. Read at the moment
    /// of deletion.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Where the account's id and state are written for those who use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_to: Option<WriteTo>,

    /// Observe and report, change nothing.
    #[serde(default)]
    pub suspend: bool,
}

fn yes() -> bool {
    true
}

fn connection_data_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 2048},
    })
}

/// Who may use an account.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
pub enum Visibility {
    #[default]
    #[allow(
        missing_docs,
        reason = "described on the enum: a description here reorders the schema's enum"
    )]
    Private,
    #[allow(missing_docs, reason = "described on the enum")]
    Shared,
}

/// Whether Ready waits for the person (`Active`) or is content with an issued link (`LinkIssued`).
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[allow(missing_docs, reason = "described on the enum")]
pub enum ReadyWhen {
    #[default]
    Active,
    LinkIssued,
}

/// What happens to the account when the object goes: `Revoke` ends the grant at the provider and
/// deletes the account, `Delete` deletes it only, `Retain` leaves it as it is.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[allow(missing_docs, reason = "described on the enum")]
pub enum DeletionPolicy {
    #[default]
    Revoke,
    Delete,
    Retain,
}

/// The access list of a shared account, for callers other than the owner: who is denied stays out,
/// then `allowAll` lets everybody in, then the allowed users. A list left out is empty.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sharing {
    /// Lets every user of the project use the account, but for those denied.
    #[serde(default)]
    pub allow_all: bool,
    /// Users who may use the account.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "users_schema")]
    pub allowed_users: BTreeSet<String>,
    /// Users who may not, whatever else is said.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "users_schema")]
    pub denied_users: BTreeSet<String>,
}

/// Composio's limits: 1000 entries, each of 1 to 256 characters. A line end at the end of one, as a block of
/// YAML has it, would name nobody.
fn users_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 1000,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "x-kubernetes-validations": [{
            "rule": r"self.all(user, !user.matches(r'\p{Cc}'))",
            "message": "a user must not contain control characters, such as a line end",
        }],
    })
}

/// What Composio keeps about the account for its readers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Name of the account in Composio, unique per user and toolkit. Absent: computed from namespace
    /// and name, and shown in `status.alias`. An account that is found under a declared alias, and that
    /// this object has not made, is managed but neither renamed nor ended before a person confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("alias may hold letters, digits, '_' and '-'"))]
    #[x_kube(validation = Rule::new("!self.lowerAscii().matches('-[a-z2-7]{16}$')").message("alias must not end in '-' and 16 characters of a-z and 2-7: computed aliases do"))]
    pub alias: Option<String>,
}

/// Where the credentials of an account come from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.scheme == 'NO_AUTH') != has(self.secretRef)")
        .message("secretRef must name the Secret, but for the scheme NO_AUTH, which has none")
        .field_path(".secretRef").reason(Reason::FieldValueInvalid)
)]
pub struct Credentials {
    /// Composio's auth scheme, which says what the Secret holds: `API_KEY`, a key; `BEARER_TOKEN`, a token;
    /// `BASIC`, a user name and a password; `BASIC_WITH_JWT`, those and a JWT; `GOOGLE_SERVICE_ACCOUNT` and
    /// `SERVICE_ACCOUNT`, the fields of a service account; `S2S_OAUTH2`, client credentials; `BILLCOM_AUTH` and
    /// `CALCOM_AUTH`, what these toolkits ask for; `NO_AUTH`, nothing. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("scheme is immutable: make a new object").reason(Reason::FieldValueForbidden))]
    pub scheme: Scheme,
    /// The Secret whose keys are the scheme's field names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// The auth schemes that need no person.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "Composio's own words")]
pub enum Scheme {
    #[default]
    ApiKey,
    BearerToken,
    Basic,
    BasicWithJwt,
    GoogleServiceAccount,
    ServiceAccount,
    S2sOauth2,
    NoAuth,
    BillcomAuth,
    CalcomAuth,
}

impl Scheme {
    /// Whether the credentials of an account that exists can be changed. Those of the others are taken with a
    /// new account only.
    pub fn is_patchable(self) -> bool {
        match self {
            Self::ApiKey
            | Self::BearerToken
            | Self::Basic
            | Self::BasicWithJwt
            | Self::GoogleServiceAccount
            | Self::ServiceAccount => true,
            Self::S2sOauth2 | Self::NoAuth | Self::BillcomAuth | Self::CalcomAuth => false,
        }
    }

    /// Composio's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "API_KEY",
            Self::BearerToken => "BEARER_TOKEN",
            Self::Basic => "BASIC",
            Self::BasicWithJwt => "BASIC_WITH_JWT",
            Self::GoogleServiceAccount => "GOOGLE_SERVICE_ACCOUNT",
            Self::ServiceAccount => "SERVICE_ACCOUNT",
            Self::S2sOauth2 => "S2S_OAUTH2",
            Self::NoAuth => "NO_AUTH",
            Self::BillcomAuth => "BILLCOM_AUTH",
            Self::CalcomAuth => "CALCOM_AUTH",
        }
    }
}

/// A Secret in the object's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct SecretRef {
    /// Name of the Secret.
    // It becomes part of a request's path: nothing but a name may stand there.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!format.dns1123Subdomain().validate(self).hasValue()").message("name must be a Secret's name: lower-case letters, digits, '-' and '.', a letter or digit at both ends"))]
    pub name: String,
    /// Which keys are sent, and as which of the scheme's fields: field name to key of the Secret. Absent: every
    /// key, as the field of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "secret_keys_schema")]
    pub keys: Option<BTreeMap<String, String>>,
    /// Whether a byte order mark at the beginning of a value and one line end at its end are left out: an
    /// editor or `echo` has put them there.
    #[serde(default = "yes")]
    pub trim: bool,
}

impl Default for SecretRef {
    fn default() -> Self {
        Self {
            name: String::new(),
            keys: None,
            trim: true,
        }
    }
}

/// `status` and `authScheme` would overwrite what the operator itself says in the same place of the call.
fn secret_keys_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 253},
        "x-kubernetes-validations": [{
            "rule": "self.all(field, field.matches('^[A-Za-z0-9_.-]{1,128}$'))",
            "message": "keys must map field names of the scheme: letters, digits, '_', '.' and '-'",
        }, {
            "rule": "!('status' in self) && !('authScheme' in self)",
            "message": "keys must not map the fields status and authScheme: the operator says them",
        }],
    })
}

/// What the operator knows of the account. Every time in it is by the operator's clock.
// What is derived here decodes all or nothing, and is used by `decode` alone: everybody else takes what
// can be decoded.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schemars(!remote)]
pub struct ConnectedAccountStatus {
    /// The generation that the conditions speak of.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Who signed in, as the provider names them: an address, a user name. Absent where Composio does not show
    /// it. It tells, and proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The link that a person must open, while it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The page on which the person asks for a link, while one is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_page: Option<ConnectPage>,
    /// The last ConnectRequest that was handled, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connect_request: Option<HandledConnectRequest>,
    /// The last sign-in through a link of the connect page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
    /// Whether who signed in is `spec.expectedIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_verdict: Option<IdentityVerdict>,
    /// What people are to be told, until the receiver of notifications has taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_notification: Option<PendingNotification>,
    /// The state that notifications go by: a change of it is told, and what comes back to it is not told again. Absent
    /// where nobody is notified, and until it first changes: `AwaitingUser`, `ReauthorizationRequired`, `WrongIdentity`,
    /// `Connected` or `Revoked`.
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
    pub revoke_refusals: Option<Tally>,
    /// How often one difference had to be put right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrections: Option<Tally>,
    /// What was written for those who use the account, as `spec.writeTo` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// The same, sealed for the connect page: nobody else can read it.
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

/// Which data of the Secret the account has, and how it got it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsStatus {
    /// The account that the data was sent to; absent: none was made from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `metadata.uid` of the Secret. Of a scheme without a Secret it is empty.
    pub uid: String,
    /// `metadata.resourceVersion` of the Secret when its data was read.
    pub resource_version: String,
    /// Names the key of the signatures.
    pub key_id: String,
    /// HMAC-SHA256 over the object's computed alias, the account's id, the name of the Secret, the scheme and
    /// all fields, in base64. It tells whether other data is to be sent, and nothing of the data.
    pub mac: String,
    /// The same over the fields that Composio takes with a new account only.
    pub create_only_mac: String,
    /// What was done with the data: `Created`, an account was made from it; `Remade`, one was in place of
    /// `previousConnectedAccountId`; `Patched`, it was sent to the account; `Refused`, Composio did not take it;
    /// `Assumed`, the account was found, and its scheme takes no change: it is taken to have it.
    pub step: CredentialsStep,
    /// When that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// What was done with the data of the Secret.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the words say it; a description reorders the schema's enum"
)]
pub enum CredentialsStep {
    Created,
    Remade,
    Patched,
    Refused,
    Assumed,
}

/// A count and when it began.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Tally {
    /// When the count began.
    pub since: MicroTime,
    /// How many since.
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
fn count_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": i32::MAX,
    })
}

/// The definition of ConnectedAccounts as it is installed.
///
/// Two things cannot be said in the derive: the status' default (without it kstatus calls an object
/// that nobody has looked at yet Current), and that null means absent (the apiserver prunes a null
/// only where the schema does not allow it).
pub fn definition() -> CustomResourceDefinition {
    as_installed(ConnectedAccount::crd())
}

/// All definitions as they are installed, ConnectedAccounts first.
pub fn definitions() -> [CustomResourceDefinition; 4] {
    [
        definition(),
        as_installed(ComposioProject::crd()),
        as_installed(ClusterComposioProject::crd()),
        as_installed(ConnectRequest::crd()),
    ]
}

fn as_installed(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        forbid_null(schema);
        if let Some(status) = schema
            .properties
            .as_mut()
            .and_then(|properties| properties.get_mut("status"))
        {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    definition
}

fn forbid_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(words) = &mut schema.enum_ {
        words.retain(|JSON(word)| !word.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        forbid_null(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        forbid_null(items);
    }
}
