//! Paths and queries: what of them comes from a user is percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Query parameters in the order they were given; a list is a repeated name.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, RESERVED));
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id as one path segment. `None` for what would name another path: an empty id is the list's
/// address, and a dot segment is taken away by every URL parser, percent-encoded or not.
pub(super) fn segment(id: &str) -> Option<String> {
    if matches!(id, "" | "." | "..") {
        return None;
    }
    Some(utf8_percent_encode(id, RESERVED).to_string())
}
