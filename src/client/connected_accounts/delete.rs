//! Deleting accounts, and revoking their grants.

use http::StatusCode;
use serde::Deserialize;

use super::ACCOUNTS;
use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    model::State,
    request::ApiRequest,
    wire::{StatusWire, Texts, effect, object, texts},
};

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

impl Client {
    /// Revokes the grant at the provider. Only an ACTIVE or REVOKED account can be.
    pub async fn revoke(&self, id: &str) -> Result<Revoked, Error> {
        let request = ApiRequest::by_id(Endpoint::Revoke, ACCOUNTS, id, "/revoke")?;
        self.send(request, revoked).await
    }

    /// Deletes the account; with `revoke_on_delete` Composio also tries to revoke its grant, and
    /// never tells whether it could.
    pub async fn delete(&self, id: &str, revoke_on_delete: bool) -> Result<Deleted, Error> {
        // In words, both: what Composio does by default may come to change.
        let query = if revoke_on_delete {
            "?revoke_on_delete=true"
        } else {
            "?revoke_on_delete=false"
        };
        let request = ApiRequest::by_id(Endpoint::Delete, ACCOUNTS, id, query)?;
        self.send(request, deleted).await
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevokeWire {
    revoked_tokens: Texts,
    connected_account: Lenient<StatusWire>,
}

objects!(RevokeWire);

fn revoked(_: StatusCode, body: &[u8]) -> Result<Revoked, String> {
    let RevokeWire {
        revoked_tokens,
        connected_account,
    } = object(body)?;
    Ok(Revoked {
        tokens: texts(revoked_tokens),
        state: connected_account.0.unwrap_or_default().status.state(),
    })
}

fn deleted(status: StatusCode, body: &[u8]) -> Result<Deleted, String> {
    effect(status, body).map(|effect| Deleted {
        revoke_job: effect.revoke_job_id.id(),
    })
}
