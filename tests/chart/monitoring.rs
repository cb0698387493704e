//! What alerts and dashboard speak of is what the operator tells.

use std::collections::BTreeSet;

use composio_operator::connect::page_metrics::PageMetrics;
use composio_operator::crd::Reason;
use rstest::rstest;
use serde_json::Value;

use crate::support::helm::render;
use crate::support::scene::{Operated, Scene, gmail};

const ALERTS: &str = include_str!("../../charts/composio-operator/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../charts/composio-operator/files/dashboard.json");
/// How the names of what the operator tells begin: its own, and those that every process has.
const PREFIXES: [&str; 2] = ["composio_operator_", "process_"];

/// The names of the operator's metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_word(c))
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .map(str::to_owned)
        .collect()
}

/// The names by which the metrics of a text are asked for.
fn families(text: &str) -> impl Iterator<Item = String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_once(' '))
        .map(|(family, kind)| match kind {
            "counter" => format!("{family}_total"),
            "histogram" => format!("{family}_bucket"),
            _ => family.to_owned(),
        })
}

/// The words of a label in a text of metrics.
fn label(text: &str, metric: &str, label: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with(&format!("{metric}{{")))
        .filter_map(|line| line.split_once(&format!("{label}=\"")))
        .filter_map(|(_, rest)| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn rules() -> Vec<Value> {
    let alerts: Value = serde_saphyr::from_str(ALERTS).expect("YAML");
    alerts["groups"][0]["rules"]
        .as_array()
        .expect("rules")
        .clone()
}

pub(super) fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    dashboard["panels"].as_array().expect("panels").clone()
}

/// An operator that has been through most of what is counted.
pub(super) async fn busy() -> Operated<'static> {
    let scene = Scene::new("metrics").await.operated().await;
    scene.connected_gmail("a").await;
    let mut another = gmail();
    another["user"] = "another".into();
    scene.declare("b", another).await;
    scene.linked("b").await;
    scene
}

/// Its metrics.
async fn told() -> String {
    let scene = busy().await;
    let (status, text) = scene.operator.get("/metrics").await;
    assert_eq!(status, 200, "{text}");
    text
}

