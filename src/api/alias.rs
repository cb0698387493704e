//! The alias of an object's account. It is the idempotency key: Composio has none, and keeps no other text
//! of ours.

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// Characters of the readable part.
const READABLE: usize = 40;
/// Bytes of the hash: 80 bits, which are [`SUFFIX`] characters.
const HASH: usize = 10;
/// Characters of the hash in base32.
const SUFFIX: usize = 16;
/// RFC 4648, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The alias of an object that declares none: `<readable>-<hash>`. It is computed from the object's name
/// alone, so an account is found again after everything else was lost.
///
/// # Guarantees
/// - Only letters, digits and `-`, at most 57 characters.
/// - The hash is over prefix, namespace and name with their lengths, so that `dev-` with `agents` is not
///   `dev-agents` without a prefix.
/// - No declared alias has this form: the resource definition refuses those that end in it.
pub fn computed_alias(prefix: &str, namespace: &str, name: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(length_prefixed([prefix, namespace, name]));
    let readable = readable(&format!("{prefix}{namespace}-{name}"));
    format!("{readable}-{}", base32(&hash.finalize()[..HASH]))
}

/// The bytes of all parts, each behind its length, so that no two lists of parts give the same: what is hashed or
/// signed of several texts.
pub fn length_prefixed<'a>(parts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

/// Whether an alias has the form of a computed one, of whichever object. Letter case does not count:
/// Composio may fold it where it compares aliases.
pub fn is_computed_form(alias: &str) -> bool {
    let Some((_, suffix)) = alias.rsplit_once('-') else {
        return false;
    };
    suffix.len() == SUFFIX
        && suffix
            .bytes()
            .all(|byte| BASE32.contains(&byte.to_ascii_lowercase()))
}

fn readable(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9') => plain,
            _ => '-',
        })
        .skip_while(|character| *character == '-')
        .take(READABLE)
        .collect();
    plain.trim_end_matches('-').to_owned()
}

fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1))
        .collect();
    bits.chunks(5)
        .map(|five| {
            let value = five.iter().fold(0, |value, bit| (value << 1) | bit);
            char::from(BASE32[usize::from(value)])
        })
        .collect()
}
