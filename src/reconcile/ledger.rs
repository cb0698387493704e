//! What a pass has to write: the outcomes since the last write, kept until the apiserver has them.

use std::time::Duration;

use jiff::Timestamp;
use kube::{Api, ResourceExt};
use tracing::warn;

use super::{replace_status, report_on};
use crate::{
    crd::{ConnectedAccount, ConnectedAccountStatus},
    plan::{Desired, Outcome},
    report::must_be_kept,
};

/// The longest wait between two tries to write what must not be lost.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One outcome, and what it was decided for and when.
pub(super) struct Entry {
    pub(super) desired: Desired,
    pub(super) outcome: Outcome,
    pub(super) at: Timestamp,
}

/// The object as the apiserver has it, and what is to be added to its status.
pub(super) struct Ledger {
    object: ConnectedAccount,
    entries: Vec<Entry>,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The apiserver has everything.
    UpToDate,
    /// The object is not there any more, or another of its name is.
    ObjectGone,
}

impl Ledger {
    pub(super) fn new(object: ConnectedAccount) -> Self {
        Self {
            object,
            entries: Vec::new(),
        }
    }

    /// The object as it was read or patched last.
    pub(super) fn object(&self) -> &ConnectedAccount {
        &self.object
    }

    /// The status that the apiserver has.
    pub(super) fn written(&self) -> ConnectedAccountStatus {
        self.object.status.clone().unwrap_or_default()
    }

    /// The status with all that is not written yet. Its transition times are those of a single write:
    /// a condition that went and came back in memory has not moved.
    pub(super) fn unwritten(&self) -> ConnectedAccountStatus {
        let written = self.written();
        let Some((last, earlier)) = self.entries.split_last() else {
            return written;
        };
        let mut status = written.clone();
        for entry in earlier {
            status = report_on(&status, entry);
            status.conditions.clone_from(&written.conditions);
        }
        report_on(&status, last)
    }

    pub(super) fn note(&mut self, desired: Desired, outcome: Outcome, at: Timestamp) {
        self.entries.push(Entry {
            desired,
            outcome,
            at,
        });
    }

    /// Takes the answer to a patch of the metadata.
    pub(super) fn patched(&mut self, object: ConnectedAccount) {
        self.object = object;
    }

    /// Writes the status if it differs. A conflict renews the object, and everything that is not
    /// written is reported onto it again. What must not be lost is tried until it is written.
    pub(super) async fn write(
        &mut self,
        api: &Api<ConnectedAccount>,
    ) -> Result<Written, kube::Error> {
        let mut wait = Duration::from_millis(200);
        loop {
            let status = self.unwritten();
            if status == self.written() {
                self.entries.clear();
                return Ok(Written::UpToDate);
            }
            let error = match replace_status(api, &self.object, status.clone()).await {
                Ok(object) => {
                    self.object = object;
                    self.entries.clear();
                    return Ok(Written::UpToDate);
                }
                Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => {
                    match api.get_opt(&self.object.name_any()).await {
                        Ok(Some(object)) if object.uid() == self.object.uid() => {
                            self.object = object;
                            continue;
                        }
                        Ok(Some(_) | None) => return Ok(Written::ObjectGone),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if !must_be_kept(&self.written(), &status) {
                return Err(error);
            }
            let object = format!(
                "{}/{}",
                self.object.namespace().unwrap_or_default(),
                self.object.name_any()
            );
            warn!(%object, "what Composio answered is not written yet, trying again: {error}");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
