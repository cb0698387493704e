//! The same done to several objects. What fails of one stops no other, and what was done is told whatever came of the rest.

use std::time::Duration;

use serde_json::Value;

use crate::arguments::Selection;
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::name::RESOURCE;
use crate::print::Out;
use crate::reconcile::meant;
use crate::view::View;
use crate::watch::{self, Seen};

/// How long the operator may take to obey, the rate limit included.
const PATIENCE: Duration = Duration::from_secs(120);

/// What has come of it so far.
pub(crate) struct Each {
    meant: usize,
    done: Vec<(String, Value)>,
    begun: Vec<(String, Value)>,
    failed: Vec<String>,
    /// What ended it before its time.
    stopped: Option<Failure>,
}

impl Each {
    /// Of one object, to which it was done.
    pub(crate) fn one(name: String, object: Value) -> Self {
        let done = vec![(name, object)];
        Self {
            done,
            ..Self::of(1)
        }
    }

    fn of(meant: usize) -> Self {
        Self {
            meant,
            done: Vec::new(),
            begun: Vec::new(),
            failed: Vec::new(),
            stopped: None,
        }
    }

    /// Has each object that is meant changed, then waits for each, if that is asked for, until what came of its change is
    /// seen.
    pub(crate) async fn run<T>(
        cluster: &Cluster,
        selection: &Selection,
        stop: &mut Stop,
        out: &Out,
        change: impl AsyncFn(&str) -> Result<(T, Value), Failure>,
        seen: impl Fn(&T, &View<'_>) -> Seen<Value>,
    ) -> Result<Self, Failure> {
        let names = stop.or(meant(cluster, selection, out)).await?;
        let mut each = Self::of(names.len());
        let mut changed = Vec::new();
        for name in names {
            let changing = stop.or(change(&name)).await;
            let came = each.take(&name, changing, out);
            if each.stopped.is_some() {
                out.note(&format!(
                    "warning: {RESOURCE}/{name}: the cluster has not answered, and it may have been changed"
                ));
                break;
            }
            changed.extend(came.map(|(token, object)| (name, token, object)));
        }
        for (name, token, object) in changed {
            if !selection.wait {
                each.done.push((name, object));
                continue;
            }
            if each.stopped.is_some() {
                each.begun.push((name, object));
                continue;
            }
            let wait = stop.wait(PATIENCE);
            let probe = |view: &View<'_>| Ok(seen(&token, view));
            let came = watch::until(cluster, &name, wait, out, stop, probe).await;
            match each.take(&name, came, out) {
                Some(object) => each.done.push((name, object)),
                None => each.begun.push((name, object)),
            }
        }
        Ok(each)
    }

    fn take<T>(&mut self, name: &str, came: Result<T, Failure>, out: &Out) -> Option<T> {
        match came {
            Ok(came) => return Some(came),
            Err(Failure::Failed(why)) => {
                // Of the only one it is told at the end.
                if self.meant > 1 {
                    out.complain(&format!("{RESOURCE}/{name}: {why}"));
                }
                self.failed.push(why);
            }
            Err(ended) => self.stopped = Some(ended),
        }
        None
    }

    /// Tells what was done, as kubectl does, and what was begun. Fails if anything did.
    pub(crate) fn finish(mut self, done: &str, begun: &str, out: &mut Out) -> Result<(), Failure> {
        for (name, _) in &self.begun {
            out.note(&format!("{RESOURCE}/{name} {begun}"));
        }
        let lines: String = (self.done.iter())
            .map(|(name, _)| format!("{RESOURCE}/{name} {done}\n"))
            .collect();
        let changed = self.done.into_iter().chain(self.begun);
        let changed: Vec<Value> = changed.map(|(_, object)| object).collect();
        let is_whole = self.failed.is_empty() && self.stopped.is_none();
        let written = match changed.is_empty() && !is_whole {
            true => Ok(()),
            false => {
                let values = out.values(changed, self.meant == 1);
                values.unwrap_or_else(|| out.text(&lines))
            }
        };
        let failed = self.failed.len();
        match (self.stopped, self.failed.pop()) {
            (Some(ended), _) => Err(ended),
            (None, Some(why)) if self.meant == 1 => Err(Failure::Failed(why)),
            (None, Some(_)) => Err(Failure::Failed(format!(
                "{failed} of {} objects failed",
                self.meant
            ))),
            (None, None) => written,
        }
    }
}
