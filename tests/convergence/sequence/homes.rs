//! Which project each object refers to, what the projects allow, and in which world something is.

use std::collections::{BTreeMap, BTreeSet};

use composio_operator::crd::{ALIAS_ANNOTATION, Allow, ProjectKind, ProjectRef};
use serde_json::{Value, json};

use super::{Sequence, user};
use crate::convergence::ground::Ground;

/// The name of the second project, which is one of the cluster.
pub(crate) const SECOND: &str = "platform";

/// What is declared of projects, and of objects to be in them.
#[derive(Default)]
pub(in crate::convergence) struct Homes {
    by_name: BTreeMap<&'static str, usize>,
    /// The world to which the project of each object led when the object was made.
    pub(super) born: BTreeMap<&'static str, usize>,
    /// By project; `None`: everything that can be is allowed.
    pub(super) allowed: [Option<Allow>; 2],
    pub(super) keyless: [bool; 2],
    /// Whether the second project was ever made again under its name.
    pub(super) is_made_again: bool,
    /// The uids of objects that are gone, or were restored elsewhere: what that means for their accounts is noted.
    pub(super) ended: BTreeSet<String>,
    /// The accounts that objects, by their uid, have left in another project.
    pub(super) left: BTreeSet<(String, String)>,
}

/// How the project of that number is referred to.
pub(super) fn reference(project: usize) -> ProjectRef {
    match project {
        0 => ProjectRef::default(),
        _ => ProjectRef {
            kind: ProjectKind::ClusterComposioProject,
            name: SECOND.to_owned(),
        },
    }
}

/// All that can be allowed.
pub(super) fn everything(project: usize) -> Allow {
    serde_json::from_value(match project {
        0 => json!({"takeOver": true, "sharing": "All"}),
        _ => json!({
            "namespaces": ["*"], "takeOver": true, "sharing": "All",
            "sources": ["SignIn", "Secret"], "secrets": "Any",
        }),
    })
    .expect("an entry")
}

/// The world of an account, and its user.
pub(crate) fn world_and_user(account: &Value) -> (usize, String) {
    let user = account["user_id"].as_str().unwrap_or_default();
    (world_of(account), user.to_owned())
}

fn world_of(account: &Value) -> usize {
    let world = account["world"].as_u64();
    world.map_or(0, |world| usize::try_from(world).expect("a few"))
}

fn toolkit(name: &str) -> &'static str {
    match name {
        "crm" => "hubspot",
        "chat" => "slack",
        _ => "gmail",
    }
}

impl Homes {
    pub(super) fn of(&self, name: &str) -> usize {
        self.by_name.get(name).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, name: &'static str, project: usize) {
        self.by_name.insert(name, project);
    }

    /// A new object may refer to any.
    pub(super) fn choose(
        &mut self,
        name: &'static str,
        projects: usize,
        random: &mut fastrand::Rng,
    ) {
        let project = random.usize(..3) / 2;
        self.set(name, project.min(projects - 1));
    }

    /// What the object says of it, where it is not the default.
    pub(super) fn reference(&self, name: &str) -> Option<Value> {
        let project = self.of(name);
        (project > 0).then(|| json!(reference(project)))
    }

    /// Whether the project of the object allows its user and its toolkit.
    fn allows(&self, name: &str) -> bool {
        let Some(allowed) = &self.allowed[self.of(name)] else {
            return true;
        };
        let has = |list: &Option<Vec<String>>, one: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|listed| listed == one))
        };
        has(&allowed.users, &user(name)) && has(&allowed.toolkits, toolkit(name))
    }
}

impl<G: Ground> Sequence<G> {
    /// The world to which the project of the object leads now.
    pub(super) fn world_of(&self, name: &str) -> usize {
        self.ground.leads_to(self.homes.of(name))
    }

    /// The project that the annotation of an object names, or else the object itself.
    pub(super) fn project_of_pin(&self, name: &str, object: &Value) -> usize {
        match pin(object)["project"].as_str() {
            Some(project) => usize::from(project != reference(0).to_string()),
            None => self.homes.of(name),
        }
    }

    /// The world in which the account of an object is, or may be, by its annotation.
    pub(super) fn world_of_pin(&self, name: &str, object: &Value) -> usize {
        let id = &pin(object)["projectID"];
        let named = ["pr_0", "pr_1", "pr_2"].iter().position(|one| id == one);
        named.unwrap_or_else(|| self.ground.leads_to(self.project_of_pin(name, object)))
    }

    /// Whether it is where the project leads that the object refers to.
    pub(in crate::convergence) fn is_at_home(&self, name: &str, object: &Value) -> bool {
        let is_named = self.project_of_pin(name, object) == self.homes.of(name);
        is_named && self.world_of_pin(name, object) == self.world_of(name)
    }

    /// The world that has that account.
    pub(in crate::convergence) async fn world_with(&mut self, id: &str) -> usize {
        let account = self.account(id).await;
        account.as_ref().map_or(0, world_of)
    }

    /// Whether that account may be the one of an object that waits for the project where it is.
    pub(in crate::convergence) fn is_of(
        &self,
        name: &str,
        object: &Value,
        account: &Value,
    ) -> bool {
        !self.is_at_home(name, object)
            && world_and_user(account) == (self.world_of_pin(name, object), user(name))
            && pin(object)["alias"] == account["alias"]
    }

    /// Whether nobody has to own that account: its user's object left something there that was not recorded.
    pub(in crate::convergence) fn is_let_go(&self, account: &Value) -> bool {
        self.let_go.contains(&world_and_user(account))
    }

    /// Whether it is an account that no object ever declares.
    pub(in crate::convergence) fn is_theirs(&self, id: &str) -> bool {
        self.theirs.iter().any(|(_, _, theirs)| theirs == id)
    }

    /// The objects whose user or toolkit their project does not allow.
    pub(super) fn refused(&self) -> BTreeSet<String> {
        let names = self.names.iter().filter(|name| !self.homes.allows(name));
        names.map(|name| (*name).to_owned()).collect()
    }

    /// The object's account, or what there may be of it, stays where it is.
    pub(super) fn leave_behind(&mut self, name: &'static str, object: &Value) {
        match object["status"]["connectedAccountId"].as_str() {
            Some(id) => {
                self.retained.insert(id.to_owned());
                let uid = object["metadata"]["uid"].to_string();
                self.homes.left.insert((uid, id.to_owned()));
            }
            None if pin(object)["alias"].is_string() => {
                let world = self.world_of_pin(name, object);
                self.let_go.insert((world, user(name)));
            }
            None => {}
        }
    }
}

/// The annotation of an object.
pub(super) fn pin(object: &Value) -> Value {
    let annotation = object["metadata"]["annotations"][ALIAS_ANNOTATION].as_str();
    annotation.map_or(Value::Null, |text| {
        serde_json::from_str(text).expect("the annotation is JSON")
    })
}
