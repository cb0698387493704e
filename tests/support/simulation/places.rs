//! The projects of a simulation: where each name leads, and what it allows.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use composio_operator::crd::{Allow, ProjectKind, ProjectReason, ProjectRef};
use composio_operator::plan::{Policy, ProjectState};
use composio_operator::projects::ProjectKey;
use composio_operator::sandbox::world::{Seed, World};
use serde_json::Value;

use super::{Logic, NAMESPACE, Simulation, lock};

/// A project: its name, and what is declared of it.
pub(crate) struct Place {
    pub(super) key: ProjectKey,
    /// The worlds that the name may lead to: a project may be made again under its name.
    worlds: Vec<usize>,
    /// At which of them it is.
    at: usize,
    pub(super) policy: Arc<Policy>,
    pub(super) state: ProjectState,
}

/// The objects that ask for what their project does not allow, and what their passes have cost.
#[derive(Default)]
pub(crate) struct Refused {
    /// Who they are now; whoever changes what is allowed says so.
    pub(crate) names: BTreeSet<String>,
    /// How many passes there were over one of them that had no account on record.
    pub(crate) passes: u64,
    /// Which of these asked anything.
    pub(crate) asked: Vec<String>,
}

impl Refused {
    /// Takes note of a pass over an object as it was before, and of how much it asked.
    pub(super) fn note(&mut self, name: &str, before: &Value, calls: u64) {
        let is_going = !before["metadata"]["deletionTimestamp"].is_null();
        let has_account = !before["status"]["connectedAccountId"].is_null();
        if !self.names.contains(name) || is_going || has_account {
            return;
        }
        self.passes += 1;
        if calls > 0 {
            self.asked.push(format!("{calls} calls for {before}"));
        }
    }
}

impl Place {
    fn new(reference: &ProjectRef, worlds: Vec<usize>, allow: Option<&[Allow]>) -> Place {
        Place {
            key: ProjectKey::referred(reference, NAMESPACE),
            worlds,
            at: 0,
            policy: Arc::new(Policy::new(reference.kind, allow)),
            state: ProjectState::Available,
        }
    }

    /// The one that objects refer to which name none.
    pub(super) fn first() -> Place {
        Place::new(&ProjectRef::default(), vec![0], None)
    }

    /// The world to which the name leads now.
    pub(super) fn leads_to(&self) -> usize {
        self.worlds[self.at]
    }
}

impl Simulation {
    /// Two projects: the default one, which leads to the first world, and a ClusterComposioProject, which leads to the
    /// second, and once it is made again under its name to the third.
    pub(crate) fn with_two_projects(seeds: [Seed; 3], second: &str, logic: Logic) -> Simulation {
        let second = ProjectRef {
            kind: ProjectKind::ClusterComposioProject,
            name: second.to_owned(),
        };
        let second = Place::new(&second, vec![1, 2], None);
        Simulation::with_places(seeds.into(), vec![Place::first(), second], logic)
    }

    /// All worlds, those of the first project first.
    pub(crate) fn all_worlds(&self) -> impl Iterator<Item = MutexGuard<'_, World>> {
        self.worlds.iter().map(lock_one)
    }

    /// The world of that number.
    pub(crate) fn world_of(&self, number: usize) -> MutexGuard<'_, World> {
        lock(&self.worlds[number])
    }

    /// The world to which that project leads now.
    pub(crate) fn leads_to(&self, project: usize) -> usize {
        self.places[project].leads_to()
    }

    /// Has a project allow that and no more, or everything that one of its kind can.
    pub(crate) fn allow(&mut self, project: usize, allow: Option<&[Allow]>) {
        let place = &mut self.places[project];
        place.policy = Arc::new(Policy::new(place.key.kind(), allow));
        let context = &self.running.projects[project].context.project_context;
        context.objects.set_project("", &place.policy);
        self.trigger_all();
    }

    /// Takes the key of a project away, or gives it back.
    pub(crate) fn give_key(&mut self, project: usize, is_there: bool) {
        let state = match is_there {
            true => ProjectState::Available,
            false => ProjectState::Unavailable(ProjectReason::KeyMissing),
        };
        self.places[project].state = state;
        let context = &self.running.projects[project].context.project_context;
        context.project.set_state(state);
        self.trigger_all();
    }

    /// The project is made again under its name while the operator does not run: it leads to another world, or again
    /// to the former one.
    pub(crate) fn make_again(&mut self, project: usize) {
        let place = &mut self.places[project];
        place.at = (place.at + 1) % place.worlds.len();
        self.restart();
    }
}

fn lock_one(world: &Arc<std::sync::Mutex<World>>) -> MutexGuard<'_, World> {
    lock(world)
}
