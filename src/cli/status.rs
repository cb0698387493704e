//! `kubectl composio status`: what is wrong, since when, and what to do.

use jiff::Timestamp;
use serde_json::Value;

use crate::arguments::{Options, Output, Status};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::print::Out;
use crate::reconcile::nothing_found;
use crate::view::{View, ago};

mod events;
mod screen;
pub(crate) use screen::without_link;

/// Screens of the named objects, or a table of all.
pub(crate) async fn run(
    options: &Options,
    arguments: &Status,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let is_one = arguments.names.len() == 1;
    let mut objects = Vec::new();
    for name in &arguments.names {
        objects.push(cluster.get(name).await?);
    }
    if arguments.names.is_empty() {
        let namespace = (!arguments.all_namespaces).then_some(cluster.namespace.as_str());
        objects = cluster
            .list(namespace, arguments.selector.as_deref())
            .await?;
    }
    if arguments.problems {
        objects.retain(|object| {
            let view = View::of(object);
            view.is_problem() || view.missing_config_map().is_some()
        });
    }
    if !matches!(out.form(), Output::Table | Output::Wide) {
        return out.values(objects, is_one).unwrap_or(Ok(()));
    }
    let now = Timestamp::now();
    if arguments.names.is_empty() {
        return table(&objects, arguments, &cluster, now, out);
    }
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            out.line("")?;
        }
        let view = View::of(object);
        let events = events::of(&cluster, &view).await;
        out.text(&screen::of(&view, &events, now, out))?;
    }
    Ok(())
}

fn table(
    objects: &[Value],
    arguments: &Status,
    cluster: &Cluster,
    now: Timestamp,
    out: &mut Out,
) -> Result<(), Failure> {
    if objects.is_empty() {
        match (arguments.problems, arguments.all_namespaces) {
            (true, _) => out.note("All connected accounts are as declared."),
            (false, true) => out.note("No connected accounts found."),
            (false, false) => nothing_found(cluster, out),
        }
        return Ok(());
    }
    let mut head = vec![
        "NAME", "USER", "TOOLKIT", "STATE", "READY", "REASON", "SINCE",
    ];
    if arguments.all_namespaces {
        head.insert(0, "NAMESPACE");
    }
    let is_wide = out.form() == Output::Wide;
    if is_wide {
        head.extend(["ACCOUNT", "IDENTITY", "AUTH CONFIG", "MESSAGE"]);
    }
    let rows: Vec<Vec<String>> = objects
        .iter()
        .map(|object| {
            let view = View::of(object);
            let mut row = row(&view, now);
            if arguments.all_namespaces {
                row.insert(0, view.namespace().to_owned());
            }
            if is_wide {
                let status = &view.status;
                row.extend([
                    status.connected_account_id.clone().unwrap_or_default(),
                    status.identity.clone().unwrap_or_default(),
                    status.auth_config.clone().unwrap_or_default(),
                    without_link(&view, view.message()),
                ]);
            }
            row
        })
        .collect();
    out.table(&head, &rows)
}

fn row(view: &View<'_>, now: Timestamp) -> Vec<String> {
    let status = &view.status;
    let ready = status.condition(composio_api::condition::READY);
    let said = view.headline();
    vec![
        view.name().to_owned(),
        view.user().to_owned(),
        view.toolkit().to_owned(),
        status.state.clone().unwrap_or_default(),
        ready.map_or("Unknown".to_owned(), |ready| ready.status.clone()),
        said.map_or(String::new(), |said| said.reason.clone()),
        said.map_or(String::new(), |said| ago(said.last_transition_time.0, now)),
    ]
}
