//! Nothing twice, nothing lost: the operator is killed at every boundary there is, on both sides of it,
//! and every effect meets every way in which its answer can be lost.

use serde_json::{Value, json};

mod boundary;
mod broken;
mod coverage;
mod duplicates;
mod interceptor;
mod invariants;
mod matrix;
mod neighbour;
mod notified;
mod run;
mod scenario;
mod sign_in;
mod test_bed;
mod two_projects;
mod unknown;

use boundary::Boundary;
use interceptor::Fault;
use matrix::{Matrix, Results};
use scenario::Scenario;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_boundary_makes_nothing_twice_and_loses_nothing() {
    let matrix = Matrix::new(&[]).await;
    let crashes = matrix.crashes(&scenario::all()).await;
    crashes.tell("crash matrix");
    crashes.must_hold();
    none(coverage::left_out(&crashes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_not_known_makes_nothing_twice_and_loses_nothing() {
    unknown_outcomes("as usual", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_while_the_list_lags() {
    unknown_outcomes("the list lags 5 s", json!({"list_lag_seconds": 5})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_where_nothing_keeps_an_alias_unique() {
    unknown_outcomes("aliases are not unique", json!({"alias_not_unique": true})).await;
}

async fn unknown_outcomes(circumstance: &str, switches: Value) {
    let matrix = Matrix::new(unknown::WAITS).await.with_switches(switches);
    let results = unknown::outcomes(&matrix).await;
    let left_out = unknown::tell(&results, circumstance);
    results.must_hold();
    none(left_out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_accounts_those_of_nobody_are_deleted_and_those_of_a_person_are_not() {
    let matrix = Matrix::new(unknown::WAITS).await;
    let matrix = matrix.with_switches(json!({"alias_not_unique": true}));
    let duplicates = [duplicates::of_nobody(), duplicates::of_a_person()];
    let results = matrix.everywhere(&duplicates, |_| Vec::new()).await;
    results.must_hold();
    // So late that another account was made from the same Secret.
    let too_late = [scenario::from_a_secret()];
    let results = matrix.everywhere(&too_late, |boundary| {
        match (boundary.step, boundary.kind.method.as_str()) {
            ("create", "POST") => vec![Fault::Delay(unknown::TOO_LATE)],
            _ => Vec::new(),
        }
    });
    let results = results.await;
    results.must_hold();
    assert_eq!(results.happened, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_projects_a_crash_loses_nothing_and_no_key_is_used_for_what_is_anothers() {
    let matrix = Matrix::new(&[]).await;
    let scenarios = [
        two_projects::key_rotated(),
        two_projects::project_made_again(),
    ];
    let crashes = matrix
        .everywhere(&scenarios, two_projects::at_effects)
        .await;
    crashes.tell("crash matrix of two projects");
    crashes.must_hold();
    none(crashes.not_reached());
    assert!(crashes.happened > 60, "{} crashes", crashes.happened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_uses_the_key_of_another_project_is_found_out() {
    let matrix = Matrix::new(&[]).await.with_broken(broken::key_of_another);
    // Without a crash: the witness sees the request, and may see it before anybody is killed for it.
    let scenario = two_projects::key_rotated();
    let results = matrix.everywhere(&[scenario], |_| Vec::new()).await;
    seen_in(&results, "was used for an account of neighbour");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_gives_no_alias_is_found_out() {
    let matrix = Matrix::new(&[]).await.with_broken(broken::no_alias);
    let results = crash_at(&matrix, scenario::hosted(), Fault::KillAfter, |boundary| {
        boundary.kind.method == "POST" && boundary.step == "link"
    });
    found_out(&results.await, "2 live accounts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_lets_the_object_go_first_is_found_out() {
    let matrix = Matrix::new(&[]).await.with_broken(broken::released_first);
    let results = crash_at(&matrix, scenario::hosted(), Fault::KillBefore, |boundary| {
        boundary.kind.method == "DELETE"
    });
    found_out(&results.await, "without an object");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_reports_before_it_acts_is_found_out() {
    let matrix = Matrix::new(&[]).await.with_broken(broken::reported_first);
    let scenario = scenario::from_a_secret();
    let results = crash_at(&matrix, scenario, Fault::KillAfter, |boundary| {
        boundary.kind.method == "PUT"
    });
    found_out(&results.await, "the key: ");
}

/// Crashes of one scenario at the boundaries that are meant.
async fn crash_at(
    matrix: &Matrix,
    scenario: Scenario,
    side: Fault,
    is_meant: impl Fn(&Boundary) -> bool,
) -> Results {
    matrix
        .everywhere(&[scenario], |boundary| match is_meant(boundary) {
            true => vec![side],
            false => Vec::new(),
        })
        .await
}

fn found_out(results: &Results, words: &str) {
    assert!(
        results.happened > 0,
        "it did not come to a crash: {:?}",
        results.violations
    );
    seen_in(results, words);
}

fn seen_in(results: &Results, words: &str) {
    let violations = &results.violations;
    assert!(
        violations.iter().any(|violation| violation.contains(words)),
        "not found out: {violations:?}"
    );
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
