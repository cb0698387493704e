//! Refusals in Composio's error form.
//!
//! The messages and slugs that are documented are used as they are: the alias rule, the 401, the
//! reasons of the revoke endpoint, the retirement of managed OAuth on POST. The others are made up
//! in the same manner, so no client should compare them.

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
        Self::new(400, 1811, "ConnectedAccount_BadRequest", message)
    }

    pub(super) fn alias_in_use(alias: &str) -> Self {
        Self::bad_request(format!(
            "Alias \"{alias}\" is already in use by another connection for this entity"
        ))
    }

    pub(super) fn managed_oauth() -> Self {
        Self::bad_request(
            "Composio-managed auth configs on redirect schemes can no longer be connected here: \
             use /connected_accounts/link",
        )
        .fix("Use POST /api/v3.1/connected_accounts/link instead.")
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
            400 => (1811, "ConnectedAccount_BadRequest", "Bad request"),
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
