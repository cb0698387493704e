//! What a pass has to write: the outcomes since the last write, kept until the apiserver has them.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use tracing::warn;

use super::{
    Error, Report, Slots, describe,
    error::{Patience, patience},
};
use crate::{
    crd::{ConnectedAccount, ConnectedAccountStatus},
    look::ProjectContext,
    plan::{Desired, Outcome},
    report::{ConfigMapResult, must_be_kept, report_config_map},
    store::PackedObject,
};

/// The waits between two tries to write.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// See [`SHORTEST_WAIT`].
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One outcome, and what it was decided for and when.
pub(super) struct Entry {
    pub(super) desired: Desired,
    pub(super) outcome: Outcome,
    pub(super) at: Timestamp,
}

/// The object as the apiserver has it, and what is to be added to its status.
pub(super) struct StatusWriter<'a> {
    report: &'a Report,
    object: ConnectedAccount,
    /// What is not written yet, in its order.
    outcomes: Vec<Entry>,
    /// How the step of the ConfigMap ended, which is reported last.
    config_map: Option<(Desired, ConfigMapResult, Timestamp)>,
    /// The status that the last write replaced.
    replaced: Option<ConnectedAccountStatus>,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The apiserver has everything.
    UpToDate,
    /// It has what must not be lost; the object is another one than was decided on.
    Renewed,
    /// The object is not there any more, or another of its name is.
    ObjectGone,
}

impl<'a> StatusWriter<'a> {
    pub(super) fn new(object: ConnectedAccount, report: &'a Report) -> Self {
        Self {
            report,
            object,
            outcomes: Vec::new(),
            config_map: None,
            replaced: None,
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
    pub(super) fn pending(&self) -> ConnectedAccountStatus {
        let status = self.reported_outcomes();
        match &self.config_map {
            Some((desired, result, at)) => report_config_map(&status, desired, result, *at),
            None => status,
        }
    }

    fn reported_outcomes(&self) -> ConnectedAccountStatus {
        let written = self.written();
        let Some((last, earlier)) = self.outcomes.split_last() else {
            return written;
        };
        let mut status = written.clone();
        for entry in earlier {
            status = self.reported(&status, entry);
            status.conditions.clone_from(&written.conditions);
        }
        self.reported(&status, last)
    }

    fn reported(&self, previous: &ConnectedAccountStatus, entry: &Entry) -> ConnectedAccountStatus {
        (self.report)(&entry.desired, previous, &entry.outcome, entry.at)
    }

    /// The status that the last write replaced, once: what is told of a write is told when it is done,
    /// and against what the apiserver really had, which a cache may not know yet.
    pub(super) fn take_replaced(&mut self) -> Option<ConnectedAccountStatus> {
        self.replaced.take()
    }

    /// Takes an outcome to be written.
    pub(super) fn add(&mut self, desired: Desired, outcome: Outcome, at: Timestamp) {
        self.outcomes.push(Entry {
            desired,
            outcome,
            at,
        });
    }

    /// Takes how the step of the ConfigMap ended.
    pub(super) fn add_config_map(
        &mut self,
        desired: Desired,
        result: ConfigMapResult,
        at: Timestamp,
    ) {
        self.config_map = Some((desired, result, at));
    }

    /// Takes the answer to a patch of the metadata.
    pub(super) fn patched(&mut self, object: ConnectedAccount) {
        self.object = object;
    }

    /// Takes the object as it was read anew. What is written is the status, and it must be written also when
    /// the declaration cannot be read any more: then the former one stays here, and no pass goes on with it.
    fn renew(&mut self, packed: &PackedObject) -> Result<(), serde_json::Error> {
        let object = packed.unpack_partial()?;
        if packed.summary().is_readable() {
            self.object = object;
        } else {
            self.object.metadata = object.metadata;
            self.object.status = object.status;
        }
        Ok(())
    }

    /// Nothing is left to be written.
    fn end(&mut self, renewed: bool) -> Written {
        self.outcomes.clear();
        self.config_map = None;
        match renewed {
            true => Written::Renewed,
            false => Written::UpToDate,
        }
    }

    /// Writes the status if it differs. Where somebody else was quicker the object is read again: what
    /// must not be lost is reported onto it, and the decisions are left to be made anew. What must not
    /// be lost is also tried until it is written, for as long as what hinders it hinders everybody. What the
    /// apiserver refuses of this object alone is found again by its alias, and others need the slot.
    pub(super) async fn write(
        &mut self,
        sources: &ProjectContext,
        slots: &Slots,
    ) -> Result<Written, Error> {
        let namespace = self.object.namespace().unwrap_or_default();
        let began = tokio::time::Instant::now();
        let mut wait = SHORTEST_WAIT;
        let mut renewed = false;
        let mut patient = None;
        loop {
            let status = self.pending();
            if status == self.written() || (renewed && !must_be_kept(&self.written(), &status)) {
                return Ok(self.end(renewed));
            }
            let statuses = &sources.statuses;
            let written = statuses.write(&sources.objects, &self.object, status.clone());
            let error = match written.await {
                Ok(object) => {
                    self.replaced = Some(self.written());
                    self.object = object;
                    return Ok(self.end(renewed));
                }
                Err(error) if is_stale(&error) => {
                    match sources.read(&namespace, &self.object.name_any()).await {
                        Ok(Some(packed)) if packed.uid() == self.object.uid() => {
                            self.renew(&packed)?;
                            renewed = true;
                            error
                        }
                        Ok(Some(_) | None) => return Ok(Written::ObjectGone),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let is_over = match patience(&error) {
                Patience::None => true,
                Patience::While(long) => {
                    patient = patient.or_else(|| slots.may_be_patient());
                    patient.is_none() || began.elapsed() >= long
                }
                Patience::Always => false,
            };
            if is_over || !(renewed || must_be_kept(&self.written(), &status)) {
                return Err(error.into());
            }
            if wait > SHORTEST_WAIT {
                warn!(
                    "what was learned of the account is not written yet, trying again: {}",
                    describe(&error)
                );
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Whether the object is not as it is known here: it was changed, or its answer has a declaration that cannot
/// be read any more.
fn is_stale(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(answer) => answer.is_conflict() || answer.is_not_found(),
        kube::Error::SerdeError(_) => true,
        _ => false,
    }
}
