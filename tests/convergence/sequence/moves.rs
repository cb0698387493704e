//! What is done with projects: what they allow changes, objects move, keys are lost, and a project is made again
//! under its name.

use composio_operator::crd::{ABANDON_ANNOTATION, Allow, MOVE_TO_PROJECT_ANNOTATION};
use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::homes::{everything, pin, reference};
use super::{Sequence, user};
use crate::convergence::ground::Ground;

impl<G: Ground> Sequence<G> {
    /// Nothing is restricted, and no key is missing.
    pub(super) async fn loosen(&mut self) {
        for project in 0..G::PROJECTS {
            self.allow(project, None).await;
            self.give_key(project, true).await;
        }
    }

    async fn allow(&mut self, project: usize, allowed: Option<Allow>) {
        let entry = allowed.clone().unwrap_or_else(|| everything(project));
        self.homes.allowed[project] = allowed;
        self.ground.allow(project, Some(&[entry])).await;
    }

    async fn give_key(&mut self, project: usize, is_there: bool) {
        self.homes.keyless[project] = !is_there;
        self.ground.give_key(project, is_there).await;
    }

    /// A project allows less, or everything again.
    pub(super) async fn change_policy(&mut self) -> String {
        let project = self.random.usize(..G::PROJECTS);
        let random = &mut self.random;
        let mut entry = everything(project);
        let some = |of: Vec<String>, random: &mut fastrand::Rng| {
            let some = of.into_iter().filter(|_| random.bool());
            Some(some.collect())
        };
        match random.u32(..6) {
            0 => {
                self.allow(project, None).await;
                return format!("project {project} allows everything");
            }
            1 => {
                let users = ["mail", "crm", "chat", "spare", "odd"].map(user);
                entry.users = some(users.into(), random);
            }
            2 => {
                let toolkits = ["gmail", "hubspot", "slack"].map(str::to_owned);
                entry.toolkits = some(toolkits.into(), random);
            }
            3 => {
                let configs = ["ac_gmail", "ac_hubspot", "ac_slack"].map(str::to_owned);
                entry.auth_configs = some(configs.into(), random);
            }
            4 => entry.sharing = None,
            _ => entry.take_over = false,
        }
        let told = json!(entry).to_string();
        self.allow(project, Some(entry)).await;
        format!("project {project} allows {told}")
    }

    /// An object is restored, and refers to another project than the one that it comes from.
    pub(super) async fn make_elsewhere(&mut self, name: &'static str) -> String {
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        let metadata = &object["metadata"];
        let written = pin(&object);
        let is_own = written["name"] == name;
        // Without its own annotation nothing would tell where its account is.
        if metadata.get("deletionTimestamp").is_some() || !is_own {
            return String::new();
        }
        self.leave_behind(name, &object);
        self.homes.ended.insert(metadata["uid"].to_string());
        self.homes.set(name, 1 - self.homes.of(name));
        self.homes.born.insert(name, self.world_of(name));
        let spec = self.spec(name);
        let mut restored = json!({"metadata": {"annotations": metadata["annotations"]}});
        if self.random.bool() {
            restored["status"] = object["status"].clone();
        }
        self.ground.make_anew(name, &spec, &restored).await;
        self.declared.retain(|(declared, _)| *declared != name);
        self.declared.push((name, spec.clone()));
        let moved = match self.random.u32(..3) {
            0 => String::new(),
            _ => self.ask_to_move(name).await,
        };
        format!("{name} is restored elsewhere: {spec} {restored}, {moved}")
    }

    /// A person has the object go on in the project that it refers to.
    pub(super) async fn ask_to_move(&mut self, name: &'static str) -> String {
        let mut project = reference(self.homes.of(name)).to_string();
        if let Some(object) = self.ground.object(name).await
            && self.project_of_pin(name, &object) == self.homes.of(name)
            && !self.is_at_home(name, &object)
        {
            // The name stood for another project before.
            project += &format!("/pr_{}", self.world_of(name));
        }
        self.ground
            .annotate(name, MOVE_TO_PROJECT_ANNOTATION, Some(&project))
            .await;
        format!("{name} is to go on in {project}")
    }

    /// The key of a project is lost, or found again.
    pub(super) async fn turn_key(&mut self) -> String {
        let project = self.random.usize(..G::PROJECTS);
        let is_there = self.homes.keyless[project];
        self.give_key(project, is_there).await;
        format!("the key of project {project} is there: {is_there}")
    }

