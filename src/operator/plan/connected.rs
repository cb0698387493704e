//! What to do for an account that has a grant: the differences from what is declared.

use jiff::{SignedDuration, Timestamp};

use crate::{
    composio::model::{Account, State, Visibility},
    crd::{Reason, Tally, condition},
};

use super::{
    Change, Claim, Decision, Desired, Effect, Failure, Observed, Plan, Rule, after, allowed,
    connection_data, credentials, sharing, stopped,
};

/// Corrections within this time count together.
pub const CORRECTIONS_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// So many corrections are made at once, when they are seen to be needed.
const QUICK_CORRECTIONS: u32 = 3;
/// And then one in this time: somebody or something wants it otherwise.
const SLOW_CORRECTION: SignedDuration = SignedDuration::from_mins(10);

/// Our account, with a grant: make it as declared, one call for each difference. A refusal of one does
/// not stop the others, and neither does a Secret that cannot be sent.
pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let mut refusals = Vec::new();
    let not_allowed = allowed::of_own(desired, observed, account);
    let mut held = match &not_allowed {
        Some(not_allowed) => allowed::kept(not_allowed),
        None => as_it_is(desired, observed, account),
    };
    let mut differences = differences(desired, observed, account, now);
    differences.retain(|one| not_allowed.is_none() || !allowed::gives(one, account));
    for difference in differences {
        match &difference.plan {
            Plan::Do(effect) if effect.is_correction() && observed.done.is_empty() => {
                match (observed.refused_like(effect), defer(desired, observed, now)) {
                    (Some(refused), _) => refusals.push(&refused.failure),
                    (None, None) => return difference,
                    (None, Some(until)) => {
                        let detail = format!("next: {effect}");
                        held = Rule::DoesNotConverge.waits(
                            Reason::DoesNotConverge,
                            detail,
                            Some(until),
                        );
                    }
                }
            }
            Plan::Do(effect) => match observed.refused_like(effect) {
                None => return difference,
                Some(refused) => refusals.push(&refused.failure),
            },
            Plan::Look(_) => return difference,
            Plan::Wait(_) | Plan::Refuse(_) => held = difference,
            Plan::Nothing => {}
        }
    }
    match refusals.first() {
        Some(first) => left_different(desired, first, &refusals),
        None => held,
    }
}

/// What is told of an account in which nothing is to be made right.
fn as_it_is(desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    if desired.spec.enabled && account.auth_config_disabled {
        let detail = format!(
            "auth config {} of account {}",
            account.auth_config, account.id
        );
        return Rule::AuthConfigDisabled.waits(Reason::AuthConfigDisabled, detail, None);
    }
    match connection_data::is_other(desired, &observed.recorded) {
        true => Rule::ConnectionDataChanged.waits(Reason::ConnectionDataChanged, "", None),
        false => Rule::AsDeclared.nothing(),
    }
}

/// What is different, in the order in which it is made right.
fn differences(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Vec<Decision> {
    let id = || account.id.clone();
    let mut decisions = Vec::new();
    match (desired.spec.enabled, &account.state) {
        // Whoever disabled the auth config wants it so.
        (true, State::Inactive) if account.auth_config_disabled => {}
        (true, State::Inactive) => decisions.push(Rule::Enable.does(Effect::Enable { id: id() })),
        (false, State::Active) => decisions.push(Rule::Disable.does(Effect::Disable { id: id() })),
        (true | false, _) => {}
    }
    if let (Some(declared), Visibility::Shared) = (desired.access_list(), account.visibility) {
        let patch = match &account.sharing {
            Some(current) => sharing::next_step(current, &declared),
            None if settled_before(desired, observed) => None,
            None => Some(sharing::whole(&declared)),
        };
        decisions.extend(patch.map(|patch| Rule::Share.does(Change::Sharing(patch).of(account))));
    }
    decisions.extend(credentials::difference(desired, observed, account, now));
    let kept = desired.spec.connected_account_id.is_some() && !desired.declares_alias();
    let carries = if kept {
        account.alias.as_deref()
    } else {
        Some(desired.alias.as_str())
    };
    // One that this object has not made has the declared alias, or it would not have been found.
    let Some(claim @ Claim::Own) = observed.claim(desired, account) else {
        return decisions;
    };
    let pin = desired.to_pin(claim, carries.unwrap_or(&desired.alias));
    if account.alias.as_deref() != carries {
        let alias = desired.alias.clone();
        decisions.push(Rule::Rename.does(Change::Alias(alias).of(account)));
    } else if desired.pin.alias() != pin.as_deref() {
        // A restore that loses the status must find the account by its pin.
        decisions.push(Rule::PinAgain.does(Effect::Pin { alias: pin }));
    }
    decisions
}

/// Until when a correction has to wait, after too many of them for the same declaration.
fn defer(desired: &Desired, observed: &Observed, now: Timestamp) -> Option<Timestamp> {
    let recorded = &observed.recorded;
    let Tally { since, count } = recorded.corrections.as_ref()?;
    if *count < QUICK_CORRECTIONS || recorded.observed_generation != Some(desired.generation) {
        return None;
    }
    let slow = i32::try_from(count - QUICK_CORRECTIONS + 1).unwrap_or(i32::MAX);
    let until = after(since.0, SLOW_CORRECTION.saturating_mul(slow));
    let over = after(since.0, CORRECTIONS_WINDOW);
    Some(until.min(over)).filter(|until| now < *until)
}

/// Whether this generation was as declared before. What Composio does not show is sent once for each,
/// and is no difference after that.
fn settled_before(desired: &Desired, observed: &Observed) -> bool {
    let recorded = &observed.recorded;
    let synced = recorded.condition(condition::SYNCED);
    let reason = recorded.reason(condition::SYNCED);
    reason.is_some_and(Reason::is_settled)
        && synced.and_then(|synced| synced.observed_generation) == Some(desired.generation)
}

/// What Composio refused to change stays as it is, and is told.
fn left_different(desired: &Desired, first: &Failure, refusals: &[&Failure]) -> Decision {
    let details: Vec<&str> = refusals
        .iter()
        .map(|failure| failure.message.as_str())
        .collect();
    let details = details.join("; ");
    if first.reason == Reason::AliasInUse {
        let detail = format!("{details} (wanted: {:?})", desired.alias);
        return Rule::AliasInUse.waits(Reason::AliasInUse, detail, None);
    }
    let failure = Failure {
        message: details,
        ..first.clone()
    };
    stopped(Rule::Refused, &failure)
}
