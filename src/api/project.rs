//! The `ComposioProject` and `ClusterComposioProject` custom resources: whose API key is used, where, and who may
//! ask for what. Data only.

use std::{fmt, str::FromStr};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod allow;
mod reason;
mod status;
pub use allow::{
    Allow, IdentityDemand, NamespaceSelector, SecretsOffered, SharingLimit, SignInDemand, Source,
};
pub use reason::ProjectReason;
pub use status::{AccountCounts, ProjectStatus};

/// Keeps a project while an account is, or may be, in it that an object here manages.
pub const PROJECT_FINALIZER: &str = "composio.dev/project";
/// The project of an object that names none.
pub const DEFAULT_PROJECT: &str = "default";
/// Where Composio is, unless a project says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://backend.composio.dev";
/// Stands for the object's namespace in a pattern of users.
pub const NAMESPACE_PLACEHOLDER: &str = "{{namespace}}";

/// Which of the two kinds a project is of.
#[derive(
    schemars::JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum ProjectKind {
    #[default]
    ComposioProject,
    ClusterComposioProject,
}

impl ProjectKind {
    /// The kind as it stands in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ComposioProject => "ComposioProject",
            Self::ClusterComposioProject => "ClusterComposioProject",
        }
    }
}

impl FromStr for ProjectKind {
    type Err = NotAProject;

    fn from_str(text: &str) -> Result<Self, NotAProject> {
        [Self::ComposioProject, Self::ClusterComposioProject]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(NotAProject)
    }
}

impl fmt::Display for ProjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The project in which an object's account is: one of the object's own namespace, or one of the cluster.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectRef {
    /// `ComposioProject`, in the object's own namespace, or `ClusterComposioProject`.
    #[serde(default)]
    pub kind: ProjectKind,
    /// Name of the project.
    #[serde(default = "default_project")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!format.dns1123Subdomain().validate(self).hasValue()").message("name must be the name of an object: lower-case letters, digits, '-' and '.', a letter or digit at both ends"))]
    pub name: String,
}

impl ProjectRef {
    /// The project that an object refers to, by its JSON. What of it cannot be understood is as if it were not said.
    pub fn of_object(object: &Value) -> Self {
        let reference = object["spec"]["projectRef"].clone();
        serde_json::from_value(reference).unwrap_or_default()
    }
}

impl Default for ProjectRef {
    fn default() -> Self {
        Self {
            kind: ProjectKind::default(),
            name: default_project(),
        }
    }
}

/// `kind/name`, as the pin of an object has it.
impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// What is no kind, or no `kind/name`, of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAProject;

impl FromStr for ProjectRef {
    type Err = NotAProject;

    fn from_str(text: &str) -> Result<Self, NotAProject> {
        let (kind, name) = text.split_once('/').ok_or(NotAProject)?;
        if name.is_empty() || name.contains('/') {
            return Err(NotAProject);
        }
        Ok(Self {
            kind: kind.parse()?,
            name: name.to_owned(),
        })
    }
}

fn default_project() -> String {
    DEFAULT_PROJECT.to_owned()
}

fn default_base_url() -> String {
    DEFAULT_BASE_URL.to_owned()
}

fn default_key() -> String {
    "api-key".to_owned()
}

/// The Secret that holds the API key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ApiKeySecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!format.dns1123Subdomain().validate(self).hasValue()").message("name must be a Secret's name: lower-case letters, digits, '-' and '.', a letter or digit at both ends"))]
    pub name: String,
    /// The key in the Secret.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$')").message("key must be a key of a Secret: letters, digits, '-', '_' and '.'"))]
    pub key: String,
}

impl Default for ApiKeySecretRef {
    fn default() -> Self {
        Self {
            name: String::new(),
            key: default_key(),
        }
    }
}

/// A Composio project that a team brings to its own namespace, with its own API key.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "composio.dev",
    version = "v1alpha1",
    kind = "ComposioProject",
    plural = "composioprojects",
    shortname = "cproj",
    category = "composio",
    namespaced,
    status = "ProjectStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Composio project that a team brings to its own namespace, with its own API key.",
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
    printcolumn(
        name = "Accounts",
        type_ = "integer",
        json_path = ".status.accounts.total"
    ),
    printcolumn(
        name = "Waiting",
        type_ = "integer",
        json_path = ".status.accounts.waitingForUser"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Project",
        type_ = "string",
        json_path = ".status.projectID",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.aliasPrefix) == has(oldSelf.aliasPrefix) && (!has(self.aliasPrefix) || self.aliasPrefix == oldSelf.aliasPrefix)")
        .message("aliasPrefix is immutable: it is a part of the name of every account; make a new project")
        .field_path(".aliasPrefix").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.allow) || self.allow.all(entry, !has(entry.namespaces) && !has(entry.namespaceSelector))")
        .message("allow names no namespaces here: only objects of the project's own namespace can refer to it; use a ClusterComposioProject")
        .field_path(".allow").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.allow) || self.allow.all(entry, !has(entry.callbackHosts))")
        .message("allow names no callbackHosts here: the connect page takes people on in the platform's name; use a ClusterComposioProject")
        .field_path(".allow").reason(Reason::FieldValueForbidden)
)]
pub struct ComposioProjectSpec {
    /// The Secret of the same namespace that holds the project's API key. It is read by name, every minute, and at
    /// once when Composio rejects the key.
    pub api_key_secret_ref: ApiKeySecretRef,

