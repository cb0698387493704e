//! Which project of Composio the API key is of, as Composio tells it. Not every key may ask.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tracing::debug;

use super::{Project, ProjectIdentity};
use crate::composio::{SessionInfo, Urgency, error::Retry};

/// What is known of the session, and what was recorded of it before.
#[derive(Default)]
pub(super) struct Session {
    told: Mutex<Told>,
    /// `pr_…` in the status of the project.
    recorded: Mutex<Option<Arc<str>>>,
}

/// What Composio told.
#[derive(Default)]
struct Told {
    /// With which key.
    generation: u64,
    info: Option<Arc<SessionInfo>>,
}

/// What Composio tells of the project, beside what is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldProject {
    /// It tells nothing, or nothing is on record.
    Unknown,
    /// It is the one on record.
    Recorded,
    /// It is another one.
    Another {
        /// What it tells.
        told: Arc<SessionInfo>,
        /// The id on record.
        recorded: Arc<str>,
    },
}

/// In words, for the status of the project; nothing, where there is nothing to tell.
impl fmt::Display for ToldProject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Another { told, recorded } = self else {
            return Ok(());
        };
        let told = &told.project_id;
        write!(
            f,
            "the API key is of project {told}, the accounts on record are in {recorded}"
        )
    }
}

impl Project {
    /// Asks which project the key is of. What does not come of it proves nothing, and closes nothing.
    pub async fn ask_session(&self) {
        let generation = self.generation();
        if self.admit(Urgency::Polling).is_err() {
            return;
        }
        let info = match self.client.session_info().await {
            Ok(info) => Some(Arc::new(info)),
            Err(error) => {
                debug!(project = self.label(), %error, "the session does not tell the project");
                // A refusal is an answer: this key may not ask. What an outage says nothing of stays.
                let is_answer = matches!(error.retry(), Retry::Never | Retry::Gone);
                if !is_answer && !error.is_unauthorized() {
                    return;
                }
                None
            }
        };
        *self.session.told.lock() = Told { generation, info };
    }

    /// Which project the key in use is of, and of which organisation; `None`: Composio did not tell.
    pub fn session(&self) -> Option<Arc<SessionInfo>> {
        let told = self.session.told.lock();
        (told.generation == self.generation())
            .then(|| told.info.clone())
            .flatten()
    }

    /// The id of the project, `pr_…`, where Composio told it and nothing on record speaks against it.
    pub fn proved_id(&self) -> Option<Arc<str>> {
        let is_ours = self.closed().identity == ProjectIdentity::Ours;
        let session = self.session().filter(|_| is_ours)?;
        Some(session.project_id.as_str().into())
    }

    /// What Composio tells of the project, beside what is on record.
    pub fn told_project(&self) -> ToldProject {
        let recorded = self.session.recorded.lock().clone();
        match (self.session(), recorded) {
            (Some(told), Some(recorded)) if told.project_id == *recorded => ToldProject::Recorded,
            (Some(told), Some(recorded)) => ToldProject::Another { told, recorded },
            (None, _) | (_, None) => ToldProject::Unknown,
        }
    }

    /// Says what the status of the project tells: its id when it was proved last.
    pub fn set_recorded_id(&self, id: Option<&str>) {
        *self.session.recorded.lock() = id.map(Arc::from);
    }
}
