//! The closed set of reasons of a project's conditions.

use std::fmt;

use crate::Progress;

/// Why the conditions of a project are as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::EnumCount)]
#[allow(
    missing_docs,
    reason = "`ProjectReason::meaning` describes each, for crds/README.md too"
)]
pub enum ProjectReason {
    Available,
    Suspended,
    Progressing,
    Deleting,
    KeyMissing,
    KeyInvalid,
    KeyRejected,
    NotAllowedToWrite,
    BaseUrlNotAllowed,
    TooManyProjects,
    NotServed,
    AnotherProject,
    RateLimited,
    Unreachable,
}

/// One row of the table.
struct Row {
    reason: ProjectReason,
    word: &'static str,
    progress: Progress,
    meaning: &'static str,
}

const TABLE: [Row; <ProjectReason as strum::EnumCount>::COUNT] = {
    use Progress::{None, Reconciling, Stalled};
    use ProjectReason as R;
    const fn row(
        reason: ProjectReason,
        word: &'static str,
        progress: Progress,
        meaning: &'static str,
    ) -> Row {
        Row {
            reason,
            word,
            progress,
            meaning,
        }
    }
    [
        row(
            R::Available,
            "Available",
            None,
            "Composio accepts the API key, and the accounts on record are in the key's project.",
        ),
        row(
            R::Suspended,
            "Suspended",
            None,
            "`spec.suspend` is set: Composio is asked nothing, and the accounts stay as they are.",
        ),
        row(
            R::Progressing,
            "Progressing",
            Reconciling,
            "Composio was not asked yet, or has not answered.",
        ),
        row(
            R::Deleting,
            "Deleting",
            Reconciling,
            "The project is being deleted, and objects manage, or may still manage, accounts in it. It is deleted once these objects are.",
        ),
        row(
            R::KeyMissing,
            "KeyMissing",
            Reconciling,
            "The Secret with the API key, or the key in it, is not there, or the operator may not read it. Create it; the operator looks again by itself within a minute.",
        ),
        row(
            R::KeyInvalid,
            "KeyInvalid",
            Stalled,
            "What the Secret holds is no API key. The message says why: put the project's own API key there.",
        ),
        row(
            R::KeyRejected,
            "KeyRejected",
            Stalled,
            "Composio rejects the API key. Put a valid one into the Secret, the project's own and not an organisation's or a user's, with the right to read and write connected accounts and to read auth configs.",
        ),
        row(
            R::NotAllowedToWrite,
            "NotAllowedToWrite",
            Stalled,
            "The API key may read, and may not write. Give it the right to write connected accounts, or put another into the Secret.",
        ),
        row(
            R::BaseUrlNotAllowed,
            "BaseURLNotAllowed",
            Stalled,
            "`spec.baseURL` is not on the operator's list. Nothing was sent, and the key was not read. Correct it, or add it to the operator's --allowed-base-urls.",
        ),
        row(
            R::TooManyProjects,
            "TooManyProjects",
            Stalled,
            "The namespace has more ComposioProjects than the operator serves of one; the oldest are served. Delete one, or raise the operator's --max-projects-per-namespace.",
        ),
        row(
            R::NotServed,
            "NotServed",
            Stalled,
            "The operator watches chosen namespaces only, and serves no ClusterComposioProject. Use a ComposioProject.",
        ),
        row(
            R::AnotherProject,
            "AnotherProject",
            Stalled,
            "The accounts on record are not in the project of this API key, or at this base URL. Nothing is concluded from that: correct the key or the URL. Only if the accounts were deleted on purpose, start the operator with --accept-missing, which counts for all projects.",
        ),
        row(
            R::RateLimited,
            "RateLimited",
            Reconciling,
            "The organisation's rate limit is used up. The operator waits as long as Composio asks.",
        ),
        row(
            R::Unreachable,
            "Unreachable",
            Reconciling,
            "Composio could not be reached, or did not answer as Composio does. The operator tries again by itself.",
        ),
    ]
};

impl ProjectReason {
    /// Every reason, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.reason)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The word in the conditions.
    pub fn as_str(self) -> &'static str {
        self.row().word
    }

    /// Whether the project can be used: Ready is true.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Available)
    }

    /// Which of Reconciling and Stalled is there.
    pub fn progress(self) -> Progress {
        self.row().progress
    }

    /// What it means and what to do, in one or two sentences.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }
}

impl fmt::Display for ProjectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (n, row) in TABLE.iter().enumerate() {
            assert_eq!(row.reason as usize, n, "{}", row.word);
        }
    }
}
