//! A test waits for conditions, never for time: on a busy machine no time is long enough, and on an idle one
//! each is too long. See `support::wait` and `support::watch`.

use super::none;
use super::source::Source;

/// Files or folders that may sleep, and why.
const MAY_SLEEP: [(&str, &str); 4] = [
    (
        "tests/support/",
        "the waits, and answers that are to come late",
    ),
    ("tests/poll/", "its time is simulated"),
    ("tests/bench/", "what is measured is measured for a time"),
    (
        "tests/crash/",
        "polls that end when the operator does, and a silence that is waited for",
    ),
];

#[test]
fn no_test_sleeps() {
    none(naps(&Source::all("tests")));
}

fn naps(sources: &[Source]) -> Vec<String> {
    let may = |path: &str| MAY_SLEEP.iter().any(|(start, _)| path.starts_with(start));
    let sources = sources.iter().filter(|source| !may(&source.path));
    let naps = sources.flat_map(|source| {
        let calls = source.calls().into_iter();
        let naps = calls.filter(|call| ["sleep", "sleep_until"].contains(&call.name.as_str()));
        naps.map(|call| {
            format!(
                "{}: wait for a condition, not for time: {}",
                source.path, call.name
            )
        })
    });
    naps.collect()
}

#[test]
fn a_sleep_is_found_and_a_shell_may_sleep() {
    let text = "async fn f() { tokio::time::sleep(MINUTE).await; sleep_until(end).await; }";
    assert_eq!(
        naps(&[Source::new("tests/heal.rs", text)]),
        [
            "tests/heal.rs: wait for a condition, not for time: sleep",
            "tests/heal.rs: wait for a condition, not for time: sleep_until"
        ]
    );
    let shell = "const WAIT: &str = \"while :; do sleep (1); done\"; // sleep(1)";
    assert_eq!(naps(&[Source::new("tests/heal.rs", shell)]), [""; 0]);
    let support = Source::new("tests/support/wait.rs", text);
    assert_eq!(naps(&[support]), [""; 0]);
}
