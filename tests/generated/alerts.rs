//! The table of alerts, from the rules that the chart installs.

use serde_json::Value;

use super::{read, row};

pub(super) fn table() -> String {
    let rules = read("charts/composio-operator/files/alerts.yaml");
    let rules: Value = serde_saphyr::from_str(&rules).expect("YAML");
    let mut table = String::from(
        "| Alert | Severity | After | What it says | What to do first |\n|---|---|---|---|---|\n",
    );
    for rule in rules["groups"][0]["rules"].as_array().expect("rules") {
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
