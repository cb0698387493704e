//! Small examples that the checks must find, and some that they must let pass.

use super::scan::{Source, tokens};
use super::{ARROWS, arrows, circles, impure, more_than_data, too_long, unreached};

fn src(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}

#[test]
fn an_arrow_that_is_not_allowed_is_found_however_it_is_written() {
    let found = ["src/plan.rs:1: plan must not import act"];
    for text in [
        "use crate::act::run;",
        "use crate::{crd::Reason, act::{self, run}};",
        "use crate::act as other;",
        "pub(crate) use crate::act::*;",
        "fn f() { crate::act::run(); }",
        "use super::act;",
        "mod inner { use super::super::act::run; }",
        "fn f() -> Vec<crate::act::Acted> { Vec::new() }",
        "fn f() { let _ = ('\"', crate::act::X); }",
    ] {
        assert_eq!(arrows(&src("src/plan.rs", text)), found, "{text}");
    }
    let nested = src("src/plan/gone.rs", "\nuse super::super::act;");
    assert_eq!(
        arrows(&nested),
        ["src/plan/gone.rs:2: plan must not import act"]
    );
    assert_eq!(
        arrows(&src("src/helper.rs", "")),
        ["src/helper.rs: helper has no row in ARROWS"]
    );
    assert_eq!(arrows(&src("src/plan.rs", "use crate::*;")).len(), 1);
}

#[test]
fn what_is_no_arrow_is_let_pass() {
    for (path, text) in [
        (
            "src/plan.rs",
            "use crate::{composio::model, crd::{self, Reason}};",
        ),
        (
            "src/plan.rs",
            "// crate::act\n/* crate::act /* */ crate::act */",
        ),
        (
            "src/plan.rs",
            "const A: &str = \"crate::act \\\" crate::act\";",
        ),
        ("src/plan.rs", "const A: &str = r#\"\" crate::act\"#;"),
        ("src/plan.rs", "#[cfg(test)]\nmod tests { use crate::act; }"),
        (
            "src/plan.rs",
            "#[cfg(test)] use crate::act::{run, A}; use crate::crd;",
        ),
        ("src/plan.rs", "mod inner { use super::act; }"),
        ("src/plan/gone.rs", "use super::act;"),
        ("src/plan/tests.rs", "use crate::act;"),
        ("src/plan/tests/many.rs", "use crate::act;"),
        ("src/main.rs", "use crate::act;"),
    ] {
        assert_eq!(arrows(&src(path, text)), [""; 0], "{text}");
    }
}

#[test]
fn the_arrows_form_no_circle() {
    let sources: Vec<Source> = ARROWS
        .iter()
        .map(|(from, may)| {
            let uses: Vec<_> = may
                .iter()
                .map(|to| format!("use crate::{to}::X;"))
                .collect();
            Source::new(&format!("src/{from}.rs"), &uses.join("\n"))
        })
        .collect();
    assert_eq!(circles(&sources), [""; 0]);
}

#[test]
fn a_decider_that_sees_more_than_data_is_found() {
    let text = "use crate::composio::{Client, model::State, SharingPatch};";
    assert_eq!(
        more_than_data(&src("src/plan.rs", text)),
        [
            "src/plan.rs:1: plan may import of composio only budget, model, error, SharingPatch, not Client"
        ]
    );
    assert_eq!(
        more_than_data(&src(
            "src/report.rs",
            "use crate::composio::{self, error::Error};"
        ))
        .len(),
        2
    );
    assert_eq!(more_than_data(&src("src/act.rs", text)), [""; 0]);
}

