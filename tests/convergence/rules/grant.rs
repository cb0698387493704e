//! An account with a grant: what of it differs from what is declared, in the order in which it is made right.

use composio_operator::composio::model::Visibility;
use composio_operator::composio::{Account, State};
use composio_operator::crd::{CredentialsStep, Reason, condition};
use composio_operator::plan::{AuthConfigCheck, Change, Claim, EffectKind, Failure, Rule};
use jiff::SignedDuration;

use super::data::Data;
use super::sight::{Situation, after};

/// Something that differs.
struct Difference<'a> {
    /// The rule that makes it right.
    rule: Rule,
    /// Whether somebody may be changing it back.
    is_correction: bool,
    /// That it was refused in this pass.
    refused: Option<&'a Failure>,
}

fn differences<'a>(sight: &Situation<'a>) -> Vec<Difference<'a>> {
    let due = [
        (
            Rule::Enable,
            true,
            enable_is_due(sight),
            sight.refusal(&[EffectKind::Enable]),
        ),
        (
            Rule::Disable,
            true,
            disable_is_due(sight),
            sight.refusal(&[EffectKind::Disable]),
        ),
        (
            Rule::Share,
            true,
            share_is_due(sight),
            sight.refused_change(|change| matches!(change, Change::Sharing(_))),
        ),
        (
            Rule::Rotate,
            false,
            sight.data() == Data::New,
            sight.refused_change(|change| *change == Change::Credentials),
        ),
        (
            Rule::Rename,
            true,
            rename_is_due(sight),
            sight.refused_change(|change| matches!(change, Change::Alias(_))),
        ),
        (
            Rule::PinAgain,
            false,
            pin_is_due(sight),
            sight.refusal(&[EffectKind::Pin]),
        ),
    ];
    let due = due
        .into_iter()
        .filter(|(rule, _, is_due, _)| *is_due && !is_given(*rule, sight));
    due.map(|(rule, is_correction, _, refused)| Difference {
        rule,
        is_correction,
        refused,
    })
    .collect()
}

/// Whether to make that right would give access, and the project does not allow the account.
fn is_given(rule: Rule, sight: &Situation<'_>) -> bool {
    let gives = match rule {
        Rule::Enable | Rule::Rename => true,
        Rule::Share => !only_takes_away(sight),
        _ => false,
    };
    gives && sight.is_not_allowed()
}

/// Whether the access list is to lose somebody first: the list that is shown is no part of the declared one.
fn only_takes_away(sight: &Situation<'_>) -> bool {
    let current = sight.account().and_then(|account| account.sharing.as_ref());
    current
        .zip(sight.desired.access_list())
        .is_some_and(|(current, declared)| {
            (current.allow_all && !declared.allow_all)
                || !current.allowed.is_subset(&declared.allowed)
                || !declared.denied.is_subset(&current.denied)
        })
}

/// Whether that difference is there, was not refused in this pass and does not have to wait.
pub(super) fn is_open(rule: Rule, sight: &Situation<'_>) -> bool {
    let mut differences = differences(sight).into_iter();
    let difference = differences.find(|one| one.rule == rule);
    let is_behind = matches!(rule, Rule::Rename | Rule::PinAgain);
    sight.has_grant()
        && !(is_behind && reads_auth_config(sight))
        && difference.is_some_and(|one| one.refused.is_none() && !is_put_off(&one, sight))
}

/// The first refusal of a difference that is there.
pub(super) fn first_refusal<'a>(sight: &Situation<'a>) -> Option<&'a Failure> {
    let mut differences = differences(sight).into_iter();
    differences.find_map(|one| one.refused)
}

/// Whether a correction has to wait, and what is told is that. Of what stands in the way the last is told: the
/// Secret after the state and the access list, and the alias after the Secret.
pub(super) fn does_not_converge(sight: &Situation<'_>) -> bool {
    let waits = |one: &Difference<'_>| one.refused.is_none() && is_put_off(one, sight);
    let waiting = differences(sight).into_iter().filter(waits);
    let waiting: Vec<Rule> = waiting.map(|one| one.rule).collect();
    sight.has_grant()
        && !reads_auth_config(sight)
        && match secret_is_in_the_way(sight) {
            true => waiting.contains(&Rule::Rename),
            false => !waiting.is_empty(),
        }
}

fn secret_is_in_the_way(sight: &Situation<'_>) -> bool {
    match sight.data() {
        Data::Missing | Data::Invalid | Data::Sent(CredentialsStep::Refused) => true,
        Data::NeedsNewAccount => !sight.is_not_allowed() && cannot_be_made_anew(sight),
        Data::NotDeclared | Data::Unread | Data::New | Data::Unverifiable | Data::Sent(_) => false,
    }
}

/// Whether the account is to make room for one with other data and does not.
fn cannot_be_made_anew(sight: &Situation<'_>) -> bool {
    sight.remade_lately()
        || match sight.observed.auth_config {
            AuthConfigCheck::NotAsked => false,
            AuthConfigCheck::Unfit { .. } => true,
            AuthConfigCheck::Fit(_) => {
                !sight.may_be_made()
                    || sight.refused(EffectKind::Delete)
                    || sight.claim() != Some(Claim::Own)
            }
        }
}

