//! What can be wanted and seen, drawn by a dice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};

use super::*;
use crate::{
    composio::model::{Acl, Sensitive, State, Visibility},
    crd::{
        self, Allow, ConnectedAccountSpec, Credentials, CredentialsStatus, CredentialsStep,
        LinkPolicy, Metadata, ProjectKind, ProjectReason, ProjectRef, ReadyWhen, Scheme, SecretRef,
        Sharing, SharingLimit, Source, Tally, condition,
    },
    record::SecretData,
};

mod recorded;
mod requests;
mod secret;
mod wanted;
use recorded::recorded;
use secret::{data, sent};
pub(in crate::plan::tests) use wanted::wanted;

const USERS: [&str; 3] = ["support@acme.com", "other@acme.com", "agent-1"];
const TOOLKITS: [&str; 2] = ["gmail", "slack"];
const AUTH_CONFIGS: [&str; 2] = ["ac_1", "ac_2"];
const IDS: [&str; 3] = ["ca_1", "ca_2", "ca_3"];
const ALIASES: [&str; 3] = [ALIAS, "support", "another"];
const IDENTITIES: [&str; 3] = ["ann@acme.com", "bob@acme.com", "Ann"];
const TOKENS: [&str; 2] = ["now", "later"];
const STATES: [&str; 9] = [
    "INITIALIZING",
    "INITIATED",
    "ACTIVE",
    "ACTIVE",
    "EXPIRED",
    "FAILED",
    "INACTIVE",
    "REVOKED",
    "PAUSED",
];

const REASONS: [&str; 5] = [
    "INITIATION_TIMEOUT",
    "IDENTITY_VERIFICATION_FAILED",
    "OAuth callback failed: access_denied",
    "OAuth callback failed during token exchange",
    "Auth config is disabled",
];

fn times() -> [Timestamp; 7] {
    [5000, 3601, 600, 61, 10, 0, -540].map(ago)
}

fn micro(dice: &mut Dice) -> MicroTime {
    MicroTime(dice.time(&times()))
}

/// An account: mostly one that the object can mean, else any.
fn row(dice: &mut Dice, desired: &Desired) -> Account {
    let any = any_row(dice);
    if dice.once_in(4) {
        return any;
    }
    let aliases = [&desired.alias, &desired.alias, &desired.own_alias];
    let alias = match dice.number(6) {
        0 => any.alias,
        1 => desired.pin.alias().map(str::to_owned),
        _ => Some(dice.of(&aliases).clone()),
    };
    Account {
        alias,
        user_id: Some(desired.spec.user.clone()),
        toolkit: desired.spec.toolkit.clone(),
        auth_config: desired.spec.auth_config.clone().unwrap_or(any.auth_config),
        visibility: desired.visibility(),
        ..any
    }
}

fn any_row(dice: &mut Dice) -> Account {
    Account {
        id: dice.text(&IDS),
        alias: dice.maybe(|dice| dice.text(&ALIASES)),
        user_id: dice.maybe(|dice| dice.text(&USERS)),
        toolkit: dice.text(&TOOLKITS),
        auth_config: dice.text(&AUTH_CONFIGS),
        auth_config_disabled: dice.once_in(4),
        state: State::from(dice.text(&STATES).as_str()),
        state_reason: dice.maybe(|dice| dice.text(&REASONS)),
        identity: dice.maybe(|dice| dice.text(&IDENTITIES)),
        visibility: dice.of(&[Visibility::Private, Visibility::Shared]),
        sharing: dice.maybe(|dice| Acl {
            allow_all: dice.once_in(2),
            allowed: (0..dice.number(3)).map(|_| dice.text(&USERS)).collect(),
            denied: (0..dice.number(3)).map(|_| dice.text(&USERS)).collect(),
        }),
        created_at: dice.maybe(|dice| dice.time(&times())),
        updated_at: dice.maybe(|dice| dice.time(&times())),
    }
}

/// Rows as pages show them: now and then one of them twice.
fn rows(dice: &mut Dice, desired: &Desired) -> Vec<Account> {
    let mut rows: Vec<Account> = (0..dice.number(4)).map(|_| row(dice, desired)).collect();
    if dice.once_in(3) && !rows.is_empty() {
        rows.push(dice.of(&rows));
    }
    rows
}

