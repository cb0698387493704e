//! Which objects manage the accounts of a project, by the operator's own rules: an id in a spec or a status is a word
//! that anybody can write who may write objects somewhere, and proves nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use composio_api::{ALIAS_ANNOTATION, ProjectKind, ProjectRef, computed_alias};
use composio_operator::composio::Account;
use composio_operator::plan::{Desired, Flags, Labels, Observed, Precedence};
use composio_operator::projects::{Declared, ProjectKey};
use composio_operator::record::RecordKeys;
use composio_operator::store::{PackedObject, Summary};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::view::View;
use crate::{pages, project};

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
    /// By which an account of the project may be its own.
    aliases: Vec<String>,
    /// All that it names, also where it is of another project: that may have the same API key.
    names_aliases: Vec<String>,
    /// What the operator goes by. `None`: it cannot be read.
    summary: Option<Arc<Summary>>,
}

/// The objects that the caller can see.
pub(crate) struct Objects {
    /// All of them.
    pub(crate) all: Vec<Object>,
    /// Whether those of all namespaces are seen.
    pub(crate) are_all: bool,
    /// Whether one of the project has an address of the connect page: its operator serves that.
    pub(crate) has_page: bool,
    flags: Flags,
    keys: RecordKeys,
    /// Those of the namespaces, as far as the caller may read them: the policy of the project may go by them.
    labels: HashMap<String, Labels>,
    names: HashSet<String>,
    by_named_alias: HashMap<String, Vec<usize>>,
    by_id: HashMap<String, Vec<usize>>,
    by_alias: HashMap<String, Vec<usize>>,
}

/// What objects have to say for an account.
#[derive(Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// This one manages it, or would.
    Managed(&'a Object),
    /// This one names it, by its spec or its status alone, and nothing proves that it manages it.
    Named(&'a Object),
    /// None has a word for it.
    Nobody,
}

impl<'a> Whose<'a> {
    /// The object that manages it.
    pub(crate) fn manager(self) -> Option<&'a Object> {
        match self {
            Self::Managed(object) => Some(object),
            Self::Named(_) | Self::Nobody => None,
        }
    }

    /// Who names it without proof, in words.
    pub(crate) fn unproved(self) -> Option<String> {
        match self {
            Self::Named(object) => Some(format!("named by {object}, unproved")),
            Self::Managed(_) | Self::Nobody => None,
        }
    }
}

impl Objects {
    /// Those of all namespaces. Who may not list them sees those of the project's own: objects of others cannot
    /// refer to it. `keys` verify what the operator has recorded of accounts.
    pub(crate) async fn of(
        cluster: &Cluster,
        project: &Declared,
        keys: RecordKeys,
    ) -> Result<Self, Failure> {
        let mut objects = Self::none(project::flags(project), keys);
        objects.are_all = true;
        let take = |object: Value| objects.add(&object, project);
        let listed = cluster.try_each(None, None, take).await;
        match listed {
            Ok(()) => {}
            // Only who may not list them can do with less: whatever else it was, an account might seem to be nobody's.
            Err(error) if failure::is_forbidden(&error) && project.key.namespace().is_some() => {
                objects = Self::none(objects.flags, objects.keys);
                let namespace = project.key.namespace();
                let take = |object: Value| objects.add(&object, project);
                cluster.each(namespace, None, take).await?;
            }
            Err(error) => return Err(failure::of(error, Right::on_accounts("list", None))),
        }
        if project.key.kind() == ProjectKind::ClusterComposioProject {
            objects.labels = labels(cluster).await?;
        }
        Ok(objects)
    }

