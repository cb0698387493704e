//! What the status of a project says. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{Declared, overlap};
use crate::{
    crd::{AccountCounts, Progress, ProjectReason, ProjectStatus, condition},
    project::{ClosedGates, ProjectIdentity},
    report::object_event::truncate_note,
};

/// So many polls may fail one after the other before it is told: an outage mostly heals by itself.
const PATIENT_POLLS: u32 = 3;
/// The longest message of a condition, in characters, that the apiserver takes.
const MAX_MESSAGE: usize = 4096;

/// How things are with a project: the reason of its conditions, and what exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The reason.
    pub reason: ProjectReason,
    /// What exactly is wrong; may be empty.
    pub detail: String,
}

impl Finding {
    pub(super) fn new(reason: ProjectReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// An event to publish for a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectEvent {
    /// The reason of the condition Ready.
    pub reason: &'static str,
    /// What exactly, and what to do; at most 1 kB.
    pub note: String,
    /// Whether somebody should look at it.
    pub warning: bool,
}

/// Takes an event of a project to be published. It must not wait: what cannot be taken now is lost.
pub(crate) type EmitProject = Arc<dyn Fn(&Declared, ProjectEvent) + Send + Sync>;

/// What the polls have come to since the project was connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Polled {
    /// The last that ended; `None`: none did.
    pub(super) last: Option<PollEnd>,
    /// Whether one went through.
    pub(super) was_listed: bool,
    /// How many have failed since.
    pub(super) failed: u32,
}

/// How a poll ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PollEnd {
    Listed,
    Foreign,
    /// Composio rejects the key.
    Rejected(String),
    /// The rate limit is used up.
    RateLimited,
    /// Composio did not answer, or not as it does.
    Failed(String),
}

impl Polled {
    pub(super) fn ended(&mut self, end: PollEnd) {
        self.failed = match end {
            PollEnd::Listed => 0,
            PollEnd::Foreign | PollEnd::Rejected(_) | PollEnd::RateLimited | PollEnd::Failed(_) => {
                self.failed + 1
            }
        };
        self.was_listed |= end == PollEnd::Listed;
        self.last = Some(end);
    }
}

/// How things are with a project that has a key. `other` says which other one the key may be of.
pub(super) fn connected(polled: &Polled, closed: &ClosedGates, other: &str) -> Finding {
    let available = || match closed.write_refused {
        true => Finding::new(
            ProjectReason::NotAllowedToWrite,
            closed.suggestion.as_deref().unwrap_or_default(),
        ),
        false => Finding::new(ProjectReason::Available, ""),
    };
    if closed.identity == ProjectIdentity::Foreign {
        return Finding::new(ProjectReason::AnotherProject, other);
    }
    match &polled.last {
        None => Finding::new(ProjectReason::Progressing, "Composio has not answered yet"),
        Some(PollEnd::Listed) => available(),
        Some(PollEnd::Foreign) => Finding::new(ProjectReason::AnotherProject, other),
        Some(PollEnd::Rejected(why)) => Finding::new(ProjectReason::KeyRejected, why.clone()),
        Some(PollEnd::RateLimited | PollEnd::Failed(_))
            if polled.was_listed && polled.failed < PATIENT_POLLS =>
        {
            available()
        }
        Some(PollEnd::RateLimited) => Finding::new(ProjectReason::RateLimited, ""),
        Some(PollEnd::Failed(why)) => Finding::new(ProjectReason::Unreachable, why.clone()),
    }
}

