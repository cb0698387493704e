//! The `ConnectRequest` custom resource: somebody asks for a connect link, or for a fresh look. Data only.

use std::fmt;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::FinishedIn;

/// A request for a connect link of an account, or for a fresh look at it. It is handled once and then deleted; what
/// came of it stands in the account's `status.lastConnectRequest`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "composio.dev",
    version = "v1alpha1",
    kind = "ConnectRequest",
    plural = "connectrequests",
    shortname = "creq",
    namespaced,
    derive = "PartialEq",
    doc = "A request for a connect link of an account, or for a fresh look at it. It is handled once and then deleted; what came of it stands in the account's `status.lastConnectRequest`.",
    validation = Rule::new("self.metadata.name == self.spec.accountUID + '-' + self.spec.kind.lowerAscii() + (has(self.spec.returned) ? '-' + self.spec.returned.proof : '')")
        .message("the name must be spec.accountUID, '-' and spec.kind in lower case, so that there is one of each kind at a time; for Returned, with '-' and spec.returned.proof")
        .field_path(".spec.accountUID").reason(Reason::FieldValueInvalid),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountName"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Said to be", type_ = "string", json_path = ".spec.requestedBy", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("a request is immutable: make a new one")
        .field_path(".accountName").reason(Reason::FieldValueForbidden),
    validation = Rule::new("(self.kind == 'Returned') == has(self.returned)")
        .message("returned goes together with the kind Returned")
        .field_path(".returned").reason(Reason::FieldValueInvalid),
    validation = Rule::new("(self.kind == 'CompleteAuth') == has(self.session)")
        .message("session goes together with the kind CompleteAuth")
        .field_path(".session").reason(Reason::FieldValueInvalid)
)]
pub struct ConnectRequestSpec {
    /// Name of the ConnectedAccount, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub account_name: String,

    /// Its `metadata.uid`: a request for an object that was made anew under the name counts for nothing.
    #[serde(rename = "accountUID")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9-]+$')").message("accountUID must be the metadata.uid of the account"))]
    pub account_uid: String,

    /// What is asked for: `Link`, a link, where none can be used; `StartOver`, a new one all the same. A link that the page
    /// has just made for a browser is left alone for a minute: what asks from anywhere else waits. `Returned`, a fresh look, since the person came back from the sign-in; `Look`, a fresh look; `CompleteAuth`, that Composio is told
    /// whose sign-in it was, where the project verifies that. None of them touches a grant.
    pub kind: ConnectRequestKind,

    /// Who is said to ask, shown in events. The page alone sets it, and `proof` says that it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    pub requested_by: Option<String>,

    /// Names the browser that asks, and tells nothing of it: SHA-256 of a random cookie, in base64 for URLs. A link
    /// that was made for another browser is not used again. It counts with a valid `proof` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 43, max = 43))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]{43}$')").message("browser must be a SHA-256 in base64 for URLs, without '='"))]
    pub browser: Option<String>,

    /// The page's HMAC over the account's uid, `kind`, `requestedBy` and `browser`, in hexadecimal. Where a project binds
    /// sign-ins to the person (`signIn: Bound`), only what bears it brings a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 32, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-f]{32}$')").message("proof must be 32 hexadecimal digits, in lower case"))]
    pub proof: Option<String>,

    /// What the address that the person came back to said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,

    /// The sign-in that Composio waits to be told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SignInSession>,
}

/// A sign-in that Composio has sent the browser back from, and waits to be told whose it was. It counts only as the page
/// has sealed it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SignInSession {
    /// `metadata.uid` of the ConnectRequest whose link is out.
    #[schemars(length(min = 1, max = 64))]
    pub request: String,
    /// The browser that had asked for the link, and has come back.
    #[schemars(length(min = 43, max = 43))]
    pub browser: String,
    /// Composio's `session_uri`, encrypted under the key that page and operator share, in base64 for URLs. It is bound to
    /// the account's uid, to all of this, and to `requestedBy`.
    #[schemars(length(min = 1, max = 4096))]
    pub sealed: String,
}

/// What the address said that a person came back to from the sign-in. It counts with a valid proof only.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Returned {
    /// `metadata.uid` of the ConnectRequest whose link was used.
    #[schemars(length(min = 1, max = 64))]
    pub request: String,
    /// The browser that had asked for the link.
    #[schemars(length(min = 43, max = 43))]
    pub browser: String,
    /// The page's HMAC over the account's uid and all of this, in hexadecimal. It is part of the request's name, so nobody
    /// can take that name before the page does.
    #[schemars(length(min = 32, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-f]{32}$')").message("proof must be 32 hexadecimal digits, in lower case"))]
    pub proof: String,
    /// In which browser the person came back: `Same`, in the one that had asked; `Another`, in another one, or under
    /// another name.
    pub finished_in: FinishedIn,
}

/// What a ConnectRequest asks for.
#[derive(
    schemars::JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::EnumCount,
)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum ConnectRequestKind {
    Link,
    StartOver,
    Returned,
    Look,
    CompleteAuth,
}

impl ConnectRequestKind {
    /// Each of them.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] = [
        Self::Link,
        Self::StartOver,
        Self::Returned,
        Self::Look,
        Self::CompleteAuth,
    ];

    /// The word in the spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "Link",
            Self::StartOver => "StartOver",
            Self::Returned => "Returned",
            Self::Look => "Look",
            Self::CompleteAuth => "CompleteAuth",
        }
    }
}

impl fmt::Display for ConnectRequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ConnectRequestSpec {
    /// The only name that a request with this spec can have: one of each kind an account, and of returns one for what the
    /// page says of each, which nobody else can foresee.
    pub fn object_name(&self) -> String {
        let name = connect_request_name(&self.account_uid, self.kind);
        match &self.returned {
            Some(returned) => format!("{name}-{}", returned.proof),
            None => name,
        }
    }
}

/// The only name that a request of that kind can have, or what it begins with: see [`ConnectRequestSpec::object_name`].
pub fn connect_request_name(account_uid: &str, kind: ConnectRequestKind) -> String {
    format!("{account_uid}-{}", kind.as_str().to_ascii_lowercase())
}
