//! The projects that lead to the same place: at the same base URL the same API key, or keys of which Composio tells
//! that they are of the same project. What one of their objects has, none of another may take.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use parking_lot::Mutex;

use super::ProjectKey;
use crate::{
    composio::Sensitive,
    poll::{ScanGroup, WeakScanGroup},
    project::Project,
    store::Objects,
};

/// Where the accounts of a project are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    base_url: Arc<str>,
    whose: Whose,
}

/// By what a project is known at its base URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    /// A hash of its API key, of this process alone.
    Key([u64; 2]),
    /// Its id, as Composio tells it.
    Id(Arc<str>),
}

/// A project and its objects.
#[derive(Clone)]
pub struct Peer {
    /// The Composio project, as it is reached from there.
    pub project: Arc<Project>,
    /// The objects.
    pub objects: Objects,
}

/// A project that leads somewhere.
struct Entered {
    peer: Peer,
    base_url: Arc<str>,
    key: [u64; 2],
    id: Option<Arc<str>>,
}

impl Entered {
    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let id = self.id.clone().map(Whose::Id);
        let base_url = Arc::clone(&self.base_url);
        let all = [Some(Whose::Key(self.key)), id].into_iter().flatten();
        all.map(move |whose| Place {
            base_url: Arc::clone(&base_url),
            whose,
        })
    }
}

#[derive(Default)]
struct ByPlace {
    entered: HashMap<ProjectKey, Entered>,
    projects: HashMap<Place, Vec<ProjectKey>>,
    /// Who polls with the same key.
    pollers: HashMap<Place, WeakScanGroup>,
    /// So that nobody finds out a key by its hash.
    secret: [u64; 2],
}

/// Which projects lead to the same place. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<ByPlace>>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(ByPlace {
            secret: [fastrand::u64(..), fastrand::u64(..)],
            ..ByPlace::default()
        })))
    }

    /// Says where a project leads now; of the base URL what [`super::Declared::place`] tells. Those that lead there
    /// with the same key are polled as the group that is returned.
    pub(super) fn enter(
        &self,
        project: &ProjectKey,
        base_url: Arc<str>,
        key: &Sensitive,
        peer: Peer,
    ) -> ScanGroup {
        let mut places = self.0.lock();
        let key = places.secret.map(|secret| {
            let mut hasher = DefaultHasher::new();
            (secret, key.expose()).hash(&mut hasher);
            hasher.finish()
        });
        places.leave(project);
        let place = Place {
            base_url: Arc::clone(&base_url),
            whose: Whose::Key(key),
        };
        let entered = Entered {
            peer,
            base_url,
            key,
            id: None,
        };
        places.put(project, entered);
        places.pollers_of(place)
    }

    /// Says of which project of Composio's the API key is; `None`: that is not known. Those who lead to the same
    /// place by that, and did not before, are returned.
    pub(super) fn prove(&self, project: &ProjectKey, id: Option<&Arc<str>>) -> Vec<Peer> {
        let mut places = self.0.lock();
        let is_new = |entered: &&Entered| entered.id.as_ref() != id;
        if places.entered.get(project).filter(is_new).is_none() {
            return Vec::new();
        }
        let before = places.others(project);
        if let Some(entered) = places.leave(project) {
            let id = id.cloned();
            places.put(project, Entered { id, ..entered });
        }
        let new = places.others(project);
        let new = new.difference(&before);
        new.filter_map(|key| places.peer(key)).collect()
    }

    /// Forgets a project. One that only cannot be used now still leads where it did.
    pub(super) fn leave(&self, project: &ProjectKey) {
        self.0.lock().leave(project);
    }

    /// The others as a project sees them.
    pub(super) fn of(&self, project: &ProjectKey) -> Peers {
        Peers(Some((self.clone(), project.clone())))
    }
}

impl ByPlace {
    fn put(&mut self, project: &ProjectKey, entered: Entered) {
        for place in entered.places() {
            let projects = self.projects.entry(place).or_default();
            if projects.is_empty() {
                // Nearly always it stays alone.
                projects.reserve_exact(1);
            }
            projects.push(project.clone());
        }
        self.entered.insert(project.clone(), entered);
    }

    fn leave(&mut self, project: &ProjectKey) -> Option<Entered> {
        let entered = self.entered.remove(project)?;
        for place in entered.places() {
            if let Some(projects) = self.projects.get_mut(&place) {
                projects.retain(|other| other != project);
                if projects.is_empty() {
                    self.projects.remove(&place);
                }
            }
        }
        Some(entered)
    }

    fn pollers_of(&mut self, place: Place) -> ScanGroup {
        self.pollers.retain(|_, group| group.upgrade().is_some());
        let known = self.pollers.entry(place).or_default();
        known.upgrade().unwrap_or_else(|| {
            let group = ScanGroup::default();
            *known = group.downgrade();
            group
        })
    }

    /// The others that lead to the same place.
    fn others(&self, project: &ProjectKey) -> BTreeSet<ProjectKey> {
        let entered = self.entered.get(project).into_iter();
        let places = entered.flat_map(Entered::places);
        let all = places.filter_map(|place| self.projects.get(&place));
        let all = all.flatten().filter(|other| *other != project);
        all.cloned().collect()
    }

    fn peer(&self, project: &ProjectKey) -> Option<Peer> {
        let entered = self.entered.get(project)?;
        Some(entered.peer.clone())
    }
}

/// The other projects that lead to the same place as one. Of a project that stands alone there are none.
#[derive(Clone, Default)]
pub struct Peers(Option<(Places, ProjectKey)>);

impl Peers {
    /// Who they are now.
    pub(crate) fn all(&self) -> Vec<Peer> {
        match &self.0 {
            Some((places, project)) => {
                let places = places.0.lock();
                let others = places.others(project);
                others.iter().filter_map(|key| places.peer(key)).collect()
            }
            None => Vec::new(),
        }
    }
}
