//! Whether the project is the one in which the recorded accounts were made. With the key of another
//! project, or at another server, everything looks gone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::{
    composio::error::Error,
    crd::ConnectedAccountStatus,
    project::{Project, ProjectIdentity, ToldProject},
    store::Objects,
};

/// The most auth configs of other objects that are asked for before the project counts as another one.
const MAX_PROBES: usize = 5;
/// A proof that is older may be from before the server, or the key behind it, was another.
const MAX_PROBE_AGE: SignedDuration = SignedDuration::from_secs(10);
/// The most accounts that may be missing at a resync without suspicion, whatever their part of all.
const MAX_MISSED: usize = 5;
/// One account in so many may be missing at a resync without suspicion.
const MISSED_RATIO: usize = 10;

/// What a resync has found of all recorded accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WitnessTally {
    /// Those that were asked for.
    pub(crate) asked: usize,
    /// Those that were there.
    pub(crate) found: usize,
    /// What was missing, by the namespace of the objects.
    pub(crate) missing: BTreeMap<String, MissingTally>,
}

/// Of the records of one namespace that are witnesses: those that verify, and where the API key was changed
/// so that none does, those of another key. What somebody wrote into a status is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MissingTally {
    /// Those that should have been there: not those that are being deleted, or were by us, or are so
    /// young that a list may not know them yet.
    pub(crate) expected: usize,
    /// Those of the expected that were not there.
    pub(crate) missed: usize,
}

impl MissingTally {
    /// Whether so much is missing that the project must be another one.
    fn is_suspicious(self) -> bool {
        self.missed > MAX_MISSED && self.missed * MISSED_RATIO > self.expected
    }

    /// The same for the others beside one namespace, of which there may be few.
    fn corroborates(self) -> bool {
        self.is_suspicious() || (self.missed > 0 && self.missed == self.expected)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            missed: self.missed + other.missed,
        }
    }
}

impl WitnessTally {
    /// Of all namespaces together.
    pub(crate) fn total(&self) -> MissingTally {
        self.missing
            .values()
            .fold(MissingTally::default(), |sum, one| sum.plus(*one))
    }

    /// Whether something is on record, and nothing of it that counts is there.
    fn is_nobody_there(&self) -> bool {
        let MissingTally { expected, missed } = self.total();
        match expected {
            0 => self.found == 0 && self.asked > 0,
            _ => missed == expected,
        }
    }

    /// Whether so much is missing that the project must be another one. One namespace alone never says so
    /// where there are others: the rest must say the same without the one that misses most.
    pub(crate) fn is_suspicious(&self) -> bool {
        let witnesses = || self.missing.iter().filter(|(_, one)| one.expected > 0);
        // In another project none of them would be there: one namespace of which all are proves that it is ours,
        // whatever those who may write statuses in others have made up.
        if witnesses().any(|(_, one)| one.missed == 0) {
            return false;
        }
        let worst = witnesses().max_by_key(|(_, one)| one.missed);
        let others = witnesses()
            .filter(|(name, _)| worst.is_none_or(|(worst, _)| worst != *name))
            .fold(MissingTally::default(), |sum, (_, one)| sum.plus(*one));
        self.total().is_suspicious() && (others.expected == 0 || others.corroborates())
    }

    /// The namespaces of which so much is missing that nothing is concluded from it for their objects.
    pub(crate) fn unproved_namespaces(&self) -> BTreeSet<String> {
        self.missing
            .iter()
            .filter(|(_, one)| one.is_suspicious())
            .map(|(namespace, _)| namespace.clone())
            .collect()
    }

    /// What that proves. `has_auth_config` is asked where no account does. Once the project counted as
    /// another one that is not enough: what is missing may have become less because objects went.
    ///
    /// # Errors
    /// When `has_auth_config` fails.
    pub(crate) async fn prove(
        &self,
        former: ProjectIdentity,
        has_auth_config: impl Future<Output = Result<bool, Error>>,
    ) -> Result<ProjectIdentity, Error> {
        if self.is_suspicious() {
            return Ok(ProjectIdentity::Foreign);
        }
        let is_ours = match former {
            _ if self.found > 0 => true,
            ProjectIdentity::Foreign => self.total().missed == 0,
            ProjectIdentity::Unproved | ProjectIdentity::Ours => has_auth_config.await?,
        };
        Ok(if is_ours {
            ProjectIdentity::Ours
        } else {
            ProjectIdentity::Foreign
        })
    }
}

/// Whose project one project is, by what the objects that belong to it have on record.
pub(crate) struct ProjectProof<'a> {
    project: &'a Project,
    objects: &'a Objects,
}

impl<'a> ProjectProof<'a> {
    /// `objects` are those whose accounts are in that project.
    pub(crate) fn new(project: &'a Project, objects: &'a Objects) -> Self {
        Self { project, objects }
    }