/// The status of a project. What says the same stays as it was written.
pub(super) fn status(
    declared: &Declared,
    finding: &Finding,
    overlap: Option<String>,
    proved_id: Option<&str>,
    counts: AccountCounts,
    now: Timestamp,
) -> ProjectStatus {
    let reason = finding.reason;
    let message = message(finding);
    let is_true = |true_: bool| if true_ { "True" } else { "False" };
    let condition = |type_: &str, status: &str, message: &str| {
        let former = declared.status.condition(type_);
        let since = former
            .filter(|former| former.status == status)
            .map_or(Time(now), |former| former.last_transition_time.clone());
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(declared.generation),
            last_transition_time: since,
        }
    };
    let mut conditions = vec![condition(
        condition::READY,
        is_true(reason.is_ready()),
        &message,
    )];
    match reason.progress() {
        Progress::None => {}
        // The message stands once.
        Progress::Reconciling => conditions.push(condition(condition::RECONCILING, "True", "")),
        Progress::Stalled => conditions.push(condition(condition::STALLED, "True", "")),
    }
    conditions.extend(overlap.map(|told| overlap::condition(declared, told, now)));
    ProjectStatus {
        observed_generation: Some(declared.generation),
        project_id: match proved_id {
            Some(id) => Some(id.to_owned()),
            None => declared.status.project_id.clone(),
        },
        accounts: Some(counts),
        conditions,
    }
}

/// The event of one write of the status, if the reason of Ready is another than before.
pub(super) fn event(former: &ProjectStatus, finding: &Finding) -> Option<ProjectEvent> {
    let reason = finding.reason;
    let former = former.condition(condition::READY);
    let is_told = former.is_some_and(|former| former.reason == reason.as_str());
    // To begin with is nothing to tell.
    if is_told || reason == ProjectReason::Progressing {
        return None;
    }
    Some(ProjectEvent {
        reason: reason.as_str(),
        note: truncate_note(&message(finding)),
        warning: reason.progress() != Progress::None,
    })
}

/// What exactly, then what it means and what to do.
pub(super) fn message(finding: &Finding) -> String {
    let meaning = finding.reason.meaning();
    let text = match finding.detail.trim_end_matches('.') {
        "" => meaning.to_owned(),
        detail => format!("{detail}. {meaning}"),
    };
    text.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polled(ends: &[PollEnd]) -> Polled {
        let mut polled = Polled::default();
        ends.iter().for_each(|end| polled.ended(end.clone()));
        polled
    }

    #[test]
    fn one_failure_is_told_only_of_a_project_that_never_answered() {
        use PollEnd::{Failed, Foreign, Listed, Rejected};
        let failed = || Failed("no answer".to_owned());
        let rejected = || Rejected("401".to_owned());
        for (ends, expected) in [
            (vec![], ProjectReason::Progressing),
            (vec![Listed], ProjectReason::Available),
            (vec![failed()], ProjectReason::Unreachable),
            (vec![Listed, failed()], ProjectReason::Available),
            (vec![Listed, failed(), failed()], ProjectReason::Available),
            (
                vec![Listed, failed(), failed(), failed()],
                ProjectReason::Unreachable,
            ),
            (
                vec![Listed, failed(), Listed, failed()],
                ProjectReason::Available,
            ),
            (vec![Listed, rejected()], ProjectReason::KeyRejected),
            (vec![Listed, Foreign], ProjectReason::AnotherProject),
        ] {
            let finding = connected(&polled(&ends), &ClosedGates::default(), "");
            assert_eq!(finding.reason, expected, "{ends:?}");
        }
    }

    #[test]
    fn what_is_closed_is_told_before_what_the_polls_say() {
        let listed = polled(&[PollEnd::Listed]);
        let limited = polled(&[PollEnd::RateLimited]);
        let write = ClosedGates {
            write_refused: true,
            ..ClosedGates::default()
        };
        let foreign = ClosedGates {
            identity: ProjectIdentity::Foreign,
            ..ClosedGates::default()
        };
        let open = ClosedGates::default();
        for (polled, closed, expected) in [
            (&listed, &write, ProjectReason::NotAllowedToWrite),
            (&listed, &foreign, ProjectReason::AnotherProject),
            (&listed, &open, ProjectReason::Available),
            (&limited, &open, ProjectReason::RateLimited),
        ] {
            assert_eq!(connected(polled, closed, "").reason, expected);
        }
    }
}
