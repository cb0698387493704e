//! Looks for an account as the operator does, and at the auth config where one is to be made.

use composio_api::ConnectedAccountStatus;
use composio_operator::composio::{Account, AuthConfig};
use composio_operator::plan::{
    AccountLookup, AuthConfigCheck, Desired, Holder, Need, Observed, Plan, decide,
};
use jiff::Timestamp;

use crate::composio::Composio;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::print::Out;
use crate::rows::{self, Filter};

/// By the recorded id, else the declared one, else the alias.
pub(super) async fn look(
    composio: &Composio,
    objects: &Objects,
    desired: &Desired,
    observed: &mut Observed,
    now: Timestamp,
    out: &mut Out,
) -> Result<(), Failure> {
    let recorded = observed.recorded.connected_account_id.clone();
    let spec = &desired.spec;
    let mut found: Vec<Account> = Vec::new();
    if let Some(id) = recorded.as_ref().or(spec.connected_account_id.as_ref()) {
        found.extend(composio.account(id).await?);
        if recorded.is_some() {
            found.retain(|account| account.is_of(&spec.user, &spec.toolkit));
        }
    }
    let is_claimed = |account: &Account| observed.claim(desired, account).is_some();
    if found.is_empty() || !found.iter().all(is_claimed) {
        let filter = Filter {
            users: vec![spec.user.clone()],
            toolkits: vec![spec.toolkit.clone()],
            ..Filter::default()
        };
        let rows = rows::all(composio, &filter, out).await?;
        let alias = desired.lookup_alias();
        let mut rows = rows.accounts;
        rows.retain(|row| row.alias.as_deref() == Some(alias));
        found.extend(rows);
    }
    observed.account = AccountLookup::of(found, recorded.as_deref());
    // What this object has on record, and is proved to be its own, nobody else holds.
    let account = observed.account.account();
    let account = account.filter(|account| recorded.as_ref() != Some(&account.id));
    observed.holder = account
        .and_then(|account| objects.holder(account, desired, observed, now))
        .map(|holder| Holder {
            object: holder.to_string(),
        });
    let others = observed.account.others().iter();
    let are_held = others.filter(|other| objects.holder(other, desired, observed, now).is_some());
    observed.others_held = are_held.map(|other| other.id.clone()).collect();
    let is_needed = || decide(desired, observed, now).plan == Plan::Look(Need::AuthConfig);
    if observed.account.account().is_none() || is_needed() {
        observed.auth_config = auth_config(composio, desired, &observed.recorded).await?;
    }
    Ok(())
}

/// Whether an account can be made, and from which auth config.
async fn auth_config(
    composio: &Composio,
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
) -> Result<AuthConfigCheck, Failure> {
    use composio_api::Reason::{
        AuthConfigAmbiguous, AuthConfigDisabled, AuthConfigNotFound, ToolkitMismatch,
    };
    let toolkit = &desired.spec.toolkit;
    let unfit = |reason, detail: String| AuthConfigCheck::Unfit { reason, detail };
    if let Some(id) = &desired.spec.auth_config {
        return Ok(match composio.auth_config(id).await? {
            None => unfit(AuthConfigNotFound, format!("there is no {id}")),
            Some(found) if found.toolkit != *toolkit => unfit(
                ToolkitMismatch,
                format!("{id} is not of toolkit {toolkit:?}"),
            ),
            Some(found) if !found.enabled => unfit(AuthConfigDisabled, id.clone()),
            Some(found) => AuthConfigCheck::Fit(found.id),
        });
    }
    let all = composio.auth_configs(toolkit).await?;
    let is_fit = |found: &&AuthConfig| found.enabled && desired.may_use(&found.id);
    let fit: Vec<&AuthConfig> = all.iter().filter(is_fit).collect();
    let former = recorded.auth_config.as_ref();
    Ok(
        match (
            fit.iter().find(|found| Some(&found.id) == former),
            fit.as_slice(),
        ) {
            (Some(former), _) => AuthConfigCheck::Fit(former.id.clone()),
            (None, []) => unfit(
                AuthConfigNotFound,
                format!(
                    "the project has no enabled auth config of toolkit {toolkit:?} for this object"
                ),
            ),
            (None, [only]) => AuthConfigCheck::Fit(only.id.clone()),
            (None, several) => unfit(
                AuthConfigAmbiguous,
                several
                    .iter()
                    .map(|found| found.id.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        },
    )
}
