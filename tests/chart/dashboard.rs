//! The dashboard's queries, evaluated by promtool over what a running operator tells: each panel has something to show.

use serde_json::{Value, json};

use super::alerts::promtool;
use super::monitoring::{panels, told};
use crate::support::child::Folder;

/// Panels that are empty while all is well.
const EMPTY: [&str; 4] = [
    "ConfigMaps that are not written",
    "Namespaces that cannot be read",
    "Projects that cannot be used",
    "Requests that did not succeed",
];

/// What Prometheus makes of a line that the operator told, scraped each minute. Counters go on.
fn series(line: &str) -> Option<Value> {
    let (name, value) = line.rsplit_once(' ')?;
    let (metric, labels) = match name.split_once('{') {
        Some((metric, labels)) => (metric, labels.trim_end_matches('}')),
        None => (name, ""),
    };
    let counts = ["_total", "_bucket", "_count", "_sum"];
    let step = match counts.iter().any(|end| metric.ends_with(end)) {
        true => "+1",
        false => "+0",
    };
    let target = r#"namespace="x",job="op",instance="a""#;
    let labels = [target, labels].join(",");
    let labels = labels.trim_end_matches(',');
    Some(json!({"series": format!("{metric}{{{labels}}}"), "values": format!("{value}{step}x30")}))
}

/// With the variables chosen as Grafana does where nobody chooses.
fn query(target: &Value) -> String {
    let query = target["expr"].as_str().expect("a query");
    query
        .replace("$__rate_interval", "5m")
        .replace("$namespace", ".*")
        .replace("$job", ".*")
        .replace("$project", ".*")
}

#[tokio::test]
async fn each_panel_shows_something_of_a_running_operator() {
    let told = told().await;
    let lines = told.lines().filter(|line| !line.starts_with('#'));
    let input: Vec<Value> = lines.filter_map(series).collect();
    assert!(input.len() > 100, "{told}");
    let mut queries = Vec::new();
    for panel in panels() {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().expect("targets") {
            let query = query(target);
            assert!(!query.contains('$'), "{title}: {query}");
            let query = match EMPTY.contains(&title) || query.contains(") > (") {
                // It can be evaluated.
                true => query,
                // There is something: what is absent is nothing.
                false => format!("absent({query})"),
            };
            queries.push(json!({"expr": query, "eval_time": "20m", "exp_samples": []}));
        }
    }
    assert!(queries.len() > 30, "{}", queries.len());
    let tests = json!({
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": input, "promql_expr_test": queries}],
    });
    let folder = Folder::new().expect("a folder");
    let file = folder.write("tests.yaml", tests.to_string());
    promtool("test", &file.expect("it is written")).await;
}
