//! The alerts, evaluated by Prometheus' own promtool: each rings for what it is about, in time, for the right project,
//! and nothing else does.

mod cases;
mod healthy;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use cases::{CASES, Case, OF_RELEASE};
use healthy::HEALTHY;

use crate::support::child::Folder;
use crate::support::helm::render;
use crate::support::tools::{self, PROMTOOL};

const METRICS: &str =
    r#"metrics={"serviceMonitor":{"enabled":true},"rules":{"enabled":true,"waitingMinutes":60}}"#;
const PROJECT: &str = "ComposioProject/agents/default";

/// A series of this release, or of another one that is healthy.
fn series(of: &str, (metric, labels, values): (&str, &str, &str)) -> Value {
    let labels = labels.replace("\"P\"", &format!("\"{PROJECT}\""));
    let of = match metric.starts_with("connect_") {
        true => of.replace("-metrics", "-page-metrics"),
        false => of.to_owned(),
    };
    json!({"series": format!("composio_operator_{metric}{{{of},{labels}}}"), "values": values})
}

fn told(case: Option<&Case>) -> Vec<Value> {
    let instead = case.map(|case| case.told).unwrap_or_default();
    let is_replaced = |usual: &&(&str, &str, &str)| {
        instead
            .iter()
            .any(|told| (told.0, told.1) == (usual.0, usual.1))
    };
    let usual = HEALTHY
        .iter()
        .filter(|usual| !is_replaced(usual))
        .chain(instead);
    let here = usual.map(|told| series(OF_RELEASE, *told));
    let other = r#"namespace="y",job="other-metrics""#;
    let elsewhere = HEALTHY.iter().map(|told| series(other, *told));
    here.chain(elsewhere).collect()
}

/// Which alerts ring at that minute.
fn ringing(minute: u32, case: Option<&Case>) -> Value {
    let samples: Vec<Value> = case
        .iter()
        .map(|case| {
            let labels = case.labels.replace("\"P\"", &format!("\"{PROJECT}\""));
            let labels = format!(
                r#"ALERTS{{alertname="{}",alertstate="firing",severity="{}",{labels}}}"#,
                case.alert, case.severity
            );
            json!({"labels": labels, "value": 1})
        })
        .collect();
    json!({
        "expr": r#"ALERTS{alertstate="firing"}"#,
        "eval_time": format!("{minute}m"),
        "exp_samples": samples,
    })
}

fn tests() -> Vec<Value> {
    let quiet = [1, 30, 60, 120, 239].map(|minute| ringing(minute, None));
    let mut tests = vec![json!({
        "name": "all is well", "interval": "1m",
        "input_series": told(None), "promql_expr_test": quiet,
    })];
    for case in &CASES {
        let (silent, loud) = case.silent_and_loud;
        let expected = [
            ringing(silent, None),
            ringing(loud, Some(case)),
            ringing(235, None),
        ];
        tests.push(json!({
            "name": case.alert, "interval": "1m",
            "input_series": told(Some(case)), "promql_expr_test": expected,
        }));
    }
    // What a person reads, of one.
    let dead = CASES
        .iter()
        .find(|case| case.alert == "ConnectedAccountGrantDead");
    tests.push(json!({
        "name": "what a person reads", "interval": "1m", "input_series": told(dead),
        "alert_rule_test": [{
            "eval_time": "30m", "alertname": "ConnectedAccountGrantDead",
            "exp_alerts": [{
                "exp_labels": {
                    "severity": "warning", "namespace": "x", "job": "op-composio-operator-metrics",
                    "project": PROJECT, "reason": "Revoked",
                },
                "exp_annotations": {
                    "summary": format!("2 accounts of {PROJECT} have lost their grant (Revoked): agents cannot use them."),
                    "description": "Find them with kubectl get connectedaccounts -A, and ask for a link by the annotation composio.dev/link-requested-at.",
                },
            }],
        }],
    }));
    tests
}

/// The rules as the chart installs them, without what Kubernetes adds.
async fn rules() -> Value {
    let rendered = render("x", &[METRICS]).await.expect("it renders");
    let rule: Value = rendered.one("PrometheusRule", "op-composio-operator");
    rule["spec"].clone()
}

#[tokio::test]
async fn each_alert_rings_for_what_it_is_about_and_stops_when_it_is_mended() {
    let folder = Folder::new().expect("a folder");
    let rules = rules().await;
    let file = folder
        .write("rules.yaml", rules.to_string())
        .expect("it is written");
    let tests = json!({
        "rule_files": [&file], "evaluation_interval": "1m", "tests": tests(),
    });
    let tests = folder
        .write("tests.yaml", tests.to_string())
        .expect("it is written");
    promtool("check", &file).await;
    promtool("test", &tests).await;
}

/// Has promtool check the rules, or run the tests, of a file.
pub(super) async fn promtool(what: &str, file: &Path) {
    let output = Command::new(tools::program(&PROMTOOL).await)
        .args([what, "rules"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
}

#[tokio::test]
async fn no_alert_is_left_out_of_the_test() {
    let rules = rules().await;
    let rules = rules["groups"][0]["rules"]
        .as_array()
        .expect("rules")
        .iter();
    let installed: BTreeSet<&str> = rules
        .map(|rule| rule["alert"].as_str().expect("a name"))
        .collect();
    let tested: BTreeSet<&str> = CASES.iter().map(|case| case.alert).collect();
    assert_eq!(installed, tested);
}
