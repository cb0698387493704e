//! The API key of a project at work, read again and again.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::Running;
use crate::{
    composio::Sensitive,
    crd::ProjectReason,
    projects::{
        Declared, Finding,
        api_key::{self, NoKey},
    },
};

/// A key that is not there is looked for again after this, and each time after twice as long, up to the interval at
/// which all are read.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// A key that was rejected is read again no sooner than this after it was read last.
const BETWEEN_READS: Duration = Duration::from_secs(5);

/// So often the apiserver may refuse to show the Secret of a key that is in use, before that is believed.
const PATIENT_REFUSALS: u32 = 3;

/// What was found out when the key was read last.
pub(super) struct Read {
    generation: i64,
    uid: String,
    pub(super) due: Instant,
    /// The wait until then.
    retry: Duration,
    began: Instant,
    key: Result<Sensitive, Finding>,
}

impl Read {
    fn is_of(&self, declared: &Declared) -> bool {
        self.generation == declared.generation && self.uid == declared.uid
    }
}

impl Running {
    /// The key, read again where that is due. One that was read stays in use where the apiserver does not answer.
    pub(super) async fn key(&mut self, declared: &Declared) -> Result<Sensitive, Finding> {
        let now = Instant::now();
        if let Some(read) = &self.read
            && read.due > now
            && read.is_of(declared)
        {
            return read.key.clone();
        }
        let settings = &self.shared.parts.settings;
        let namespace = &settings.cluster_resource_namespace;
        let mut is_refused = false;
        let key = match api_key::read(&self.shared.parts.client, declared, namespace).await {
            // What was read of this very declaration still holds; of another nothing is known.
            Err(NoKey::Unknown(why)) => match &self.read {
                Some(read) if read.is_of(declared) => {
                    debug!(project = %declared.key, "{why}");
                    read.key.clone()
                }
                Some(_) | None => Err(Finding::new(ProjectReason::Progressing, why)),
            },
            // One refusal may be of a moment in which rights are changed.
            Err(NoKey::Forbidden(why)) if self.refusals < PATIENT_REFUSALS => {
                self.refusals += 1;
                let known = self.read.as_ref().filter(|read| read.is_of(declared));
                match known {
                    Some(read) if read.key.is_ok() => {
                        warn!(project = %declared.key, "{why}");
                        is_refused = true;
                        read.key.clone()
                    }
                    Some(_) | None => Err(Finding::new(ProjectReason::KeyMissing, why)),
                }
            }
            Err(no_key) => {
                let (reason, detail) = no_key.tell();
                Err(Finding::new(reason, detail))
            }
            Ok(key) => {
                self.refusals = 0;
                Ok(key)
            }
        };
        let retry = match (&key, &self.read) {
            (Ok(_), _) if is_refused => FIRST_RETRY,
            (Ok(_), _) => settings.key_interval,
            (Err(_), Some(before)) if before.key.is_err() => before.retry.saturating_mul(2),
            (Err(_), _) => FIRST_RETRY,
        };
        let retry = retry.min(settings.key_interval);
        self.read = Some(Read {
            generation: declared.generation,
            uid: declared.uid.clone(),
            due: now + retry,
            retry,
            began: now,
            key: key.clone(),
        });
        key
    }

    /// Has the key read again, but not at once where it was read a moment ago.
    pub(super) fn read_soon(&mut self) {
        if let Some(read) = &mut self.read {
            read.due = read.due.min(read.began + BETWEEN_READS);
        }
    }
}