/// Whether the account is to make room, and was not made anew within the hour.
fn makes_room(sight: &Situation<'_>) -> bool {
    sight.has_grant()
        && !sight.is_not_allowed()
        && sight.data() == Data::NeedsNewAccount
        && !sight.remade_lately()
}

/// Whether it is to be read first what the next account can be made from: before the alias is dealt with.
pub(super) fn reads_auth_config(sight: &Situation<'_>) -> bool {
    makes_room(sight) && sight.observed.auth_config == AuthConfigCheck::NotAsked
}

/// Whether there is nothing that the next account can be made from.
pub(super) fn has_no_auth_config(sight: &Situation<'_>) -> bool {
    makes_room(sight)
        && sight.observed.auth_config != AuthConfigCheck::NotAsked
        && !sight.may_be_made()
}

/// Whether the account makes room. Of one that is not proved to be its own a refusal is told first.
pub(super) fn is_remade(sight: &Situation<'_>) -> bool {
    makes_room(sight)
        && sight.may_be_made()
        && !sight.refused(EffectKind::Delete)
        && (sight.claim() == Some(Claim::Own) || first_refusal(sight).is_none())
}

/// Whether the account was made anew within the hour, and that is what is told: what can still be done, was
/// refused, or waits in the alias goes first.
pub(super) fn waits_to_be_remade(sight: &Situation<'_>) -> bool {
    let is_first = |one: &Difference<'_>| {
        one.refused.is_some() || matches!(one.rule, Rule::Rename | Rule::PinAgain)
    };
    sight.has_grant()
        && !sight.is_not_allowed()
        && sight.data() == Data::NeedsNewAccount
        && sight.remade_lately()
        && !differences(sight).iter().any(is_first)
}

/// Whether the refusal to delete the account is what is told: the alias comes after the Secret, and waits.
pub(super) fn refuses_to_make_room(sight: &Situation<'_>) -> bool {
    let mut differences = differences(sight).into_iter();
    makes_room(sight)
        && sight.may_be_made()
        && sight.refused(EffectKind::Delete)
        && !differences.any(|one| one.rule == Rule::Rename && is_put_off(&one, sight))
}

fn is_put_off(one: &Difference<'_>, sight: &Situation<'_>) -> bool {
    one.is_correction && sight.observed.done.is_empty() && corrections_are_slow(sight)
}

/// Three corrections of one declaration are made at once, then one in ten minutes; after an hour it begins anew.
fn corrections_are_slow(sight: &Situation<'_>) -> bool {
    let recorded = &sight.observed.recorded;
    let Some(tally) = &recorded.corrections else {
        return false;
    };
    let slow = i64::from(tally.count) - 2;
    let minutes = (slow * 10).min(60);
    slow > 0
        && recorded.observed_generation == Some(sight.desired.generation)
        && sight.now < after(tally.since.0, SignedDuration::from_mins(minutes))
}

fn enable_is_due(sight: &Situation<'_>) -> bool {
    let is_off = |account: &Account| account.auth_config_disabled;
    sight.desired.spec.enabled
        && sight.is(&[State::Inactive])
        && !sight.account().is_some_and(is_off)
}

fn disable_is_due(sight: &Situation<'_>) -> bool {
    !sight.desired.spec.enabled && sight.is(&[State::Active])
}

/// What is told where nothing was to be made right.
const AT_REST: [Reason; 4] = [
    Reason::Connected,
    Reason::Disabled,
    Reason::AuthConfigDisabled,
    Reason::ConnectionDataChanged,
];

fn share_is_due(sight: &Situation<'_>) -> bool {
    let recorded = &sight.observed.recorded;
    let (Some(declared), Some(account)) = (sight.desired.access_list(), sight.account()) else {
        return false;
    };
    let synced = recorded.condition(condition::SYNCED);
    let was_sent = recorded.says(condition::SYNCED, &AT_REST)
        && synced.and_then(|synced| synced.observed_generation) == Some(sight.desired.generation);
    account.visibility == Visibility::Shared
        && match &account.sharing {
            Some(current) => *current != declared,
            // What Composio does not show is sent once for each declaration.
            None => !was_sent,
        }
}

/// The alias of an account that was taken over by its id stays, unless one is declared.
fn alias_stays(sight: &Situation<'_>) -> bool {
    sight.desired.spec.connected_account_id.is_some() && !sight.desired.declares_alias()
}

fn rename_is_due(sight: &Situation<'_>) -> bool {
    let carried = sight.account().and_then(|account| account.alias.as_ref());
    sight.claim() == Some(Claim::Own)
        && !alias_stays(sight)
        && carried != Some(&sight.desired.alias)
}

fn pin_is_due(sight: &Situation<'_>) -> bool {
    let carried = sight.account().and_then(|account| account.alias.as_deref());
    let alias = carried.filter(|_| alias_stays(sight));
    let alias = alias.unwrap_or(&sight.desired.alias);
    sight.claim() == Some(Claim::Own)
        && !rename_is_due(sight)
        && sight.desired.pin.alias() != sight.pin_of(alias)
}
