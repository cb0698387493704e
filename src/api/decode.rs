//! Decodes JSON field by field: what a later version, another definition or a person has written in
//! another form is left out, and everything else is kept.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

/// What could be decoded of a JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<T> {
    /// The value. A field that was left out is as if it had never been written.
    pub value: T,
    /// The fields that were left out because they cannot be decoded, or are required and not there: paths
    /// from the root, which is the empty one. A path has names of fields of `T` in it, and never what
    /// somebody has written.
    pub left_out: Vec<String>,
}

/// The members of an object, not looked at yet.
type Members = BTreeMap<String, Box<RawValue>>;

/// Decodes an object. Where that cannot be done as a whole, each field is decoded for itself, and of a list
/// each item.
pub fn decode<T: Default + Serialize + DeserializeOwned>(json: &str) -> Decoded<T> {
    // Serde would take a list for the fields in their order.
    let is_object = json.trim_start().starts_with('{');
    if is_object && let Ok(value) = serde_json::from_str(json) {
        return Decoded {
            value,
            left_out: Vec::new(),
        };
    }
    match serde_json::from_str(json) {
        Ok(members) if is_object => by_field(members),
        Ok(_) | Err(_) => Decoded {
            value: T::default(),
            left_out: vec![String::new()],
        },
    }
}

fn by_field<T: Default + Serialize + DeserializeOwned>(given: Members) -> Decoded<T> {
    // With them each other field can be tried for itself.
    let mut taken = required::<T>();
    let mut left_out: Vec<String> = taken
        .keys()
        .filter(|name| !given.contains_key(*name))
        .cloned()
        .collect();
    for (name, value) in given {
        let items = serde_json::from_str::<Vec<Box<RawValue>>>(value.get());
        let required = taken.insert(name.clone(), value);
        if as_whole::<T>(&taken).is_some() {
            continue;
        }
        let items = items
            .ok()
            .and_then(|items| by_item::<T>(&mut taken, &name, items));
        if let Some(items) = items {
            left_out.extend(items.into_iter().map(|at| format!("{name}[{at}]")));
            continue;
        }
        taken.remove(&name);
        taken.extend(required.map(|value| (name.clone(), value)));
        left_out.push(name);
    }
    Decoded {
        value: as_whole(&taken).unwrap_or_default(),
        left_out,
    }
}

/// Takes of a list the items that can be decoded; where the others are, or nothing if it is no list that
/// was to stand there.
fn by_item<T: DeserializeOwned>(
    taken: &mut Members,
    name: &str,
    items: Vec<Box<RawValue>>,
) -> Option<Vec<usize>> {
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    taken.insert(name.to_owned(), to_raw_value(&kept).ok()?);
    as_whole::<T>(taken)?;
    for (at, item) in items.into_iter().enumerate() {
        kept.push(item);
        taken.insert(name.to_owned(), to_raw_value(&kept).ok()?);
        if as_whole::<T>(taken).is_none() {
            kept.pop();
            left_out.push(at);
        }
    }
    taken.insert(name.to_owned(), to_raw_value(&kept).ok()?);
    Some(left_out)
}

/// The members without which nothing can be decoded, as they are by default.
fn required<T: Default + Serialize + DeserializeOwned>() -> Members {
    let default = serde_json::to_string(&T::default());
    let all: Members = default
        .and_then(|json| serde_json::from_str(&json))
        .unwrap_or_default();
    let is_required = |name: &String| {
        let mut others = all.clone();
        others.remove(name);
        as_whole::<T>(&others).is_none()
    };
    let names: Vec<String> = all
        .keys()
        .filter(|name| is_required(name))
        .cloned()
        .collect();
    all.into_iter()
        .filter(|(name, _)| names.contains(name))
        .collect()
}

fn as_whole<T: DeserializeOwned>(members: &Members) -> Option<T> {
    let json = serde_json::to_string(members).ok()?;
    serde_json::from_str(&json).ok()
}

#[cfg(test)]
mod tests;