pub(super) fn failure(dice: &mut Dice) -> Failure {
    let reasons: Vec<Reason> = Reason::all().collect();
    Failure {
        reason: dice.of(&reasons),
        message: dice.text(&["could not do it"]),
        answer: dice.of(&[
            Answer::NotNow { after: None },
            Answer::NotNow {
                after: Some(std::time::Duration::MAX),
            },
            Answer::Unknown,
            Answer::Refused(400),
            Answer::Refused(404),
            Answer::LookAgain,
        ]),
    }
}

/// Several rows, which may be of one id, and nothing that would stand in the way of an effect.
pub(in crate::plan::tests) fn sight_of_several(
    dice: &mut Dice,
    desired: &Desired,
) -> ObservedBuilder {
    let ObservedBuilder(observed) = sight(dice, desired);
    let rows = (0..2 + dice.number(2))
        .map(|_| row(dice, desired))
        .collect();
    ObservedBuilder(Observed {
        account: AccountLookup::Many(rows),
        fresh: true,
        holder: None,
        others_held: BTreeSet::new(),
        all_objects_known: true,
        gate: AccessGate::default(),
        refused: Vec::new(),
        ..observed
    })
}

pub(in crate::plan::tests) fn sight(dice: &mut Dice, desired: &Desired) -> ObservedBuilder {
    let account = match dice.number(8) {
        0 => AccountLookup::NotLooked,
        1 | 2 => AccountLookup::Absent,
        3..6 => AccountLookup::One(row(dice, desired)),
        6 => AccountLookup::Many(rows(dice, desired)),
        _ => {
            let recorded = dice.once_in(2).then_some("ca_1");
            AccountLookup::of(rows(dice, desired), recorded)
        }
    };
    let mut recorded = recorded(dice, account.account().map(|account| account.id.as_str()));
    requests::links_for_session(dice, desired, &mut recorded);
    let first = account.account().map(|first| &first.id);
    let others = account.others().iter();
    let others_held = others
        .filter(|other| first != Some(&other.id) && dice.once_in(8))
        .map(|other| other.id.clone())
        .collect();
    let closed = |dice: &mut Dice| dice.once_in(12).then(|| dice.time(&times()));
    ObservedBuilder(Observed {
        recorded,
        keys: keys(),
        account,
        fresh: !dice.once_in(5),
        secret: match dice.number(6) {
            0 => SecretSeen::NotUsed,
            1 => SecretSeen::NotRead,
            2 => SecretSeen::Missing(dice.text(&["does not exist"])),
            3 => SecretSeen::Unfit(dice.text(&["it must not"])),
            _ => {
                let (version, values) = data(dice);
                SecretSeen::Present { version, values }
            }
        },
        auth_config: match dice.number(4) {
            0 => AuthConfigCheck::NotAsked,
            1 => AuthConfigCheck::Unfit {
                reason: Reason::AuthConfigAmbiguous,
                detail: dice.text(&["ac_1, ac_2"]),
            },
            _ => AuthConfigCheck::Fit(dice.text(&AUTH_CONFIGS)),
        },
        holder: dice.once_in(8).then(|| Holder {
            object: dice.text(&["agents/older"]),
        }),
        others_held,
        all_objects_known: !dice.once_in(3),
        gate: AccessGate {
            read_closed_until: closed(dice),
            write_closed_until: closed(dice),
            paused_until: closed(dice),
            proof: match dice.number(10) {
                0 => Proof::Awaited,
                1 => Proof::Failed,
                _ => Proof::Given,
            },
            project: match dice.number(20) {
                0 => ProjectState::NotFound,
                1 => ProjectState::Unavailable(ProjectReason::KeyMissing),
                2..5 => ProjectState::NothingNew,
                _ => ProjectState::Available,
            },
        },
        done: Vec::new(),
        refused: (0..dice.number(4).saturating_sub(1))
            .map(|_| Refused {
                effect: dice.of(&refusable()),
                failure: failure(dice),
            })
            .collect(),
    })
}
