//! The first rule of the table that holds decides: asked of everything that can be drawn, and of the table with
//! two neighbours exchanged.

use std::collections::{BTreeMap, BTreeSet};

use composio_testing::{Dice, for_seeds};
use strum::IntoEnumIterator;

use super::{
    random::draw::{sight, sight_of_several, wanted},
    rules::{Table, judge},
    *,
};
use crate::crd::{FinishedIn, Tally, Verdict};

/// How many states are drawn.
const STATES: u64 = 90_000;
/// In so many of them each rule decides at least.
const DECIDED: u64 = 20;
/// And so many are told from those of a table in which two neighbours are exchanged.
const TOLD: u64 = 3;

/// Neighbours of the table that never hold together, and why. To exchange these two changes no decision.
const DISJOINT: [(Rule, Rule, &str); 35] = [
    (
        Rule::Suspended,
        Rule::ProjectMismatch,
        "for a suspended object nothing is to be done",
    ),
    (
        Rule::ProjectMismatch,
        Rule::ProjectUnavailable,
        "to refuse an object for its project needs none",
    ),
    (
        Rule::NotOurs,
        Rule::DisableAtOnce,
        "the object claims it, or does not",
    ),
    (
        Rule::DisableAtOnce,
        Rule::HeldByAnother,
        "of what another object manages nothing is disabled",
    ),
    (
        Rule::Mismatch,
        Rule::NotVisibleYet,
        "it is there, or it is not",
    ),
    (
        Rule::AccountGone,
        Rule::Unproved,
        "it is not there, or it is",
    ),
    (
        Rule::Adopt,
        Rule::UnknownState,
        "only an account on record is asked for its state",
    ),
    (
        Rule::FinishedElsewhere,
        Rule::NotReturned,
        "somebody came back, or nobody did",
    ),
    (
        Rule::AwaitReturn,
        Rule::AccountNotFound,
        "there is an account, or none",
    ),
    (
        Rule::AccountNotFound,
        Rule::CompleteAuth,
        "there is none, or one",
    ),
    (
        Rule::LinkOver,
        Rule::AwaitRequest,
        "a sign-in has ended, or none was begun",
    ),
    (Rule::AwaitRequest, Rule::Enable, "it has no grant, or one"),
    (
        Rule::Enable,
        Rule::Disable,
        "what is declared is one of the two",
    ),
    (
        Rule::ReadSecret,
        Rule::Rotate,
        "the Secret was not read, or it was",
    ),
    (
        Rule::Rename,
        Rule::PinAgain,
        "the alias that is pinned is the one that the account has",
    ),
    (
        Rule::Rotate,
        Rule::Remake,
        "a PATCH takes the data of the Secret, or none does",
    ),
    (
        Rule::SecretMissing,
        Rule::SecretInvalid,
        "the Secret is not there, or it is",
    ),
    (
        Rule::SecretInvalid,
        Rule::CreationRefused,
        "after a refusal nothing more is to be made",
    ),
    (
        Rule::CreationRefused,
        Rule::Revive,
        "there is no account, or one",
    ),
    (
        Rule::Revive,
        Rule::Recreate,
        "a PATCH takes the data of the Secret, or none does or did help",
    ),
    (
        Rule::CredentialsRejected,
        Rule::MakeRoom,
        "a Secret is declared, or a person signs in",
    ),
    (
        Rule::SignInAgain,
        Rule::DropFormerAlias,
        "there is an account, or none",
    ),
    (
        Rule::FindAuthConfig,
        Rule::NoAuthConfig,
        "the auth config was not asked for, or it was",
    ),
    (
        Rule::Link,
        Rule::Create,
        "a person signs in, or a Secret is declared",
    ),
    (
        Rule::Create,
        Rule::NoLongerAllowed,
        "there is no account, or one",
    ),
    (
        Rule::DeletingProjectMismatch,
        Rule::DeletingProjectUnavailable,
        "where the project is another one, this one is not needed",
    ),
    (
        Rule::LookAfresh,
        Rule::DeletingMayShowUp,
        "to wait needs no fresh look",
    ),
    (
        Rule::DeletingGone,
        Rule::DeletingNotOurs,
        "it is not there, or it is",
    ),
    (
        Rule::DeletingNotOurs,
        Rule::DeletingHolderUnknown,
        "none of them is its own, or one is",
    ),
    (
        Rule::DeletingOthersFirst,
        Rule::DeletingUnused,
        "what is retained goes before no other",
    ),
    (
        Rule::DeletingRetained,
        Rule::DeletingDelete,
        "each is for one policy",
    ),
    (
        Rule::DeletingDelete,
        Rule::DeletingRevoke,
        "each is for one policy",
    ),
    (
        Rule::DeletingRevoke,
        Rule::DeletingProviderRefuses,
        "the provider was not asked, or has refused",
    ),
    (
        Rule::DeletingEnable,
        Rule::DeletingRevoked,
        "each is for one state",
    ),
    (
        Rule::DeletingRevoked,
        Rule::DeletingCannotRevoke,
        "each is for other states",
    ),
];

