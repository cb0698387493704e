//! The tables of decisions and of reasons, and that the tables written by hand beside them leave nothing out.

use composio_operator::crd::{
    self, ConfigMapReason, Progress, ProjectReason, ReadyRule, Reason, definitions,
};
use composio_operator::plan::Rule;
use strum::IntoEnumIterator;

use super::{read, row};

const EVENTS: &str = include_str!("../../src/operator/report/object_event/reason.rs");
const CHANGES: &str = include_str!("../../src/operator/plan/change.rs");
const DASHBOARD: &str = include_str!("../../charts/composio-operator/files/dashboard.json");

/// What the random sequences hold each decision against.
pub(super) fn decisions() -> String {
    let mut table = String::from("| Rule | When | What it does |\n|---|---|---|\n");
    for rule in Rule::iter() {
        table.push_str(&row(&[
            format!("`{}`", rule.as_str()),
            rule.when().to_owned(),
            rule.then().to_owned(),
        ]));
    }
    table
}

pub(super) fn reasons() -> String {
    let mut table = String::from(
        "| Reason | Ready | Synced | Present while true | What it means, and what to do |\n\
         |---|---|---|---|---|\n",
    );
    for reason in Reason::all() {
        let ready = match reason.ready() {
            ReadyRule::True => "True",
            ReadyRule::False => "False",
            ReadyRule::Unknown => "Unknown",
            ReadyRule::Kept => "as last seen",
            ReadyRule::KeptOrFalse => "as last seen of the account; False without one",
        };
        let synced = match reason.synced() {
            true => "True",
            false => "False",
        };
        table.push_str(&row(&[
            format!("`{reason}`"),
            ready.to_owned(),
            synced.to_owned(),
            while_true(reason.progress()),
            reason.meaning().to_owned(),
        ]));
    }
    table
}

pub(super) fn config_map_reasons() -> String {
    let mut table = String::from("| Reason | Meaning, and what to do |\n|---|---|\n");
    for reason in ConfigMapReason::ALL {
        table.push_str(&row(&[format!("`{reason}`"), reason.meaning().to_owned()]));
    }
    table
}

pub(super) fn project_reasons() -> String {
    let mut table = String::from(
        "| Reason | Ready | Present while true | What it means, and what to do |\n|---|---|---|---|\n",
    );
    for reason in ProjectReason::all() {
        let ready = match reason.is_ready() {
            true => "True",
            false => "False",
        };
        table.push_str(&row(&[
            format!("`{reason}`"),
            ready.to_owned(),
            while_true(reason.progress()),
            reason.meaning().to_owned(),
        ]));
    }
    table
}

fn while_true(progress: Progress) -> String {
    let condition = match progress {
        Progress::None => "",
        Progress::Reconciling => "Reconciling",
        Progress::Stalled => "Stalled",
    };
    condition.to_owned()
}

/// The texts in the arms of a function: `Self::Adopted => "Adopted"`.
fn arms<'a>(source: &'a str, function: &str) -> Vec<&'a str> {
    let (_, body) = source.split_once(function).expect("the function is there");
    let (body, _) = body.split_once("\n    }\n").expect("it ends");
    body.lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .collect()
}

#[test]
fn the_table_of_events_leaves_none_out() {
    let reference = read("crds/README.md");
    let (_, table) = reference.split_once("| Event | Type |").expect("a table");
    let table = table.split("\n\n").next().unwrap();
    let mut events = arms(EVENTS, "pub fn as_str(self)");
    events.extend(arms(CHANGES, "pub fn event_reason(self)"));
    assert!(events.len() > 15, "{events:?}");
    for event in events {
        assert!(table.contains(&format!("`{event}`")), "{event}");
    }
}

#[test]
fn the_marks_on_an_object_and_the_columns_are_told() {
    let reference = read("crds/README.md");
    for mark in [
        crd::FINALIZER,
        crd::PROJECT_FINALIZER,
        crd::ALIAS_ANNOTATION,
        crd::OWN_ACCOUNT_ANNOTATION,
        crd::ABANDON_ANNOTATION,
        crd::MOVE_TO_PROJECT_ANNOTATION,
        crd::CONNECT_EPOCH_ANNOTATION,
        crd::LINK_REQUESTED_ANNOTATION,
        crd::RECONCILE_REQUESTED_ANNOTATION,
    ] {
        assert!(reference.contains(&format!("`{mark}`")), "{mark}");
    }
    let mut words: Vec<String> = Vec::new();
    for definition in definitions() {
        let names = definition.spec.names;
        let version = &definition.spec.versions[0];
        let columns = version.additional_printer_columns.iter().flatten();
        let selectable = version.selectable_fields.iter().flatten();
        words.extend(columns.map(|column| column.name.to_uppercase()));
        words.extend(selectable.map(|field| field.json_path.trim_start_matches('.').to_owned()));
        words.extend(names.short_names.into_iter().flatten());
        words.extend(names.categories.into_iter().flatten());
    }
    for word in words {
        assert!(reference.contains(&format!("`{word}`")), "{word}");
    }
}

/// Another test holds the dashboard against what the operator tells, both ways.
#[test]
fn the_table_of_metrics_leaves_none_out() {
    let chart = read("charts/composio-operator/README.md");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (_, table) = chart.split_once("| Metric | Meaning |").expect("a table");
    let table = table.split("\n\n").next().unwrap();
    let known: Vec<&str> = table.split(|c| !is_word(c)).collect();
    let metrics: Vec<&str> = DASHBOARD
        .split(|c| !is_word(c))
        .filter(|name| name.starts_with("composio_operator_") || name.starts_with("process_"))
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name))
        .collect();
    assert!(metrics.len() > 20, "{metrics:?}");
    for metric in metrics {
        assert!(known.contains(&metric), "{metric}");
    }
}
