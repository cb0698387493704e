//! Text that somebody else wrote, kept as sent until it is shown.

use std::fmt;

use super::model::{Sensitive, cut_foreign_text, without};
use crate::text;

/// The longest id or name of Composio's own, such as a slug or a request id.
const MAX_ID: usize = 128;

/// A foreign sentence, its first few kilobytes kept as sent so that a secret in it can still be recognised. Debug and
/// Display show what [`text::sentence`] leaves of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote(String);

impl Quote {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(cut_foreign_text(text.into()))
    }

    /// How much is kept of it.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.0.len()
    }

    /// Fit to be shown, and without these values.
    pub(super) fn without(&self, secrets: &[Sensitive]) -> String {
        // Redacted before it is cut: the cut could leave half a secret, which no longer matches.
        text::sentence(&without(&self.0, secrets))
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::sentence(&self.0))
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&text::sentence(&self.0), f)
    }
}

/// An id or a name of Composio's own, which may look like a token and is none.
pub(super) fn sanitize_id(text: &str) -> String {
    text::sanitize_line(text, MAX_ID)
}