    /// Whether the session, or the accounts that a resync found, or else the recorded auth configs, prove the project
    /// to be ours, and in which namespaces nothing is to be concluded from what is missing: in none, where Composio
    /// tells that the key is of the same project as ever.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub(crate) async fn evaluate(
        &self,
        tally: &WitnessTally,
    ) -> Result<(ProjectIdentity, BTreeSet<String>), Error> {
        match self.project.told_project() {
            ToldProject::Recorded => return Ok((ProjectIdentity::Ours, BTreeSet::new())),
            ToldProject::Another { told, recorded } if tally.is_nobody_there() => {
                tracing::error!(
                    project = self.project.label(),
                    %recorded,
                    told = told.project_id,
                    "the API key is of another project than the accounts on record"
                );
                return Ok((ProjectIdentity::Foreign, BTreeSet::new()));
            }
            ToldProject::Another { .. } | ToldProject::Unknown => {}
        }
        let no_status = ConnectedAccountStatus::default();
        let identity = tally
            .prove(
                self.project.closed().identity,
                self.has_recorded_auth_config(&no_status),
            )
            .await?;
        let MissingTally { expected, missed } = tally.total();
        if identity == ProjectIdentity::Foreign {
            tracing::error!(
                missed,
                expected,
                found = tally.found,
                "accounts on record are not in this project"
            );
            return Ok((identity, BTreeSet::new()));
        }
        let unproved_namespaces = tally.unproved_namespaces();
        for namespace in &unproved_namespaces {
            tracing::error!(
                namespace,
                "too many accounts on record of this namespace are not in the project: its objects wait"
            );
        }
        Ok((identity, unproved_namespaces))
    }

    /// Whether an auth config that is recorded is there: the object's own, or else another object's. Where
    /// nothing is recorded there is nothing to prove.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub(crate) async fn has_recorded_auth_config(
        &self,
        own: &ConnectedAccountStatus,
    ) -> Result<bool, Error> {
        if let Some(own) = &own.auth_config
            && self.project.has_auth_config(own, MAX_PROBE_AGE).await?
        {
            return Ok(true);
        }
        let mut others = self.objects.auth_configs(MAX_PROBES + 1);
        others.retain(|other| own.auth_config.as_ref() != Some(other));
        for id in others.iter().take(MAX_PROBES) {
            if self.project.has_auth_config(id, MAX_PROBE_AGE).await? {
                return Ok(true);
            }
        }
        Ok(own.auth_config.is_none() && others.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(missing: &[(&str, usize, usize)]) -> WitnessTally {
        let missing = missing.iter().map(|(namespace, expected, missed)| {
            let missing = MissingTally {
                expected: *expected,
                missed: *missed,
            };
            ((*namespace).to_owned(), missing)
        });
        WitnessTally {
            asked: 1,
            found: 1,
            missing: missing.collect(),
        }
    }

    #[test]
    fn few_may_go_and_one_in_ten_but_not_more() {
        for (expected, missed, suspicious, reason) in [
            (5, 5, false, "all of a few"),
            (6, 6, true, "all of more than a few"),
            (60, 6, false, "exactly one in ten"),
            (59, 6, true, "more than one in ten"),
            (0, 0, false, "nothing recorded"),
        ] {
            let tally = tally(&[("a", expected, missed)]);
            assert_eq!(tally.is_suspicious(), suspicious, "{reason}");
            assert_eq!(
                !tally.unproved_namespaces().is_empty(),
                suspicious,
                "{reason}"
            );
        }
    }

    #[test]
    fn one_namespace_never_speaks_for_others() {
        for (missing, foreign, unproved_namespaces, reason) in [
            (
                vec![("a", 90, 90), ("b", 5, 0), ("c", 5, 0)],
                false,
                vec!["a"],
                "what is missing is all of one namespace, which waits alone",
            ),
            (
                vec![("a", 90, 90), ("b", 10, 2)],
                false,
                vec!["a"],
                "a few of another one prove nothing",
            ),
            (
                vec![("a", 90, 90), ("b", 3, 3)],
                true,
                vec!["a"],
                "all of the others is missing too: it is another project",
            ),
            (
                vec![("a", 40, 40), ("b", 40, 20), ("c", 40, 1)],
                true,
                vec!["a", "b"],
                "the others miss too much without the first",
            ),
            (
                vec![("a", 40, 40), ("b", 40, 40), ("c", 1, 0)],
                false,
                vec!["a", "b"],
                "in another project not even one would be there",
            ),
            (
                vec![("a", 2, 2), ("b", 2, 2), ("c", 2, 2)],
                true,
                vec![],
                "few in each, and all of them",
            ),
            (
                vec![("a", 90, 90), ("b", 0, 0)],
                true,
                vec!["a"],
                "a namespace without witnesses is no other",
            ),
        ] {
            let tally = tally(&missing);
            assert_eq!(tally.is_suspicious(), foreign, "{reason}");
            let names: Vec<_> = tally.unproved_namespaces().into_iter().collect();
            assert_eq!(names, unproved_namespaces, "{reason}");
        }
    }
}
