//! Credentials that a Secret holds, and what became of them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::account::yes;

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
    /// Whether a byte order mark before a value and one line end after it are removed, such as those that an editor or
    /// `echo` adds.
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
    /// The same over the fields that Composio accepts with a new account only.
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