#[test]
fn a_client_a_clock_or_a_log_is_found_where_nothing_but_a_decision_belongs() {
    for (path, text, word) in [
        ("src/plan.rs", "use kube::Client;", "kube::Client"),
        (
            "src/plan/gone.rs",
            "use kube::{ResourceExt, Client as K};",
            "kube::Client",
        ),
        ("src/report.rs", "use reqwest::Url;", "reqwest"),
        (
            "src/report.rs",
            "fn f() { jiff::Timestamp::now(); }",
            "Timestamp::now",
        ),
        (
            "src/plan.rs",
            "use std::time::{Duration, Instant};",
            "Instant",
        ),
        ("src/plan.rs", "use std::time::SystemTime;", "SystemTime"),
        (
            "src/plan.rs",
            "fn f() { tracing::info!(\"x\"); }",
            "tracing",
        ),
        ("src/sandbox/world.rs", "use tokio::sync::Mutex;", "tokio"),
        ("src/sandbox/world/list.rs", "use tracing::info;", "tracing"),
        (
            "src/sandbox/world/list.rs",
            "fn f() { Zoned::now(); }",
            "now()",
        ),
    ] {
        let found = impure(&src(path, text));
        let first = found.first().map_or("", String::as_str);
        assert_eq!(
            first,
            format!("{path}:1: {word} has no place here"),
            "{text}"
        );
    }
    for (path, text) in [
        (
            "src/plan.rs",
            "// Timestamp::now\nfn f(now: Timestamp) { g(now) }",
        ),
        ("src/plan.rs", "use kube::ResourceExt;"),
        ("src/planner.rs", "use tracing::info;"),
        ("src/plan/tests.rs", "use std::time::Instant;"),
        ("src/sandbox/routes.rs", "use tokio::net::TcpListener;"),
    ] {
        assert_eq!(impure(&src(path, text)), [""; 0], "{text}");
    }
}

#[test]
fn a_circle_of_files_is_found_once_and_families_may_know_each_other() {
    let circle = [
        Source::new("src/a.rs", "mod x; use x::X; use crate::b::B;"),
        Source::new("src/a/x.rs", "use super::A;"),
        Source::new("src/b.rs", "mod y; pub use y::B;"),
        Source::new("src/b/y.rs", "use super::z::Z; use crate::c;"),
        Source::new("src/b/z.rs", "use crate::b::y::{B, C};"),
        Source::new("src/c.rs", ""),
    ];
    assert_eq!(circles(&circle), ["b::y → b::z → b::y"]);
    assert_eq!(circles(&circle[..2]), [""; 0]);
}

#[test]
fn a_file_that_no_mod_line_reaches_is_found() {
    let manifest = "[[test]]\nname = \"tests\"\npath = \"tests/tests.rs\"\n";
    let mut sources = vec![
        Source::new("tests/tests.rs", "mod support; mod crd; // mod forgotten;"),
        Source::new("tests/crd.rs", "mod refused;"),
        Source::new("tests/crd/refused.rs", ""),
        Source::new("tests/support/mod.rs", "pub(crate) mod wait;"),
        Source::new("tests/support/wait.rs", ""),
    ];
    assert_eq!(unreached(manifest, &sources), [""; 0]);
    sources.push(Source::new("tests/forgotten.rs", ""));
    sources.push(Source::new("tests/support/forgotten.rs", ""));
    let found = unreached(manifest, &sources);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("tests/forgotten.rs: "), "{found:?}");
}

#[test]
fn a_long_file_is_found_and_so_is_a_stale_reason() {
    let long = src("src/a.rs", &"\n".repeat(401));
    assert_eq!(too_long(&long, &[]).len(), 1);
    assert_eq!(too_long(&long, &[("src/a.rs", "a table")]), [""; 0]);
    let fits = src("src/a.rs", &"\n".repeat(400));
    assert_eq!(too_long(&fits, &[]), [""; 0]);
    assert_eq!(too_long(&fits, &[("src/a.rs", "a table")]).len(), 1);
    assert_eq!(
        too_long(&[], &[("src/a.rs", "a table")]),
        ["src/a.rs is listed but not there"]
    );
}

#[test]
fn quotes_and_comments_hide_what_is_in_them_and_nothing_more() {
    let text = r##"a'b c::d 'x' '\'' "e\"f" r#"g"h"# b"i" br"j" /* k */ l // m
        n 'static o"##;
    let found: Vec<_> = tokens(text)
        .into_iter()
        .map(|token| format!("{}{}", token.text, token.line))
        .collect();
    assert_eq!(found, ["a1", "c1", "::1", "d1", "l1", "n2", "o2"]);
}
