//! The projects that lead to the same place: the same API key at the same base URL. What one of their objects has,
//! none of another may take.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use parking_lot::Mutex;

use super::ProjectKey;
use crate::{arguments::BaseUrl, composio::Sensitive, project::Project, store::Objects};

/// Where the accounts of a project are. Of the key a hash, of this process alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    base_url: String,
    key: [u64; 2],
}

/// A project and its objects.
#[derive(Clone)]
pub struct Peer {
    /// The Composio project, as it is reached from there.
    pub project: Arc<Project>,
    /// The objects.
    pub objects: Objects,
}

#[derive(Default)]
struct ByPlace {
    place: HashMap<ProjectKey, Place>,
    peers: HashMap<Place, HashMap<ProjectKey, Peer>>,
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

    /// Says where a project leads now.
    pub(super) fn enter(&self, project: &ProjectKey, base_url: &str, key: &Sensitive, peer: Peer) {
        let mut places = self.0.lock();
        let hashed = places.secret.map(|secret| {
            let mut hasher = DefaultHasher::new();
            (secret, key.expose()).hash(&mut hasher);
            hasher.finish()
        });
        // As it is understood: however it is written, it leads to the same place.
        let base_url = BaseUrl::parse(base_url).map_or(base_url.to_owned(), |url| url.to_string());
        let place = Place {
            base_url,
            key: hashed,
        };
        places.leave(project);
        places.place.insert(project.clone(), place.clone());
        let peers = places.peers.entry(place).or_default();
        peers.insert(project.clone(), peer);
    }

    /// Forgets a project. One that only cannot be used now still leads where it did.
    pub(super) fn leave(&self, project: &ProjectKey) {
        self.0.lock().leave(project);
    }

    /// The others that lead to the same place.
    fn others(&self, project: &ProjectKey) -> Vec<Peer> {
        let places = self.0.lock();
        let place = places.place.get(project);
        let peers = place.and_then(|place| places.peers.get(place));
        let others = peers.into_iter().flatten();
        let others = others.filter(|(key, _)| *key != project);
        others.map(|(_, peer)| peer.clone()).collect()
    }

    /// The others as a project sees them.
    pub(super) fn of(&self, project: &ProjectKey) -> Peers {
        Peers(Some((self.clone(), project.clone())))
    }
}

impl ByPlace {
    fn leave(&mut self, project: &ProjectKey) {
        let Some(place) = self.place.remove(project) else {
            return;
        };
        if let Some(peers) = self.peers.get_mut(&place) {
            peers.remove(project);
            if peers.is_empty() {
                self.peers.remove(&place);
            }
        }
    }
}

/// The other projects that lead to the same place as one. Of a project that stands alone there are none.
#[derive(Clone, Default)]
pub struct Peers(Option<(Places, ProjectKey)>);

impl Peers {
    /// Who they are now.
    pub(crate) fn all(&self) -> Vec<Peer> {
        match &self.0 {
            Some((places, project)) => places.others(project),
            None => Vec::new(),
        }
    }
}
