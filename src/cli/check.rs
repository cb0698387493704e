//! `kubectl composio check`: whether all is there that accounts and this program need.

use composio_api::{ConnectedAccount, definitions};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde_json::{Value, json};

use crate::arguments::{Check, Options};
use crate::cluster::Cluster;
use crate::failure::{Failure, NO_DEFINITION, Right, describe};
use crate::print::{Out, Tone};
use crate::text;

mod deployment;
mod lease;
mod marks;
mod operator_rights;
mod operators;
mod own_rights;
mod projects;
mod skew;

pub(crate) use operators::Operators;

/// Columns of the mark that a line begins with.
const MARK: usize = 8;
/// Between the lines that one check needs.
const BELOW: &str = "\n        ";

/// What was found of one thing.
pub(crate) enum Found {
    /// It is as it should be.
    Ok(String),
    /// The caller may not see it.
    Unknown(String),
    /// It is not.
    Failed(String),
}

/// Looks at everything, and writes a line for each thing.
pub(crate) async fn run(
    options: &Options,
    arguments: &Check,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let operators = Operators::of(&cluster, arguments.operator_namespace.as_deref()).await;
    let found = vec![
        ("cluster", apiserver(&cluster).await),
        ("definitions", definitions_there(&cluster).await),
        ("your rights", own_rights::own_rights(&cluster).await),
        ("marks", marks::protected(&cluster).await),
        ("operator", operators.noting(operator(&operators))),
        (
            "operator's rights",
            operator_rights::operator_rights(&cluster, &operators).await,
        ),
        ("leader", lease::leader(&operators)),
        ("projects", projects::projects(&cluster).await),
    ];
    let failed = found
        .iter()
        .filter(|(_, found)| matches!(found, Found::Failed(_)))
        .count();
    print_checks(&found, out)?;
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Failed(format!("{failed} of the checks failed"))),
    }
}

fn print_checks(found: &[(&str, Found)], out: &mut Out) -> Result<(), Failure> {
    let mut lines = String::new();
    let mut values = Vec::new();
    let columns = out.columns_to_fill();
    for (what, found) in found {
        let (mark, tone, message) = match found {
            Found::Ok(message) => ("ok", Tone::Good, message),
            Found::Unknown(message) => ("unknown", Tone::Waiting, message),
            Found::Failed(message) => ("FAILED", Tone::Bad, message),
        };
        values.push(json!({"check": what, "result": mark, "message": message}));
        let mark = out.toned(&format!("{mark:7}"), tone);
        let line = format!("{what}: {}", text::plain(message));
        let parts = match columns {
            Some(columns) => text::wrapped(&line, columns.saturating_sub(MARK)),
            None => vec![line],
        };
        lines.push_str(&format!("{mark} {}\n", parts.join(BELOW)));
    }
    match out.value(&Value::from(values)) {
        Some(written) => written,
        None => out.text(&lines),
    }
}

/// What an answer means that is no answer: whoever may not see a thing has not found it missing.
fn not_seen(error: &kube::Error, right: Right<'_>) -> Found {
    match error {
        kube::Error::Api(status) if status.code == 403 => Found::Unknown(describe(error, right)),
        _ => Found::Failed(describe(error, right)),
    }
}

async fn apiserver(cluster: &Cluster) -> Found {
    let right = Right {
        verb: "get",
        group: "",
        resource: "/version",
        namespace: None,
    };
    match cluster.client.apiserver_version().await {
        Ok(version) => Found::Ok(format!("Kubernetes {} answers", version.git_version)),
        Err(error) => not_seen(&error, right),
    }
}

async fn definitions_there(cluster: &Cluster) -> Found {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let right = Right {
        verb: "get",
        group: "apiextensions.k8s.io",
        resource: "customresourcedefinitions",
        namespace: None,
    };
    let mut newer = None;
    for ours in definitions() {
        let kind = &ours.spec.names.kind;
        match api
            .get(ours.metadata.name.as_deref().unwrap_or_default())
            .await
        {
            Ok(installed) => match skew::of(&installed, &ours) {
                skew::Skew::None => {}
                skew::Skew::Newer(message) => newer = newer.or(Some(message)),
                skew::Skew::Older(message) => return Found::Failed(message),
            },
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Found::Failed(match *kind == ConnectedAccount::kind(&()) {
                    true => NO_DEFINITION.to_owned(),
                    false => format!(
                        "there is no {kind}: the definitions are older than this program; \
                         composio-operator crd prints the new ones"
                    ),
                });
            }
            Err(error) => {
                return match not_seen(&error, right) {
                    // Whether it is there can be told by who may use it.
                    Found::Unknown(why) => served(cluster, why).await,
                    other => other,
                };
            }
        }
    }
    Found::Ok(newer.unwrap_or_else(|| {
        format!(
            "{} is served, with the fields of this program",
            skew::VERSION
        )
    }))
}

async fn served(cluster: &Cluster, why: String) -> Found {
    let namespace = Some(cluster.namespace.as_str());
    let api = cluster.accounts(namespace);
    match api.list(&ListParams::default().limit(1)).await {
        Ok(_) => Found::Ok(format!(
            "v1alpha1 is served; its fields are not looked at: {why}"
        )),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            Found::Failed(NO_DEFINITION.to_owned())
        }
        Err(_) => Found::Unknown(why),
    }
}

/// The operator's version, where it is another one than that of this program.
fn skew_of(deployment: &Deployment) -> String {
    let own = env!("CARGO_PKG_VERSION");
    match version_of(deployment) {
        Some(version) if version != own => {
            format!(", of version {version}, and this program is {own}")
        }
        Some(_) | None => String::new(),
    }
}

/// `namespace/name`.
pub(crate) fn place(deployment: &Deployment) -> String {
    deployment::place(deployment)
}

/// As the chart labels it.
pub(crate) fn version_of(deployment: &Deployment) -> Option<&str> {
    let labels = deployment.metadata.labels.as_ref()?;
    let version = labels.get("app.kubernetes.io/version")?;
    Some(version.as_str())
}

fn operator(operators: &Operators) -> Found {
    let deployments = match operators.seen() {
        Ok(deployments) => deployments,
        Err(why) => return why,
    };
    let mut is_ready = true;
    let message: Vec<String> = deployments
        .iter()
        .map(|deployment| {
            let status = deployment.status.as_ref();
            let ready = status.and_then(|status| status.ready_replicas).unwrap_or(0);
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            is_ready &= ready > 0;
            format!(
                "{}: {ready} of {} ready{}",
                deployment::place(deployment),
                wanted.unwrap_or(1),
                skew_of(deployment)
            )
        })
        .collect();
    match (message.as_slice(), is_ready) {
        ([], _) => Found::Unknown(
            "no Deployment has the chart's labels: it may run without the chart, or not at all"
                .to_owned(),
        ),
        (_, true) => Found::Ok(message.join("; ")),
        (_, false) => Found::Failed(message.join("; ")),
    }
}
