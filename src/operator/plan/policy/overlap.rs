//! Whether a policy grants one user to several namespaces: told from the patterns alone, whatever namespaces and
//! users there are.

use std::collections::BTreeSet;

use super::{Entry, Pattern, pattern};
use pattern::Token;

/// The namespaces of an entry, as far as they are known.
enum Namespaces<'a> {
    /// These, and no others.
    Only(BTreeSet<String>),
    /// Any that match one of these; `None`: any.
    Some(Option<&'a [Pattern]>),
}

impl<'a> Namespaces<'a> {
    fn of(entry: &'a Entry) -> Self {
        let Some(patterns) = &entry.namespaces else {
            return Self::Some(None);
        };
        let literal: Option<BTreeSet<String>> = patterns.iter().map(Pattern::literal).collect();
        literal.map_or(Self::Some(Some(patterns)), Self::Only)
    }

    fn only_one(&self) -> Option<&str> {
        match self {
            Self::Only(names) if names.len() == 1 => names.first().map(String::as_str),
            Self::Only(_) | Self::Some(_) => None,
        }
    }

    fn may_hold(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(name),
            Self::Some(None) => true,
            Self::Some(Some(patterns)) => patterns.iter().any(|one| one.matches(name, "")),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Only(names) => names.is_empty(),
            Self::Some(patterns) => patterns.is_some_and(<[Pattern]>::is_empty),
        }
    }
}

/// Whether a user may be granted to two namespaces, one by each of the entries.
///
/// # Guarantees
/// Where there is such a user, it is told. Where there is none, it mostly is not: nothing is concluded from what
/// stands between two wildcards.
pub(super) fn may_overlap(one: &Entry, other: &Entry) -> bool {
    let namespaces = [Namespaces::of(one), Namespaces::of(other)];
    let [first, second] = &namespaces;
    let is_same = first.only_one().is_some() && first.only_one() == second.only_one();
    if is_same || first.is_empty() || second.is_empty() {
        return false;
    }
    let anybody: Vec<Pattern> = Pattern::plain("*").into_iter().collect();
    let ones = one.users.as_ref().unwrap_or(&anybody);
    let others = other.users.as_ref().unwrap_or(&anybody);
    let bound = |user: &Pattern, namespaces: &Namespaces<'_>| match namespaces.only_one() {
        Some(name) => user.bound_to(name).into_owned(),
        None => user.tokens().to_vec(),
    };
    ones.iter().any(|user| {
        let user = bound(user, first);
        let mut others = others.iter().map(|other| bound(other, second));
        others.any(|other| may_share([&user, &other], &namespaces))
    })
}

/// Whether one text may match both, each for a namespace of its own.
fn may_share(users: [&[Token]; 2], namespaces: &[Namespaces<'_>; 2]) -> bool {
    for (text, pattern) in [(users[0], users[1]), (users[1], users[0])] {
        let letters = text.iter().map(|token| match token {
            Token::Char(letter) => Some(*letter),
            Token::One | Token::Many | Token::Namespace => None,
        });
        let text: Option<String> = letters.collect();
        if let Some(text) = text
            && !pattern.contains(&Token::Namespace)
        {
            return pattern::matches(pattern, &text);
        }
    }
    let backwards = users.map(|tokens| tokens.iter().rev().copied().collect::<Vec<_>>());
    !are_apart(users, namespaces, false)
        && !are_apart([&backwards[0], &backwards[1]], namespaces, true)
}

/// Whether what stands before the first wildcard of either tells that no text matches both.
fn are_apart(users: [&[Token]; 2], namespaces: &[Namespaces<'_>; 2], is_backwards: bool) -> bool {
    let [mut one, mut other] = users;
    loop {
        match (one, other) {
            // Both are bounded: they end where the name ends, so it is one namespace.
            ([Token::Namespace, ..], [Token::Namespace, ..]) => return true,
            ([Token::Char(a), rest @ ..], [Token::Char(b), others @ ..]) if a == b => {
                (one, other) = (rest, others);
            }
            ([Token::Char(_), ..], [Token::Char(_), ..]) => return true,
            ([], []) => return false,
            ([], [Token::Char(_) | Token::Namespace, ..])
            | ([Token::Char(_) | Token::Namespace, ..], []) => return true,
            ([Token::Namespace, rest @ ..], [Token::Char(_), ..]) => {
                match name_at(other, is_backwards) {
                    Name::Is(name, others) if may_be(&name, namespaces, 0) => {
                        (one, other) = (rest, others);
                    }
                    Name::Is(..) => return true,
                    Name::Unknown => return false,
                }
            }
            ([Token::Char(_), ..], [Token::Namespace, rest @ ..]) => {
                match name_at(one, is_backwards) {
                    Name::Is(name, others) if may_be(&name, namespaces, 1) => {
                        (one, other) = (others, rest);
                    }
                    Name::Is(..) => return true,
                    Name::Unknown => return false,
                }
            }
            ([Token::One | Token::Many, ..], _) | (_, [Token::One | Token::Many, ..]) => {
                return false;
            }
        }
    }
}

/// What the other pattern has where a namespace stands in one.
enum Name<'a> {
    /// This name, and behind it the rest.
    Is(String, &'a [Token]),
    /// A wildcard begins in it.
    Unknown,
}

fn name_at(tokens: &[Token], is_backwards: bool) -> Name<'_> {
    let is_of_name = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    let mut name = Vec::new();
    let mut rest = tokens;
    while let [Token::Char(letter), others @ ..] = rest
        && is_of_name(*letter)
    {
        name.push(*letter);
        rest = others;
    }
    if let [Token::One | Token::Many, ..] = rest {
        return Name::Unknown;
    }
    if is_backwards {
        name.reverse();
    }
    Name::Is(name.into_iter().collect(), rest)
}

/// Whether a namespace of that name may be one of those of the entry, and the other entry have another.
fn may_be(name: &str, namespaces: &[Namespaces<'_>; 2], which: usize) -> bool {
    let (its, others) = (&namespaces[which], &namespaces[1 - which]);
    !name.is_empty() && its.may_hold(name) && others.only_one() != Some(name)
}
