//! What keeps a project running: its key is read, its accounts are polled, its status is written.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use tracing::{error, info, warn};

use super::{
    Declared, Entry, Finding, Peer, Shared,
    polling::poll,
    report::{self, Polled},
};
use crate::{
    composio::Sensitive,
    crd::ProjectReason,
    plan::ProjectState,
    poll::{Polling, ScanGroup},
};

mod reading;
mod written;

use reading::Read;

/// A project at work.
pub(super) struct Running {
    entry: Arc<Entry>,
    shared: Arc<Shared>,
    /// What was found out when the key was read last, and of which generation.
    read: Option<Read>,
    connected: Option<Connected>,
    /// What the log says of it.
    told: Option<Finding>,
    /// When the objects were counted last.
    counted: Option<Instant>,
    write_after: Option<Instant>,
    /// Until when it is not asked again whether a project that goes is needed: it was.
    pinned_until: Option<Instant>,
    /// Whether its key was read, or could not be.
    was_tried: bool,
    has_signed: bool,
    /// How often the apiserver refused to show the Secret, since it was read.
    refusals: u32,
    /// Whether the apiserver did not take the finalizer.
    cannot_mark: bool,
}

/// The way to Composio, and who polls it.
struct Connected {
    /// Of the object: one that was made anew begins anew.
    uid: String,
    base_url: String,
    key: Sensitive,
    polling: Polling,
    /// Who polls with the same key.
    group: ScanGroup,
    polled: Arc<Mutex<Polled>>,
    /// `None`: the key is gone, and only what goes is still ended with it.
    poll: Option<AbortHandle>,
}

impl Connected {
    fn stop_polling(&mut self) {
        if let Some(poll) = self.poll.take() {
            poll.abort();
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.stop_polling();
    }
}

impl Running {
    pub(super) fn new(entry: Arc<Entry>, shared: Arc<Shared>) -> Self {
        Self {
            entry,
            shared,
            read: None,
            connected: None,
            told: None,
            counted: None,
            write_after: None,
            pinned_until: None,
            was_tried: false,
            has_signed: false,
            refusals: 0,
            cannot_mark: false,
        }
    }

    /// Keeps the project running, for ever.
    pub(super) async fn run(&mut self) {
        let entry = Arc::clone(&self.entry);
        loop {
            let Some(declared) = entry.declared() else {
                self.stop();
                entry.woken().await;
                continue;
            };
            // On the heap: of what a turn needs nothing is to be held until the next one.
            let due = Box::pin(self.work(&declared)).await;
            tokio::select! {
                () = entry.woken() => {}
                () = entry.project().key_rejected() => self.read_soon(),
                () = sleep_until(due) => {}
            }
        }
    }

    /// Makes the project as it is declared, as far as that is possible now. When to come again, at the latest.
    async fn work(&mut self, declared: &Declared) -> Instant {
        // Never closed: without a permit it would go on, too.
        let shared = Arc::clone(&self.shared);
        let _permit = shared.at_work.acquire().await;
        let finding = self.connect(declared).await;
        if !std::mem::replace(&mut self.was_tried, true) {
            self.shared.key_was_tried();
        }
        self.use_as(declared, &finding);
        self.tell(&finding);
        let mut due = self.write(declared, &finding).await;
        let (context, now) = (self.entry.context(), self.entry.project().instant());
        context.pace.tidy(context.requeue_policy.min, now);
        if let Some(read) = &self.read {
            due = due.min(read.due);
        }
        due
    }

    /// Connects, or disconnects, and says how things are.
    async fn connect(&mut self, declared: &Declared) -> Finding {
        if let Err(refused) = self.shared.may_run(declared) {
            self.disconnect();
            self.read = None;
            return refused;
        }
        match self.key(declared).await {
            Ok(key) => self.go_on(declared, key),
            Err(finding) => {
                if let Some(connected) = &mut self.connected {
                    connected.stop_polling();
                    let label = self.entry.project().label();
                    self.shared.parts.metrics.forget_calls(label);
                }
                finding
            }
        }
    }

