use composio_testing::{Dice, for_seeds};
use rstest::rstest;
use serde_json::{Value, json};

use super::{pattern::Token, *};

mod entries;

/// Namespaces that are easily taken for one another.
const NAMESPACES: [&str; 8] = ["a", "b", "aa", "ab", "a-b", "team", "team-a", "b-a"];
/// Pieces that patterns are made of.
const PIECES: [&str; 12] = [
    "a", "b", "-", "/", ".", "_", ":", "@", "*", "?", "team", "é",
];

/// The policy with these entries.
fn policy(kind: ProjectKind, allow: Value) -> Policy {
    let allow: Vec<Allow> = serde_json::from_value(allow).expect("entries");
    Policy::new(kind, Some(&allow))
}

fn cluster(allow: Value) -> Policy {
    policy(ProjectKind::ClusterComposioProject, allow)
}

/// What any object asks for: a person signs in to a private account.
fn request(namespace: &'static str, user: &'static str) -> Request<'static> {
    static NO_LABELS: Labels = Labels::new();
    Request {
        namespace,
        labels: &NO_LABELS,
        users: vec![Some(user)],
        person: user,
        toolkits: vec!["gmail"],
        auth_configs: Vec::new(),
        names_id: false,
        names_alias: false,
        moves: false,
        takes_over: false,
        source: Source::SignIn,
        is_bound: true,
        visibility: Visibility::Private,
        shared_with: Vec::new(),
        shares_with_all: false,
        before: 0,
    }
}

fn drawn_text(dice: &mut Dice, most: u64) -> String {
    (0..dice.number(most + 1))
        .map(|_| dice.of(&PIECES))
        .collect()
}

/// A pattern of users, half of them with a placeholder.
fn drawn_users(dice: &mut Dice) -> String {
    let before = drawn_text(dice, 3);
    match dice.once_in(2) {
        true => format!("{before}{{{{namespace}}}}{}", drawn_text(dice, 3)),
        false => before,
    }
}

/// A text that matches.
fn drawn_match(dice: &mut Dice, tokens: &[Token]) -> String {
    let pieces = tokens.iter().map(|token| match token {
        Token::Char(letter) => letter.to_string(),
        Token::One => dice.of(&["a", "-", "/", "é"]).to_owned(),
        Token::Many => drawn_text(dice, 2),
        Token::Namespace => unreachable!("the pattern is bound"),
    });
    pieces.collect()
}

/// A second reading of patterns: by trying everything.
fn matches_anyhow(tokens: &[Token], text: &str) -> bool {
    let mut letters = text.chars();
    match tokens {
        [] => text.is_empty(),
        [Token::Many, rest @ ..] => {
            matches_anyhow(rest, text)
                || (letters.next().is_some() && matches_anyhow(tokens, letters.as_str()))
        }
        [Token::One, rest @ ..] => {
            letters.next().is_some() && matches_anyhow(rest, letters.as_str())
        }
        [Token::Char(one), rest @ ..] => {
            letters.next() == Some(*one) && matches_anyhow(rest, letters.as_str())
        }
        [Token::Namespace, ..] => unreachable!("the pattern is bound"),
    }
}

#[rstest]
#[case("gmail", "gmail", true)]
#[case("gmail", "Gmail", false)]
#[case("gmail", "gmails", false)]
#[case("gmail", "", false)]
#[case("", "", true)]
#[case("", "a", false)]
#[case("*", "", true)]
#[case("*", "anything/at all\n", true)]
#[case("*@acme.com", "bob@acme.com", true)]
#[case("*@acme.com", "bob@acme.com.evil", false)]
#[case("*@acme.com", "bob@acme·com", false)]
#[case("*@acme.com", "bob@acme-com", false)]
#[case("a?c", "abc", true)]
#[case("a?c", "aéc", true)]
#[case("a?c", "ac", false)]
#[case("a?c", "ae\u{301}c", false)]
#[case("é", "e\u{301}", false)]
#[case("a*b*c", "a-b-b-c", true)]
#[case("a*b*c", "a-c-b", false)]
#[case("[a-z]+", "b", false)]
#[case("a.c", "abc", false)]
#[case(r"\*", "*", false)]
#[case(r"\*", r"\anything", true)]
fn a_pattern_matches_the_whole_text_byte_by_byte(
    #[case] pattern: &str,
    #[case] text: &str,
    #[case] expected: bool,
) {
    let matched = Pattern::plain(pattern).is_some_and(|one| one.matches(text, "team"));
    assert_eq!(matched, expected, "{pattern:?} and {text:?}");
}

#[test]
fn no_pattern_is_slow() {
    for refused in [&*"a*".repeat(128), "*a*?*", "*?*", "*****"] {
        assert_eq!(Pattern::plain(refused), None, "{refused}");
        assert_eq!(Pattern::of_users(refused), None, "{refused}");
    }
    let piece = "a".repeat(60);
    let pattern = format!("*{piece}b*{piece}b*{piece}b*");
    let pattern = Pattern::plain(&pattern).expect("a pattern");
    let text = "a".repeat(256);
    // As many as an object may name, by as many patterns as a project may hold.
    for _ in 0..64_000 {
        assert!(!pattern.matches(&text, ""));
    }
}

