//! One random sequence: what users, persons, colleagues with the dashboard, providers and networks do.

use std::collections::BTreeSet;

use composio_operator::sandbox::world::Switches;
use serde_json::{Value, json};

use super::ground::Ground;

mod beginning;
mod copies;
mod declare;
mod hands;
mod homes;
mod moves;
mod world;

pub(crate) use copies::forged_record;
use declare::is_let_go_by_hand;
use homes::Homes;
pub(crate) use homes::{SECOND, world_and_user};
pub(crate) use world::{world, worlds};

/// What is declared in a sequence. `rival` wants the same account as `spare`.
pub(crate) const NAMES: [&str; 6] = ["mail", "crm", "chat", "spare", "rival", "odd"];
/// How many of them take part in one sequence.
const TAKE_PART: usize = 3;

/// One random sequence on some ground.
pub(crate) struct Sequence<G> {
    pub(super) ground: G,
    random: fastrand::Rng,
    tokens: u32,
    history: Vec<String>,
    pub(super) names: Vec<&'static str>,
    names_auth_config: bool,
    odd: usize,
    /// Accounts of each world that are there before anybody declares them: one made by hand, one of somebody else.
    by_hand: Vec<Vec<String>>,
    /// Accounts of the same users that no object ever declares, and the worlds that they are in: whatever is written
    /// anywhere, they are not touched.
    pub(super) theirs: Vec<(usize, &'static str, String)>,
    pub(super) homes: Homes,
    pub(super) switches: Switches,
    /// Accounts that nobody has to own: left alone when their object went, or there before.
    pub(super) retained: BTreeSet<String>,
    /// Users of objects that went with `Retain`, or to another project, before their account was recorded: what there
    /// is of it in that world stays.
    pub(super) let_go: BTreeSet<(usize, String)>,
    /// Accounts whose grant was promised to end with their object.
    pub(super) ended: BTreeSet<String>,
    /// The last declaration of each object that is not deleted.
    pub(super) declared: Vec<(&'static str, Value)>,
    /// Accounts that were made by hand under the alias of an object's own.
    pub(super) duplicates: Vec<(&'static str, String)>,
    /// Those of them that the operator has not been told of.
    pub(super) untold: BTreeSet<String>,
    /// The value in the Secret of `crm`, if there is one.
    pub(super) key: Option<String>,
    subdomain: u32,
    /// Whether the Secret holds nothing that must not be sent.
    pub(super) is_fit: bool,
    /// Whether Composio refused something by a fault, or a grant was called revoked that is not: then one
    /// may be let go alive.
    pub(super) refused: bool,
    /// Live accounts that were deleted though their object was declared.
    pub(super) killed: Vec<String>,
    /// Objects that somebody changed back again and again.
    pub(super) changed_back: BTreeSet<&'static str>,
    steps: u32,
}

/// Whose account an object declares: the rival wants what spare has.
pub(crate) fn user(name: &str) -> String {
    let name = if name == "rival" { "spare" } else { name };
    format!("user-of-{name}")
}

impl<G: Ground> Sequence<G> {
    pub(crate) fn new(ground: G, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut names = NAMES.to_vec();
        random.shuffle(&mut names);
        names.truncate(TAKE_PART);
        if names.contains(&"rival") && !names.contains(&"spare") {
            names.push("spare");
        }
        Sequence {
            ground,
            names_auth_config: random.bool(),
            odd: random.usize(..2),
            by_hand: Vec::new(),
            theirs: Vec::new(),
            homes: Homes::default(),
            switches: world(seed).switches,
            random,
            tokens: 0,
            history: Vec::new(),
            names,
            retained: BTreeSet::new(),
            let_go: BTreeSet::new(),
            ended: BTreeSet::new(),
            declared: Vec::new(),
            duplicates: Vec::new(),
            untold: BTreeSet::new(),
            key: None,
            subdomain: 0,
            is_fit: true,
            refused: false,
            killed: Vec::new(),
            changed_back: BTreeSet::new(),
            steps: 0,
        }
    }

    /// All of it: random steps, then quiet, then what must hold.
    pub(crate) async fn run(&mut self, steps: u32) -> Result<(), String> {
        self.act(steps).await?;
        self.check().await
    }

    /// Random steps, then quiet.
    pub(crate) async fn act(&mut self, steps: u32) -> Result<(), String> {
        for world in 0..G::WORLDS {
            self.make_accounts(world).await;
        }
        self.loosen().await;
        self.put_key(Some("first-key".to_owned())).await;
        for _ in 0..steps {
            let before = self.objects().await;
            let step = self.step().await;
            self.history.push(step);
            self.steps += 1;
            let seconds = [0, 0, 1, 20, 120, 700][self.random.usize(..6)];
            self.pass(before, seconds).await;
            self.accounts_live_and_are_one_each().await?;
        }
        if self.switches.shifting_pages {
            self.restore().await;
        }
        self.quiet().await;
        Ok(())
    }

    async fn objects(&mut self) -> Vec<(&'static str, Value)> {
        let mut objects = Vec::new();
        for name in self.names.clone() {
            if let Some(object) = self.ground.object(name).await {
                objects.push((name, object));
            }
        }
        objects
    }

    /// Lets time pass, and notes which objects went and what that means for their accounts.
    async fn pass(&mut self, before: Vec<(&'static str, Value)>, seconds: u32) {
        let deleted: BTreeSet<String> = self
            .ground
            .accounts()
            .await
            .iter()
            .filter(|account| !account["deleted_at"].is_null())
            .filter_map(|account| account["id"].as_str().map(str::to_owned))
            .collect();
        // The policy is the one of the moment in which the account is dealt with.
        let policies = if G::STANDS_STILL {
            self.objects().await
        } else {
            before.clone()
        };
        let live = self.live_and_declared().await;
        let refused = self.refused();
        self.ground.refuse(refused).await;
        self.ground.pass(seconds).await;
        self.must_live_on(live).await;
        for (name, object) in before {
            let after = self.ground.object(name).await;
            let same = |after: &Value| after["metadata"]["uid"] == object["metadata"]["uid"];
            if let Some(after) = after.filter(same) {
                self.note_move(name, &object, &after);
                continue;
            }
            if !self
                .homes
                .ended
                .insert(object["metadata"]["uid"].to_string())
            {
                continue;
            }
            if self.stays_there(name, &object).await {
                self.leave_behind(name, &object);
                continue;
            }
            let latest = policies.iter().find(|(latest, _)| *latest == name);
            let spec = &latest.map_or(&object, |(_, object)| object)["spec"];
            let Some(id) = object["status"]["connectedAccountId"].as_str() else {
                if spec["deletionPolicy"] == "Retain" {
                    self.leave_behind(name, &object);
                }
                continue;
            };
            // The step itself took it to another project before it was deleted.
            let uid = object["metadata"]["uid"].to_string();
            if self.homes.left.contains(&(uid, id.to_owned())) {
                continue;
            }
            // Somebody wrote the id of an account into the status that is nobody's to end.
            let is_theirs = self.is_theirs(id);
            if deleted.contains(id) || is_theirs {
                continue;
            }
            if !object["status"]["adopted"].is_null() {
                // Found by its declared alias, and confirmed by nobody.
                self.retained.insert(id.to_owned());
                continue;
            }
            match spec["deletionPolicy"].as_str() {
                Some("Retain") => drop(self.retained.insert(id.to_owned())),
                Some("Revoke") if !is_let_go_by_hand(&object) => {
                    self.ended.insert(id.to_owned());
                }
                _ => {}
            }
        }
    }

    async fn step(&mut self) -> String {
        let name = self.names[self.random.usize(..self.names.len())];
        let steps = if G::PROJECTS > 1 { 54 } else { 44 };
        match self.random.u32(..steps) {
            0..8 => self.declare(name).await,
            8 | 9 => self.delete(name).await,
            10 | 11 => self.annotate(name).await,
            12..20 => self.hand(name).await,
            20 | 21 => self.fault().await,
            22 if self.steps.is_multiple_of(2) => self.hide_another_namespace(name).await,
            22 => {
                self.restart().await;
                let lost = match self.switches.shifting_pages {
                    true => self.lose_status(name).await,
                    false => String::new(),
                };
                format!("restart {lost}")
            }
            23 => {
                let writes = self.random.u32(1..3);
                self.ground.conflicts(writes).await;
                "conflicts".to_owned()
            }
            24 | 40 | 41 => {
                let token = self.token();
                let key = (self.random.u32(..3) > 0).then(|| format!("key-{token}"));
                self.is_fit = !token.is_multiple_of(5);
                if token.is_multiple_of(2) {
                    self.subdomain = token;
                }
                self.put_key(key).await;
                format!(
                    "the key is {:?} at {}, fit to be sent: {}",
                    self.key, self.subdomain, self.is_fit
                )
            }
            25 => self.lose_status(name).await,
            26 => self.take_marks(name).await,
            27 => self.auth_config().await,
            28 if name == "chat" => self.share_by_hand(name).await,
            28..31 | 42 | 43 => self.make_duplicate(name).await,
            31 if ["rival", "odd"].contains(&name) => self.restore_and_delete(name).await,
            31 | 32 => self.lose_a_call_and_delete(name).await,
            33 if self.names.contains(&"crm") => self.end_the_key().await,
            34 => self.delete_against_the_provider(name).await,
            35 | 36 => self.forge_status(name).await,
            37 => self.copy_over(name).await,
            38 => self.confirm(name).await,
            44..47 => self.change_policy().await,
            47 | 48 => self.make_elsewhere(name).await,
            49 => self.ask_to_move(name).await,
            50 => self.turn_key().await,
            51 => self.give_up(name).await,
            52 | 53 => self.make_project_again(name).await,
            _ => self.hand_and_back(name).await,
        }
    }

    fn token(&mut self) -> u32 {
        self.tokens += 1;
        self.tokens
    }

    pub(super) fn subdomain(&self) -> String {
        format!("acme-{}", self.subdomain)
    }

    async fn put_key(&mut self, key: Option<String>) {
        let values = key.as_ref().map_or(Value::Null, |key| {
            let mut values = json!({"api_key": key, "subdomain": self.subdomain()});
            if !self.is_fit {
                values["status"] = json!("ACTIVE");
            }
            values
        });
        self.ground.secret("key", &values).await;
        self.key = key;
    }

    async fn recorded(&mut self, name: &str) -> Option<String> {
        let object = self.ground.object(name).await?;
        object["status"]["connectedAccountId"]
            .as_str()
            .map(str::to_owned)
    }

    /// A backup without the statuses is restored: each account is looked for in lists.
    async fn restore(&mut self) {
        for name in self.names.clone() {
            let lost = self.lose_status(name).await;
            self.history.push(lost);
        }
        let before = self.objects().await;
        self.pass(before, 120).await;
    }

    /// Nobody does anything any more, and everything that can heal does.
    async fn quiet(&mut self) {
        self.ground.clear_faults().await;
        self.ground.conflicts(0).await;
        self.ground.hide_another_namespace(false).await;
        // Pages shift while rows come and go, and now none do.
        let steady = Switches {
            shifting_pages: false,
            ..self.switches
        };
        self.ground.switches(&steady).await;
        self.settle_auth_configs().await;
        self.loosen().await;
        if self.homes.is_made_again {
            // What is in the one that its name leads to by then goes on before it is the former again.
            self.lead_to(2).await;
        }
        let before = self.objects().await;
        for (name, mut spec) in std::mem::take(&mut self.declared) {
            spec["suspend"] = json!(false);
            if self.ground.object(name).await.is_some() {
                self.ground.apply(name, &spec).await;
            }
            self.declared.push((name, spec));
        }
        self.pass(before, 90 * 60).await;
        if self.homes.is_made_again {
            // And what waits for that one goes on now.
            self.lead_to(1).await;
            let before = self.objects().await;
            self.pass(before, 90 * 60).await;
        }
    }

    pub(super) async fn told(&mut self, what: &str) -> String {
        format!(
            "{what}\n{}\nretained {:?}, to be ended {:?}, {:?}\n{}",
            self.history.join("\n"),
            self.retained,
            self.ended,
            self.switches,
            self.ground.told().await
        )
    }

    /// How many steps were taken.
    pub(super) fn steps(&self) -> u32 {
        self.steps
    }
}
