//! Whether an account can be made from the declared auth config, or which one the project has for the toolkit.

use super::Sources;
use crate::{
    composio::error::Error,
    crd::Reason,
    plan::{AuthConfigCheck, Desired},
};

impl Sources {
    /// Whether an account can be made, and from which auth config. A link names no toolkit, so a wrong
    /// auth config would make an account that our list never finds.
    pub(super) async fn auth_config(&self, desired: &Desired) -> Result<AuthConfigCheck, Error> {
        let toolkit = &desired.spec.toolkit;
        let unfit = |reason, detail: String| AuthConfigCheck::Unfit { reason, detail };
        let Some(id) = &desired.spec.auth_config else {
            let all = self.project.auth_configs(toolkit).await?;
            let fit: Vec<_> = all
                .into_iter()
                .filter(|found| found.enabled && found.toolkit == *toolkit)
                .collect();
            return Ok(match fit.as_slice() {
                [] => unfit(
                    Reason::AuthConfigNotFound,
                    format!("the project has no enabled auth config of toolkit {toolkit:?}"),
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
}
