//! The table of alerts, from the rules that the chart installs.

use std::collections::BTreeSet;

use composio_operator::crd::{Progress, ReadyRule, Reason};
use serde_json::Value;

use super::{read, row};

/// Reasons that a person may have to act on, and which no alert names, with why.
const WITHOUT_ALERT: [(Reason, &str); 6] = [
    (
        Reason::ConnectionDataChanged,
        "the account is connected; what was changed counts from the next sign-in on",
    ),
    (
        Reason::OutcomeUnknown,
        "the operator looks again by itself, for two minutes at most",
    ),
    (
        Reason::ComposioUnavailable,
        "ComposioRequestsFail and ComposioNotListed tell it once for a project",
    ),
    (Reason::RateLimited, "ComposioThrottled tells it once"),
    (
        Reason::ProjectUnavailable,
        "ComposioProjectNotReady and ComposioAccessRefused tell it of the project",
    ),
    (
        Reason::NamespaceUnreachable,
        "ComposioNamespaceUnreachable tells it of the namespace",
    ),
];

fn rules() -> Vec<Value> {
    let rules = read("charts/composio-operator/files/alerts.yaml");
    let rules: Value = serde_saphyr::from_str(&rules).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_array();
    rules.expect("rules").clone()
}

/// The reasons that the alerts select of that metric.
fn reasons_of(metric: &str) -> BTreeSet<String> {
    let rules = rules();
    let expressions = rules.iter().filter_map(|rule| rule["expr"].as_str());
    let start = format!("{metric}{{reason=");
    let lists = expressions.flat_map(|expr| expr.split(start.as_str()).skip(1));
    let words = lists.flat_map(|rest| {
        let list = rest.split('"').nth(1).expect("a list in quotes");
        list.split('|').map(str::to_owned)
    });
    words.collect()
}

#[test]
fn each_reason_that_somebody_must_act_on_has_an_alert_or_a_reason_why_not() {
    let by_ready = reasons_of("objects_by_reason");
    let by_synced = reasons_of("objects_by_synced_reason");
    let known: BTreeSet<&str> = Reason::all().map(Reason::as_str).collect();
    for word in by_ready.union(&by_synced) {
        assert!(
            known.contains(word.as_str()) || word == "NotDecoded",
            "an alert waits for {word}, which is no reason"
        );
    }
    let names: Vec<Value> = rules().iter().map(|rule| rule["alert"].clone()).collect();
    assert!(names.contains(&"ConnectedAccountWaitsForPerson".into()));
    for reason in Reason::all() {
        let word = reason.as_str();
        // What Ready said before may stay, and there the reason is seen on Synced alone.
        let is_kept = matches!(reason.ready(), ReadyRule::Kept | ReadyRule::KeptOrFalse);
        let is_named = by_synced.contains(word) || (!is_kept && by_ready.contains(word));
        let is_to_be_acted_on = reason.progress() == Progress::Stalled || !reason.synced();
        let is_exception = WITHOUT_ALERT.iter().any(|(one, _)| *one == reason);
        // The longest wait of those who wait for a person has an alert of its own.
        let is_loud = is_named || reason.waits_for_person();
        match is_to_be_acted_on && !is_exception {
            true => assert!(
                is_loud,
                "no alert in charts/composio-operator/files/alerts.yaml names {word}; list it there, or say in \
                 WITHOUT_ALERT why it needs none"
            ),
            false => assert!(
                !is_exception || !is_loud,
                "{word} has an alert, and is an exception"
            ),
        }
    }
    // Nobody may have signed in whom the declaration does not name, and be waited for in silence.
    for reason in [
        Reason::FinishedElsewhere,
        Reason::WrongIdentity,
        Reason::IdentityRefused,
    ] {
        assert!(by_ready.contains(reason.as_str()), "{reason}");
    }
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| Alert | Severity | After | What it says | What to do first |\n|---|---|---|---|---|\n",
    );
    for rule in rules() {
        let text = |value: &Value| plain(value.as_str().unwrap_or_default());
        let after = rule["for"].as_str().unwrap_or("at once");
        table.push_str(&row(&[
            format!("`{}`", text(&rule["alert"])),
            text(&rule["labels"]["severity"]),
            after.to_owned(),
            text(&rule["annotations"]["summary"]),
            text(&rule["annotations"]["description"]),
        ]));
    }
    table
}

/// The text with the names of what Prometheus would fill in.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{ $") {
        let (name, after) = after.split_once(" }}").expect("the template ends");
        plain.push_str(before);
        plain.push_str(&match name.strip_prefix("labels.") {
            Some(label) => format!("`{label}`"),
            None if name.contains("humanizeDuration") => "DURATION".to_owned(),
            None => "N".to_owned(),
        });
        rest = after;
    }
    plain + rest
}

#[test]
fn what_prometheus_fills_in_is_named() {
    let text = "{{ $value }} in {{ $labels.namespace }}/{{ $labels.job }} for {{ $value | humanizeDuration }}.";
    assert_eq!(plain(text), "N in `namespace`/`job` for DURATION.");
}
