//! Whether the project is the one in which the recorded accounts were made. With the key of another
//! project, or at another server, everything looks gone.

use jiff::SignedDuration;

use super::Objects;
use crate::{
    composio::error::Error, crd::ConnectedAccountStatus, project::Project, project::Standing,
};

/// So many auth configs of other objects are asked for before the project counts as another one.
const MOST_PROOFS: usize = 5;
/// A proof that is older may be from before the server, or the key behind it, was another.
const OLDEST_PROOF: SignedDuration = SignedDuration::from_secs(10);
/// So many accounts, and one in so many, may go between two looks at all of them.
const MOST_MISSED: usize = 5;
/// See [`MOST_MISSED`].
const MOST_MISSED_OF: usize = 10;

/// What a look at all recorded accounts has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Those that were there.
    pub(super) found: usize,
    /// Those that should have been there: not those that are being deleted, or were by us, or are so
    /// young that a list may not know them yet.
    pub(super) expected: usize,
    /// Those of the expected that were not there.
    pub(super) missed: usize,
}

impl Count {
    /// Whether so much is missing that the project must be another one.
    pub(super) fn is_suspicious(self) -> bool {
        self.missed > MOST_MISSED && self.missed * MOST_MISSED_OF > self.expected
    }

    /// What that proves. `has_auth_config` is asked where no account does. Once the project counted as
    /// another one that is not enough: what is missing may have become less because objects went.
    ///
    /// # Errors
    /// As it has.
    pub(super) async fn prove(
        self,
        former: Standing,
        has_auth_config: impl Future<Output = Result<bool, Error>>,
    ) -> Result<Standing, Error> {
        if self.is_suspicious() {
            return Ok(Standing::Foreign);
        }
        let is_ours = match former {
            _ if self.found > 0 => true,
            Standing::Foreign => self.missed == 0,
            Standing::Unproved | Standing::Ours => has_auth_config.await?,
        };
        Ok(if is_ours {
            Standing::Ours
        } else {
            Standing::Foreign
        })
    }
}

/// Whether an auth config that is recorded is there: the object's own, or else another object's. Where
/// nothing is recorded there is nothing to prove.
///
/// # Errors
/// When Composio does not answer.
pub(super) async fn auth_configs(
    project: &Project,
    objects: &Objects,
    own: &ConnectedAccountStatus,
) -> Result<bool, Error> {
    if let Some(own) = &own.auth_config
        && project.has_auth_config(own, OLDEST_PROOF).await?
    {
        return Ok(true);
    }
    let mut others = objects.auth_configs();
    others.retain(|other| own.auth_config.as_ref() != Some(other));
    for id in others.iter().take(MOST_PROOFS) {
        if project.has_auth_config(id, OLDEST_PROOF).await? {
            return Ok(true);
        }
    }
    Ok(own.auth_config.is_none() && others.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_go_and_one_in_ten_but_not_more() {
        struct Case {
            expected: usize,
            missed: usize,
            suspicious: bool,
            reason: &'static str,
        }
        let cases = [
            Case {
                expected: 5,
                missed: 5,
                suspicious: false,
                reason: "all of a few",
            },
            Case {
                expected: 6,
                missed: 6,
                suspicious: true,
                reason: "all of more than a few",
            },
            Case {
                expected: 60,
                missed: 6,
                suspicious: false,
                reason: "exactly one in ten",
            },
            Case {
                expected: 59,
                missed: 6,
                suspicious: true,
                reason: "more than one in ten",
            },
            Case {
                expected: 0,
                missed: 0,
                suspicious: false,
                reason: "nothing recorded",
            },
        ];
        for case in cases {
            let count = Count {
                found: case.expected - case.missed,
                expected: case.expected,
                missed: case.missed,
            };
            assert_eq!(count.is_suspicious(), case.suspicious, "{}", case.reason);
        }
    }
}
