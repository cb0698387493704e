//! The dashboard's queries, asked of a Prometheus that scrapes a running operator: each panel has something to show.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::monitoring::{busy, panels};
use crate::support::child::{Child, Folder};
use crate::support::control_plane::free_ports;
use crate::support::operator::Operator;
use crate::support::scene::SOON;
use crate::support::tools::{self, PROMETHEUS};
use crate::support::{http_client, wait};

/// Panels that are empty while all is well.
const EMPTY: [&str; 4] = [
    "ConfigMaps that are not written",
    "Namespaces that cannot be read",
    "Projects that cannot be used",
    "Requests that did not succeed",
];
/// The same of one query of a panel.
const EMPTY_QUERY: &str = "composio_operator_notifications_held";

/// A Prometheus that scrapes one operator each second.
struct Prometheus {
    url: String,
    http: reqwest::Client,
    child: Child,
}

impl Prometheus {
    async fn scraping(operator: &Operator, folder: &Folder) -> Prometheus {
        let [port] = free_ports().expect("a port");
        let target = operator.address().expect("it listens");
        let config = json!({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{
                "job_name": "op",
                "static_configs": [{"targets": [target], "labels": {"namespace": "x"}}],
            }],
        });
        let config = folder.write("prometheus.yaml", config.to_string());
        let mut command = Command::new(tools::program(&PROMETHEUS).await);
        command
            .arg("--config.file")
            .arg(config.expect("it is written"))
            .arg("--storage.tsdb.path")
            .arg(folder.join("tsdb"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let grace = Duration::from_secs(10);
        let child = Child::spawn(folder, "prometheus", grace, &command).expect("it starts");
        Prometheus {
            url: format!("http://127.0.0.1:{port}"),
            http: http_client(SOON),
            child,
        }
    }

    /// What it answers at a path of its API.
    async fn ask(&self, path: &str, query: &str) -> Result<Value, String> {
        let url = format!("{}/api/v1/{path}", self.url);
        let asked = self.http.get(url).query(&[("query", query)]).send().await;
        let answer = asked.map_err(|error| format!("{error}: {}", self.child.log_tail(10)))?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
        match answer["status"] == "success" {
            true => Ok(answer["data"].take()),
            // A query that cannot be evaluated never will be.
            false if answer["errorType"] == "bad_data" => panic!("{query}: {text}"),
            false => Err(text),
        }
    }

    /// The series that a query has now.
    async fn series(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.ask("query", query).await?;
        let series = data["result"].as_array().ok_or_else(|| data.to_string())?;
        Ok(series.clone())
    }
}

/// With the variables chosen as Grafana does where nobody chooses.
fn query(text: &str) -> String {
    text.replace("$__rate_interval", "5m")
        .replace("$namespace", ".*")
        .replace("$job", ".*")
        .replace("$project", ".*")
}

/// The queries of the panels: title, query, and whether it has a series while all is well.
fn queries() -> Vec<(String, String, bool)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().expect("targets").clone();
        targets.into_iter().map(move |target| {
            let query = query(target["expr"].as_str().expect("a query"));
            assert!(!query.contains('$'), "{title}: {query}");
            // A comparison has none where nothing is larger.
            let is_empty = query.contains(") > (") || query.contains(EMPTY_QUERY);
            let shows = !is_empty && !EMPTY.contains(&title.as_str());
            (title.clone(), query, shows)
        })
    };
    panels().iter().flat_map(of).collect()
}

#[tokio::test]
async fn each_panel_shows_something_of_a_running_operator() {
    let scene = busy().await;
    let folder = Folder::new().expect("a folder");
    let prometheus = Prometheus::scraping(&scene.operator, &folder).await;
    let mut shown = 0;
    for (title, query, shows) in queries() {
        wait::until(&format!("{title}: {query}"), SOON, async || {
            let series = prometheus.series(&query).await?;
            match series.is_empty() && shows {
                true => Err(format!("no series: {}", prometheus.child.log_tail(5))),
                false => Ok(()),
            }
        })
        .await;
        shown += usize::from(shows);
    }
    assert!(shown > 30, "{shown}");
}

/// Each variable that a person chooses from has something to choose.
#[tokio::test]
async fn each_variable_has_a_value_of_a_running_operator() {
    let dashboard = include_str!("../../charts/composio-operator/files/dashboard.json");
    let dashboard: Value = serde_json::from_str(dashboard).expect("JSON");
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let asked: Vec<&str> = variables
        .iter()
        .filter_map(|variable| variable["query"]["query"].as_str())
        .collect();
    assert_eq!(asked.len(), 3, "{asked:?}");

    let scene = busy().await;
    let folder = Folder::new().expect("a folder");
    let prometheus = Prometheus::scraping(&scene.operator, &folder).await;
    for asked in asked {
        let (selector, label) = asked
            .strip_prefix("label_values(")
            .and_then(|asked| asked.strip_suffix(')'))
            .and_then(|asked| asked.rsplit_once(", "))
            .expect("label_values(SELECTOR, LABEL)");
        let query = format!("group by ({label}) ({})", query(selector));
        wait::until(asked, SOON, async || {
            let series = prometheus.series(&query).await?;
            let mut labels = series.iter().map(|one| &one["metric"][label]);
            match labels.any(Value::is_string) {
                true => Ok(()),
                false => Err(format!("{series:?}")),
            }
        })
        .await;
    }
}