    /// An object is deleted while the key of its project is lost, and a person gives its account up.
    pub(super) async fn give_up(&mut self, name: &'static str) -> String {
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        let project = self.project_of_pin(name, &object);
        self.give_key(project, false).await;
        let deleted = self.delete(name).await;
        let before = self.objects().await;
        self.pass(before, 20).await;
        let abandoned = self.abandon(name).await;
        let before = self.objects().await;
        self.pass(before, 20).await;
        self.give_key(project, true).await;
        format!("{deleted} without a key, {abandoned}")
    }

    async fn abandon(&mut self, name: &'static str) -> String {
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        let id = object["status"]["connectedAccountId"].as_str();
        let alias = pin(&object)["alias"].as_str().map(str::to_owned);
        let Some(given_up) = id.map(str::to_owned).or(alias) else {
            return String::new();
        };
        self.ground
            .annotate(name, ABANDON_ANNOTATION, Some(&given_up))
            .await;
        format!("{given_up} of {name} is given up")
    }

    /// Another project gets the name of the second one, or the first of them has it again. What is in it waits, moves
    /// on, or is given up.
    pub(super) async fn make_project_again(&mut self, name: &'static str) -> String {
        // Where nothing tells the two apart nobody can.
        if self.switches.session_info_refused {
            return String::new();
        }
        self.homes.is_made_again = true;
        self.ground.clear_faults().await;
        self.lead_on().await;
        let before = self.objects().await;
        self.pass(before, 20).await;
        let done = match self.random.u32(..4) {
            0 => self.ask_to_move(name).await,
            1 => self.delete(name).await,
            2 => {
                let deleted = self.delete(name).await;
                let before = self.objects().await;
                self.pass(before, 20).await;
                let abandoned = self.abandon(name).await;
                let before = self.objects().await;
                self.pass(before, 20).await;
                format!("{deleted}, {abandoned}")
            }
            _ => String::new(),
        };
        format!("the second project is another one now; {done}")
    }

    /// The name of the second project leads to that one of its worlds.
    pub(super) async fn lead_to(&mut self, world: usize) {
        if self.ground.leads_to(1) != world {
            self.lead_on().await;
        }
    }

    async fn lead_on(&mut self) {
        for (name, object) in self.objects().await {
            let is_told = pin(&object)["projectID"].is_string();
            let is_own = pin(&object)["name"] == name;
            // What was written while it was not known which project it is tells nothing of it.
            if self.project_of_pin(name, &object) == 1 && !(is_told && is_own) {
                self.leave_behind(name, &object);
            }
        }
        self.ground.make_project_again().await;
    }

    /// Takes note that an object went on in another project, where its former account stays.
    pub(super) fn note_move(&mut self, name: &'static str, before: &Value, after: &Value) {
        let has_pins = !pin(before).is_null() && !pin(after).is_null();
        let is_moved =
            has_pins && self.world_of_pin(name, before) != self.world_of_pin(name, after);
        // The record goes first.
        let id = |object: &Value| object["status"]["connectedAccountId"].clone();
        let is_forgotten = !self.is_at_home(name, before) && id(before) != id(after);
        if is_moved || is_forgotten {
            self.leave_behind(name, before);
        }
    }

    /// Whether the account of an object that went is left as it is: a person has given it up while nothing could end
    /// it, or what proves it to be the object's own is not allowed to.
    pub(super) async fn stays_there(&mut self, name: &'static str, object: &Value) -> bool {
        let project = self.project_of_pin(name, object);
        let is_another = self.world_of_pin(name, object) != self.ground.leads_to(project);
        let cannot_be_ended = self.homes.keyless[project] || is_another;
        let id = &object["status"]["connectedAccountId"];
        let alias = &pin(object)["alias"];
        let given_up = &object["metadata"]["annotations"][ABANDON_ANNOTATION];
        if cannot_be_ended && given_up.is_string() {
            return [id, alias].contains(&given_up);
        }
        let account = match id.as_str() {
            Some(id) => self.account(id).await,
            None => None,
        };
        let carried = account.map_or_else(|| alias.clone(), |account| account["alias"].clone());
        let own = computed_alias("", self.ground.namespace(), name);
        self.homes.allowed[project].is_some() && carried != own
    }
}
