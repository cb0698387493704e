//! Connected accounts: what is asked, how it reads on the wire, and what comes back, an idea a file.

mod change;
mod end;
mod make;
mod read;

pub use change::{PatchRequest, Patched, Refreshed, SharingPatch};
pub use end::{Deleted, Revoked};
pub use make::{CreateRequest, Created, LinkRequest, Linked};
pub use read::{ListQuery, OrderBy, Page};

/// The path of the collection.
const ACCOUNTS: &str = "/api/v3.1/connected_accounts";
