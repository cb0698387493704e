//! One decision after the other, each as if the one before had been carried out. Pure.

use composio_api::Adopted;
use composio_operator::composio::State;
use composio_operator::plan::{
    self, AccountLookup, Change, Claim, Decision, Desired, Effect, Observed, Pin, Plan,
};
use jiff::Timestamp;

/// More steps than any object takes.
pub(crate) const MOST: usize = 16;

/// What would be done.
pub(crate) struct Step {
    /// The rule that decides.
    pub(crate) rule: &'static str,
    /// In words.
    pub(crate) says: String,
}

/// What would come of it.
pub(crate) struct Foreseen {
    pub(crate) steps: Vec<Step>,
    /// The decision after the last step.
    pub(crate) ends: Decision,
}

/// The steps until there is nothing to do, or nobody can know what comes next.
pub(crate) fn foresee(mut desired: Desired, mut observed: Observed, now: Timestamp) -> Foreseen {
    let mut steps = Vec::new();
    loop {
        let ends = plan::decide(&desired, &observed, now);
        let Plan::Do(effect) = &ends.plan else {
            return Foreseen { steps, ends };
        };
        steps.push(Step {
            rule: ends.rule.as_str(),
            says: words(effect),
        });
        let goes_on = carry_out(effect, &mut desired, &mut observed, now);
        if !goes_on || steps.len() >= MOST {
            return Foreseen { steps, ends };
        }
    }
}

/// Takes in what the step does. Whether it is known what comes next.
pub(crate) fn carry_out(
    effect: &Effect,
    desired: &mut Desired,
    observed: &mut Observed,
    now: Timestamp,
) -> bool {
    match effect {
        Effect::Pin { alias } => {
            desired.finalizer = true;
            desired.pin = Pin::Own {
                alias: alias.clone(),
            };
        }
        Effect::Unpin => desired.pin = Pin::Absent,
        Effect::Adopt => adopt(desired, observed, now),
        Effect::Enable { id } => set_state(observed, id, State::Active),
        Effect::Disable { id } => set_state(observed, id, State::Inactive),
        Effect::Revoke { id } => set_state(observed, id, State::Revoked),
        Effect::Patch {
            change: Change::Credentials,
            ..
        } => return false,
        Effect::Patch { id, change } => {
            if let Some(account) = observed.account.account_mut(id) {
                change.apply(account);
            }
        }
        Effect::Delete { id, .. } => {
            let account = std::mem::replace(&mut observed.account, AccountLookup::Absent);
            observed.account = account.without(id);
        }
        Effect::Forget
        | Effect::Link { .. }
        | Effect::Create { .. }
        | Effect::Refresh { .. }
        | Effect::CompleteAuth { .. }
        | Effect::Release => return false,
    }
    observed.done.push(effect.clone());
    true
}

fn adopt(desired: &Desired, observed: &mut Observed, now: Timestamp) {
    let Some(account) = observed.account.account().cloned() else {
        return;
    };
    let claim = observed.claim(desired, &account);
    let recorded = &mut observed.recorded;
    recorded.adopted = (claim == Some(Claim::DeclaredAlias)).then_some(Adopted::ByDeclaredAlias);
    recorded.record = Some(observed.keys.sign(&desired.own_alias, &account.id));
    recorded.auth_config = Some(account.auth_config);
    recorded.state = Some(account.state.to_string());
    if account.state.is_connected() {
        recorded.connected_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(
            now,
        ));
    }
    recorded.connected_account_id = Some(account.id);
}

fn set_state(observed: &mut Observed, id: &str, state: State) {
    if let Some(account) = observed.account.account_mut(id) {
        account.state = state;
    }
}

/// What it does, without a word of what the account holds.
pub(crate) fn words(effect: &Effect) -> String {
    match effect {
        Effect::Pin { .. } => "mark the object".to_owned(),
        Effect::Unpin => "take the alias off the object".to_owned(),
        Effect::Adopt => "take over the account that was found".to_owned(),
        Effect::Forget => "drop the record of an account, and look again".to_owned(),
        Effect::Link { auth_config, .. } => {
            format!("make an account through {auth_config}, and issue a link to sign in")
        }
        Effect::Create { auth_config, .. } => {
            format!("make an account from the Secret, through {auth_config}")
        }
        Effect::Refresh { id } => format!("start the sign-in of {id} again"),
        Effect::CompleteAuth { id, .. } => {
            format!("tell Composio that the sign-in of {id} was the declared user's")
        }
        Effect::Enable { id } => format!("enable {id}"),
        Effect::Disable { id } => format!("disable {id}"),
        Effect::Patch { id, change } => match change {
            Change::Alias(alias) => format!("rename {id} to {alias:?}"),
            Change::Sharing(_) => format!("change the access list of {id}"),
            Change::Credentials => format!("send the Secret to {id}"),
        },
        Effect::Revoke { id } => format!("revoke the grant of {id}"),
        Effect::Delete { id, revoke: true } => format!("revoke and delete {id}"),
        Effect::Delete { id, revoke: false } => format!("delete {id}"),
        Effect::Release => "let the object go".to_owned(),
    }
}
