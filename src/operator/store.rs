//! The objects as the watch has them: a summary of each, the text of those that wait for a pass, and for each project
//! the index of which of them may mean which account.

mod all;
mod cluster;
mod named;
mod objects;
mod packed;
mod requests;
mod watched;

pub use all::AllObjects;
pub(crate) use cluster::NamespaceChange;
pub(crate) use named::{Name, Named};
pub(crate) use objects::Conclusion;
pub use objects::{ObjectCounts, Objects, WatchDelta, WordCounts};
#[cfg(test)]
pub(crate) use packed::DECODED;
pub(crate) use packed::FINGERPRINTS;
pub use packed::{PackedObject, Recorded, StoredSummary, Summary, Told};
pub use requests::ConnectRequests;
pub(crate) use requests::StoredRequest;