#[tokio::test]
async fn every_metric_of_alerts_and_dashboard_is_told_by_the_operator() {
    let told = told().await;
    let there: BTreeSet<String> = families(&told).collect();
    let expressions: String = rules()
        .iter()
        .map(|rule| &rule["expr"])
        .chain(
            panels()
                .iter()
                .flat_map(|panel| {
                    let targets = panel["targets"].as_array().expect("targets").iter();
                    targets.map(|target| &target["expr"]).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>(),
        )
        .map(|expression| format!("{}\n", expression.as_str().expect("an expression")))
        .collect();
    let of_page = PageMetrics::default();
    of_page.expects_events();
    let of_page = of_page.text();
    let all: BTreeSet<String> = there.iter().cloned().chain(families(&of_page)).collect();
    let missing: Vec<String> = names(&expressions).difference(&all).cloned().collect();
    assert!(missing.is_empty(), "{missing:?} in\n{told}");
    // And the other way round: what is told has a place on the dashboard.
    let dashboard = names(DASHBOARD);
    for name in there {
        assert!(dashboard.contains(&name), "{name} is on no panel");
    }
}

#[tokio::test]
async fn what_is_told_is_true() {
    let told = told().await;
    let line = |start: &str| {
        let mut lines = told.lines().filter(|line| line.starts_with(start));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no {start} in\n{told}"));
        let value = line.rsplit(' ').next().expect("a value");
        value.parse::<f64>().expect("a number")
    };
    let project = label(&told, "composio_operator_project_ready", "project");
    let project = project.first().expect("one is there");
    let of_project = |metric: &str, label: &str, word: &str| {
        line(&format!(
            "composio_operator_{metric}{{project=\"{project}\",{label}=\"{word}\""
        ))
    };
    assert_eq!(of_project("objects", "state", "ACTIVE"), 1.0);
    for reason in ["Connected", "AwaitingUser"] {
        assert_eq!(of_project("objects_by_reason", "reason", reason), 1.0);
    }
    assert!(line("composio_operator_longest_wait_seconds") >= 0.0);
    assert_eq!(line("composio_operator_unrevoked_deletions_total"), 0.0);
    assert_eq!(
        of_project(
            "composio_requests_total",
            "endpoint",
            "link\",class=\"success"
        ),
        2.0
    );
    assert!(line("composio_operator_last_poll_timestamp_seconds") > 1.7e9);
    let words: BTreeSet<&str> = Reason::all().map(Reason::as_str).collect();
    let reasons = words.into_iter().chain(["NotDecoded"]);
    let reasons: BTreeSet<&str> = reasons.collect();
    // Words in alerts that no version of the operator ever says would never ring.
    for rule in rules() {
        let expression = rule["expr"].as_str().expect("an expression");
        let Some((_, words)) = expression.split_once("reason=") else {
            continue;
        };
        let words = words.trim_start_matches('~').trim_start_matches('"');
        for word in words.split('"').next().unwrap_or_default().split('|') {
            assert!(reasons.contains(word), "{word} in {}", rule["alert"]);
        }
    }
}

/// What an expression takes together without telling one release from another.
fn lumps_together(expression: &str) -> Vec<&str> {
    const RELEASE: &str = "by (namespace, job";
    let found = ["max", "min", "sum", "avg", "count"]
        .into_iter()
        .flat_map(|name| expression.match_indices(name));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    found
        .filter(|(at, name)| {
            let before = expression[..*at].chars().next_back();
            let after = expression[at + name.len()..].trim_start();
            let whole = !before.is_some_and(is_word) && after.starts_with(['(', 'b', 'w']);
            whole && !after.starts_with(RELEASE)
        })
        .map(|(at, _)| &expression[at..])
        .collect()
}

#[test]
fn of_two_releases_each_has_its_own_alerts_and_lines() {
    let alerts = rules().into_iter().map(|rule| rule["expr"].clone());
    let targets = panels().into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().expect("targets").clone();
        targets.into_iter().map(|target| target["expr"].clone())
    });
    for expression in alerts.chain(targets) {
        let expression = expression.as_str().expect("an expression");
        assert_eq!(lumps_together(expression), [""; 0], "{expression}");
    }
    for panel in panels() {
        for target in panel["targets"].as_array().expect("targets") {
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            assert!(legend.starts_with("{{namespace}}/{{job}}"), "{legend}");
        }
    }
    assert_eq!(lumps_together("1 + max(a) > 0"), ["max(a) > 0"]);
    assert_eq!(
        lumps_together("sum by (reason) (a)"),
        ["sum by (reason) (a)"]
    );
    assert_eq!(lumps_together("sum without (job) (a)").len(), 1);
    assert_eq!(
        lumps_together("max by (namespace, job, x) (max_a)"),
        [""; 0]
    );
}

#[test]
fn each_variable_of_the_dashboard_is_asked_for_and_what_is_told_by_project_by_its_own() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let names: Vec<&str> = variables
        .iter()
        .map(|variable| variable["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["datasource", "namespace", "job", "project"]);
    let by_project = [
        "composio_operator_objects",
        "composio_operator_objects_by_reason",
        "composio_operator_objects_by_synced_reason",
        "composio_operator_objects_without_config_map",
        "composio_operator_notifications_held",
        "composio_operator_longest_wait_seconds",
        "composio_operator_composio_requests_total",
        "composio_operator_composio_rate_limit_remaining",
        "composio_operator_composio_gate_closed",
        "composio_operator_last_poll_timestamp_seconds",
        "composio_operator_project_ready",
    ];
    for panel in panels() {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            for metric in by_project {
                for (at, _) in expression.match_indices(&format!("{metric}{{")) {
                    let selector = expression[at..].split('}').next().unwrap_or_default();
                    assert!(selector.contains("project=~\"$project\""), "{expression}");
                }
            }
        }
    }
    for rule in rules() {
        let expression = rule["expr"].as_str().expect("an expression");
        if names_one_of(expression, &by_project) {
            let name = &rule["alert"];
            assert!(expression.contains("by (namespace, job, project"), "{name}");
            let summary = rule["annotations"]["summary"].as_str().unwrap_or_default();
            assert!(
                summary.contains("{{ $labels.project }}"),
                "{name}: {summary}"
            );
        }
    }
}

