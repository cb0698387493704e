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

mod requests;
mod secret;
use secret::{data, sent};

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

pub(in crate::plan::tests) fn wanted(dice: &mut Dice) -> DesiredBuilder {
    let users = |dice: &mut Dice| (0..dice.number(4)).map(|_| dice.text(&USERS)).collect();
    let spec = ConnectedAccountSpec {
        project_ref: ProjectRef::default(),
        user: dice.text(&USERS),
        toolkit: dice.text(&TOOLKITS),
        auth_config: dice.maybe(|dice| dice.text(&AUTH_CONFIGS)),
        enabled: !dice.once_in(3),
        visibility: dice.of(&[crd::Visibility::Private, crd::Visibility::Shared]),
        sharing: dice.maybe(|dice| Sharing {
            allow_all: dice.once_in(2),
            allowed_users: users(dice),
            denied_users: users(dice),
        }),
        metadata: dice.maybe(|dice| Metadata {
            alias: dice.maybe(|dice| dice.text(&ALIASES)),
        }),
        credentials: dice.maybe(|dice| Credentials {
            scheme: dice.of(&[Scheme::ApiKey, Scheme::S2sOauth2]),
            secret_ref: Some(SecretRef {
                name: dice.text(&["gmail-key"]),
                ..Default::default()
            }),
        }),
        connection_data: dice
            .maybe(|dice| [(dice.text(&["subdomain"]), dice.text(&["acme", "other"]))].into()),
        link_policy: dice.maybe(|dice| dice.of(&[LinkPolicy::OnDemand, LinkPolicy::Immediate])),
        description: None,
        person: None,
        expected_identity: dice.maybe(|dice| dice.text(&IDENTITIES)),
        callback_url: dice.maybe(|dice| dice.text(&["https://acme.example/connected"])),
        connected_account_id: dice.maybe(|dice| dice.text(&IDS)),
        ready_when: dice.of(&[ReadyWhen::Active, ReadyWhen::LinkIssued]),
        deletion_policy: dice.of(&[
            DeletionPolicy::Revoke,
            DeletionPolicy::Revoke,
            DeletionPolicy::Delete,
            DeletionPolicy::Retain,
        ]),
        write_to: None,
        suspend: dice.once_in(8),
    };
    object().with(|desired| {
        desired.name = dice.text(&["support-gmail"]);
        let alias = spec
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.alias.clone());
        desired.alias = alias.unwrap_or_else(|| desired.own_alias.clone());
        desired.own_account = dice.once_in(8).then(|| dice.text(&IDS));
        desired.spec = spec;
        desired.generation = dice.number(3) as i64 - 1;
        desired.abandon =
            dice.maybe(|dice| dice.text(&[IDS.as_slice(), ALIASES.as_slice()].concat()));
        // As the operator leaves it, most of the time.
        desired.pin = match dice.number(8) {
            0 => Pin::Absent,
            1 => Pin::Own {
                alias: Some(dice.text(&ALIASES)),
            },
            2 => Pin::Own { alias: None },
            3 => {
                desired.moves_here = dice.once_in(2);
                let project = dice.text(&["ComposioProject/default", "ComposioProject/other"]);
                let other_id = dice.once_in(4).then(|| "pr_other".to_owned());
                let is_here = project == "ComposioProject/default" && other_id.is_none();
                Pin::Former {
                    alias: (is_here || !dice.once_in(4)).then(|| dice.text(&ALIASES)),
                    prefix: dice.text(&["old-"]),
                    project,
                    other_id,
                }
            }
            4 => Pin::Foreign {
                object: dice.maybe(|dice| dice.text(&["other/mail"])),
            },
            _ => Pin::Own {
                alias: Some(desired.alias.clone()),
            },
        };
        if dice.once_in(3) {
            desired.flags.policy = (!dice.once_in(8)).then(|| Arc::new(policy(dice)));
        }
        desired.before = dice.number(3) as usize;
        desired.finalizer = !dice.once_in(4);
        desired.link_request = dice.maybe(|dice| dice.text(&TOKENS));
        if dice.once_in(4) {
            desired.flags.page = Some(requests::any_page(dice));
        }
        if dice.once_in(4) {
            desired.requests = requests::requests(dice, &desired.uid);
            if desired.requests.iter().any(|one| one.session.is_some()) {
                desired.flags.page = Some(match dice.once_in(4) {
                    true => requests::any_page(dice),
                    false => requests::page(),
                });
            }
        }
        desired.ignored_link_request = dice.once_in(8).then(|| dice.text(&TOKENS));
        desired.reconcile_request = dice.maybe(|dice| dice.text(&TOKENS));
        if dice.once_in(2) {
            desired.presence = Presence::Deleting {
                since: dice.time(&times()),
            };
        }
    })
}

