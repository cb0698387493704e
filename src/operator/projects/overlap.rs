//! What is told of a project that may grant one user to several namespaces. It is used as it is: somebody may mean
//! it so.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{Declared, ProjectEvent};
use crate::{crd::ProjectStatus, plan::Policy, report::object_event::truncate_note};

/// The condition that is there while it is so.
const USERS_OVERLAP: &str = "UsersOverlap";
/// So many pairs of entries are named.
const NAMED: usize = 3;

/// What is told; `None`: nothing overlaps.
pub(crate) fn told(policy: &Policy) -> Option<String> {
    let pairs = policy.overlaps();
    let mut named: Vec<String> = pairs.iter().take(NAMED).map(words).collect();
    if pairs.len() > NAMED {
        named.push("…".to_owned());
    }
    (!pairs.is_empty()).then(|| {
        format!(
            "One user may be granted to several namespaces, by {}: whoever makes accounts in one of them acts for users of another. Name {{{{namespace}}}} in each of `users`, as in {{{{namespace}}}}/*, or give each namespace users of its own.",
            named.join("; ")
        )
    })
}

fn words((one, other): &(usize, usize)) -> String {
    match one == other {
        true => format!("allow[{one}]"),
        false => format!("allow[{one}] with allow[{other}]"),
    }
}

/// The condition that tells it.
pub(super) fn condition(declared: &Declared, told: String, now: Timestamp) -> Condition {
    Condition {
        type_: USERS_OVERLAP.to_owned(),
        status: "True".to_owned(),
        reason: USERS_OVERLAP.to_owned(),
        message: told,
        observed_generation: Some(declared.generation),
        last_transition_time: (declared.status.condition(USERS_OVERLAP))
            .map_or(Time(now), |former| former.last_transition_time.clone()),
    }
}

/// The event that tells it, where it was not so before.
pub(super) fn event(former: &ProjectStatus, status: &ProjectStatus) -> Option<ProjectEvent> {
    let is_new = former.condition(USERS_OVERLAP).is_none();
    let told = status.condition(USERS_OVERLAP).filter(|_| is_new)?;
    Some(ProjectEvent {
        reason: USERS_OVERLAP,
        note: truncate_note(&told.message),
        warning: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{Allow, ProjectKind};

    #[test]
    fn a_few_entries_that_overlap_are_named_by_their_places() {
        let of = |allow: &[Allow]| {
            told(&Policy::new(
                ProjectKind::ClusterComposioProject,
                Some(allow),
            ))
        };
        let bound = Allow {
            users: Some(vec!["{{namespace}}/*".to_owned()]),
            ..Allow::default()
        };
        assert_eq!(of(std::slice::from_ref(&bound)), None);
        let both = of(&[bound, Allow::default()]).expect("they overlap");
        assert!(
            both.contains("by allow[0] with allow[1]; allow[1]: "),
            "{both}"
        );
        let many = of(&vec![Allow::default(); 32]).expect("they overlap");
        assert!(many.contains("allow[0] with allow[2]; …"), "{many}");
        assert!(many.len() <= 1024, "an event takes no more");
    }
}
