//! `kubectl composio suspend` and `resume`: `spec.suspend` of the objects.

use composio_api::{Reason, condition};
use serde_json::json;

use crate::arguments::{Options, Selection};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::print::Out;
use crate::reconcile::{PATIENCE, nothing_to_do, print_result};
use crate::watch::{self, Seen};

/// Sets it on each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    suspend: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let timeout = options.timeout.unwrap_or(PATIENCE);
    let names = cluster.names(selection).await?;
    nothing_to_do(&names, &cluster, out);
    let mut interrupt = match selection.wait {
        true => Some(Interrupt::listen()?),
        false => None,
    };
    let mut objects = Vec::new();
    for name in names {
        let change = json!({"spec": {"suspend": suspend}});
        objects.push((name.clone(), cluster.patch(&name, change).await?));
    }
    if let Some(interrupt) = &mut interrupt {
        for (name, object) in &mut objects {
            *object = watch::until(&cluster, name, timeout, out, interrupt, |view| {
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
