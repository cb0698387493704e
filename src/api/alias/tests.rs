use std::collections::{HashMap, HashSet};

use composio_testing::{Dice, for_seeds};
use rstest::rstest;

use super::*;

#[test]
fn an_alias_is_readable_and_ends_in_the_hash_of_its_object() {
    assert_eq!(
        computed_alias("", "agents", "support-gmail"),
        "agents-support-gmail-ojk4mmcagnsudmlt"
    );
    assert_eq!(
        computed_alias("eu-", "agents", "a"),
        "eu-agents-a-co4nzncbeputyw46"
    );
    let alias = computed_alias("EU_", "agents", "a.b");
    assert!(alias.starts_with("eu-agents-a-b-"), "{alias}");
    let long = computed_alias("", "a", &"n".repeat(253));
    assert_eq!(long.len(), 40 + 1 + 16, "{long}");
    assert!(
        long.starts_with(&format!("a-{}-", "n".repeat(38))),
        "{long}"
    );
    let cut = computed_alias("", &"a".repeat(39), "b");
    assert_eq!(
        cut.len(),
        39 + 1 + 16,
        "no hyphen is left at the cut: {cut}"
    );
}

#[rstest]
#[case::plain("", "a", "b")]
#[case::underscore("_", "a", "b")]
#[case::hyphens("--", "a", "b.")]
#[case::other_than_ascii("a prefix with ü", "ns", "name.with.dots")]
#[case::empty("", "", "")]
fn an_alias_holds_only_what_was_seen_in_aliases_and_is_recognised(
    #[case] prefix: &str,
    #[case] namespace: &str,
    #[case] name: &str,
) {
    let alias = computed_alias(prefix, namespace, name);
    let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    assert!(alias.chars().all(plain), "{alias}");
    assert!(alias.chars().count() <= 57, "{alias}");
    assert!(is_computed_form(&alias), "{alias}");
    assert!(
        is_computed_form(&alias.to_uppercase()),
        "letter case is nothing"
    );
}

#[test]
fn what_is_declared_is_not_taken_for_a_computed_alias() {
    for declared in [
        "support",
        "agents.support-gmail",
        "a-0123456789012345",
        "a-abcdefghijklmno",
        "a-abcdefghijklmnopq",
        "abcdefghijklmnop",
        "a-abcdefghijklmn-p",
    ] {
        assert!(!is_computed_form(declared), "{declared}");
    }
}

#[rstest]
// Each pair had one alias once: two clusters held one account.
#[case::prefix_and_namespace(("p", "1a", "x"), ("p1", "a", "x"))]
#[case::a_prefix_as_part_of_the_namespace(("dev-", "agents", "x"), ("", "dev-agents", "x"))]
#[case::a_hyphen_in_the_namespace_or_in_the_name(("", "a", "b-c"), ("", "a-b", "c"))]
#[case::a_dot_or_a_hyphen(("", "a", "b.c"), ("", "a", "b-c"))]
#[case::a_prefix_or_a_namespace_that_ends_in_a_hyphen(("", "a-b", "c"), ("a-", "b", "c"))]
#[case::letter_case(("A", "b", "c"), ("a", "b", "c"))]
#[case::a_name_or_none(("", "ab", ""), ("", "a", "b"))]
fn what_reads_the_same_together_is_told_apart_by_its_parts(
    #[case] one: (&str, &str, &str),
    #[case] other: (&str, &str, &str),
) {
    let alias = |(prefix, namespace, name)| computed_alias(prefix, namespace, name);
    assert_ne!(alias(one), alias(other), "{one:?} and {other:?}");
}

#[test]
fn of_two_million_pairs_of_objects_none_shares_an_alias() {
    let mut seen = HashMap::new();
    for prefix in ["", "a", "a-", "ab", "b-"] {
        for namespace in 0..20 {
            for name in 0..20 {
                // Short ones over few letters, so that the same text is often made of other parts.
                let object = (prefix, letters(namespace), letters(name));
                let alias = computed_alias(prefix, &object.1, &object.2);
                if let Some(other) = seen.insert(alias.clone(), object.clone()) {
                    panic!("{alias} is of {object:?} and of {other:?}");
                }
            }
        }
    }
    let objects = seen.len();
    assert_eq!(objects, 2_000, "each pair of them was compared");
    let texts: HashSet<_> = seen
        .values()
        .map(|(prefix, namespace, name)| format!("{prefix}{namespace}-{name}"))
        .collect();
    assert!(
        objects - texts.len() >= 200,
        "only {} read the same together",
        objects - texts.len()
    );
}

/// A number in letters of which many pairs join to the same text.
fn letters(mut number: u32) -> String {
    let mut text = String::new();
    loop {
        text.insert(0, ['a', 'b', '-'][(number % 3) as usize]);
        number /= 3;
        if number == 0 {
            return text;
        }
        number -= 1;
    }
}

#[test]
fn an_alias_of_any_text_is_made_without_a_panic() {
    for_seeds(2_000, |dice| {
        let part = |dice: &mut Dice| dice.text(&["", "ü", "-", "\u{1F980}", "x", "日本"]);
        let (prefix, namespace, name) = (part(dice), part(dice), part(dice));
        assert!(is_computed_form(&computed_alias(
            &prefix, &namespace, &name
        )));
    });
}
