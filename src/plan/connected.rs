//! What to do for an account that has a grant: the differences from what is declared.

use crate::{
    composio::model::{Account, State, Visibility},
    crd::{Reason, condition},
};

use super::{Desired, Effect, Failure, Observed, Plan, credentials, sharing, stopped, wait};

/// Our account, with a grant: make it as declared, one call for each difference. A refusal of one does
/// not stop the others, and neither does a Secret that cannot be sent.
pub(super) fn decide(desired: &Desired, observed: &Observed, account: &Account) -> Plan {
    let mut refusals = Vec::new();
    let mut held = Plan::Nothing;
    for difference in differences(desired, observed, account) {
        match difference {
            Plan::Do(effect) => match observed.refused(effect.name()) {
                None => return Plan::Do(effect),
                Some(refused) => refusals.push(&refused.failure),
            },
            Plan::Look(need) => return Plan::Look(need),
            Plan::Wait(_) | Plan::Refuse(_) => held = difference,
            Plan::Nothing => {}
        }
    }
    if refusals.is_empty() {
        return held;
    }
    left_different(desired, &refusals)
}

/// What is different, in the order in which it is made right.
fn differences(desired: &Desired, observed: &Observed, account: &Account) -> Vec<Plan> {
    let id = || account.id.clone();
    let mut plans = Vec::new();
    match (desired.spec.enabled, &account.state) {
        (true, State::Inactive) => plans.push(Plan::Do(Effect::Enable { id: id() })),
        (false, State::Active) => plans.push(Plan::Do(Effect::Disable { id: id() })),
        (true | false, _) => {}
    }
    if let (Some(declared), Visibility::Shared) = (desired.access_list(), account.visibility) {
        let patch = match &account.sharing {
            Some(current) => sharing::next_step(current, &declared),
            None if settled_before(desired, observed) => None,
            None => Some(sharing::whole(&declared)),
        };
        plans.extend(patch.map(|patch| Plan::Do(Effect::Share { id: id(), patch })));
    }
    plans.push(credentials::difference(desired, observed, account));
    let kept = desired.spec.connected_account_id.is_some() && !desired.declares_alias();
    let carries = if kept {
        account.alias.as_deref()
    } else {
        Some(desired.alias.as_str())
    };
    if account.alias.as_deref() != carries {
        plans.push(Plan::Do(Effect::Rename {
            id: id(),
            alias: desired.alias.clone(),
        }));
    } else if desired.pin.as_deref() != carries.or(Some(&desired.alias)) {
        // A restore that loses the status must find the account by its pin.
        plans.push(Plan::Do(Effect::Pin {
            alias: carries.unwrap_or(&desired.alias).to_owned(),
        }));
    }
    plans
}

/// Whether this generation was as declared before. What Composio does not show is sent once for each,
/// and is no difference after that.
fn settled_before(desired: &Desired, observed: &Observed) -> bool {
    let recorded = &observed.recorded;
    recorded.says(condition::SYNCED, &[Reason::Connected, Reason::Disabled])
        && recorded
            .condition(condition::SYNCED)
            .is_some_and(|synced| synced.observed_generation == Some(desired.generation))
}

/// What Composio refused to change stays as it is, and is told.
fn left_different(desired: &Desired, refusals: &[&Failure]) -> Plan {
    let Some(first) = refusals.first() else {
        return Plan::Nothing;
    };
    let details: Vec<&str> = refusals
        .iter()
        .map(|failure| failure.message.as_str())
        .collect();
    let details = details.join("; ");
    if first.reason == Reason::AliasInUse {
        let detail = format!("{details} (wanted: {:?})", desired.alias);
        return wait(Reason::AliasInUse, detail, None);
    }
    stopped(&Failure {
        message: details,
        ..(*first).clone()
    })
}