/// Draws what is wanted and seen: half of it anything, half as the operator leaves an object of its own, since
/// the rules at the end of the table are else hardly reached.
fn drawn(count: u64, mut ask: impl FnMut(&Desired, &Observed)) {
    for_seeds(count, |dice| {
        let DesiredBuilder(mut desired) = wanted(dice);
        let several = dice.once_in(5);
        let is_usual = dice.once_in(2);
        if is_usual {
            usual_object(&mut desired, dice);
        }
        let ObservedBuilder(mut observed) = match several {
            true => sight_of_several(dice, &desired),
            false => sight(dice, &desired),
        };
        if is_usual {
            usual_sight(&mut observed, &desired, dice);
        }
        // No lookup makes that; see `AccountLookup::of`.
        if observed.account != AccountLookup::Many(Vec::new()) {
            ask(&desired, &observed);
        }
    });
}

fn usual_object(desired: &mut Desired, dice: &mut Dice) {
    desired.spec.suspend = false;
    desired.finalizer = true;
    desired.spec.connected_account_id = None;
    desired.presence = match dice.once_in(4) {
        true => Presence::Deleting { since: ago(600) },
        false => Presence::Present,
    };
    desired.pin = Pin::Own {
        alias: match dice.number(6) {
            0 => None,
            1 => Some("former".to_owned()),
            _ => Some(desired.alias.clone()),
        },
    };
}

fn usual_sight(observed: &mut Observed, desired: &Desired, dice: &mut Dice) {
    observed.fresh = true;
    observed.holder = None;
    observed.all_objects_known = true;
    observed.gate = AccessGate::default();
    let id = observed.account.account().map(|account| account.id.clone());
    let recorded = &mut observed.recorded;
    if let Some(id) = id {
        recorded.record = Some(observed.keys.sign(&desired.own_alias, &id));
        recorded.connected_account_id = Some(id.clone());
        if let Some(sent) = &mut recorded.credentials {
            sent.account_id = Some(id.clone());
        }
        if let Some(judged) = &mut recorded.identity_verdict {
            judged.account_id.clone_from(&id);
        }
        // Whoever is awaited has not come back.
        if let Some(sign_in) = &mut recorded.sign_in
            && sign_in.return_by.is_some()
            && sign_in.finished_in == Some(FinishedIn::Same)
        {
            sign_in.finished_in = None;
        }
        // And there is time for it still, where it is not known who has signed in.
        if let (Some(judged), Some(sign_in)) = (&recorded.identity_verdict, &mut recorded.sign_in)
            && let Some(by) = &mut sign_in.return_by
            && judged.verdict == Verdict::NotShown
        {
            by.0 = ago(-300);
            recorded.link = None;
            recorded.connected_at.get_or_insert(
                k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(ago(60)),
            );
        }
        if let Some(account) = observed.account.account_mut(&id) {
            account.user_id = Some(desired.spec.user.clone());
            account.toolkit.clone_from(&desired.spec.toolkit);
            account.visibility = desired.visibility();
            if let Some(auth_config) = &desired.spec.auth_config {
                account.auth_config.clone_from(auth_config);
            }
            recorded.auth_config = Some(account.auth_config.clone());
            if dice.once_in(2) || recorded.identity_verdict.is_some() {
                recorded.state = Some(account.state.as_str().to_owned());
            }
        }
    }
    for refused in &mut observed.refused {
        if dice.once_in(2) {
            refused.failure.reason = Reason::AliasInUse;
        }
    }
    if let Some(id) = &recorded.connected_account_id
        && dice.once_in(6)
    {
        observed.refused.push(Refused {
            effect: Effect::Revoke { id: id.clone() },
            failure: failure(Reason::RevokeRefused, Answer::NotNow { after: None }),
        });
    }
    if dice.once_in(3) {
        recorded.observed_generation = Some(desired.generation);
        recorded.corrections = Some(Tally {
            since: k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(ago(10)),
            count: 5,
        });
        observed.done.clear();
    }
}

