//! Writes of which the apiserver stores all, or nothing: a definition that lacks a field would else drop it, and the
//! answer would read as if it had been stored.

use http::{Request, Uri};
use kube::api::{Patch, PatchParams, PostParams, ValidationDirective};
use kube::core::request;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What makes the apiserver refuse an unknown field, as `kubectl apply` has it do.
const STRICT: &str = "fieldValidation=Strict";

/// Makes the object, and returns it.
pub(crate) async fn create<K>(
    client: &Client,
    api: &Api<K>,
    parameters: &PostParams,
    object: &K,
) -> kube::Result<K>
where
    K: Resource + Clone + DeserializeOwned + Serialize,
{
    let asked = request::Request::new(api.resource_url()).create(parameters, body(object)?);
    client.request(strict(asked)?).await
}

/// Puts the object in the place of the one that is there, and returns it.
pub(crate) async fn replace<K>(
    client: &Client,
    api: &Api<K>,
    name: &str,
    parameters: &PostParams,
    object: &K,
) -> kube::Result<K>
where
    K: Resource + Clone + DeserializeOwned + Serialize,
{
    let asked = request::Request::new(api.resource_url()).replace(name, parameters, body(object)?);
    client.request(strict(asked)?).await
}

/// Changes the object of that name, and returns it.
pub(crate) async fn patch<K>(
    api: &Api<K>,
    name: &str,
    manager: &str,
    change: &serde_json::Value,
) -> kube::Result<K>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let parameters = PatchParams {
        field_manager: Some(manager.to_owned()),
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    };
    api.patch(name, &parameters, &Patch::Merge(change)).await
}

fn body(object: &impl Serialize) -> kube::Result<Vec<u8>> {
    serde_json::to_vec(object).map_err(kube::Error::SerdeError)
}

/// kube has no such parameter for these.
fn strict(asked: Result<Request<Vec<u8>>, request::Error>) -> kube::Result<Request<Vec<u8>>> {
    let mut asked = asked.map_err(kube::Error::BuildRequest)?;
    // kube ends every URL in its query, which may be empty.
    let uri: Uri = format!("{}&{STRICT}", asked.uri())
        .parse()
        .map_err(|error: http::uri::InvalidUri| kube::Error::HttpError(error.into()))?;
    *asked.uri_mut() = uri;
    Ok(asked)
}
