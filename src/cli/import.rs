//! `kubectl composio import`: manifests for the accounts of a project that no object manages.

use std::sync::Arc;

use composio_api::{ConnectedAccount, DeletionPolicy, is_computed_form};
use composio_operator::composio::{Account, State};
use composio_operator::plan::{Desired, Labels};
use composio_operator::projects::Declared;
use serde_json::Value;

use crate::arguments::{Import, Options, Output};
use crate::cluster::Cluster;
use crate::composio::Composio;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::print::Out;
use crate::rows::{self, Filter};
use crate::{project, text};

mod apply;
mod manifest;
mod names;
mod namespaces;
#[cfg(test)]
mod tests;

use manifest::Manifest;
pub(crate) use names::Template;
use namespaces::Namespaces;

/// So many reasons are told of what the project does not allow.
const TOLD: usize = 3;

/// Writes the manifests, or makes the objects.
pub(crate) async fn run(
    options: &Options,
    arguments: &Import,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let project = project::chosen(&cluster, arguments.project.project.as_ref()).await?;
    let namespaces = Namespaces::of(options, arguments, &cluster, &project)?;
    let composio = Composio::connect(&cluster, &project, &arguments.project.key).await?;
    let objects = Objects::of(&cluster, &project, composio.record_keys()).await?;
    if !objects.are_all {
        out.note("warning: you may not list the objects of all namespaces: accounts that others manage with the same API key are not told apart");
    }
    let found = rows::all(&composio, &filter(arguments), out).await?;
    found.note(out);
    let mut left_out = LeftOut::default();
    let mut accounts = found.accounts;
    accounts.retain(|account| objects.whose(account).manager().is_none());
    accounts.retain(|account| {
        let alias = account.alias.as_deref();
        let is_kept = arguments.include_computed || !alias.is_some_and(is_computed_form);
        left_out.of_another_cluster += usize::from(!is_kept);
        is_kept
    });
    let mut placed = Vec::new();
    let mut refused = Vec::new();
    for account in accounts {
        match (manifest::why_not(&account), namespaces.of_user(&account)) {
            (Some(why), _) => refused.push(manifest::refusal(&account, why)),
            (None, Some(namespace)) => placed.push((namespace, account)),
            (None, None) => left_out.without_namespace += 1,
        }
    }
    let named = names::assign(placed, &arguments.name_template, &objects)?;
    let manifests: Vec<Manifest> = named
        .iter()
        .map(|named| {
            let mut manifest = Manifest::of(named, &project.key);
            manifest
                .comments
                .extend(objects.whose(&named.account).unproved());
            manifest
        })
        .collect();
    warn_of_words(&objects, &named, out);
    left_out.refused = refused.len();
    left_out.note(out);
    let accounts = named.iter().map(|named| &named.account);
    warn_of_policy(&cluster, &project, &manifests, accounts, out).await?;
    if arguments.apply || arguments.dry_run.is_some() {
        return apply::run(&cluster, &manifests, arguments.dry_run, out).await;
    }
    if manifests.is_empty() && refused.is_empty() {
        out.note("No accounts found that no object manages.");
        return Ok(());
    }
    write(manifests, &refused, out)
}

fn filter(arguments: &Import) -> Filter {
    let mut states = arguments.state.clone();
    if states.is_empty() {
        states = vec![State::Active, State::Inactive];
    }
    Filter {
        users: arguments.user.clone(),
        toolkits: arguments.toolkit.clone(),
        auth_configs: arguments.auth_config.clone(),
        states,
    }
}

/// How many accounts have no manifest, and why.
#[derive(Default)]
struct LeftOut {
    of_another_cluster: usize,
    without_namespace: usize,
    refused: usize,
}

