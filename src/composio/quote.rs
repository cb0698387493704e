//! Text that somebody else wrote, made fit to be shown.

use std::fmt;

use super::model::Sensitive;

/// How much of a foreign text is shown.
const LIMIT: usize = 256;

/// A foreign text, kept as sent so that a secret in it can still be recognised. Debug and Display
/// show it cut, on one line and without control characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote(String);

impl Quote {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Fit to be shown, and without these values.
    pub(super) fn without(&self, secrets: &[Sensitive]) -> String {
        // Redacted before it is cut: the cut could leave half a secret, which no longer matches.
        shown(&redacted(&self.0, secrets))
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&shown(&self.0), f)
    }
}

fn redacted(text: &str, secrets: &[Sensitive]) -> String {
    // As sent, without the line end that a file brings, and as JSON writes it.
    let mut needles: Vec<String> = secrets
        .iter()
        .flat_map(|secret| {
            let value = secret.expose();
            let json = serde_json::Value::from(value).to_string();
            [
                value.to_owned(),
                value.trim().to_owned(),
                json.trim_matches('"').to_owned(),
            ]
        })
        .filter(|needle| !needle.is_empty())
        .collect();
    // Longest first: a short one may be part of a longer one.
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    needles.iter().fold(text.to_owned(), |text, needle| {
        text.replace(needle, "[redacted]")
    })
}

fn shown(text: &str) -> String {
    let mut cut = String::new();
    for (count, character) in text.trim().chars().enumerate() {
        if count == LIMIT {
            cut.push('…');
            break;
        }
        cut.push(if character.is_whitespace() {
            ' '
        } else if unfit(character) {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        });
    }
    cut
}

/// Control characters (terminal escapes begin with one), and what is invisible or turns the
/// direction of the text around it.
fn unfit(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}