/// Whether the expression asks for one of these metrics.
fn names_one_of(expression: &str, metrics: &[&str]) -> bool {
    let asked = names(expression);
    metrics.iter().any(|metric| asked.contains(*metric))
}

#[rstest]
#[case::by_namespace(r#"{"rules":{"enabled":true}}"#, r#"namespace="x""#)]
#[case::by_the_job_of_a_service_monitor(
    r#"{"rules":{"enabled":true},"serviceMonitor":{"enabled":true}}"#,
    r#"namespace="x",job="op-composio-operator-metrics""#
)]
#[case::by_the_job_of_a_pod_monitor(
    r#"{"rules":{"enabled":true},"podMonitor":{"enabled":true}}"#,
    r#"namespace="x",job="x/op-composio-operator""#
)]
#[tokio::test]
async fn the_alert_for_absence_asks_for_this_release_alone(
    #[case] values: &str,
    #[case] release: &str,
) {
    let metrics = format!("metrics={values}");
    let rendered = render("x", &[r#"sandbox={"enabled":true}"#, &metrics])
        .await
        .expect("it renders");
    let rule: Value = rendered.one("PrometheusRule", "op-composio-operator");
    let rules = rule["spec"]["groups"][0]["rules"].as_array();
    let mut rules = rules.expect("rules").iter();
    let absent = rules.find(|rule| rule["alert"] == "ComposioOperatorAbsent");
    let expression = &absent.expect("it is there")["expr"];
    let expected = format!("absent(composio_operator_leader{{{release}}})");
    assert_eq!(expression, &Value::from(expected));
    assert!(!rendered.yaml.contains("{RELEASE}"), "it is filled in");
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a name").to_owned();
        assert!(seen.insert(name.clone()), "{name} is there twice");
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        for annotation in ["summary", "description"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(
                text.len() > 20 && text.ends_with('.'),
                "{name}: {annotation}"
            );
        }
    }
}

#[test]
fn every_panel_is_complete_and_none_lies_on_another() {
    let mut taken = BTreeSet::new();
    for panel in panels() {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            !panel["description"].as_str().unwrap_or_default().is_empty(),
            "{title}"
        );
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}"
        );
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(at("x") + at("w") <= 24, "{title} is too wide");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} lies on another panel");
            }
        }
    }
}

#[tokio::test]
async fn the_chart_fills_in_how_long_is_too_long_and_where_the_runbooks_are() {
    let values = [
        r#"sandbox={"enabled":true}"#,
        r#"metrics={"rules":{"enabled":true,"waitingMinutes":90,"runbookUrl":"https://runbooks.acme.example/"}}"#,
    ];
    let rendered = render("x", &values).await.expect("it renders");
    let rule: Value = rendered.one("PrometheusRule", "op-composio-operator");
    let rules = rule["spec"]["groups"][0]["rules"]
        .as_array()
        .expect("rules");
    let waits = rules
        .iter()
        .find(|rule| rule["alert"] == "ConnectedAccountWaitsForPerson")
        .expect("it is there");
    assert_eq!(
        waits["expr"],
        "max by (namespace, job, project) (composio_operator_longest_wait_seconds) > 5400"
    );
    assert_eq!(
        waits["annotations"]["runbook_url"],
        "https://runbooks.acme.example/ConnectedAccountWaitsForPerson"
    );
}

#[test]
fn what_only_the_leader_knows_is_asked_of_the_leader() {
    let mut asked = 0;
    for panel in panels() {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            // A standby's gauge is 0: the smallest of all replicas would be its.
            if expression.starts_with("min ") {
                asked += 1;
                assert!(
                    expression
                        .contains("and on (namespace, job, instance) (composio_operator_leader{"),
                    "{expression}"
                );
            }
        }
    }
    assert_eq!(asked, 1);
}
