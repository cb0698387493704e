//! Composio's API for connected accounts: one method of [`Client`] an endpoint, all of them through one
//! function value ([`Transport`]), so that a test can put an emulated Composio there instead of the network.
//!
//! Each group of endpoints has a file: what is asked, how it reads on the wire, and what comes back.
//!
//! Nothing is retried here, and nothing that Composio sends is held but what [`model`] and the
//! answers name: `state`, `data` and tokens have no field to go to.

use std::{fmt, sync::Arc};

mod auth_configs;
pub mod budget;
mod call;
mod connected_accounts;
pub mod error;
pub mod http;
mod lenient;
pub mod model;
mod pages;
mod path;
mod quote;
mod refusal;
mod request;
mod session;
#[cfg(test)]
mod tests;
pub mod text;
mod webhooks;
mod wire;

pub use budget::{Budget, Caller, Urgency};
pub use call::{Call, Class, Deprecation, Endpoint, RateLimit};
pub use connected_accounts::{
    CompletedAuth, CreateRequest, Created, Deleted, LinkRequest, Linked, ListQuery, OrderBy, Page,
    PatchRequest, Patched, Refreshed, Revoked, SharingPatch,
};
pub use error::{Error, Kind, Refusal, Retry};
pub use http::{ConfigError, HttpClient, HttpConfig, SendError, Transport};
pub use model::{
    Account, Acl, AuthConfig, Credentials, Sensitive, SensitiveUrl, State, Visibility,
};
pub use pages::{Listing, Pages};
pub use quote::Quote;
pub use session::SessionInfo;
pub use webhooks::{NewWebhookSubscription, WebhookSubscription};

/// Called after each call that was sent, also after one that failed.
pub type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

/// One Composio project. Cheap to clone.
///
/// # Errors
/// Every call fails with an [`Error`] that says what was asked, what came back and when to try again;
/// nothing is tried again here.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    observer: Observer,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// A client that sends through `transport` and tells `observer` of each call.
    pub fn new(transport: Transport, observer: Observer) -> Self {
        Self {
            transport,
            observer,
        }
    }

    /// The same client, which tells `observer` of each call too.
    pub fn also_observed(&self, observer: Observer) -> Self {
        let former = Arc::clone(&self.observer);
        Self {
            transport: Arc::clone(&self.transport),
            observer: Arc::new(move |call| {
                former(call);
                observer(call);
            }),
        }
    }
}
