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
    // With them each other field, and each item of a list, can be tried alone: what somebody has written is
    // parsed a few times, however much it is.
    let required = required::<T>();
    let mut left_out: Vec<String> = required
        .keys()
        .filter(|name| !given.contains_key(*name))
        .cloned()
        .collect();
    let mut taken = required.clone();
    for (name, value) in given {
        if is_decoded::<T>(&required, &name, &value) {
            taken.insert(name, value);
            continue;
        }
        let items = serde_json::from_str::<Vec<Box<RawValue>>>(value.get());
        let items = items
            .ok()
            .and_then(|items| by_item::<T>(&required, &name, items));
        let Some((items, odd)) = items else {
            left_out.push(name);
            continue;
        };
        left_out.extend(odd.into_iter().map(|at| format!("{name}[{at}]")));
        taken.insert(name, items);
    }
    Decoded {
        value: as_whole(&taken).unwrap_or_default(),
        left_out,
    }
}

/// The items of a list that can be decoded, and where the others are; nothing if it is no list that was to stand
/// there.
fn by_item<T: DeserializeOwned>(
    required: &Members,
    name: &str,
    items: Vec<Box<RawValue>>,
) -> Option<(Box<RawValue>, Vec<usize>)> {
    let list = |items: &[Box<RawValue>]| to_raw_value(items).ok();
    let is_right = |items: &[Box<RawValue>]| {
        list(items).is_some_and(|list| is_decoded::<T>(required, name, &list))
    };
    if !is_right(&[]) {
        return None;
    }
    let mut right = Vec::new();
    let mut odd = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let item = [item];
        if is_right(&item) {
            right.extend(item);
        } else {
            odd.push(at);
        }
    }
    Some((list(&right)?, odd))
}

/// Whether a member can be decoded beside those that are required.
fn is_decoded<T: DeserializeOwned>(required: &Members, name: &str, value: &RawValue) -> bool {
    let mut members = required.clone();
    members.insert(name.to_owned(), value.to_owned());
    as_whole::<T>(&members).is_some()
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
    #[cfg(test)]
    PARSED.with(|parsed| parsed.set(parsed.get() + json.len()));
    serde_json::from_str(&json).ok()
}

#[cfg(test)]
thread_local! {
    /// How many bytes this thread has parsed.
    static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
