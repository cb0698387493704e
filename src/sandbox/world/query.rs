//! The parameters of a query.

use super::Call;
use super::refusal::Refusal;

/// The value of a parameter that is no array.
pub(super) fn one<'a>(call: &'a Call<'_>, name: &str) -> Option<&'a str> {
    call.query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// All values of an array parameter: repeated, `name[]`, or joined by commas.
pub(super) fn many(call: &Call<'_>, name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for (key, value) in &call.query {
        if key.strip_suffix("[]").unwrap_or(key) == name {
            values.push(value.clone());
            if value.contains(',') {
                values.extend(value.split(',').map(|part| part.trim().to_owned()));
            }
        }
    }
    values
}

/// The refusal of a value that is not allowed.
pub(super) fn wrong(name: &str, value: &str) -> Refusal {
    Refusal::validation(format!("query parameter {name}: {value:?} is not allowed"))
}
