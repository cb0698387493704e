//! `kubectl composio reconcile`: the operator looks again, afresh.

use std::time::Duration;

use crate::arguments::{Options, Selection};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::print::Out;
use crate::watch::{self, Seen};
use crate::{annotate, name};

/// How long a look may take, the rate limit included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a look at each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let timeout = options.timeout.unwrap_or(PATIENCE);
    let mut asked = Vec::new();
    let names = cluster.names(selection).await?;
    nothing_to_do(&names, &cluster, out);
    let mut interrupt = match selection.wait {
        true => Some(Interrupt::listen()?),
        false => None,
    };
    for name in names {
        let (token, object) = annotate::request_reconcile(&cluster, &name).await?;
        asked.push((name, token, object));
    }
    let mut objects = Vec::new();
    for (name, token, object) in asked {
        let seen = match &mut interrupt {
            None => object,
            Some(interrupt) => {
                watch::until(&cluster, &name, timeout, out, interrupt, |view| {
                    let handled = view.status.last_handled_reconcile_at.as_deref();
                    Ok(match handled == Some(&token) {
                        true => Seen::Done(view.object.clone()),
                        false => Seen::NotYet("the operator has not looked yet".to_owned()),
                    })
                })
                .await?
            }
        };
        objects.push((name, seen));
    }
    let done = match selection.wait {
        true => "reconciled",
        false => "reconcile requested",
    };
    print_result(objects, done, out)
}

/// Tells what was done to which objects, as kubectl does.
pub(crate) fn print_result(
    objects: Vec<(String, serde_json::Value)>,
    done: &str,
    out: &mut Out,
) -> Result<(), Failure> {
    let lines: String = objects
        .iter()
        .map(|(object, _)| format!("{}/{object} {done}\n", name::RESOURCE))
        .collect();
    let is_one = objects.len() == 1;
    let objects = objects.into_iter().map(|(_, object)| object).collect();
    match out.values(objects, is_one) {
        Some(written) => written,
        None => out.text(&lines),
    }
}

/// Says that no object is meant.
pub(crate) fn nothing_to_do(names: &[String], cluster: &Cluster, out: &Out) {
    if names.is_empty() {
        let namespace = &cluster.namespace;
        out.note(&format!(
            "No connected accounts found in namespace {namespace}."
        ));
    }
}
