//! Refusals in Composio's error form.
//!
//! The messages, slugs and codes that are documented or were seen are used as they are: the alias
//! rule, the 401, missing fields, the reasons of the revoke endpoint, the retirement of managed OAuth
//! on POST and the sharing list of a PRIVATE account, whose two texts Composio's own SDKs compare. The
//! others are made up in the same manner, so no client should compare them.

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: u32,
    slug: &'static str,
    message: String,
    suggested_fix: Option<String>,
    errors: Vec<String>,
}

impl Refusal {
    fn new(status: u16, code: u32, slug: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            slug,
            message: message.into(),
            suggested_fix: None,
            errors: Vec::new(),
        }
    }

    fn fix(mut self, text: impl Into<String>) -> Self {
        self.suggested_fix = Some(text.into());
        self
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, 10401, "HTTP_Unauthorized", "Invalid API key")
            .fix("Check the x-api-key header, and the permissions of the key.")
    }

    /// A user's key where a project's is wanted.
    pub(super) fn key_of_a_user() -> Self {
        Self::new(
            401,
            10401,
            "HTTP_Unauthorized",
            "Invalid API key: this is a user API key",
        )
        .fix("Send a key that begins with uak_ as x-user-api-key, or a project API key as x-api-key.")
    }

    /// The key is not good from this address.
    pub(super) fn address_refused() -> Self {
        Self::new(401, 10401, "HTTP_Unauthorized", "Invalid API key").fix(
            "The IP address 203.0.113.7 is not on the allowlist of this API key. Add it, or call from another one.",
        )
    }

    /// The edge counts by address, and knows no organisation.
    pub(super) fn edge_limit() -> Self {
        Self::new(429, 10429, "HTTP_TooManyRequests", "Too many requests")
    }

    /// The body is not what the endpoint takes.
    pub(super) fn validation(error: impl Into<String>) -> Self {
        let error = error.into();
        let mut refusal = Self::new(
            400,
            10400,
            "Request_ValidationError",
            format!("Validation error while processing request: {error}"),
        );
        refusal.errors.push(error);
        refusal
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, 600, "ConnectedAccount_BadRequest", message)
    }

    /// The toolkit cannot do without these fields.
    pub(super) fn missing_fields(message: impl Into<String>) -> Self {
        Self::new(400, 612, "ConnectedAccount_MissingRequiredFields", message)
    }

    pub(super) fn alias_in_use(alias: &str) -> Self {
        Self::bad_request(format!(
            "Alias \"{alias}\" is already in use by another connection for this entity"
        ))
    }

    pub(super) fn managed_oauth() -> Self {
        Self::bad_request(
            "Creating connections on this endpoint for Composio-managed OAuth auth configs is no longer supported. \
             Use POST /api/v3/connected_accounts/link instead.",
        )
    }

    pub(super) fn account_not_found(id: &str) -> Self {
        Self::new(
            404,
            1810,
            "ConnectedAccount_ResourceNotFound",
            format!("Connected account {id} not found"),
        )
    }

    pub(super) fn auth_config_not_found(id: &str) -> Self {
        Self::new(
            404,
            607,
            "Auth_Config_NotFound",
            format!("Auth config {id} not found"),
        )
    }

    pub(super) fn no_such_endpoint(method: &str, path: &str) -> Self {
        Self::new(
            404,
            10404,
            "HTTP_NotFound",
            format!("Cannot {method} {path}"),
        )
    }

    pub(super) fn no_such_session() -> Self {
        Self::new(
            404,
            1810,
            "ConnectedAccount_ResourceNotFound",
            "Auth session not found, used before or expired",
        )
    }

    pub(super) fn not_revokable(state: &str) -> Self {
        Self::new(
            409,
            1812,
            "ConnectedAccount_Conflict",
            format!(
                "Connection is not in a revokable state (status {state}); only ACTIVE and REVOKED are"
            ),
        )
    }

    pub(super) fn subscribed_already() -> Self {
        Self::new(
            409,
            1902,
            "WebhookSubscription_Conflict",
            "This project has a webhook subscription already: a project has one",
        )
    }

    pub(super) fn no_such_subscription(id: &str) -> Self {
        Self::new(
            404,
            1901,
            "WebhookSubscription_NotFound",
            format!("Webhook subscription {id} not found"),
        )
    }

    pub(super) fn not_supported(scheme: &str) -> Self {
        Self::new(
            501,
            1814,
            "ConnectedAccount_NotImplemented",
            format!("Not supported for auth scheme {scheme}"),
        )
    }

    pub(super) fn revoke_failed() -> Self {
        Self::new(
            500,
            1813,
            "ConnectedAccount_RevokeFailed",
            "All upstream revocation calls failed",
        )
    }

    /// What Composio says with a status of its own accord, for failures on demand.
    pub(super) fn of_status(status: u16) -> Self {
        let (code, slug, message) = match status {
            400 => (600, "ConnectedAccount_BadRequest", "Bad request"),
            401 => return Self::unauthorized(),
            403 => (
                10403,
                "HTTP_Forbidden",
                "You do not have access to this resource",
            ),
            404 => (
                1810,
                "ConnectedAccount_ResourceNotFound",
                "Connected account not found",
            ),
            409 => (
                1812,
                "ConnectedAccount_Conflict",
                "The request conflicts with another",
            ),
            410 => (10410, "HTTP_Gone", "This endpoint is no longer served"),
            422 => (
                10422,
                "HTTP_UnprocessableEntity",
                "The request was valid but cannot be processed",
            ),
            501 => (1814, "ConnectedAccount_NotImplemented", "Not implemented"),
            503 => (10503, "HTTP_ServiceUnavailable", "Service unavailable"),
            _ if status < 500 => (10400, "HTTP_ClientError", "The request was refused"),
            _ => (10500, "HTTP_InternalServerError", "Something went wrong"),
        };
        Self::new(status, code, slug, message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "code": self.code,
            "slug": self.slug,
            "status": self.status,
            "request_id": request_id,
        });
        if let Some(fix) = &self.suggested_fix {
            error["suggested_fix"] = json!(fix);
        }
        if !self.errors.is_empty() {
            error["errors"] = json!(self.errors);
        }
        json!({"error": error})
    }
}