/// What the project allows: mostly what is asked for but for one thing.
fn policy(dice: &mut Dice) -> Policy {
    let all = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let mut allow = Allow {
        take_over: !dice.once_in(4),
        sources: Some(vec![Source::SignIn, Source::Secret]),
        sharing: Some(SharingLimit::All),
        ..Allow::default()
    };
    match dice.number(12) {
        0 => allow.users = all(&USERS[..1]),
        1 => allow.toolkits = all(&TOOLKITS[..1]),
        2..=6 => allow.auth_configs = all(&AUTH_CONFIGS[..1]),
        7 => allow.visibilities = Some(vec![crd::Visibility::Private]),
        8 => allow.sources = Some(vec![dice.of(&[Source::SignIn, Source::Secret])]),
        9 => allow.sharing = None,
        10 => allow.max_accounts = Some(1),
        _ => allow.namespaces = all(&["other"]),
    }
    allow.identity = dice.once_in(3).then_some(crd::IdentityDemand::SameAsPerson);
    allow.sign_in = dice.once_in(3).then_some(crd::SignInDemand::Bound);
    if dice.once_in(8) {
        allow.people = all(&USERS[..1]);
    }
    if dice.once_in(2) {
        let policies = [DeletionPolicy::Delete, DeletionPolicy::Revoke];
        allow.deletion_policies = Some(vec![dice.of(&policies)]);
    }
    Policy::new(ProjectKind::ClusterComposioProject, Some(&[allow]))
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

fn recorded(dice: &mut Dice, seen: Option<&str>) -> ConnectedAccountStatus {
    let id = match (dice.number(4), seen) {
        (0, _) => None,
        (1, _) | (_, None) => dice.maybe(|dice| dice.text(&IDS)),
        (_, Some(seen)) => Some(seen.to_owned()),
    };
    // As the operator writes it, most of the time; else by another hand, or another key.
    let record = match dice.number(10) {
        0 => None,
        1 => Some(keys().sign(ALIAS, &dice.text(&IDS))),
        2 => Some(keys().sign(&dice.text(&ALIASES), "ca_1")),
        3 => Some(RecordKeys::derive(b"another key", "p").sign(ALIAS, "ca_1")),
        _ => id.as_ref().map(|id| keys().sign(ALIAS, id)),
    };
    let credentials = (!dice.once_in(5)).then(|| sent(dice, id.as_deref()));
    ConnectedAccountStatus {
        observed_generation: dice.maybe(|dice| dice.number(3) as i64 - 1),
        connected_account_id: id,
        previous_connected_account_id: None,
        record,
        alias: dice.maybe(|dice| dice.text(&ALIASES)),
        adopted: dice.once_in(6).then_some(crd::Adopted::ByDeclaredAlias),
        auth_config: dice.maybe(|dice| dice.text(&AUTH_CONFIGS)),
        state: dice.maybe(|dice| dice.text(&STATES)),
        state_reason: dice.maybe(|dice| dice.text(&["INITIATION_TIMEOUT"])),
        identity: dice.maybe(|dice| dice.text(&IDENTITIES)),
        link: dice.maybe(|dice| {
            let link = Link::in_clear("https://connect.example/1", Time(dice.time(&times())));
            Link {
                requested_by: dice.maybe(requests::requested_by),
                ..link
            }
        }),
        connect_page: None,
        pending_notification: None,
        notification_state: None,
        last_connect_request: dice.once_in(4).then(|| requests::handled(dice)),
        identity_verdict: dice.once_in(4).then(|| requests::judged(dice)),
        sign_in: dice.once_in(4).then(|| requests::sign_in(dice)),
        last_link_issued_at: dice.maybe(micro),
        connected_at: dice.maybe(micro),
        first_connected_at: dice.maybe(micro),
        last_handled_link_request: dice.maybe(|dice| dice.text(&TOKENS)),
        last_handled_reconcile_at: dice.maybe(|dice| dice.text(&TOKENS)),
        credentials,
        connection_data_digest: dice.maybe(|dice| {
            let value = dice.text(&["acme", "other"]);
            let spec = ConnectedAccountSpec {
                connection_data: Some([("subdomain".to_owned(), value)].into()),
                ..Default::default()
            };
            connection_data_digest(&spec)
        }),
        unknown_since: dice.maybe(micro),
        revoke_refusals: dice.maybe(|dice| Tally {
            since: micro(dice),
            count: dice.of(&[0, 1, 5, u32::MAX]),
        }),
        corrections: dice.maybe(|dice| Tally {
            since: micro(dice),
            count: dice.of(&[0, 1, 5, u32::MAX]),
        }),
        written_to: None,
        conditions: [condition::READY, condition::SYNCED, condition::STALLED]
            .into_iter()
            .filter_map(|type_| dice.maybe(|dice| told(dice, type_)))
            .collect(),
    }
}

fn told(dice: &mut Dice, type_: &str) -> Condition {
    let reasons: Vec<&str> = Reason::all().map(Reason::as_str).collect();
    Condition {
        type_: type_.to_owned(),
        status: dice.text(&["True", "False", "Unknown"]),
        reason: dice.text(&reasons),
        message: dice.text(&["why"]),
        observed_generation: dice.maybe(|dice| dice.number(3) as i64 - 1),
        last_transition_time: Time(dice.time(&times())),
    }
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
