//! Several worlds behind one address, told apart by their API keys.
//!
//! A request goes to the world whose key it carries. One with a key that was changed goes to the
//! world that had it, and one with a key that no world ever had to the first: there it is refused. A control call
//! names its world by `?key=` or by `x-api-key`, with the key the world was made with or the one it has now; without
//! either it is for the first.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use jiff::Timestamp;

use crate::world::{Post, Seed, World};

pub(super) struct Worlds {
    /// Never empty. A world keeps the key it was made with as its name.
    worlds: Vec<(String, World)>,
    base: String,
    /// Makes the ids of one run differ from those of the next.
    chance: RandomState,
}

/// An attempt to deliver that is over.
pub(super) struct Sent {
    /// The name of the world that it is of.
    pub(super) world: String,
    /// The delivery's.
    pub(super) id: String,
    /// The status of the answer, or why there is none.
    pub(super) outcome: Result<u16, String>,
}

impl Worlds {
    pub(super) fn new(seeds: Vec<Seed>, address: SocketAddr) -> Self {
        let mut worlds = Self {
            worlds: Vec::new(),
            base: format!("http://{address}"),
            chance: RandomState::new(),
        };
        for seed in seeds {
            worlds.push(seed);
        }
        if worlds.worlds.is_empty() {
            worlds.push(Seed::default());
        }
        worlds
    }

    fn push(&mut self, seed: Seed) {
        let name = seed.api_key.clone();
        let seed = Seed {
            public_base: self.base.clone(),
            entropy: self.chance.hash_one(&name),
            ..seed
        };
        self.worlds.push((name, World::new(seed)));
        self.join_organisation(self.worlds.len() - 1);
    }

    /// A world uses the rate limit of the first other one of its organisation.
    pub(super) fn join_organisation(&mut self, n: usize) {
        let id = self.worlds[n].1.project().organisation_id.clone();
        let others = self.worlds.iter().enumerate();
        let limit = others
            .filter(|(other, (_, world))| *other != n && world.project().organisation_id == id)
            .map(|(_, (_, world))| world.rate_limit())
            .next();
        if let Some(limit) = limit {
            self.worlds[n].1.set_rate_limit(limit);
        }
    }

    /// Adds a world, unless there is one of this key.
    pub(super) fn add(&mut self, seed: Seed) -> bool {
        let free = self.position(&seed.api_key).is_none();
        if free {
            self.push(seed);
        }
        free
    }

    /// Removes a world, unless it is the first.
    pub(super) fn remove(&mut self, n: usize) -> bool {
        let removable = n > 0 && n < self.worlds.len();
        if removable {
            self.worlds.remove(n);
        }
        removable
    }

    pub(super) fn at(&mut self, n: usize) -> &mut World {
        &mut self.worlds[n].1
    }

    /// Names, and the keys they are entered with.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.worlds
            .iter()
            .map(|(name, world)| (name.as_str(), world.api_key()))
    }

    /// The world that an API request enters.
    pub(super) fn entered(&mut self, request: &Request<Bytes>) -> &mut World {
        let key = request
            .headers()
            .get("x-api-key")
            .map(HeaderValue::as_bytes);
        let by_key = |(_, world): &(String, World)| key.is_some_and(|key| world.lets_in(key));
        let by_name = |(name, _): &(String, World)| key == Some(name.as_bytes());
        let n = self.worlds.iter().position(by_key);
        let n = n.or_else(|| self.worlds.iter().position(by_name));
        self.at(n.unwrap_or(0))
    }

    /// The world that a link was made in.
    pub(super) fn of_link(&mut self, token: &str) -> &mut World {
        let n = self
            .worlds
            .iter()
            .position(|(_, world)| world.has_link(token));
        self.at(n.unwrap_or(0))
    }

    /// The world that a control call is about.
    pub(super) fn named(&self, request: &Request<Bytes>) -> Result<usize, String> {
        let query = request.uri().query().unwrap_or("");
        let in_query = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "key")
            .map(|(_, key)| key.into_owned());
        let in_header = || {
            let key = request.headers().get("x-api-key")?;
            Some(String::from_utf8_lossy(key.as_bytes()).into_owned())
        };
        match in_query.or_else(in_header) {
            None => Ok(0),
            Some(key) => self
                .position(&key)
                .ok_or_else(|| format!("there is no world of the API key {key:?}")),
        }
    }

    /// What is to be delivered now, with the name of its world, and how long until there is more.
    pub(super) fn due_posts(&mut self, now: Timestamp) -> (Vec<(String, Post)>, Option<Duration>) {
        let mut posts = Vec::new();
        let mut next: Option<Duration> = None;
        for (name, world) in &mut self.worlds {
            let due = world.due_posts(now);
            posts.extend(due.into_iter().map(|post| (name.clone(), post)));
            let wait = world.next_post_in(now);
            let wait = wait.map(|wait| Duration::try_from(wait).unwrap_or_default());
            next = next.into_iter().chain(wait).min();
        }
        (posts, next)
    }

    /// What became of a delivery; its world may be gone.
    pub(super) fn posted(&mut self, sent: Sent, now: Timestamp) {
        let mut worlds = self.worlds.iter_mut();
        if let Some((_, world)) = worlds.find(|(name, _)| *name == sent.world) {
            world.posted(&sent.id, sent.outcome, now);
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        let by_name = self.worlds.iter().position(|(name, _)| name == key);
        let by_key = || {
            self.worlds
                .iter()
                .position(|(_, world)| world.api_key() == key)
        };
        by_name.or_else(by_key)
    }
}
