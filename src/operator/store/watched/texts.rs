//! The texts of objects until they have had their passes. After a start that is every object: those of a list are
//! compressed, each by itself, because they resemble each other.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// The texts of a list are kept in pieces of this size, which the system takes back as a whole once all objects of one
/// have had their passes: between the summaries they would leave gaps that are too small to be given back.
const CHUNK: usize = 1024 * 1024;

/// So much of the first text is what the others are compared with: a status, at the end, is most of it.
const PATTERN: usize = 4 * 1024;

/// What the texts of a list are compared with: the end of the first of them.
type Pattern = Box<[u8]>;

/// The text of an object.
pub(super) enum Text {
    /// As it is.
    Plain(Box<[u8]>),
    /// Shortened by what it has in common with another one.
    Compressed { text: Bytes, pattern: Arc<Pattern> },
}

/// Where the texts of a list go.
#[derive(Default)]
pub(super) struct ListTexts {
    pattern: Option<Arc<Pattern>>,
    chunk: BytesMut,
}

impl Text {
    pub(super) fn of(text: &[u8]) -> Self {
        Self::Plain(text.into())
    }

    /// How many bytes it takes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Compressed { text, .. } => text.len(),
        }
    }

    /// The text; `None` where it cannot be read, which nothing that was compressed here has a reason for.
    pub(super) fn read(&self) -> Option<Box<[u8]>> {
        match self {
            Self::Plain(text) => Some(text.clone()),
            Self::Compressed { text, pattern } => {
                let text = decompress_size_prepended_with_dict(text, pattern);
                text.ok().map(Vec::into_boxed_slice)
            }
        }
    }
}

impl ListTexts {
    /// Takes in the next one.
    pub(super) fn put(&mut self, text: &[u8]) -> Text {
        let pattern = self.pattern.get_or_insert_with(|| {
            let begin = text.len().saturating_sub(PATTERN);
            Arc::new(text[begin..].into())
        });
        let compressed = compress_prepend_size_with_dict(text, pattern);
        if self.chunk.capacity() < compressed.len() {
            self.chunk = BytesMut::with_capacity(CHUNK.max(compressed.len()));
        }
        self.chunk.extend_from_slice(&compressed);
        Text::Compressed {
            text: self.chunk.split().freeze(),
            pattern: Arc::clone(pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_and_one_of_many_takes_a_third() {
        let object = |n: usize| {
            json!({
                "metadata": {"generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {
                    "composio.dev/alias": format!("{{\"alias\":\"team-mail-{n}-{:08x}\"}}", n * 0x9e37_79b9 % 0xffff_ffff),
                }},
                "spec": {"user": format!("user-{n}"), "toolkit": "gmail", "enabled": true, "visibility": "Private"},
                "status": {"conditions": [
                    {"type": "Ready", "status": "True", "reason": "Connected", "message": "The account is active.",
                     "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1},
                    {"type": "Synced", "status": "True", "reason": "Connected", "message": "All is as declared.",
                     "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1},
                ]},
            })
            .to_string()
        };
        let mut texts = ListTexts::default();
        let odd = [String::new(), "x".to_owned(), "y".repeat(3 * CHUNK)];
        let all: Vec<String> = (0..5_000).map(object).chain(odd).collect();
        let kept: Vec<Text> = all.iter().map(|text| texts.put(text.as_bytes())).collect();
        for (text, kept) in all.iter().zip(&kept) {
            assert_eq!(kept.read().as_deref(), Some(text.as_bytes()));
        }
        let (before, after): (usize, usize) = (
            all[..5_000].iter().map(String::len).sum(),
            kept[..5_000].iter().map(Text::size).sum(),
        );
        assert!(after * 3 <= before, "{after} of {before} bytes");
        assert!(size_of::<Text>() <= 5 * size_of::<usize>());
        let mut of_large = ListTexts::default();
        for text in ["z".repeat(3 * CHUNK), "zz".to_owned()] {
            let kept = of_large.put(text.as_bytes());
            assert_eq!(kept.read().as_deref(), Some(text.as_bytes()));
            let pattern = of_large.pattern.as_ref().expect("it has had a text");
            assert_eq!(pattern.len(), PATTERN);
        }
        let plain = Text::of(b"as it is");
        assert_eq!(plain.read().as_deref(), Some(&b"as it is"[..]));
    }
}
