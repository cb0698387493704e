//! The wait while the project cannot be used.

use super::{ANOTHER_PROJECT, Decision, Desired, Observed, Presence, ProjectState, Proof, Rule};
use crate::crd::{ProjectReason, Reason};

/// Before the project has answered as ours does.
pub(super) const NOT_PROVED: &str =
    "it is not proved yet that this is the project of the accounts on record";

/// Whether the object is new to the project, which takes none.
pub(super) fn is_refused_as_new(desired: &Desired, observed: &Observed) -> bool {
    observed.gate.project == ProjectState::NothingNew
        && !desired.is_marked()
        && observed.recorded.connected_account_id.is_none()
}

/// The wait, and what it is for.
pub(super) fn project_unavailable(desired: &Desired, observed: &Observed) -> Decision {
    let gate = &observed.gate;
    let rule = match desired.presence {
        Presence::Present => Rule::ProjectUnavailable,
        Presence::Deleting { .. } => Rule::DeletingProjectUnavailable,
    };
    let project = &desired.flags.project;
    let unavailable = |why: ProjectReason| format!("project {project} is not available ({why})");
    match gate.project {
        ProjectState::Available => {}
        ProjectState::NotFound => {
            let detail = format!("{project} is not there");
            return rule.waits(Reason::ProjectNotFound, detail, None);
        }
        ProjectState::Unavailable(why) | ProjectState::OnlyDeletions(why) => {
            return rule.waits(Reason::ProjectUnavailable, unavailable(why), None);
        }
        ProjectState::NothingNew if is_refused_as_new(desired, observed) => {
            let detail = format!("{project} is being deleted, or is not ready for new objects yet");
            return rule.waits(Reason::ProjectUnavailable, detail, None);
        }
        ProjectState::NothingNew => {}
    }
    if let Some(until) = gate.paused_until {
        return rule.waits(Reason::RateLimited, "", Some(until));
    }
    let detail = match gate.proof {
        Proof::Failed => {
            let detail = unavailable(ProjectReason::AnotherProject);
            let detail = format!("{detail}: {ANOTHER_PROJECT}");
            return rule.waits(Reason::ProjectUnavailable, detail, None);
        }
        // Why Composio rejects the key is told on the project: it is nobody else's.
        Proof::Awaited | Proof::Given if gate.read_closed_until.is_some() => {
            unavailable(ProjectReason::KeyRejected)
        }
        Proof::Awaited => NOT_PROVED.to_owned(),
        Proof::Given => unavailable(ProjectReason::NotAllowedToWrite),
    };
    rule.waits(Reason::ProjectUnavailable, detail, gate.retry_at())
}
