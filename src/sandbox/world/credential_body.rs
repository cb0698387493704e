//! `state: {authScheme, val}` as clients send it.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::scheme::Scheme;

/// Credentials in a request.
#[derive(Deserialize)]
pub(super) struct StateBody {
    #[serde(rename = "authScheme")]
    pub(super) scheme: String,
    #[serde(default)]
    val: Map<String, Value>,
}

/// The fields of a PATCH of credentials, as the clients' types name them.
const PATCHABLE: [&str; 16] = [
    "token",
    "api_key",
    "api_key_prefix",
    "application_id",
    "basic_encoded",
    "bearer_token",
    "credentials_json",
    "generic_api_key",
    "generic_id",
    "generic_secret",
    "generic_token",
    "installation_id",
    "password",
    "private_key",
    "user_agent",
    "username",
];

/// Field by field: a new value, or `None` to remove it.
pub(super) type Changes = Vec<(String, Option<String>)>;

impl StateBody {
    pub(super) fn of(scheme: Scheme, val: Map<String, Value>) -> Self {
        Self {
            scheme: scheme.word().to_owned(),
            val,
        }
    }

    /// Refuses credentials of another scheme than the auth config's.
    pub(super) fn must_be(&self, scheme: Scheme) -> Result<(), Refusal> {
        if self.scheme == scheme.word() {
            return Ok(());
        }
        Err(Refusal::bad_request(format!(
            "Auth scheme mismatch: the auth config uses {}, the request {}",
            scheme.word(),
            self.scheme
        )))
    }

    /// The `status` inside `val`.
    pub(super) fn status(&self) -> Option<&str> {
        self.val.get("status").and_then(Value::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.val.get(name).is_some_and(|value| !value.is_null())
    }

    /// Refuses fields which the clients' types do not name.
    pub(super) fn must_be_known(&self) -> Result<(), Refusal> {
        let unknown = |name: &&String| *name != "status" && !PATCHABLE.contains(&name.as_str());
        match self.val.keys().find(unknown) {
            None => Ok(()),
            Some(name) => Err(Refusal::validation(format!(
                "connection.state.val: unknown field {name}"
            ))),
        }
    }

    pub(super) fn changes(&self) -> Changes {
        self.val
            .iter()
            .filter(|(name, _)| name.as_str() != "status")
            .map(|(name, value)| {
                let value = match value {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other @ (Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_)) => Some(other.to_string()),
                };
                (name.clone(), value)
            })
            .collect()
    }
}

/// Reads a body; a wrong one is a 400 that tells what is wrong.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::validation(error.to_string()))
}

/// As [`parse`], but a body may be absent.
pub(super) fn parse_optional<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Refusal> {
    if body.is_empty() {
        return Ok(T::default());
    }
    parse(body)
}
