//! What Composio answers to an effect: ids, states and addresses, never a credential.

use jiff::Timestamp;

use super::model::{Account, SensitiveUrl, State};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for. Rows without id, toolkit, auth config or status are left out.
    pub items: Vec<Account>,
    /// `None` on the last page.
    pub next_cursor: Option<String>,
    /// `total_items`: how many rows all pages have, if the answer tells.
    pub total: Option<u64>,
    /// How many rows were left out.
    pub left_out: usize,
    /// The length of the answer.
    pub bytes: usize,
}

/// A hosted sign-in that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// `ca_…` of the new account.
    pub id: String,
    /// Where the person signs in.
    pub redirect_url: SensitiveUrl,
    /// By Composio's clock; `None` when the answer held no time that can be read. A link lives ten
    /// minutes.
    pub expires_at: Option<Timestamp>,
}

/// An account made from credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// `ca_…`.
    pub id: String,
    /// `None` when the answer named none.
    pub state: Option<State>,
}

/// The account after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patched {
    /// `None` when the answer named none.
    pub state: Option<State>,
}

/// Authentication started again on the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// `None` when the answer named none.
    pub state: Option<State>,
    /// Where the person signs in; `None` for a scheme that needs nobody.
    pub redirect_url: Option<SensitiveUrl>,
}

/// A grant that was revoked at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What was revoked, in Composio's words (`access_token`); empty: it was revoked already.
    pub tokens: Vec<String>,
    /// `None` when the answer named none.
    pub state: Option<State>,
}

/// An account that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The background revocation that was started, if one was. It cannot be asked about.
    pub revoke_job: Option<String>,
}
