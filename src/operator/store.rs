//! The objects as the watch has them, packed, and the index of which of them may mean which account. A store
//! belongs to one project: all of its objects have their accounts there.

mod objects;
mod packed;

pub(crate) use objects::summary;
pub use objects::{ObjectCounts, Objects, WatchDelta};
#[cfg(test)]
pub(crate) use packed::DECODED;
pub use packed::{PackedObject, Summary};
