//! The same done to several objects. What fails of one stops no other, and what was done is told whatever came of the rest.

use serde_json::Value;

use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::name::RESOURCE;
use crate::print::Out;

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
    /// Of so many objects, to none of which anything was done.
    pub(crate) fn of(meant: usize) -> Self {
        Self {
            meant,
            done: Vec::new(),
            begun: Vec::new(),
            failed: Vec::new(),
            stopped: None,
        }
    }

    /// Whether the others are left as they are.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Has the object of that name changed; `None`: it was not, as is told.
    pub(crate) async fn change<T>(
        &mut self,
        name: &str,
        changing: impl Future<Output = Result<T, Failure>>,
        stop: &mut Stop,
        out: &Out,
    ) -> Option<T> {
        let changed = stop.or(changing).await;
        let changed = self.take(name, changed, out);
        if self.is_stopped() && self.meant > 1 {
            out.note(&format!(
                "warning: {RESOURCE}/{name}: the cluster has not answered, and it may have been changed"
            ));
        }
        changed
    }

    /// It was changed, and no more is waited for, or all that was has come.
    pub(crate) fn done(&mut self, name: String, object: Value) {
        self.done.push((name, object));
    }

    /// It was changed, and what was waited for has come or not.
    pub(crate) fn waited(
        &mut self,
        name: String,
        object: Value,
        came: Result<Value, Failure>,
        out: &Out,
    ) {
        match self.take(&name, came, out) {
            Some(object) => self.done(name, object),
            None => self.begun(name, object),
        }
    }

    /// It was changed, and what comes of it was not seen.
    pub(crate) fn begun(&mut self, name: String, object: Value) {
        self.begun.push((name, object));
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
