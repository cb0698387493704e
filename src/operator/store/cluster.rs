//! What is known of the cluster besides the objects: the labels of namespaces, and which Secrets hold API keys.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::{ConnectRequests, StoredSummary};
use crate::{plan::Labels, projects::ProjectKey};

/// Has an object looked at.
pub(super) type Trigger = Arc<dyn Fn(&StoredSummary) + Send + Sync>;

/// What is known of the cluster besides the objects.
#[derive(Default)]
pub(super) struct Cluster {
    /// Whether a watched namespace has not been shown since the start.
    incomplete: AtomicBool,
    /// Whether the watch of namespaces has brought all that there are.
    has_namespaces: AtomicBool,
    labels: Mutex<HashMap<String, Arc<Labels>>>,
    /// What is asked for by ConnectRequests.
    pub(super) requests: ConnectRequests,
    /// By the project that names it: namespace and name of a Secret.
    key_secrets: Mutex<BTreeMap<ProjectKey, (String, String)>>,
    /// Of an object that somebody has changed, where that turns out later than by its event.
    trigger: Mutex<Option<Trigger>>,
}

/// The namespaces that a watch has brought.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NamespaceChange {
    /// These are all that there are, with their labels.
    All(HashMap<String, Labels>),
    /// One has these labels now; `None`: it is gone.
    One(String, Option<Labels>),
    /// They may not be watched: what comes anew is not known, and nobody waits for it.
    Refused,
}

impl Cluster {
    pub(super) fn set_trigger(&self, trigger: Trigger) {
        *self.trigger.lock() = Some(trigger);
    }

    /// Has an object looked at.
    pub(super) fn look_at(&self, object: &StoredSummary) {
        let trigger = self.trigger.lock().clone();
        if let Some(trigger) = trigger {
            trigger(object);
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.incomplete.load(Ordering::Relaxed)
    }

    pub(super) fn set_complete(&self, complete: bool) {
        self.incomplete.store(!complete, Ordering::Relaxed);
    }

    /// The labels of a namespace: none of one that is not known.
    pub(super) fn labels(&self, namespace: &str) -> Arc<Labels> {
        let labels = self.labels.lock();
        labels.get(namespace).cloned().unwrap_or_default()
    }

    /// Whether a namespace is so new that the watch has not brought it yet.
    pub(super) fn awaits_labels(&self, namespace: &str) -> bool {
        self.has_namespaces.load(Ordering::Relaxed) && !self.labels.lock().contains_key(namespace)
    }

    /// Takes in what the watch of namespaces has brought. Those whose labels are others now are returned.
    pub(super) fn apply(&self, change: NamespaceChange) -> Vec<String> {
        let mut known = self.labels.lock();
        match change {
            NamespaceChange::All(all) => {
                self.has_namespaces.store(true, Ordering::Relaxed);
                let is_other = |name: &String| known.get(name).map(|one| &**one) != all.get(name);
                let gone = known.keys().filter(|name| !all.contains_key(*name));
                let changed = all.keys().chain(gone).filter(|name| is_other(name));
                let changed = changed.cloned().collect();
                *known = all
                    .into_iter()
                    .map(|(name, one)| (name, Arc::new(one)))
                    .collect();
                changed
            }
            NamespaceChange::One(name, labels) => {
                if known.get(&name).map(|one| &**one) == labels.as_ref() {
                    return Vec::new();
                }
                match labels {
                    Some(labels) => known.insert(name.clone(), Arc::new(labels)),
                    None => known.remove(&name),
                };
                vec![name]
            }
            NamespaceChange::Refused => {
                self.has_namespaces.store(false, Ordering::Relaxed);
                Vec::new()
            }
        }
    }

    /// Says which Secret, by namespace and name, holds the API key of a project; `None`: the project is gone.
    pub(super) fn set_key_secret(&self, project: &ProjectKey, secret: Option<(String, String)>) {
        let mut secrets = self.key_secrets.lock();
        match secret {
            Some(secret) => secrets.insert(project.clone(), secret),
            None => secrets.remove(project),
        };
    }

    /// Whether somebody declares the project: whoever does says where its API key is.
    pub(super) fn is_declared(&self, project: &ProjectKey) -> bool {
        self.key_secrets.lock().contains_key(project)
    }

    /// Whether a project says that its API key is in that Secret.
    pub(super) fn is_key_secret(&self, namespace: &str, name: &str) -> bool {
        let secrets = self.key_secrets.lock();
        let mut secrets = secrets.values();
        secrets.any(|secret| (secret.0.as_str(), secret.1.as_str()) == (namespace, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(tier: &str) -> Labels {
        [("tier".to_owned(), tier.to_owned())].into()
    }

    #[test]
    fn a_namespace_that_is_made_after_the_list_is_waited_for() {
        let cluster = Cluster::default();
        assert!(!cluster.awaits_labels("agents"), "no namespace is watched");
        let all = HashMap::from([("agents".to_owned(), labels("agents"))]);
        let changed = cluster.apply(NamespaceChange::All(all));
        assert_eq!(changed, ["agents"]);
        assert!(!cluster.awaits_labels("agents"));
        assert!(cluster.awaits_labels("new"));
        let one = NamespaceChange::One("new".to_owned(), Some(Labels::new()));
        assert_eq!(cluster.apply(one.clone()), ["new"], "its objects go on");
        assert!(!cluster.awaits_labels("new"));
        assert_eq!(cluster.apply(one), [""; 0], "it is as before");
        let relabelled = NamespaceChange::One("agents".to_owned(), Some(labels("web")));
        assert_eq!(cluster.apply(relabelled), ["agents"]);
        assert_eq!(*cluster.labels("agents"), labels("web"));
        cluster.apply(NamespaceChange::Refused);
        assert!(!cluster.awaits_labels("newer"), "nothing brings them");
        assert_eq!(
            *cluster.labels("agents"),
            labels("web"),
            "as they were seen"
        );
        cluster.apply(NamespaceChange::One("agents".to_owned(), None));
        assert_eq!(*cluster.labels("agents"), Labels::new());
    }

    #[test]
    fn a_secret_is_of_a_key_for_as_long_as_a_project_says_so() {
        let cluster = Cluster::default();
        let project: ProjectKey = "ComposioProject/agents/default".parse().expect("a key");
        let secret = |name: &str| Some(("agents".to_owned(), name.to_owned()));
        assert!(!cluster.is_declared(&project));
        cluster.set_key_secret(&project, secret("one"));
        assert!(cluster.is_declared(&project));
        assert!(cluster.is_key_secret("agents", "one"));
        assert!(!cluster.is_key_secret("other", "one"));
        cluster.set_key_secret(&project, secret("two"));
        assert!(!cluster.is_key_secret("agents", "one"));
        cluster.set_key_secret(&project, None);
        assert!(!cluster.is_key_secret("agents", "two"));
        assert!(!cluster.is_declared(&project));
    }
}
