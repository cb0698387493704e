//! `kubectl composio reconcile`: the operator looks again, afresh.

use std::time::Duration;

use crate::arguments::{Options, Selection};
use crate::cluster::{Cluster, Named};
use crate::each::Each;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::watch::{self, Seen};
use crate::{annotate, name};

/// How long a look may take, the rate limit included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a look at each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = stop.or(Cluster::of(options)).await?;
    let names = stop.or(meant(&cluster, selection, out)).await?;
    let mut each = Each::of(names.len());
    let mut asked = Vec::new();
    for name in names {
        let asking = annotate::request_reconcile(&cluster, &name);
        if let Some((token, object)) = each.change(&name, asking, stop, out).await {
            asked.push((name, token, object));
        }
        if each.is_stopped() {
            break;
        }
    }
    for (name, token, object) in asked {
        if !selection.wait {
            each.done(name, object);
            continue;
        }
        if each.is_stopped() {
            each.begun(name, object);
            continue;
        }
        let wait = stop.wait(PATIENCE);
        let came = watch::until(&cluster, &name, wait, out, stop, |view| {
            let handled = view.status.last_handled_reconcile_at.as_deref();
            Ok(match handled == Some(&token) {
                true => Seen::Done(view.object.clone()),
                false => Seen::NotYet("the operator has not looked yet".to_owned()),
            })
        })
        .await;
        each.waited(name, object, came, out);
    }
    let requested = "reconcile requested";
    let done = match selection.wait {
        true => "reconciled",
        false => requested,
    };
    each.finish(done, requested, out)
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

/// The names of the objects that are meant. Says so where there are none: of a project that objects do not name, also
/// which one they do.
pub(crate) async fn meant(
    cluster: &Cluster,
    selection: &Selection,
    out: &Out,
) -> Result<Vec<String>, Failure> {
    let Named { names, projects } = cluster.names(selection).await?;
    if let (Some(project), []) = (&selection.project, names.as_slice()) {
        let namespace = &cluster.namespace;
        let mut message =
            format!("No connected accounts of {project} found in namespace {namespace}");
        let others = projects.iter().filter(|other| other.kind == project.kind);
        let others = others.map(|other| other.name.as_str());
        if let Some(near) = name::nearest(&project.name, others) {
            message.push_str(&format!("; do you mean {near}?"));
        }
        out.note(&message);
    } else if names.is_empty() {
        nothing_found(cluster, out);
    }
    Ok(names)
}

/// Says that there is no object.
pub(crate) fn nothing_found(cluster: &Cluster, out: &Out) {
    let namespace = &cluster.namespace;
    out.note(&format!(
        "No connected accounts found in namespace {namespace}."
    ));
}
