//! Connected accounts: requests, how they read on the wire, and answers, a file for each kind of call.

mod complete_auth;
mod create;
mod delete;
mod list;
mod update;

pub use complete_auth::CompletedAuth;
pub use create::{CreateRequest, Created, LinkRequest, Linked};
pub use delete::{Deleted, Revoked};
pub use list::{ListQuery, OrderBy, Page};
pub use update::{PatchRequest, Patched, Refreshed, SharingPatch};

/// The path of the collection.
const ACCOUNTS: &str = "/api/v3.1/connected_accounts";
