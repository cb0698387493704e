//! Whether an account can be made from the declared auth config, or which one else it is made from.

use super::ProjectContext;
use crate::{
    composio::{AuthConfig, error::Error},
    crd::{ConnectedAccountStatus, Reason},
    plan::{AuthConfigCheck, Desired, Pin},
};

impl ProjectContext {
    /// Whether an account can be made, and from which auth config: the declared one, else the one that the last
    /// account was made from, else the only one. A link names no toolkit, so a wrong auth config would make an
    /// account that our list never finds.
    pub(super) async fn auth_config(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
    ) -> Result<AuthConfigCheck, Error> {
        let toolkit = &desired.spec.toolkit;
        let unfit = |reason, detail: String| AuthConfigCheck::Unfit { reason, detail };
        let Some(id) = &desired.spec.auth_config else {
            if let Some(id) = self.former_auth_config(desired, recorded).await? {
                return Ok(AuthConfigCheck::Fit(id));
            }
            let all = self.project.auth_configs(toolkit).await?;
            // What is not allowed is not there: neither chosen nor named.
            let is_fit = |found: &AuthConfig| is_fit(found, toolkit) && desired.may_use(&found.id);
            let fit: Vec<_> = all.into_iter().filter(is_fit).collect();
            return Ok(match fit.as_slice() {
                [] => unfit(
                    Reason::AuthConfigNotFound,
                    format!(
                        "the project has no enabled auth config of toolkit {toolkit:?} for this object"
                    ),
                ),
                [only] => AuthConfigCheck::Fit(only.id.clone()),
                several => unfit(
                    Reason::AuthConfigAmbiguous,
                    several
                        .iter()
                        .map(|found| found.id.as_str())
                        .collect::<Vec<_>>()
                        .join(", "),
                ),
            });
        };
        Ok(match self.project.auth_config(id).await? {
            None => unfit(Reason::AuthConfigNotFound, format!("there is no {id}")),
            // Whoever may not use that toolkit learns neither of it nor that the id is one.
            Some(found) if found.toolkit != *toolkit && !desired.may_see(&found.toolkit) => {
                unfit(Reason::AuthConfigNotFound, format!("there is no {id}"))
            }
            Some(found) if found.toolkit != *toolkit => unfit(
                Reason::ToolkitMismatch,
                format!(
                    "{id} is of toolkit {:?}, declared is {toolkit:?}",
                    found.toolkit
                ),
            ),
            Some(found) if !found.enabled => unfit(Reason::AuthConfigDisabled, id.clone()),
            Some(found) => AuthConfigCheck::Fit(found.id),
        })
    }

    /// The auth config that the object's last account was made from, while an account can be made from it. What
    /// came along with a copy is not this object's.
    async fn former_auth_config(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
    ) -> Result<Option<String>, Error> {
        let is_copy = matches!(desired.pin, Pin::Foreign { .. });
        let Some(id) = recorded.auth_config.as_ref().filter(|_| !is_copy) else {
            return Ok(None);
        };
        let found = self.project.auth_config(id).await?;
        let toolkit = &desired.spec.toolkit;
        let fit = found.filter(|found| is_fit(found, toolkit) && desired.may_use(&found.id));
        Ok(fit.map(|found| found.id))
    }
}

/// Whether an account of the toolkit can be made from it.
fn is_fit(found: &AuthConfig, toolkit: &str) -> bool {
    found.enabled && found.toolkit == toolkit
}