#[test]
fn the_first_rule_that_holds_decides_and_no_neighbours_that_overlap_can_be_exchanged() {
    let mut decided: BTreeMap<Rule, u64> = Rule::iter().map(|rule| (rule, 0)).collect();
    let mut told = BTreeMap::<(Rule, Rule), u64>::new();
    drawn(STATES, |desired, observed| {
        let table = Table::new(desired.presence);
        let decision = decide(desired, observed, NOW);
        judge(&table, desired, observed, &decision, NOW).unwrap_or_else(|wrong| panic!("{wrong}"));
        *decided.entry(decision.rule).or_default() += 1;
        let holding = table.holding(desired, observed, NOW);
        for (at, pair) in table.neighbours() {
            let told = told.entry(pair).or_default();
            let both = holding.contains(&pair.0) && holding.contains(&pair.1);
            if both && let Some((_, _, reason)) = disjoint(pair) {
                panic!("{pair:?} hold both, though {reason}: {desired:?} {observed:?}");
            }
            if both && pair.0 == decision.rule {
                let swapped = table.swapped(at);
                *told += u64::from(judge(&swapped, desired, observed, &decision, NOW).is_err());
            }
        }
    });
    if std::env::var("SEED").is_ok() {
        return;
    }
    let mut stale = DISJOINT.iter();
    let stale = stale.find(|(one, other, _)| !told.contains_key(&(*one, *other)));
    assert_eq!(stale, None, "they are no neighbours");
    decided.retain(|_, count| *count < DECIDED);
    assert!(
        decided.is_empty(),
        "less than {DECIDED} decisions by {decided:?}"
    );
    told.retain(|pair, count| *count < TOLD && disjoint(*pair).is_none());
    assert!(
        told.is_empty(),
        "nothing tells that these are exchanged: {told:?}"
    );
}

fn disjoint(pair: (Rule, Rule)) -> Option<&'static (Rule, Rule, &'static str)> {
    DISJOINT
        .iter()
        .find(|(one, other, _)| (*one, *other) == pair)
}

#[test]
fn a_table_in_which_two_neighbours_are_exchanged_is_found() {
    // Somebody took the finalizer off, and the account is another object's: whose it is goes first.
    let DesiredBuilder(desired) = object().with(|desired| desired.finalizer = false);
    let ObservedBuilder(observed) = seen(account("ca_1").active()).held_by("other/mail");
    let table = Table::new(Presence::Present);
    let decision = decide(&desired, &observed, NOW);
    assert_eq!(decision.rule, Rule::HeldByAnother);
    assert_eq!(judge(&table, &desired, &observed, &decision, NOW), Ok(()));
    let mut neighbours = table.neighbours();
    let pair = (Rule::HeldByAnother, Rule::RestoreMarks);
    let (at, _) = neighbours
        .find(|(_, one)| *one == pair)
        .expect("they are neighbours");
    assert!(judge(&table.swapped(at), &desired, &observed, &decision, NOW).is_err());
}

#[test]
fn each_rule_has_a_name_and_a_row_of_its_own() {
    let rules: Vec<Rule> = Rule::iter().collect();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.as_str()).collect();
    let whens: BTreeSet<&str> = rules.iter().map(|rule| rule.when()).collect();
    assert_eq!((names.len(), whens.len()), (rules.len(), rules.len()));
    assert_eq!(Rule::Suspended.as_str(), "Suspended");
    assert_eq!(Rule::Suspended.then(), "wait, observe and report");
    assert!(rules.iter().all(|rule| !rule.then().is_empty()));
}
