use std::collections::HashSet;

use super::*;

#[test]
fn a_short_alias_is_prefix_namespace_and_name() {
    assert_eq!(computed_alias("", "agents", "support-gmail"), ALIAS);
    assert_eq!(computed_alias("eu-", "agents", "a"), "eu-agents.a");
    let whole = "n".repeat(62);
    assert_eq!(computed_alias("", "a", &whole), format!("a.{whole}"));
}

#[test]
fn a_long_alias_is_cut_and_told_apart_by_a_hash() {
    let name = "n".repeat(63);
    let alias = computed_alias("", "a", &name);
    assert_eq!(alias.len(), 64);
    assert_eq!(alias[..55], format!("a.{}", "n".repeat(53)));
    assert_eq!(alias.as_bytes()[55], b'.');
    assert!(
        alias[56..]
            .chars()
            .all(|c| matches!(c, '0'..='9' | 'a'..='f')),
        "{alias}"
    );
    assert_eq!(
        alias[56..],
        computed_alias("x-", "a", &name)[56..],
        "the hash is of namespace and name alone"
    );
}

#[test]
fn an_alias_is_one_objects_alone_and_never_a_declared_one() {
    let long = "n".repeat(253);
    let names = [
        "a",
        "b",
        "a.b",
        "b.c",
        "a-b",
        &long[..62],
        &long[..63],
        &long[..252],
        &long,
    ];
    let mut seen = HashSet::new();
    for namespace in ["a", "b", "a-b", &long[..63]] {
        for name in names {
            let alias = computed_alias("", namespace, name);
            assert!(alias.len() <= 64, "{alias}");
            assert!(
                alias.contains('.'),
                "a declared alias holds no dot, so {alias:?} must"
            );
            assert!(seen.insert(alias), "{namespace}/{name} shares its alias");
        }
    }
    for prefix in [
        "",
        "eu-",
        "a prefix with ü, much longer than anybody would give, up to the cut",
    ] {
        let alias = computed_alias(prefix, "agents", &long);
        assert!(alias.len() <= 64 && alias.contains('.'), "{alias}");
    }
}
