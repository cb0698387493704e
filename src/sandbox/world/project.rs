//! The project that a key is of: its ids, how it is set up for sign-ins, and who asks for that.

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::account::iso;
use super::refusal::Refusal;
use super::seed::Seed;
use super::{Call, ControlError, Reply, World};

/// A project of Composio's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// `pr_…`
    pub id: String,
    /// Shown on the sign-in page.
    pub name: String,
    /// Whose it is.
    pub organisation_id: String,
    /// Who verifies that the one who signed in is the one who was asked; nobody, when absent.
    pub verifier_url: Option<String>,
    /// A sign-in of an auth config of Composio's must be finished in the browser that opened it.
    pub same_browser: bool,
}

/// A change of a [`Project`]: what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectChange {
    /// `pr_…`
    pub id: Option<String>,
    /// Whose it is.
    pub organisation_id: Option<String>,
    /// Who verifies sign-ins; an empty one is nobody.
    pub verifier_url: Option<String>,
    /// Whether a sign-in stays in one browser.
    pub same_browser: Option<bool>,
}

impl Project {
    pub(super) fn of(seed: &Seed) -> Self {
        Self {
            id: seed
                .project_id
                .clone()
                .unwrap_or_else(|| id_of("pr", &seed.api_key)),
            name: seed.project.clone(),
            organisation_id: seed
                .organisation_id
                .clone()
                .unwrap_or_else(|| id_of("ok", &seed.api_key)),
            verifier_url: seed.verifier_url.clone(),
            same_browser: seed.same_browser,
        }
    }
}

/// Twelve hex digits of the key's digest.
fn id_of(prefix: &str, key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}_{}", &digits[..12])
}

pub(super) fn check_verifier(url: &str) -> Result<(), String> {
    let absolute = url
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some());
    if absolute {
        return Ok(());
    }
    Err(format!("verifier_url: {url:?} is no absolute URL"))
}

impl World {
    /// The project as it is now.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Somebody changes the project's settings; a new id is that of another project.
    pub fn change_project(&mut self, change: ProjectChange) -> Result<(), ControlError> {
        let ProjectChange {
            id,
            organisation_id,
            verifier_url,
            same_browser,
        } = change;
        let verifier = match verifier_url {
            None => self.project.verifier_url.clone(),
            Some(url) if url.is_empty() => None,
            Some(url) => {
                check_verifier(&url).map_err(ControlError::Invalid)?;
                Some(url)
            }
        };
        let project = &mut self.project;
        project.verifier_url = verifier;
        project.id = id.unwrap_or_else(|| project.id.clone());
        project.organisation_id =
            organisation_id.unwrap_or_else(|| project.organisation_id.clone());
        project.same_browser = same_browser.unwrap_or(project.same_browser);
        Ok(())
    }

    /// Which project the key is of. The answer tells much more, as Composio's does: addresses, URLs
    /// and a masked key, none of which a client should keep.
    pub(super) fn session_info(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        if self.switches.session_info_refused {
            return Err(Refusal::unauthorized());
        }
        const UUID: &str = "00000000-0000-4000-8000-000000000000";
        let now = iso(call.now);
        let project = &self.project;
        let subscribed = self.webhooks.url();
        Ok(Reply::ok(json!({
            "project": {
                "auto_id": 1, "id": UUID, "nano_id": project.id, "name": project.name,
                "org_id": UUID,
                "org": {"id": project.organisation_id, "name": "sandbox", "plan": "hobby"},
                "email": "owner@sandbox.example", "created_at": now, "updated_at": now,
                "webhook_url": subscribed, "event_webhook_url": null, "webhook_secret": null,
                "triggers_enabled": true, "last_subscribed_at": null, "deleted": false,
                "is_new_webhook": true, "webhook_version": "V3",
            },
            "api_key": {
                "auto_id": 1, "id": UUID, "name": "sandbox", "project_id": project.id,
                "org_member_id": UUID, "created_at": now, "updated_at": now, "deleted_at": null,
                "key": "ak_REDACTED", "deleted": false,
            },
            "org_member": {
                "id": UUID, "email": "owner@sandbox.example", "name": "Owner", "role": "ADMIN",
                "metadata": {},
            },
            "a_field_of_tomorrow": true,
        })))
    }
}
