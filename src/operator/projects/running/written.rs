//! What is written on a project at work, and when.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::warn;

use super::Running;
use crate::{
    crd::{ProjectReason, ProjectStatus},
    log::cause,
    projects::{
        Declared, Finding, overlap, report,
        writes::{self, Marked},
    },
};

/// The counts in the status are no younger than this.
const BETWEEN_COUNTS: Duration = Duration::from_secs(60);
/// What keeps a project that no object refers to.
const PINNED: &str = "a ConnectedAccount that refers to another project keeps it: composio.dev/alias on it names this one";
/// After a write that failed the next one waits so long.
const BETWEEN_WRITES: Duration = Duration::from_secs(5);

impl Running {
    /// Writes what is to be written: the finalizer while the project is used, and the status. When to come again,
    /// at the latest.
    pub(super) async fn write(&mut self, declared: &Declared, finding: &Finding) -> Instant {
        let now = Instant::now();
        let idle = now + BETWEEN_COUNTS;
        if let Some(after) = self.write_after.filter(|after| *after > now) {
            return after;
        }
        let is_pinned = self.pinned_until.is_some_and(|until| now < until);
        let marked = writes::mark(&self.shared, &self.entry, declared, is_pinned).await;
        if !is_pinned {
            let pinned = matches!(marked, Ok(Marked::Pinned));
            self.pinned_until = pinned.then_some(idle);
        }
        self.cannot_mark = marked.as_ref().is_err_and(|error| !is_outdated(error));
        let written = match marked {
            // The watch brings it, and with it the next turn.
            Ok(Marked::Written) => return idle,
            Ok(Marked::Unchanged | Marked::Pinned) => Ok(()),
            Err(error) if is_outdated(&error) => return idle,
            // What is wrong is told all the same.
            Err(error) => Err(error),
        };
        let finding = match writes::in_use(&self.entry, declared) {
            Some(users) => Finding::new(ProjectReason::Deleting, users),
            None if self.pinned_until.is_some() => Finding::new(ProjectReason::Deleting, PINNED),
            None => finding.clone(),
        };
        let status = self.status(declared, &finding, now);
        let told = match status == declared.status {
            true => Ok(()),
            false => self.write_status(declared, &finding, &status).await,
        };
        let Err(error) = told.and(written) else {
            self.write_after = None;
            return idle;
        };
        if is_outdated(&error) {
            return idle;
        }
        warn!(project = %declared.key, "cannot be written: {}", cause(&error));
        let after = now + BETWEEN_WRITES;
        self.write_after = Some(after);
        after
    }

    /// The counts are those of the last write, unless that is long ago or something else is to be written anyway.
    fn status(&mut self, declared: &Declared, finding: &Finding, now: Instant) -> ProjectStatus {
        let time = Timestamp::now();
        let overlap = self.entry.overlap();
        let id = self.entry.project().proved_id();
        let former = declared.status.accounts.unwrap_or_default();
        let is_due = self
            .counted
            .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_COUNTS);
        let same = report::status(
            declared,
            finding,
            overlap.clone(),
            id.as_deref(),
            former,
            time,
        );
        if same == declared.status && !is_due {
            return same;
        }
        self.counted = Some(now);
        let counts = self.entry.objects().counts().of_project();
        report::status(declared, finding, overlap, id.as_deref(), counts, time)
    }

    async fn write_status(
        &self,
        declared: &Declared,
        finding: &Finding,
        status: &ProjectStatus,
    ) -> Result<(), kube::Error> {
        writes::status(&self.shared.parts.client, declared, status).await?;
        let events = [
            report::event(&declared.status, finding),
            overlap::event(&declared.status, status),
        ];
        for event in events.into_iter().flatten() {
            (self.shared.parts.emit_project)(declared, event);
        }
        Ok(())
    }
}

/// Whether the project is another one by now, or gone: the watch brings what it is.
fn is_outdated(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
}
