//! Bad input and faults: each is told clearly, and nothing is lost by it.

mod account;
mod declaration;
mod project;
mod reach;
mod start;

use serde_json::Value;

use crate::support::story::condition;

/// What a condition of the object says.
fn message<'a>(object: &'a Value, type_: &str) -> &'a str {
    condition(object, type_)["message"]
        .as_str()
        .unwrap_or_default()
}
