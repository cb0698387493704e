//! The session of an API key: which project it is of.

use http::StatusCode;
use serde::Deserialize;

use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    request::ApiRequest,
    wire::{Text, lacks, object},
};

/// Which project an API key is of. The answer holds addresses of people and URLs too, and nothing of them is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// `pr_…`.
    pub project_id: String,
    /// The organisation of the project, whose rate limit it shares; `None`: the answer does not tell.
    pub organization_id: Option<String>,
}

impl Client {
    /// Asks which project the API key is of. A key with narrow permissions may be refused this, with the 401 of a
    /// wrong key, and still be good for everything else.
    ///
    /// # Errors
    /// When Composio does not answer, refuses, or names no project.
    pub async fn session_info(&self) -> Result<SessionInfo, Error> {
        let request = ApiRequest::new(Endpoint::SessionInfo, "/api/v3.1/auth/session/info");
        self.send(request, session_info).await
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SessionWire {
    project: Lenient<ProjectWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProjectWire {
    nano_id: Text,
    org: Lenient<OrganizationWire>,
    org_id: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OrganizationWire {
    id: Text,
}

objects!(SessionWire, ProjectWire, OrganizationWire);

fn session_info(_: StatusCode, body: &[u8]) -> Result<SessionInfo, String> {
    let project = object::<SessionWire>(body)?.project.0.unwrap_or_default();
    let organization = project.org.0.unwrap_or_default();
    Ok(SessionInfo {
        project_id: project
            .nano_id
            .id()
            .ok_or_else(|| lacks("project.nano_id"))?,
        organization_id: organization.id.id().or_else(|| project.org_id.id()),
    })
}
