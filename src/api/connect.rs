//! How a person comes to a connect link: when one is made, the page that asks for it, and how the sign-in ended.
//! Data only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::ConnectRequestKind;

/// A person makes every address of an object's page that is out worthless by giving this annotation a new value.
pub const CONNECT_EPOCH_ANNOTATION: &str = "composio.dev/connect-epoch";

/// When a connect link is made.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum LinkPolicy {
    OnDemand,
    Immediate,
}

/// The page on which the person asks for a link. Debug does not show its address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectPage {
    /// Send it to the declared user only: without an authenticating proxy, whoever has it may sign in.
    pub url: String,
    /// Until when the address is good; the next one stands here before. Absent: it holds no token, and does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl std::fmt::Debug for ConnectPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectPage")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The ConnectRequest that a link was made for.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LinkRequestedBy {
    /// Its `metadata.uid`.
    pub uid: String,
    /// The browser that asked, as the request named it; absent: it was not the page that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
}

/// The last ConnectRequest that was handled. The request itself is deleted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HandledConnectRequest {
    /// Its `metadata.uid`.
    pub uid: String,
    /// What it asked for: `Link`, `StartOver`, `Returned`, `Look` or `CompleteAuth`, as its `spec.kind` said.
    pub kind: ConnectRequestKind,
    /// What came of it: `LinkIssued`, a new link; `LinkReused`, the one that can still be used; `NotNeeded`, the
    /// account has a grant already, or no person signs in to it; `Looked`, a fresh look was taken; `Completed`, Composio
    /// was told whose sign-in it was, and took it; `Refused`, the condition Ready, or an event, says why.
    pub outcome: ConnectRequestOutcome,
}

/// What came of a ConnectRequest.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum ConnectRequestOutcome {
    LinkIssued,
    LinkReused,
    NotNeeded,
    Looked,
    Completed,
    Refused,
}

/// How the last sign-in through a link of the page went.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// `metadata.uid` of the ConnectRequest whose link was used; empty: the link was made for none.
    pub request: String,
    /// The browser that had asked for the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// In which browser it was finished: `Same`, in the one that had asked; `Another`, in another one, so that another
    /// person may have signed in. Absent: nobody came back to the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_in: Option<FinishedIn>,
    /// Until when the person must have come back to the page in the browser that had asked, where the project demands
    /// it (`signIn: Bound`); after that the account is disabled, until a new sign-in. Absent: nobody must, or they are
    /// back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_by: Option<Time>,
    /// The host of `spec.callbackUrl` to which the page takes the person on without a click, where it has nothing for them to read; absent:
    /// to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_host: Option<String>,
}

/// Whether who signed in is `spec.expectedIdentity`, or whom the project demands. It is judged once a sign-in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IdentityVerdict {
    /// The account that was judged.
    pub account_id: String,
    /// Who was expected then.
    pub expected: String,
    /// `AsExpected`; `AnotherIdentity`, the account is disabled until somebody signs in anew; `NotComparable`, the toolkit
    /// shows something of another kind, such as a name in the place of an address, or the account was connected before an
    /// identity was expected, or not by a link of this object: nothing is concluded; `NotShown`, the project demands
    /// somebody, and the toolkit shows nobody: the account is disabled until it does, or until somebody signs in anew.
    pub verdict: Verdict,
}

/// What was found of who signed in.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum Verdict {
    AsExpected,
    AnotherIdentity,
    NotComparable,
    NotShown,
}

/// In which browser a sign-in was finished.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a description reorders the schema's enum")]
pub enum FinishedIn {
    Same,
    Another,
}
