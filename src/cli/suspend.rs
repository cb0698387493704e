//! `kubectl composio suspend` and `resume`: `spec.suspend` of the objects.

use composio_api::{Reason, condition};
use serde_json::json;

use crate::arguments::{Options, Selection};
use crate::cluster::Cluster;
use crate::each::Each;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::watch::Seen;

/// Sets it on each, then waits for each if that is asked for.
pub(crate) async fn run(
    options: &Options,
    selection: &Selection,
    suspend: bool,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = stop.or(Cluster::of(options)).await?;
    let change = async |name: &str| {
        let object = cluster.patch(name, json!({"spec": {"suspend": suspend}}));
        Ok(((), object.await?))
    };
    let each = Each::run(&cluster, selection, stop, out, change, |(), view| {
        let says = view.status.says(condition::SYNCED, &[Reason::Suspended]);
        match view.is_current() && says == suspend {
            true => Seen::Done(view.object.clone()),
            false => Seen::NotYet("the operator has not seen it yet".to_owned()),
        }
    });
    let each = each.await?;
    let (done, begun) = match suspend {
        true => (
            "suspended",
            "suspended, and the operator was not seen to obey",
        ),
        false => ("resumed", "resumed, and the operator was not seen to obey"),
    };
    each.finish(done, begun, out)
}
