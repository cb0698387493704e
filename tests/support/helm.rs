//! The chart, rendered by Helm as it would be installed.

use std::path::Path;
use std::process::{Output, Stdio};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::Command;

use super::control_plane::ControlPlane;
use super::tools::{self, HELM, HELM3, Tool};

/// The chart's folder.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/composio-operator");

/// Runs Helm without a cluster.
pub(crate) async fn helm(args: &[&str]) -> Output {
    without_cluster(&HELM, args).await
}

/// The same by Helm 3.
pub(crate) async fn helm3(args: &[&str]) -> Output {
    without_cluster(&HELM3, args).await
}

async fn without_cluster(tool: &'static Tool, args: &[&str]) -> Output {
    Command::new(tools::program(tool).await)
        .args(args)
        .env_remove("KUBECONFIG")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("helm runs")
}

/// Runs Helm on a cluster, as its administrator. `home` is where Helm keeps what it remembers.
pub(crate) async fn helm_on(
    control_plane: &ControlPlane,
    home: &Path,
    namespace: &str,
    args: &[&str],
) -> Output {
    helm_of(&HELM, control_plane, home, namespace, args).await
}

/// The same by another version of Helm.
pub(crate) async fn helm_of(
    tool: &'static Tool,
    control_plane: &ControlPlane,
    home: &Path,
    namespace: &str,
    args: &[&str],
) -> Output {
    Command::new(tools::program(tool).await)
        .args(args)
        .args(["--namespace", namespace])
        .env("KUBECONFIG", control_plane.kubeconfig())
        .env("HOME", home)
        .kill_on_drop(true)
        .output()
        .await
        .expect("helm runs")
}

/// The chart with these values (`name=value`, a value in JSON), or what Helm says against them.
pub(crate) async fn render(namespace: &str, values: &[&str]) -> Result<Rendered, String> {
    let mut args = vec!["template", "op", CHART, "--namespace", namespace];
    for value in values {
        args.extend(["--set-json", value]);
    }
    let output = helm(&args).await;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let yaml = String::from_utf8(output.stdout).expect("it is text");
    Ok(Rendered {
        yaml,
        left_out: Vec::new(),
    })
}

/// What the chart makes of its values.
pub(crate) struct Rendered {
    pub(crate) yaml: String,
    left_out: Vec<Value>,
}

impl Rendered {
    /// All objects.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let mut all: Vec<Value> =
            serde_saphyr::from_multiple(&self.yaml).expect("the chart makes YAML");
        all.retain(|object| !self.left_out.contains(object));
        all
    }

    /// Leaves out the objects that are not so.
    pub(crate) fn retain(&mut self, is_so: impl Fn(&Value) -> bool) {
        let all = self.objects().into_iter();
        let others = all.filter(|object| !is_so(object)).collect::<Vec<_>>();
        self.left_out.extend(others);
    }

    /// All objects of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Value> {
        let objects = self.objects().into_iter();
        objects.filter(|object| object["kind"] == kind).collect()
    }

    /// The only object of that kind and name.
    pub(crate) fn one<T: DeserializeOwned>(&self, kind: &str, name: &str) -> T {
        let mut found = self.of_kind(kind).into_iter();
        let object = found
            .find(|object| object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("there is no {kind} {name}"));
        serde_json::from_value(object).expect("it is of that kind")
    }

    /// The specifications of all pods, in whatever they stand.
    pub(crate) fn pods(&self) -> Vec<Value> {
        let specs = self.objects().into_iter();
        specs
            .filter_map(|object| match object["kind"].as_str() {
                Some("Pod") => Some(object["spec"].clone()),
                Some("Deployment" | "Job") => Some(object["spec"]["template"]["spec"].clone()),
                Some(_) | None => None,
            })
            .collect()
    }

    /// The arguments of the operator's container.
    pub(crate) fn args(&self) -> Vec<String> {
        let deployment: Value = self.one("Deployment", "op-composio-operator");
        let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        serde_json::from_value(args.clone()).expect("a list of words")
    }
}
