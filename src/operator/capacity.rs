//! Maps that are large after a burst, and nearly empty at rest.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

/// Gives the room of a map back once it holds an eighth of that. It does not shrink below a capacity of `least`.
pub(crate) fn shrink<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>, least: usize) {
    if map.capacity() > 8 * map.len().max(least) {
        map.shrink_to(2 * map.len());
    }
}
