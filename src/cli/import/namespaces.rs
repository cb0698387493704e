//! In which namespace the object of an account is: that of the command line, of a file that says it of each user, or of a
//! template. Of what Composio holds nothing but what a template names has a say in it, and nothing of that is put right:
//! two users whose names are alike never come into one namespace by it.

use std::collections::BTreeMap;
use std::fs;

use composio_api::ProjectKind;
use composio_operator::composio::Account;
use composio_operator::projects::Declared;

use crate::arguments::{Import, Options};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::{name, text};

use super::names::Template;

/// Namespaces of Kubernetes itself begin so.
const RESERVED: &str = "kube-";

/// Where objects are.
pub(super) struct Namespaces {
    by_user: BTreeMap<String, String>,
    template: Option<Template>,
    /// Of all other users; `None`: they have none.
    others: Option<String>,
}

impl Namespaces {
    /// As the command line says.
    pub(super) fn of(
        options: &Options,
        arguments: &Import,
        cluster: &Cluster,
        project: &Declared,
    ) -> Result<Self, Failure> {
        let template = arguments.namespace_template.clone();
        let flag = match (&arguments.namespace_map, &template) {
            (Some(_), _) => Some("--namespace-map"),
            (None, Some(_)) => Some("--namespace-template"),
            (None, None) => None,
        };
        if let Some(flag) = flag
            && project.key.kind() == ProjectKind::ComposioProject
        {
            return Err(Failure::Usage(format!(
                "{flag} needs a ClusterComposioProject: only objects of its own namespace can refer to {}",
                project.key
            )));
        }
        let Some(file) = &arguments.namespace_map else {
            return Ok(Self {
                by_user: BTreeMap::new(),
                template,
                others: Some(cluster.namespace.clone()),
            });
        };
        let odd = |why: String| {
            Failure::Usage(format!(
                "--namespace-map {}: {}",
                file.display(),
                text::plain(&why)
            ))
        };
        let written = fs::read_to_string(file).map_err(|error| odd(error.to_string()))?;
        let by_user: BTreeMap<String, String> =
            serde_saphyr::from_str(&written).map_err(|error| {
                let place = text::without_snippet(&error.to_string()).to_owned();
                odd(format!("no YAML of `user: namespace`: {place}"))
            })?;
        for (user, namespace) in &by_user {
            name::namespace(namespace).map_err(|why| odd(format!("{user:?}: {why}")))?;
        }
        Ok(Self {
            by_user,
            template,
            others: options.namespace.clone(),
        })
    }

    /// The namespace of the account's user. A template decides for all whom the file does not name: who is no namespace
    /// as it stands has none.
    pub(super) fn of_user(&self, account: &Account) -> Option<String> {
        let user = account.user_id.as_ref();
        let named = user.and_then(|user| self.by_user.get(user));
        match (named, &self.template) {
            (Some(named), _) => Some(named.clone()),
            (None, Some(template)) => {
                let made = template.exactly(account)?;
                let is_namespace = name::namespace(&made).is_ok() && !made.starts_with(RESERVED);
                is_namespace.then_some(made)
            }
            (None, None) => self.others.clone(),
        }
    }
}