    /// Goes on with that key.
    fn go_on(&mut self, declared: &Declared, key: Sensitive) -> Finding {
        let polling = self.polling(declared);
        let base_url = &declared.spec.base_url;
        let project = self.entry.project();
        project.set_recorded_id(declared.status.project_id.as_deref());
        let is_same = self.connected.as_ref().is_some_and(|connected| {
            connected.uid == declared.uid
                && connected.base_url == *base_url
                && connected.key.expose() == key.expose()
        });
        if is_same {
            if let Some(connected) = &mut self.connected
                && (connected.polling != polling || connected.poll.is_none())
            {
                connected.stop_polling();
                connected.polling = polling;
                let how = (polling, &connected.group);
                connected.poll = Some(poll(&self.entry, &self.shared, how, &connected.polled));
            }
        } else {
            let transport = match self.shared.transport(base_url, &key) {
                Ok(transport) => transport,
                Err(error) => {
                    self.disconnect();
                    return Finding::new(ProjectReason::KeyInvalid, error.to_string());
                }
            };
            // Who polled with the former key must have ended.
            let had_one = self.connected.take().is_some();
            self.entry.connection.set(Some(transport));
            let peer = Peer {
                project: Arc::clone(project),
                objects: self.entry.objects().clone(),
            };
            let places = &self.shared.places;
            let group = places.enter(&self.entry.key, declared.place(), &key, peer);
            let (keys, signs) = (
                &self.shared.parts.keys,
                self.entry.key.reference().to_string(),
            );
            let has_signed = std::mem::replace(&mut self.has_signed, true);
            project.key_changed(|former| match has_signed {
                true => former.rotated(key.expose().as_bytes(), &signs),
                false => keys.derive(key.expose().as_bytes(), &signs),
            });
            if had_one {
                info!(project = %declared.key, "the API key or the base URL has changed, the new one is used from now on");
            } else {
                // What is counted of a project that is not known yet is lost.
                self.shared
                    .parts
                    .metrics
                    .project_ready(project.label(), false);
            }
            let polled = Arc::new(Mutex::new(Polled::default()));
            let how = (polling, &group);
            let poll = poll(&self.entry, &self.shared, how, &polled);
            self.connected = Some(Connected {
                uid: declared.uid.clone(),
                base_url: base_url.clone(),
                key,
                polling,
                group,
                polled,
                poll: Some(poll),
            });
        }
        match &self.connected {
            Some(connected) => {
                let other = project.told_project().to_string();
                report::connected(&connected.polled.lock(), &project.closed(), &other)
            }
            None => Finding::new(ProjectReason::Progressing, ""),
        }
    }

    fn polling(&self, declared: &Declared) -> Polling {
        let polling = self.shared.parts.settings.polling;
        let spec = &declared.spec;
        Polling {
            interval: spec.poll_interval.unwrap_or(polling.interval),
            // Whoever says how often means it.
            idle: polling.idle.filter(|_| spec.poll_interval.is_none()),
            resync: spec.resync_interval.unwrap_or(polling.resync),
            ..polling
        }
    }

    /// Asks nothing any more.
    fn disconnect(&mut self) {
        self.connected = None;
        self.entry.connection.set(None);
        self.shared
            .parts
            .metrics
            .forget_calls(self.entry.project().label());
    }

    /// The project is not declared any more, whatever the last turn has said of it.
    fn stop(&mut self) {
        self.disconnect();
        self.read = None;
        self.told = None;
        self.counted = None;
        let label = self.entry.project().label();
        self.shared.parts.metrics.forget_project(label);
        if self.entry.undeclare() {
            self.shared.look_at_all(&self.entry);
        }
    }

    /// Says what the objects of the project may do. Where the key is gone while the project goes, the one that was
    /// read last ends their accounts.
    fn use_as(&mut self, declared: &Declared, finding: &Finding) {
        let is_connected = self.connected.is_some();
        let is_unmarked = !declared.is_deleting && !declared.has_finalizer();
        let state = match finding.reason {
            reason if !is_connected => ProjectState::Unavailable(reason),
            reason @ (ProjectReason::KeyMissing | ProjectReason::KeyInvalid) => {
                match declared.is_deleting {
                    true => ProjectState::OnlyDeletions(reason),
                    false => ProjectState::Unavailable(reason),
                }
            }
            _ if declared.is_deleting || (is_unmarked && self.cannot_mark) => {
                ProjectState::NothingNew
            }
            _ => ProjectState::Available,
        };
        let project = self.entry.project();
        let awaits_mark = is_unmarked && !self.cannot_mark && state == ProjectState::Available;
        let is_marked = self.entry.set_awaits_mark(awaits_mark);
        let is_new = project.set_state(state) || is_marked;
        let waits_for_poll = is_connected
            && finding.reason == ProjectReason::Progressing
            && self.entry.awaits_poll();
        if waits_for_poll {
            return;
        }
        if self.entry.release() || is_new {
            self.shared.look_at_all(&self.entry);
        }
    }

    /// Says it once in the log.
    fn tell(&mut self, finding: &Finding) {
        let key = &self.entry.key;
        let (metrics, label) = (&self.shared.parts.metrics, self.entry.project().label());
        // Of those that are too many there may be any number.
        match finding.reason {
            ProjectReason::TooManyProjects => metrics.forget_project(label),
            reason => metrics.project_ready(label, reason.is_ready()),
        }
        if self.told.as_ref() == Some(finding) {
            return;
        }
        let (reason, detail) = (finding.reason, &finding.detail);
        match reason {
            ProjectReason::Available | ProjectReason::Suspended | ProjectReason::Progressing => {
                info!(project = %key, %reason, "{detail}");
            }
            ProjectReason::RateLimited | ProjectReason::Unreachable | ProjectReason::Deleting => {
                warn!(project = %key, %reason, "{detail}");
            }
            _ => error!(project = %key, %reason, "{}", report::message(finding)),
        }
        self.told = Some(finding.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<'a, F: Future>(_: impl FnOnce(&'a mut Running) -> F) -> usize {
        size_of::<F>()
    }

    /// There may be a thousand projects, and at rest each waits in this future.
    #[test]
    fn what_keeps_a_project_running_holds_itself_once() {
        let (itself, waiting) = (size_of::<Running>(), bytes(Running::run));
        assert!(waiting < itself, "{waiting} bytes to run {itself}");
        assert!(itself <= 400, "{itself} bytes");
    }
}
