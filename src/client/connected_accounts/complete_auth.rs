//! Telling Composio whose sign-in it was, where the project verifies that.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::ACCOUNTS;
use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::objects,
    model::Sensitive,
    request::ApiRequest,
    wire::{Text, object},
};

/// A sign-in that Composio took for that of the user who was named: the account is ACTIVE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedAuth {
    /// The account that was signed in to, `ca_…`; `None` when the answer named none.
    pub account: Option<String>,
}

impl Client {
    /// Says that the sign-in of that session was the user's. A session can be redeemed once, within ten minutes, and is
    /// used up by a refusal too. The session opens an account: like a Secret's value it is repeated by no error.
    ///
    /// # Errors
    /// 400: the account is another user's, and has FAILED for good. 404: no such session, or it was used, or is over, or
    /// it is another project's.
    pub async fn complete_auth(
        &self,
        session_uri: &Sensitive,
        user: &str,
    ) -> Result<CompletedAuth, Error> {
        let request = ApiRequest::new(Endpoint::CompleteAuth, format!("{ACCOUNTS}/complete_auth"))
            .json(&json!({"session_uri": session_uri.expose(), "user_id": user}))
            .secret(true);
        self.send(request, completed).await
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompletedWire {
    connected_account_id: Text,
}

objects!(CompletedWire);

fn completed(_: StatusCode, body: &[u8]) -> Result<CompletedAuth, String> {
    let CompletedWire {
        connected_account_id,
    } = object(body)?;
    Ok(CompletedAuth {
        account: connected_account_id.id(),
    })
}
