//! The objects as the watch has them, packed, and for each project the index of which of them may mean which
//! account.

mod all;
mod cluster;
mod objects;
mod packed;
mod requests;

pub use all::AllObjects;
pub(crate) use cluster::NamespaceChange;
pub(crate) use objects::summary;
pub use objects::{ObjectCounts, Objects, WatchDelta};
#[cfg(test)]
pub(crate) use packed::DECODED;
pub use packed::{PackedObject, Summary};
pub use requests::ConnectRequests;
pub(crate) use requests::StoredRequest;
