//! In which namespace the object of an account is: that of the command line, or of a file that says it of each user.
//! What Composio holds never says it.

use std::collections::BTreeMap;
use std::fs;

use composio_api::ProjectKind;
use composio_operator::composio::Account;
use composio_operator::projects::Declared;

use crate::arguments::{Import, Options};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::{name, text};

/// Where objects are.
pub(super) struct Namespaces {
    by_user: BTreeMap<String, String>,
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
        let Some(file) = &arguments.namespace_map else {
            return Ok(Self {
                by_user: BTreeMap::new(),
                others: Some(cluster.namespace.clone()),
            });
        };
        if project.key.kind == ProjectKind::ComposioProject {
            return Err(Failure::Usage(format!(
                "--namespace-map needs a ClusterComposioProject: only objects of its own namespace can refer to {}",
                project.key
            )));
        }
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
            others: options.namespace.clone(),
        })
    }

    /// The namespace of the account's user.
    pub(super) fn of_user(&self, account: &Account) -> Option<&str> {
        let user = account.user_id.as_ref();
        let named = user.and_then(|user| self.by_user.get(user));
        named.or(self.others.as_ref()).map(String::as_str)
    }
}
