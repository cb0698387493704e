//! Which objects manage the accounts of a project: by the id that they name or have on record, or by their alias.

use std::collections::{HashMap, HashSet};
use std::fmt;

use composio_api::{ALIAS_ANNOTATION, ProjectKind, ProjectRef, computed_alias};
use composio_operator::composio::Account;
use composio_operator::projects::{Declared, ProjectKey};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::view::View;

/// What of an object bears on whose account it manages.
pub(crate) struct Object {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    user: String,
    toolkit: String,
    /// Whether it refers to the project.
    pub(crate) is_of_project: bool,
    /// The account that it has on record.
    pub(crate) recorded: Option<String>,
    /// The account that its spec names.
    pub(crate) named: Option<String>,
    /// By which an account of the project is its own.
    aliases: Vec<String>,
    /// All that it names, also where it is of another project: that may have the same API key.
    names_aliases: Vec<String>,
}

/// The objects that the caller can see.
#[derive(Default)]
pub(crate) struct Objects {
    /// All of them.
    pub(crate) all: Vec<Object>,
    /// Whether those of all namespaces are seen.
    pub(crate) are_all: bool,
    /// Whether one of the project has an address of the connect page: its operator serves that.
    pub(crate) has_page: bool,
    names: HashSet<String>,
    by_named_alias: HashMap<String, Vec<usize>>,
    by_id: HashMap<String, Vec<usize>>,
    by_alias: HashMap<String, Vec<usize>>,
}

impl Objects {
    /// Those of all namespaces. Who may not list them sees those of the project's own: objects of others cannot
    /// refer to it.
    pub(crate) async fn of(cluster: &Cluster, project: &Declared) -> Result<Self, Failure> {
        match (
            Self::seen(cluster, project, None).await,
            &project.key.namespace,
        ) {
            (Ok(objects), _) => Ok(objects),
            (Err(_), Some(namespace)) => Self::seen(cluster, project, Some(namespace)).await,
            (Err(why), None) => Err(why),
        }
    }

    async fn seen(
        cluster: &Cluster,
        project: &Declared,
        namespace: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut objects = Self {
            are_all: namespace.is_none(),
            ..Self::default()
        };
        let take = |object: Value| objects.add(&object, project);
        cluster.each(namespace, None, take).await?;
        Ok(objects)
    }

    fn add(&mut self, object: &Value, project: &Declared) {
        let has_page = object["status"]["connectPage"].is_object();
        let object = Object::of(object, project);
        self.has_page |= has_page && object.is_of_project;
        let at = self.all.len();
        self.names.insert(object.to_string());
        for id in object.recorded.iter().chain(&object.named) {
            self.by_id.entry(id.clone()).or_default().push(at);
        }
        for alias in &object.names_aliases {
            self.by_named_alias
                .entry(alias.clone())
                .or_default()
                .push(at);
        }
        for alias in &object.aliases {
            self.by_alias.entry(alias.clone()).or_default().push(at);
        }
        self.all.push(object);
    }

    /// The object that manages the account, or would.
    pub(crate) fn claimant(&self, account: &Account) -> Option<&Object> {
        let by_id = self.by_id.get(&account.id).into_iter();
        let alias = account.alias.as_ref();
        let by_alias = alias.and_then(|alias| self.by_alias.get(alias)).into_iter();
        let candidates = by_id.chain(by_alias).flatten();
        candidates
            .map(|at| &self.all[*at])
            .find(|object| account.is_of(&object.user, &object.toolkit))
    }

    /// Another object than that one which has the account on record.
    pub(crate) fn holder(&self, account: &Account, namespace: &str, name: &str) -> Option<&Object> {
        let by_id = self.by_id.get(&account.id).into_iter().flatten();
        by_id
            .map(|at| &self.all[*at])
            .filter(|object| object.recorded.as_ref() == Some(&account.id))
            .filter(|object| account.is_of(&object.user, &object.toolkit))
            .find(|object| (object.namespace.as_str(), object.name.as_str()) != (namespace, name))
    }

    /// Whether an object of whichever project names that alias for the user and toolkit of the account.
    pub(crate) fn name_alias(&self, account: &Account, alias: &str) -> bool {
        let named = self.by_named_alias.get(alias).into_iter().flatten();
        let mut objects = named.map(|at| &self.all[*at]);
        objects.any(|object| account.is_of(&object.user, &object.toolkit))
    }

    /// Whether an object is called so.
    pub(crate) fn has(&self, namespace: &str, name: &str) -> bool {
        self.names.contains(&format!("{namespace}/{name}"))
    }
}

/// `namespace/name`.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Object {
    fn of(object: &Value, project: &Declared) -> Self {
        let view = View::of(object);
        let reference = ProjectRef::of_object(object);
        let (namespace, name) = (view.namespace().to_owned(), view.name().to_owned());
        let is_of_project = ProjectKey::referred(&reference, &namespace) == project.key;
        let text = |path: &str| {
            object
                .pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let pin = view.annotation(ALIAS_ANNOTATION).unwrap_or_default();
        let pin: Value = serde_json::from_str(pin).unwrap_or_default();
        let declared = [
            pin["alias"].as_str().map(str::to_owned),
            text("/spec/metadata/alias"),
        ];
        let declared: Vec<String> = declared.into_iter().flatten().collect();
        let mut names_aliases = declared.clone();
        names_aliases.extend(view.status.alias.clone());
        let mut aliases = Vec::new();
        if is_of_project {
            aliases = declared;
            aliases.push(computed_alias(
                &project.spec.alias_prefix,
                &namespace,
                &name,
            ));
        }
        Self {
            user: view.user().to_owned(),
            toolkit: view.toolkit().to_owned(),
            is_of_project,
            recorded: view.status.connected_account_id.clone(),
            named: text("/spec/connectedAccountId"),
            aliases,
            names_aliases,
            namespace,
            name,
        }
    }
}

/// How an object refers to the project; `None`: by naming none.
pub(crate) fn reference(reference: &ProjectRef) -> Option<Value> {
    let is_default = *reference == ProjectRef::default();
    (!is_default).then(|| match reference.kind {
        ProjectKind::ComposioProject => serde_json::json!({"name": reference.name}),
        ProjectKind::ClusterComposioProject => {
            serde_json::json!({"kind": reference.kind, "name": reference.name})
        }
    })
}