    /// None, of a project with these flags and keys.
    pub(crate) fn none(flags: Flags, keys: RecordKeys) -> Self {
        Self {
            all: Vec::new(),
            are_all: false,
            has_page: false,
            flags,
            keys,
            labels: HashMap::new(),
            names: HashSet::new(),
            by_named_alias: HashMap::new(),
            by_id: HashMap::new(),
            by_alias: HashMap::new(),
        }
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

    /// Those that name the account, or may look for it, for its own user and toolkit.
    fn candidates(&self, account: &Account) -> impl Iterator<Item = &Object> {
        let by_id = self.by_id.get(&account.id).into_iter();
        let alias = account.alias.as_ref();
        let by_alias = alias.and_then(|alias| self.by_alias.get(alias)).into_iter();
        by_id
            .chain(by_alias)
            .flatten()
            .map(|at| &self.all[*at])
            .filter(|object| account.is_of(&object.user, &object.toolkit))
    }

    /// What the objects have to say for the account. Of several that manage it, the one that the operator puts first.
    pub(crate) fn whose(&self, account: &Account) -> Whose<'_> {
        let ranked = self.candidates(account).filter_map(|object| {
            let precedence = self.precedence(object, account, None)?;
            Some((precedence, object))
        });
        let first = ranked.min_by(|(one, _), (other, _)| one.cmp(other));
        if let Some((_, object)) = first {
            return Whose::Managed(object);
        }
        let by_id = self.by_id.get(&account.id).into_iter().flatten();
        let mut named = by_id.map(|at| &self.all[*at]);
        let named = named.find(|object| account.is_of(&object.user, &object.toolkit));
        named.map_or(Whose::Nobody, Whose::Named)
    }

    /// Another object than that one, which the operator lets manage the account before it.
    pub(crate) fn holder(
        &self,
        account: &Account,
        desired: &Desired,
        observed: &Observed,
        now: Timestamp,
    ) -> Option<&Object> {
        let claim = observed.claim(desired, account);
        let (recorded, keys) = (&observed.recorded, &observed.keys);
        // One that is not there yet is younger than all.
        let ours = (
            Precedence::of(claim, recorded, &desired.own_alias, keys, account),
            desired.created.unwrap_or(now),
            desired.uid.clone(),
        );
        let place = (desired.namespace.as_str(), desired.name.as_str());
        self.candidates(account)
            .filter(|object| (object.namespace.as_str(), object.name.as_str()) != place)
            .filter_map(|object| Some((self.precedence(object, account, Some(desired))?, object)))
            .filter(|(precedence, _)| *precedence < ours)
            .min_by(|(one, _), (other, _)| one.cmp(other))
            .map(|(_, object)| object)
    }

    /// How good the claim of an object of the project is, beside another object; `None`: it has none.
    fn precedence(
        &self,
        object: &Object,
        account: &Account,
        other: Option<&Desired>,
    ) -> Option<(Precedence, Timestamp, String)> {
        let summary = object.summary.as_ref().filter(|_| object.is_of_project)?;
        let none = Labels::default();
        let labels = self.labels.get(&object.namespace).unwrap_or(&none);
        let (flags, keys) = (&self.flags, &self.keys);
        let claim = match other {
            Some(other) => summary.claim(flags, other, labels, keys, account),
            None => summary.claim_beside(flags, labels, keys, account, true, false),
        }?;
        let own_alias = summary.own_alias(flags);
        let recorded = summary.recorded.claim();
        Some((
            Precedence::of(Some(claim), &recorded, &own_alias, keys, account),
            summary.created.unwrap_or(Timestamp::MIN),
            summary.uid.as_deref().unwrap_or_default().to_owned(),
        ))
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

/// The labels of the namespaces. Who may not list them knows none: what a policy grants by them is not proved then.
async fn labels(cluster: &Cluster) -> Result<HashMap<String, Labels>, Failure> {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(cluster.client.clone());
    let mut labels = HashMap::new();
    let take = |namespace: PartialObjectMeta<Namespace>| {
        let metadata = namespace.metadata;
        labels.insert(
            metadata.name.unwrap_or_default(),
            metadata.labels.unwrap_or_default(),
        );
    };
    match pages::each(&api, &ListParams::default(), take).await {
        Err(error) if !failure::is_forbidden(&error) => {
            let right = Right {
                verb: "list",
                group: "",
                resource: "namespaces",
                namespace: None,
            };
            Err(failure::of(error, right))
        }
        Ok(()) | Err(_) => Ok(labels),
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
        let packed: Option<PackedObject> = serde_json::from_str(&object.to_string()).ok();
        Self {
            user: view.user().to_owned(),
            toolkit: view.toolkit().to_owned(),
            is_of_project,
            recorded: view.status.connected_account_id.clone(),
            named: text("/spec/connectedAccountId"),
            aliases,
            names_aliases,
            summary: packed.map(|packed| Arc::clone(packed.summary())),
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
