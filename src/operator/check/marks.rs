//! Whether an admission policy keeps those who may edit objects from writing what only the operator should: tried
//! by a change that is not made.

use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    core::PartialObjectMeta,
};
use serde_json::json;

use super::{attributes, may};
use crate::{
    crd::{ALIAS_ANNOTATION, ConnectedAccount},
    log::cause,
};

/// The made-up subresource that whoever may update it may write marks, as the chart's policy has it.
const MARKS: &str = "connectedaccounts/marks";

/// What came of a change that only the operator should make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// There is no object to try it on.
    NoObject,
    /// An admission policy refuses it.
    Refused,
    /// Nothing refuses it, of the object `namespace/name`.
    Taken(String),
}

/// Tries, without changing anything, to write the mark of some object.
///
/// # Errors
/// When the apiserver does not answer, or refuses that for another reason.
pub async fn try_to_write(client: &Client, namespace: Option<&str>) -> Result<Tried, kube::Error> {
    type Meta = PartialObjectMeta<ConnectedAccount>;
    let api: Api<Meta> = match namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    let listed = api.list_metadata(&ListParams::default().limit(1)).await?;
    let Some(metadata) = listed.items.into_iter().next().map(|found| found.metadata) else {
        return Ok(Tried::NoObject);
    };
    let namespace = metadata.namespace.unwrap_or_default();
    let name = metadata.name.unwrap_or_default();
    let api: Api<Meta> = Api::namespaced(client.clone(), &namespace);
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let change = json!({"metadata": {"annotations": {ALIAS_ANNOTATION: "check"}}});
    match api
        .patch_metadata(&name, &dry_run, &Patch::Merge(change))
        .await
    {
        Ok(_) => Ok(Tried::Taken(format!("{namespace}/{name}"))),
        Err(kube::Error::Api(status)) if status.code == 403 && status.message.contains(MARKS) => {
            Ok(Tried::Refused)
        }
        Err(error) => Err(error),
    }
}

/// Whether the caller may write marks where a policy keeps others from it.
///
/// # Errors
/// When the apiserver does not answer, or does not tell.
pub async fn may_write(client: &Client, namespace: Option<&str>) -> Result<bool, kube::Error> {
    may(
        client,
        attributes(namespace, "composio.dev", MARKS, "update", None),
    )
    .await
}

/// What the operator finds: it must not be refused itself.
pub(super) async fn of_operator(
    client: &Client,
    namespace: Option<&str>,
) -> Result<String, String> {
    let told = |error: kube::Error| format!("the apiserver does not tell: {}", cause(&error));
    let is_expected = may_write(client, namespace).await.map_err(told)?;
    let tried = match try_to_write(client, namespace).await {
        // The lines on the definition and on permissions tell.
        Err(kube::Error::Api(status)) if [403, 404].contains(&status.code) => {
            return Ok("not tried: what that takes is lacking".to_owned());
        }
        tried => tried.map_err(told)?,
    };
    match tried {
        Tried::Refused => Err(format!(
            "an admission policy refuses the operator what it must write; give its service account the right to update {MARKS}, as the chart does (rbac.create, tenancy.protectMarks)"
        )),
        Tried::Taken(object) if is_expected => Ok(format!(
            "the operator may write them, tried on {object}. Not proved: that others may not, which kubectl composio check tells whoever may only edit objects"
        )),
        Tried::NoObject if is_expected => Ok(format!(
            "the operator may update {MARKS}. Not proved: that a policy refuses others, and not the operator; there is no object to try it on"
        )),
        Tried::Taken(_) | Tried::NoObject => {
            Ok("no admission policy is expected to protect them (tenancy.protectMarks)".to_owned())
        }
    }
}