impl LeftOut {
    fn note(&self, out: &Out) {
        for (count, why) in [
            (
                self.of_another_cluster,
                [
                    "has the alias of an object that is not here: another cluster may manage it (--include-computed)",
                    "have the alias of an object that is not here: another cluster may manage them (--include-computed)",
                ],
            ),
            (
                self.without_namespace,
                [
                    "is of a user for whom neither --namespace-map nor --namespace-template has a namespace",
                    "are of users for whom neither --namespace-map nor --namespace-template has a namespace",
                ],
            ),
            (self.refused, ["cannot be declared"; 2]),
        ] {
            if count > 0 {
                let [one, several] = why.map(|why| format!("account {why}"));
                let several = several.replacen("account", "accounts", 1);
                let counted = text::counted(count, &one, &several);
                out.note(&format!("left out: {counted}"));
            }
        }
    }
}

/// Says on the side which of them an object names that does not manage it.
fn warn_of_words(objects: &Objects, named: &[names::Named], out: &Out) {
    let all = named.iter();
    let words: Vec<String> = all
        .filter_map(|one| {
            let word = objects.whose(&one.account).unproved()?;
            Some(format!("{} is {word}", one.account.id))
        })
        .collect();
    if !words.is_empty() {
        out.note(&format!(
            "warning: {} of them are named by an object that does not prove to manage them, such as one of another \
             project: {}",
            words.len(),
            text::plain(&words[..words.len().min(TOLD)].join("; "))
        ));
    }
}

/// Says on the side what the project does not allow: what the operator would refuse, and whose account would not stay.
async fn warn_of_policy(
    cluster: &Cluster,
    project: &Declared,
    manifests: &[Manifest],
    accounts: impl Iterator<Item = &Account>,
    out: &Out,
) -> Result<(), Failure> {
    let flags = project::flags(project);
    let mut labels: Option<(String, Option<Arc<Labels>>)> = None;
    let (mut count, mut told, mut ending) = (0, Vec::new(), 0);
    for (manifest, account) in manifests.iter().zip(accounts) {
        let object: ConnectedAccount = serde_json::from_value(manifest.object.clone())
            .map_err(|error| Failure::Failed(format!("that is no object: {error}")))?;
        let mut desired = Desired::of(&object, &flags);
        let namespace = &desired.namespace;
        if labels.as_ref().is_none_or(|(of, _)| of != namespace) {
            let found = project::labels_of(cluster, project, namespace).await?;
            labels = Some((namespace.clone(), found));
        }
        // Which labels the namespace has is not for everybody to see.
        let Some((_, Some(found))) = &labels else {
            continue;
        };
        desired.labels = Arc::clone(found);
        match desired.not_allowed_of(account, false) {
            Some(why) => {
                count += 1;
                told.push(why.to_string());
            }
            None => ending += usize::from(desired.deletion_policy() != DeletionPolicy::Retain),
        }
    }
    told.sort();
    told.dedup();
    told.truncate(TOLD);
    if count > 0 {
        out.note(&format!(
            "warning: the operator will refuse {count} of them with NotAllowed: {}; what an entry of spec.allow may \
             take over, it says by takeOver: true",
            text::plain(&told.join("; "))
        ));
    }
    if ending > 0 {
        out.note(&format!(
            "warning: the account of {ending} of them ends when the object is deleted: the project does not allow \
             deletionPolicy Retain (spec.allow[].deletionPolicies)"
        ));
    }
    Ok(())
}

/// One document after the other, none of them held.
fn write(manifests: Vec<Manifest>, refused: &[String], out: &mut Out) -> Result<(), Failure> {
    match out.form() {
        Output::Json | Output::Name => {
            let objects: Vec<Value> = manifests.into_iter().map(|one| one.object).collect();
            out.values(objects, false).unwrap_or(Ok(()))
        }
        Output::Table | Output::Wide | Output::Yaml => {
            for manifest in manifests {
                out.text(&manifest.document()?)?;
            }
            for comment in refused {
                out.line(&format!("# {comment}"))?;
            }
            Ok(())
        }
    }
}
