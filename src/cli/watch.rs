//! Waiting for what an object comes to say. Nothing of a wait is left behind when it is interrupted.

use std::pin::pin;

use futures::StreamExt;
use kube::runtime::watcher::{self, watch_object};
use kube::runtime::{WatchStreamExt, watcher::Error};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::failure::{Failure, Right, describe};
use crate::interrupt::{Stop, Wait};
use crate::print::Out;
use crate::view::View;

/// What was seen of an object that is waited for.
pub(crate) enum Seen<T> {
    /// That is it.
    Done(T),
    /// Not yet, for this reason.
    NotYet(String),
}

/// Waits until `probe` has found what is waited for. It is asked of every change of the object.
pub(crate) async fn until<T>(
    cluster: &Cluster,
    name: &str,
    wait: Wait,
    out: &Out,
    stop: &mut Stop,
    mut probe: impl FnMut(&View<'_>) -> Result<Seen<T>, Failure>,
) -> Result<T, Failure> {
    let mut last = String::from("the cluster has not answered yet");
    let waiting = async {
        let api = cluster.accounts(Some(&cluster.namespace));
        let mut changes = pin!(watch_object(api, name).default_backoff());
        loop {
            let object = match changes.next().await {
                Some(Ok(Some(object))) => serde_json::to_value(&object).unwrap_or(Value::Null),
                Some(Ok(None)) => {
                    return Err(Failure::Failed(format!("the object {name} is gone")));
                }
                Some(Err(error)) => match refused(&error, cluster) {
                    Some(why) => return Err(Failure::Failed(why)),
                    // It is taken up again by itself.
                    None => continue,
                },
                None => return Err(Failure::Failed("the watch has ended".to_owned())),
            };
            match probe(&View::of(&object))? {
                Seen::Done(found) => return Ok(found),
                Seen::NotYet(why) if why != last => {
                    out.progress(&format!("{name}: {why}"));
                    last = why;
                }
                Seen::NotYet(_) => {}
            }
        }
    };
    let within = async { Ok(tokio::time::timeout_at(wait.until, waiting).await) };
    match stop.signals.or(within).await? {
        Ok(ended) => ended,
        Err(_) => Err(Failure::TimedOut(format!(
            "{name} was waited for in vain for {}s: {}",
            wait.timeout.as_secs(),
            crate::text::plain(&last)
        ))),
    }
}

/// Why no watch can be had, if waiting does not help.
fn refused(error: &watcher::Error, cluster: &Cluster) -> Option<String> {
    let (error, verb) = match error {
        Error::InitialListFailed(error) => (error, "list"),
        Error::WatchStartFailed(error) => (error, "watch"),
        Error::WatchError(_) | Error::WatchFailed(_) | Error::NoResourceVersion => return None,
    };
    let is_final =
        matches!(error, kube::Error::Api(status) if [401, 403, 404].contains(&status.code));
    let right = Right::on_accounts(verb, Some(&cluster.namespace));
    is_final.then(|| describe(error, right))
}