#[test]
fn a_pattern_says_the_same_as_a_search_through_everything() {
    let mut matched = 0;
    for_seeds(50_000, |dice| {
        let text = drawn_text(dice, 5);
        let Some(pattern) = Pattern::of_users(&text) else {
            return;
        };
        let tokens = pattern.bound_to("a-b");
        let text = match dice.once_in(2) {
            true => drawn_match(dice, &tokens),
            false => drawn_text(dice, 5),
        };
        let is_match = pattern.matches(&text, "a-b");
        assert_eq!(
            is_match,
            matches_anyhow(&tokens, &text),
            "{tokens:?} {text:?}"
        );
        matched += u32::from(is_match);
    });
    assert!(
        std::env::var("SEED").is_ok() || matched > 20_000,
        "{matched}"
    );
}

#[test]
fn a_placeholder_is_taken_at_one_end_and_bounded_only() {
    for taken in [
        "{{namespace}}",
        "{{namespace}}/*",
        "app:{{namespace}}",
        "x/{{namespace}}/*",
        "*@{{namespace}}",
        "*/{{namespace}}",
        "{{namespace}}@acme.com",
    ] {
        assert!(Pattern::of_users(taken).is_some(), "{taken}");
    }
    for refused in [
        "{{namespace}}*",
        "{{namespace}}-x",
        "*{{namespace}}",
        "a{{namespace}}",
        "*/{{namespace}}/*",
        "?/{{namespace}}/*",
        "{{namespace}}/{{namespace}}",
        "{{other}}",
        "{{namespace}}?",
        "{{namespace}}/{x}",
        "{{{namespace}}}",
    ] {
        assert_eq!(Pattern::of_users(refused), None, "{refused}");
    }
    assert_eq!(Pattern::plain("{{namespace}}/*"), None);
}

#[test]
fn the_name_of_a_namespace_is_never_a_wildcard() {
    let pattern = Pattern::of_users("{{namespace}}/bob").expect("a pattern");
    for odd in ["*", "?", "{{namespace}}", "a*"] {
        assert!(!pattern.matches("team/bob", odd), "{odd}");
        assert!(pattern.matches(&format!("{odd}/bob"), odd), "{odd}");
    }
}

#[test]
fn no_text_is_granted_to_two_namespaces_by_one_pattern_with_a_placeholder() {
    let mut hits = 0_u32;
    for_seeds(1_000_000, |dice| {
        let text = format!(
            "{}{{{{namespace}}}}{}",
            drawn_text(dice, 2),
            drawn_text(dice, 2)
        );
        let Some(pattern) = Pattern::of_users(&text) else {
            return;
        };
        let namespaces = [dice.of(&NAMESPACES), dice.of(&NAMESPACES)];
        let user = drawn_match(dice, &pattern.bound_to(namespaces[0]));
        assert!(pattern.matches(&user, namespaces[0]), "{text:?} {user:?}");
        let is_granted_twice = pattern.matches(&user, namespaces[1]);
        assert!(
            !is_granted_twice || namespaces[0] == namespaces[1],
            "{text:?} grants {user:?} to {namespaces:?}"
        );
        hits += u32::from(namespaces[0] != namespaces[1]);
    });
    assert!(std::env::var("SEED").is_ok() || hits > 100_000, "{hits}");
}

#[test]
fn a_user_of_two_namespaces_is_told() {
    let (mut granted_twice, mut told, mut quiet) = (0_u32, 0_u32, 0_u32);
    for_seeds(200_000, |dice| {
        let entries: Vec<Value> = (0..1 + dice.number(2))
            .map(|_| {
                let mut entry = json!({});
                if !dice.once_in(4) {
                    let users: Vec<_> =
                        (0..1 + dice.number(2)).map(|_| drawn_users(dice)).collect();
                    entry["users"] = json!(users);
                }
                match dice.number(4) {
                    0 => {}
                    1 => entry["namespaceSelector"] = json!({"matchLabels": {}}),
                    2 => entry["namespaces"] = json!([dice.of(&NAMESPACES)]),
                    _ => entry["namespaces"] = json!([dice.of(&["team*", "a?b", "*"]), "a"]),
                }
                entry
            })
            .collect();
        let policy = cluster(json!(entries));
        let is_told = !policy.overlaps().is_empty();
        told += u32::from(is_told);
        quiet += u32::from(!is_told);
        let all = policy.entries.as_ref().expect("entries");
        let users = all.iter().flat_map(|entry| entry.users.iter().flatten());
        let users: Vec<_> = users.cloned().collect();
        let namespaces = [dice.of(&NAMESPACES), dice.of(&NAMESPACES)];
        let user = match users.is_empty() {
            true => drawn_text(dice, 3),
            false => {
                let user = dice.of(&users);
                drawn_match(dice, &user.bound_to(namespaces[0]))
            }
        };
        let is_granted = |namespace: &str| {
            let no_labels = Labels::new();
            all.iter().any(|entry| {
                entry.is_for(namespace, &no_labels)
                    && entry.may_be_for(namespace, Some(&user), None)
            })
        };
        if namespaces[0] != namespaces[1] && namespaces.iter().all(|one| is_granted(one)) {
            granted_twice += 1;
            assert!(is_told, "{entries:?} grant {user:?} to {namespaces:?}");
        }
    });
    let are_enough = granted_twice > 5_000 && told > 20_000 && quiet > 5_000;
    assert!(
        std::env::var("SEED").is_ok() || are_enough,
        "granted twice {granted_twice} times, told {told} times, not told {quiet} times"
    );
}
