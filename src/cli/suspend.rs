//! `kubectl composio suspend` and `resume`: `spec.suspend` of the objects.

use composio_api::{Reason, condition};
use serde_json::json;

use crate::arguments::{Options, Selection};
use crate::cluster::Cluster;
use crate::each::Each;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::reconcile::{PATIENCE, meant};
use crate::watch::{self, Seen};

/// Sets it on each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    suspend: bool,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = stop.or(Cluster::of(options)).await?;
    let names = stop.or(meant(&cluster, selection, out)).await?;
    let mut each = Each::of(names.len());
    let mut changed = Vec::new();
    for name in names {
        let change = json!({"spec": {"suspend": suspend}});
        let changing = cluster.patch(&name, change);
        if let Some(object) = each.change(&name, changing, stop, out).await {
            changed.push((name, object));
        }
        if each.is_stopped() {
            break;
        }
    }
    for (name, object) in changed {
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
            let says = view.status.says(condition::SYNCED, &[Reason::Suspended]);
            Ok(match view.is_current() && says == suspend {
                true => Seen::Done(view.object.clone()),
                false => Seen::NotYet("the operator has not seen it yet".to_owned()),
            })
        })
        .await;
        each.waited(name, object, came, out);
    }
    let (done, begun) = match suspend {
        true => (
            "suspended",
            "suspended, and the operator was not seen to obey",
        ),
        false => ("resumed", "resumed, and the operator was not seen to obey"),
    };
    each.finish(done, begun, out)
}
