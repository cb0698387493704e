//! The table of decisions as the README prints it, read a second time: which row a plan is of, and that
//! what was seen is really what the row speaks of.

use std::collections::BTreeMap;

use composio_operator::plan::{ChangeKind, Desired, Kind, Need, Observed, Plan, Presence};
use jiff::Timestamp;
use strum::IntoEnumIterator;

mod gone;
mod present;
mod sight;

use gone::gone;
use present::present;
use sight::Sight;

/// When, and what is done: the rows of the README's table, in its order.
pub(crate) const ROWS: &[(&str, &str)] = &[
    ("suspended", "wait, observe and report"),
    (
        "what is remembered asks for something",
        "look at both sides afresh",
    ),
    ("the project cannot be used now", "wait"),
    ("another object manages the account", "refuse: Conflict"),
    (
        "what was found differs in something that cannot be changed",
        "refuse: Mismatch",
    ),
    (
        "an account is found, and an object that cannot be read may manage it",
        "wait",
    ),
    ("the state is a word that is not known", "wait"),
    (
        "the recorded account is not there, and was made a moment ago",
        "wait: it may not be visible yet",
    ),
    (
        "the recorded account is gone",
        "forget it, go on as without",
    ),
    (
        "the recorded account is not this object's",
        "drop the record, leave the account alone",
    ),
    (
        "the account has another alias, and nothing proves that it is this object's",
        "refuse: AliasChanged",
    ),
    (
        "an account is found that is ours and not recorded",
        "pin, then record it",
    ),
    (
        "finalizer or alias was taken off the object",
        "write both again",
    ),
    (
        "a second account with our alias holds nobody's grant",
        "delete it, without revoking",
    ),
    (
        "`connectedAccountId` names no account, and none was ever there",
        "refuse: AccountNotFound",
    ),
    (
        "an account or a link is due, and an earlier call may still bring one",
        "wait for its outcome",
    ),
    (
        "an account is due, the alias was changed, and nothing carries the former",
        "take the former off the object",
    ),
    ("an account is due", "read the auth config"),
    (
        "an account is due, and no auth config will do",
        "refuse, and say why",
    ),
    (
        "an account is due, finalizer and alias are not on the object",
        "write both",
    ),
    (
        "no account, and no link was issued, or the last account had been connected",
        "ask for a link",
    ),
    (
        "no account, its credentials are there",
        "create it from the Secret",
    ),
    (
        "Composio refused to make the account",
        "take the alias off the object, tell",
    ),
    ("the alias is taken", "tell, try again later"),
    ("credentials are declared", "read the Secret"),
    (
        "the Secret or a key in it is missing",
        "wait for it; the account stays as it is",
    ),
    (
        "credentials, no grant, a new version of the Secret",
        "send it",
    ),
    (
        "credentials, no grant, sending did not help",
        "delete the account, make it anew, once a version",
    ),
    (
        "credentials, and Composio does not take them",
        "refuse: CredentialsRejected",
    ),
    ("a link waits for the person", "wait until it ends"),
    ("somebody revoked the grant", "wait for a request"),
    ("disabled, and the grant is dead", "wait: nobody needs it"),
    (
        "no grant, and the link was lost, the grant has died, or a new link is asked for",
        "start the sign-in again, on the same account",
    ),
    (
        "that was refused, or brought no link",
        "delete the account, then ask for a link",
    ),
    (
        "a link was issued, and is over",
        "wait for a request: each new link costs a row",
    ),
    (
        "what was put right is changed back again and again",
        "wait, then put it right once",
    ),
    ("enabled, and the account is not", "enable it"),
    ("disabled, and the account is not", "disable it"),
    ("another access list", "change it, who loses access first"),
    ("a grant, and a new version of the Secret", "send it"),
    ("another alias", "rename the account"),
    (
        "the alias on the object is not the account's",
        "write it again",
    ),
    (
        "Composio refuses a difference, or a look",
        "tell; the others are made right",
    ),
    ("as declared", "nothing"),
    (
        "going: nothing of it is there, or it is not to be touched",
        "let the object go",
    ),
    ("going: the project cannot be used now", "wait"),
    (
        "going: what was found is not this object's",
        "let the object go",
    ),
    (
        "going: an account is found, and an object that cannot be read may manage it",
        "wait",
    ),
    ("going: `deletionPolicy: Delete`", "delete the account"),
    (
        "going: several accounts are its own",
        "end the others first; delete those without a grant, without revoking",
    ),
    ("going: active", "revoke the grant"),
    (
        "going: disabled",
        "enable it: only an active account can be revoked",
    ),
    ("going: the grant is revoked", "delete the account"),
    (
        "going: it cannot be revoked, or the provider refused for an hour",
        "delete it, revocation asked for",
    ),
    (
        "going: no live grant is seen",
        "delete it, revocation asked for",
    ),
    (
        "going: the provider refuses to revoke",
        "wait, disabled as declared",
    ),
    ("going: the account is gone", "let the object go"),
    ("going: an account may still be made or show up", "wait"),
    ("going: Composio refuses", "tell, try again later"),
];

/// How often each row and each variant was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) rows: BTreeMap<&'static str, u64>,
    pub(crate) variants: BTreeMap<String, u64>,
    /// How many looks found their account twice in one list.
    pub(crate) repeated: u64,
}

impl Taken {
    pub(crate) fn count(&mut self, row: &'static str, plan: &Plan) {
        *self.rows.entry(row).or_default() += 1;
        *self.variants.entry(variant(plan)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Taken) {
        self.repeated += other.repeated;
        for (row, count) in other.rows {
            *self.rows.entry(row).or_default() += count;
        }
        for (variant, count) in other.variants {
            *self.variants.entry(variant).or_default() += count;
        }
    }
}

fn variant(plan: &Plan) -> String {
    match plan {
        Plan::Nothing => "Nothing".to_owned(),
        Plan::Wait(_) => "Wait".to_owned(),
        Plan::Refuse(_) => "Refuse".to_owned(),
        Plan::Look(need) => format!("Look({need:?})"),
        Plan::Do(effect) => effect.to_string(),
    }
}

/// Every variant that there is.
pub(crate) fn variants() -> Vec<String> {
    let needs = [Need::Account, Need::AuthConfig, Need::Secret];
    let looks = needs.iter().map(|need| format!("Look({need:?})"));
    let kinds = Kind::iter().filter(|kind| *kind != Kind::Patch);
    let kinds = kinds.map(|kind| <&str>::from(kind).to_owned());
    let changes = ChangeKind::iter().map(|change| format!("Patch({})", <&str>::from(change)));
    ["Nothing", "Wait", "Refuse"]
        .map(str::to_owned)
        .into_iter()
        .chain(looks)
        .chain(kinds)
        .chain(changes)
        .collect()
}

/// The row that a plan is of. An error: no row of the table says so on what was seen.
pub(crate) fn row(
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
    now: Timestamp,
) -> Result<&'static str, String> {
    let sight = Sight {
        desired,
        observed,
        now,
    };
    let (row, holds) = match desired.presence {
        Presence::Present => present(&sight, plan),
        Presence::Gone { since } => gone(&sight, plan, since),
    };
    assert!(
        ROWS.iter().any(|(known, _)| *known == row),
        "{row:?} is not in the table"
    );
    if holds {
        return Ok(row);
    }
    Err(format!(
        "{plan:?} is not what {row:?} means: {desired:?} {observed:?}"
    ))
}
