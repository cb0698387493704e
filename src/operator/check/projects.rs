//! Whether each project can be used: its key is read, and Composio asked, as the operator would.

use std::sync::Arc;

use kube::{Api, Client};

use crate::{
    composio::{self, HttpClient, ListQuery},
    crd::{ClusterComposioProject, ComposioProject},
    log::cause,
    plan::Policy,
    projects::{AllowedBaseUrls, Declared, ProjectKey, list_projects, overlap, read_api_key},
};

/// Any toolkit: whether the key may read auth configs is asked, not which there are.
const TOOLKIT: &str = "gmail";

/// How projects are reached.
pub struct ProjectAccess {
    /// The way to Composio.
    pub http: HttpClient,
    /// Where API keys may be sent.
    pub allowed_base_urls: AllowedBaseUrls,
    /// Where the Secrets of ClusterComposioProjects are.
    pub cluster_resource_namespace: String,
    /// The only project to look at; `None`: all.
    pub only: Option<ProjectKey>,
}

/// All projects of a namespace, or all that there are.
///
/// # Errors
/// When they cannot be listed. The text says why.
pub(super) async fn all(client: &Client, namespace: Option<&str>) -> Result<Vec<Declared>, String> {
    let listed = async {
        let client = client.clone();
        let Some(namespace) = namespace else {
            let mut all = list_projects::<ComposioProject>(Api::all(client.clone())).await?;
            all.extend(list_projects::<ClusterComposioProject>(Api::all(client)).await?);
            return Ok(all);
        };
        list_projects::<ComposioProject>(Api::namespaced(client, namespace)).await
    };
    let listed: Result<_, kube::Error> = listed.await;
    listed.map_err(|error| format!("cannot be listed: {}", cause(&error)))
}

/// Whether a project can be used; what was found, or what is wrong and what to do.
pub(super) async fn project(
    client: &Client,
    access: &ProjectAccess,
    declared: &Declared,
) -> Result<String, String> {
    let spec = &declared.spec;
    if !access.allowed_base_urls.allow(&spec.base_url) {
        return Err(format!(
            "its base URL {:?} is not on the operator's list, --allowed-base-urls: {}",
            spec.base_url, access.allowed_base_urls
        ));
    }
    let key = read_api_key(client, declared, &access.cluster_resource_namespace).await?;
    let transport = access.http.transport(&spec.base_url, &key);
    let transport = transport.map_err(|error| error.to_string())?;
    let composio = composio::Client::new(transport, Arc::new(|_| ()));
    let query = ListQuery {
        limit: Some(1),
        ..ListQuery::default()
    };
    let listed = composio.list(&query).await;
    listed.map_err(|error| refused(&error, "connected accounts"))?;
    let auth_configs = composio.auth_configs(TOOLKIT).await;
    auth_configs.map_err(|error| refused(&error, "auth configs"))?;
    let found = match spec.suspend {
        true => "suspended; Composio takes its API key",
        false => "Composio takes its API key, and connected accounts and auth configs can be read",
    };
    let policy = Policy::new(declared.key.kind(), spec.allow.as_deref());
    Ok(match overlap::told(&policy) {
        Some(told) => format!("{found}. UsersOverlap: {told}"),
        None => found.to_owned(),
    })
}

fn refused(error: &composio::Error, what: &str) -> String {
    if error.is_unauthorized() || error.is_forbidden() {
        return format!(
            "Composio rejects the API key, or its right to read {what}: put a valid one into the Secret, with the right to read and write connected accounts and to read auth configs ({error})"
        );
    }
    error.to_string()
}
