//! `kubectl composio reconcile`: the operator looks again, afresh.

use crate::arguments::{Options, Selection};
use crate::cluster::{Cluster, Named};
use crate::each::Each;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::watch::Seen;
use crate::{annotate, name};

/// Asks for a look at each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = stop.or(Cluster::of(options)).await?;
    let change = async |name: &str| annotate::request_reconcile(&cluster, name).await;
    let each = Each::run(&cluster, selection, stop, out, change, |token, view| {
        let handled = view.status.last_handled_reconcile_at.as_ref();
        match handled == Some(token) {
            true => Seen::Done(view.object.clone()),
            false => Seen::NotYet("the operator has not looked yet".to_owned()),
        }
    });
    let each = each.await?;
    let requested = "reconcile requested";
    let done = match selection.wait {
        true => "reconciled",
        false => requested,
    };
    each.finish(done, requested, out)
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
