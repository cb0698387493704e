//! Patterns of users, toolkits, auth configs and namespaces.

use std::borrow::Cow;

use crate::crd::NAMESPACE_PLACEHOLDER;

/// What stands next to the placeholder, if anything does: no namespace holds one of them, so that namespace
/// `team` cannot name what is `team-a`'s.
const BOUNDS: [char; 5] = ['/', '.', '_', ':', '@'];

/// The most `*` of a pattern.
const MOST_STARS: usize = 4;

/// A pattern: `*` stands for any characters, none too, `?` for one, `{{namespace}}` for the object's namespace. It
/// must match the whole text, byte by byte: nothing is folded or normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any characters.
    Many,
    /// The namespace of the object.
    Namespace,
}

impl Pattern {
    /// A pattern in which no placeholder may stand. `None`: it is none, and nothing matches it. The definition
    /// refuses these; nothing rests on that.
    pub(super) fn plain(text: &str) -> Option<Self> {
        (!text.contains("{{") && is_cheap(text)).then(|| Self(tokens(text).collect()))
    }

    /// A pattern in which the placeholder may stand once, joined to one end by literal characters only and bounded
    /// on both sides: so no two namespaces share a text.
    pub(super) fn of_users(text: &str) -> Option<Self> {
        let Some((before, after)) = text.split_once(NAMESPACE_PLACEHOLDER) else {
            return Self::plain(text);
        };
        let is_wild = |part: &str| part.contains(['*', '?']);
        let is_bounded = (before.is_empty() || before.ends_with(BOUNDS))
            && (after.is_empty() || after.starts_with(BOUNDS))
            && !(is_wild(before) && is_wild(after))
            && is_cheap(text)
            && !before.contains(['{', '}'])
            && !after.contains(['{', '}']);
        let all = tokens(before).chain([Token::Namespace]);
        is_bounded.then(|| Self(all.chain(tokens(after)).collect()))
    }

    /// Whether the text matches, for an object of that namespace. In a time that goes with their lengths.
    pub(super) fn matches(&self, text: &str, namespace: &str) -> bool {
        matches(&self.bound_to(namespace), text)
    }

    /// The pattern for one namespace alone, in which nothing of its name is a wildcard.
    pub(super) fn bound_to(&self, namespace: &str) -> Cow<'_, [Token]> {
        let Some(at) = self.0.iter().position(|one| *one == Token::Namespace) else {
            return Cow::Borrowed(&self.0);
        };
        let name = namespace.chars().map(Token::Char);
        let (before, after) = (&self.0[..at], &self.0[at + 1..]);
        let all = before.iter().copied().chain(name);
        Cow::Owned(all.chain(after.iter().copied()).collect())
    }

    /// Its pieces.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.0
    }

    /// The one text that matches; `None`: there may be several.
    pub(super) fn literal(&self) -> Option<String> {
        let letters = self.0.iter().map(|token| match token {
            Token::Char(letter) => Some(*letter),
            Token::One | Token::Many | Token::Namespace => None,
        });
        letters.collect()
    }
}

/// A piece between two `*` is looked for as it is: there no `?` may stand.
fn is_cheap(text: &str) -> bool {
    let stars = text.matches('*').count();
    stars <= 1 || (stars <= MOST_STARS && !text.contains('?'))
}

fn tokens(text: &str) -> impl Iterator<Item = Token> {
    text.chars().map(|letter| match letter {
        '*' => Token::Many,
        '?' => Token::One,
        other => Token::Char(other),
    })
}

/// Whether the text matches tokens without a placeholder. What stands before the first `*` and behind the last is
/// compared in its place, and each piece between two is looked for once, from where the one before it ends: whoever
/// writes the pattern and the text decides nothing of how long it takes.
pub(super) fn matches(tokens: &[Token], text: &str) -> bool {
    let mut pieces = tokens.split(|token| *token == Token::Many);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = without_prefix(first, text) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    let Some(end) = last_letters(last.len(), rest) else {
        return false;
    };
    if without_prefix(last, &rest[end..]).is_none() {
        return false;
    }
    rest = &rest[..end];
    pieces.all(|piece| {
        let letters = piece.iter().map(|token| match token {
            Token::Char(letter) => Some(*letter),
            Token::One | Token::Many | Token::Namespace => None,
        });
        let piece: Option<String> = letters.collect();
        let found = piece.and_then(|piece| Some(rest.find(&piece)? + piece.len()));
        found.is_some_and(|end| {
            rest = &rest[end..];
            true
        })
    })
}

/// What of the text comes behind a piece at its beginning.
fn without_prefix<'a>(piece: &[Token], text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    for token in piece {
        let letter = rest.next()?;
        match token {
            Token::Char(wanted) if *wanted == letter => {}
            Token::One => {}
            Token::Char(_) | Token::Many | Token::Namespace => return None,
        }
    }
    Some(rest.as_str())
}

/// Where the last so many letters of the text begin.
fn last_letters(count: usize, text: &str) -> Option<usize> {
    match count {
        0 => Some(text.len()),
        _ => text.char_indices().rev().nth(count - 1).map(|(at, _)| at),
    }
}
