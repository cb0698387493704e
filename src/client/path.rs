//! Paths and queries: what of them comes from a user is percent-encoded.

/// Query parameters in the order they were given; a list is a repeated name.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        percent_encode(value, &mut self.0);
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
    let mut encoded = String::new();
    percent_encode(id, &mut encoded);
    Some(encoded)
}

/// Everything but RFC 3986's unreserved characters.
fn percent_encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
