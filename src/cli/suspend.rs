//! `kubectl composio suspend` and `resume`: `spec.suspend` of the objects.

use composio_api::{Reason, condition};
use serde_json::json;

use crate::arguments::{Options, Selection};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::reconcile::{PATIENCE, meant, print_result};
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
    let mut objects = Vec::new();
    for name in stop.or(meant(&cluster, selection, out)).await? {
        let change = json!({"spec": {"suspend": suspend}});
        let object = stop.or(cluster.patch(&name, change)).await?;
        objects.push((name, object));
    }
    if selection.wait {
        for (name, object) in &mut objects {
            let wait = stop.wait(PATIENCE);
            *object = watch::until(&cluster, name, wait, out, stop, |view| {
                let says = view.status.says(condition::SYNCED, &[Reason::Suspended]);
                Ok(match view.is_current() && says == suspend {
                    true => Seen::Done(view.object.clone()),
                    false => Seen::NotYet("the operator has not seen it yet".to_owned()),
                })
            })
            .await?;
        }
    }
    let done = match suspend {
        true => "suspended",
        false => "resumed",
    };
    print_result(objects, done, out)
}
