//! `kubectl composio create`: declares an account.

use composio_api::Scheme;
use serde_json::{Value, json};

use crate::arguments::{Create, Options, Output};
use crate::cluster::Cluster;
use crate::each::Each;
use crate::failure::Failure;
use crate::print::{self, Out};
use crate::{name, objects};

/// Creates the object, or prints it.
pub(crate) async fn run(
    options: &Options,
    arguments: &Create,
    out: &mut Out,
) -> Result<(), Failure> {
    let manifest = manifest(options.namespace.as_deref(), arguments)?;
    if arguments.export {
        let written = match out.form() {
            Output::Json | Output::Name => out.values(vec![manifest], true),
            Output::Table | Output::Wide | Output::Yaml => {
                let yaml = print::yaml(&manifest).map_err(Failure::Failed)?;
                Some(out.text(&yaml))
            }
        };
        return written.unwrap_or(Ok(()));
    }
    let cluster = Cluster::of(options).await?;
    let made = cluster.create(&manifest).await?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    let name = name.to_owned();
    Each::one(name.clone(), made).finish("created", "", out)?;
    if arguments.scheme.is_none() && out.is_terminal() && out.form() == Output::Table {
        let namespace = &cluster.namespace;
        out.note(&format!(
            "Its user must sign in: kubectl composio connect {name} -n {namespace}"
        ));
    }
    Ok(())
}

fn manifest(namespace: Option<&str>, arguments: &Create) -> Result<Value, Failure> {
    let made = name::of(&[&arguments.user, &arguments.toolkit]);
    let name = arguments.name.clone().or(made).ok_or_else(|| {
        Failure::Usage(
            "no name can be made of that user and toolkit: give one by --name".to_owned(),
        )
    })?;
    let mut spec = json!({"user": arguments.user, "toolkit": arguments.toolkit});
    if let Some(reference) = arguments.project.as_ref().and_then(objects::reference) {
        spec["projectRef"] = reference;
    }
    if let Some(auth_config) = &arguments.auth_config {
        spec["authConfig"] = json!(auth_config);
    }
    match (&arguments.from_secret, arguments.scheme) {
        (None, None) => {}
        (None, Some(Scheme::NoAuth)) => spec["credentials"] = json!({"scheme": Scheme::NoAuth}),
        (Some(secret), Some(scheme)) => {
            spec["credentials"] = json!({"scheme": scheme, "secretRef": {"name": secret}});
        }
        (None, Some(_)) => {
            let why = "--scheme needs --from-secret, but for NO_AUTH".to_owned();
            return Err(Failure::Usage(why));
        }
        (Some(_), None) => {
            return Err(Failure::Usage("--from-secret needs --scheme".to_owned()));
        }
    }
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    Ok(json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": metadata,
        "spec": spec,
    }))
}