    /// Where Composio is; a path is kept. It must be on the operator's list of allowed base URLs.
    #[serde(default = "default_base_url", rename = "baseURL")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(r"self.matches(r'^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$') && !self.contains('..')").message("baseURL must be a URL such as https://backend.composio.dev: scheme, host, perhaps a port and a path, and nothing else"))]
    pub base_url: String,

    /// Put before every computed alias: keeps clusters apart that share a project. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("aliasPrefix may hold letters, digits, '_' and '-'"))]
    pub alias_prefix: Option<String>,

    /// How often changes are listed, such as `30s`. Absent: `--poll-interval`, or `5m` after an hour without changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("pollInterval must be a time such as 30s or 1m30s, at least 10s and at most 24h"))]
    pub poll_interval: Option<String>,

    /// How often the operator reads every recorded account, such as `10m`. Absent: `--resync-interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("resyncInterval must be a time such as 10m, at least 10s and at most 24h"))]
    pub resync_interval: Option<String>,

    /// What those who refer to the project may ask for: one entry must allow the whole request. Absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub allow: Option<Vec<Allow>>,

    /// Ask Composio nothing, and change nothing: the accounts of the project stay as they are.
    #[serde(default)]
    pub suspend: bool,
}

/// A Composio project that a platform team offers to chosen namespaces. Its Secret is in the operator's own
/// namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "composio.dev",
    version = "v1alpha1",
    kind = "ClusterComposioProject",
    plural = "clustercomposioprojects",
    shortname = "ccproj",
    category = "composio",
    status = "ProjectStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Composio project that a platform team offers to chosen namespaces. Its Secret is in the operator's own namespace.",
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
    printcolumn(
        name = "Accounts",
        type_ = "integer",
        json_path = ".status.accounts.total"
    ),
    printcolumn(
        name = "Waiting",
        type_ = "integer",
        json_path = ".status.accounts.waitingForUser"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Project",
        type_ = "string",
        json_path = ".status.projectID",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.aliasPrefix) == has(oldSelf.aliasPrefix) && (!has(self.aliasPrefix) || self.aliasPrefix == oldSelf.aliasPrefix)")
        .message("aliasPrefix is immutable: it is a part of the name of every account; make a new project")
        .field_path(".aliasPrefix").reason(Reason::FieldValueForbidden)
)]
pub struct ClusterComposioProjectSpec {
    /// The Secret, in the operator's namespace for cluster resources, that holds the project's API key. It is read
    /// by name, every minute, and at once when Composio rejects the key.
    pub api_key_secret_ref: ApiKeySecretRef,

    /// Where Composio is; a path is kept. It must be on the operator's list of allowed base URLs.
    #[serde(default = "default_base_url", rename = "baseURL")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(r"self.matches(r'^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$') && !self.contains('..')").message("baseURL must be a URL such as https://backend.composio.dev: scheme, host, perhaps a port and a path, and nothing else"))]
    pub base_url: String,

    /// Put before every computed alias: keeps clusters apart that share a project. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("aliasPrefix may hold letters, digits, '_' and '-'"))]
    pub alias_prefix: Option<String>,

    /// A name of your choice for the organisation that the project belongs to. Projects with the same name here share
    /// its rate limit, as do projects that belong to one organisation according to Composio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')").message("organization may hold letters, digits, '.', '_' and '-', a letter or digit at both ends"))]
    pub organization: Option<String>,

    /// How often changes are listed, such as `30s`. Absent: `--poll-interval`, or `5m` after an hour without changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("pollInterval must be a time such as 30s or 1m30s, at least 10s and at most 24h"))]
    pub poll_interval: Option<String>,

    /// How often the operator reads every recorded account, such as `10m`. Absent: `--resync-interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("resyncInterval must be a time such as 10m, at least 10s and at most 24h"))]
    pub resync_interval: Option<String>,

    /// What those who refer to the project may ask for: one entry must allow the whole request. `- {}` allows every
    /// namespace any user and toolkit, but accounts from a sign-in only, shared with named users only, and no taking
    /// over.
    #[schemars(length(max = 32))]
    pub allow: Vec<Allow>,

    /// Ask Composio nothing, and change nothing: the accounts of the project stay as they are.
    #[serde(default)]
    pub suspend: bool,
}
