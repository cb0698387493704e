//! What is declared of an account.

use std::collections::{BTreeMap, BTreeSet};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{ConnectedAccountStatus, Credentials, LinkPolicy, ProjectRef, WriteTo};

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

    /// What Composio stores about the account for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,

    /// Makes the account from a Secret, without a person. Can neither be added nor removed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,

    /// Fields pre-filled in the hosted sign-in, such as `subdomain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "connection_data_schema")]
    #[x_kube(validation = Rule::new("self.all(name, size(name) <= 128)").message("the name of a field of connectionData must have at most 128 characters"))]
    pub connection_data: Option<BTreeMap<String, String>>,

    /// When a connect link is made: `OnDemand`, when somebody asks for one, on the connect page or by a ConnectRequest;
    /// `Immediate`, at once. Absent: `OnDemand` where the operator serves the connect page, else `Immediate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_policy: Option<LinkPolicy>,

    /// What the account is used for: the connect page shows it to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("description must be one line of plain text, without control characters"))]
    pub description: Option<String>,

    /// Who may ask for a link on the connect page, such as `ann@acme.com`, if a proxy tells the page who the visitor
    /// is. Absent: the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("person must not contain control characters, such as a line end"))]
    pub person: Option<String>,

    /// Who must sign in, as the toolkit shows them: an address, a user name. It is compared once after each sign-in,
    /// and the account of anybody else is disabled. It guards against mistakes and proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(r"!self.matches(r'[\p{Cc}\p{Cf}]')").message("expectedIdentity must not contain control characters, such as a line end"))]
    pub expected_identity: Option<String>,

    /// Where the browser goes after the hosted sign-in. The connect page shows a link to it if it is `https://`, and none if it
    /// is `http://`.
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
    /// deletes the account; `Delete` deletes the account only; `Retain` leaves it as it is, but for one of a sign-in that
    /// is not to be used, or not over yet, which is deleted. Read at the moment of deletion.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Where the account's id and state are written for those who use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_to: Option<WriteTo>,

    /// Observe and report, change nothing, but that an account is disabled because somebody else has signed in.
    #[serde(default)]
    pub suspend: bool,
}

pub(super) fn yes() -> bool {
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

/// What Composio stores about the account for people to read.
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
