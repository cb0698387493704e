//! People who come to the connect page, click, leave, sign in and come back, in whatever order: an object has one
//! link at most for each time that somebody asked, and no more than one account that waits for a sign-in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use composio_operator::composio::Sensitive;
use composio_operator::connect::keys::ConnectKeys;
use composio_operator::connect::page_address::{ConnectUrl, PageSettings, browser_name};
use composio_operator::crd::ConnectRequestKind::{self, Link, Look, Returned, StartOver};
use composio_operator::crd::{Allow, IdentityDemand, SignInDemand};
use composio_operator::plan::{Rule, decide};
use composio_operator::sandbox::world::{Fault, Person};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::taken::Taken;
use super::{counting, sequence};
use crate::on_demand::asks;
use crate::support::simulation::{Logic, Simulation};
use crate::support::tools::say;

mod check;
mod lost;

const VISITS: u64 = 150;
const STEPS: u32 = 30;
const NAMES: [&str; 2] = ["mail", "chat"];
const BROWSERS: [&str; 2] = ["hers", "his"];
const ANN: &str = "ann@acme.com";
const KEY: &str = "0123456789abcdef0123456789abcdef";
/// The rules that only visits lead to, and so often they decide at least.
const RULES: [Rule; 6] = [
    Rule::DisableAtOnce,
    Rule::AwaitRequest,
    Rule::FinishedElsewhere,
    Rule::NotReturned,
    Rule::AwaitReturn,
    Rule::WrongIdentity,
];
const AT_LEAST: u64 = 20;
/// A planted fault is found within so many.
const FOUND_WITHIN: u64 = 100;

/// What was met.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    clicks: u32,
    previews: u32,
    returns: u32,
    abandoned: u32,
    sign_ins: u32,
    anew: u32,
}

/// A sign-in that somebody has finished and may come back from.
#[derive(Clone)]
struct Finished {
    name: &'static str,
    request: String,
    browser: String,
}

struct Visits {
    ground: Simulation,
    /// Whether requests that were answered stayed for a while.
    keeps_requests: bool,
    /// Whether the project demands that the person has signed in.
    demands_person: bool,
    /// Whether it demands that the person comes back in the browser that had asked.
    demands_return: bool,
    random: fastrand::Rng,
    keys: ConnectKeys,
    history: Vec<String>,
    finished: Vec<Finished>,
    /// The requests whose link was finished in another browser than the one that had asked, with a proof.
    elsewhere: BTreeSet<String>,
    /// Requests for a link, by object.
    asked: BTreeMap<&'static str, u32>,
    met: Met,
}

impl Visits {
    fn new(seed: u64, logic: &Logic) -> Visits {
        let keys = ConnectKeys::read(&Sensitive::new(KEY)).expect("a key");
        let mut ground = Simulation::with_logic(sequence::world(seed), logic.clone());
        let demands_return = seed % 3 == 1;
        ground.serve_page(PageSettings {
            url: ConnectUrl::parse("https://connect.example.com").expect("a URL"),
            keys: keys.clone(),
            knows_users: demands_return,
        });
        let demands_person = seed.is_multiple_of(3);
        if demands_person || demands_return {
            let allow = Allow {
                identity: demands_person.then_some(IdentityDemand::SameAsPerson),
                sign_in: demands_return.then_some(SignInDemand::Bound),
                take_over: true,
                ..Allow::default()
            };
            ground.allow(0, Some(&[allow]));
        }
        Visits {
            ground,
            demands_person,
            demands_return,
            keeps_requests: false,
            random: fastrand::Rng::with_seed(seed),
            keys,
            history: Vec::new(),
            finished: Vec::new(),
            elsewhere: BTreeSet::new(),
            asked: BTreeMap::new(),
            met: Met::default(),
        }
    }

    async fn run(&mut self) -> Result<Met, String> {
        for name in NAMES {
            self.declare(name);
        }
        self.ground.settle().await;
        for _ in 0..STEPS {
            let name = NAMES[self.random.usize(..NAMES.len())];
            let step = self.step(name).await;
            self.history.push(step);
            let seconds = [0, 1, 5, 60, 700][self.random.usize(..5)];
            self.ground
                .advance(SignedDuration::from_secs(seconds))
                .await;
            self.check()?;
        }
        self.quiet().await?;
        self.met.abandoned = self.met.sign_ins.saturating_sub(self.met.returns);
        Ok(self.met)
    }

    fn declare(&mut self, name: &'static str) {
        let mut spec = json!({
            "user": format!("user-of-{name}"), "toolkit": "gmail", "authConfig": "ac_gmail",
            "person": ANN,
            "enabled": self.random.u32(..4) > 0, "suspend": self.random.u32(..8) == 0,
        });
        if self.random.u32(..3) > 0 {
            spec["deletionPolicy"] = json!("Retain");
        }
        if self.random.bool() {
            spec["expectedIdentity"] = json!(ANN);
        }
        self.ground.apply(name, spec);
    }

    async fn step(&mut self, name: &'static str) -> String {
        match self.random.u32(..21) {
            0..4 => self.click(name, Link),
            4 => self.click(name, StartOver),
            5 => self.ask(name, Link, &json!({})),
            6 => self.ask(name, Look, &json!({})),
            7..10 => self.sign_in(name),
            10..12 => self.come_back(),
            12 => self.hand(name, |ground, id, now| {
                ground.world().cancel(id, now).is_ok()
            }),
            13 => self.hand(name, |ground, id, now| {
                ground.world().expire(id, now).is_ok()
            }),
            14 => {
                self.ground.restart();
                "restart".to_owned()
            }
            15 => {
                self.ground.apiserver().conflicts = self.random.u32(1..3);
                "conflicts".to_owned()
            }
            16 => {
                self.keeps_requests = true;
                self.ground.apiserver().kept = self.random.u32(1..4);
                "requests are kept".to_owned()
            }
            17 => self.lose_an_answer(),
            18 => {
                self.declare(name);
                format!("{name} is declared anew")
            }
            19 => self.make_anew(name).await,
            _ => {
                // A mail scanner opens the page, and nothing is written.
                self.met.previews += 1;
                "preview".to_owned()
            }
        }
    }

    /// Somebody deletes the object and makes it anew. What is known of the sign-ins to the former one goes with it.
    async fn make_anew(&mut self, name: &'static str) -> String {
        self.ground.delete(name);
        self.ground.settle().await;
        self.finished.retain(|one| one.name != name);
        let is_gone = self.ground.object(name).is_none();
        if is_gone {
            self.met.anew += 1;
            self.declare(name);
        }
        format!("{name} is made anew: {is_gone}")
    }

    /// Somebody presses the button in one of the browsers. As the page has it, a link that can still be used in that
    /// browser is, and one of another browser is not.
    fn click(&mut self, name: &'static str, kind: ConnectRequestKind) -> String {
        self.met.clicks += 1;
        let browser = browser_name(BROWSERS[self.random.usize(..BROWSERS.len())]);
        let link = self.link(name);
        let is_open = link["expiresAt"].as_str().is_some_and(|end| {
            let end: Timestamp = end.parse().expect("a time");
            end > self.ground.now()
        });
        let kind = match (kind, is_open) {
            (Link, true) if link["requestedBy"]["browser"] == *browser => {
                return format!("{name} has its link");
            }
            (Link, true) => StartOver,
            (kind, _) => kind,
        };
        let person = self.demands_return.then_some(ANN);
        let object = self.ground.object(name).unwrap_or_default();
        let more = match object["metadata"]["uid"].is_string() {
            true => asks(&self.keys, &object, kind, person, &browser),
            false => Value::Null,
        };
        self.ask(name, kind, &more)
    }

    fn ask(&mut self, name: &'static str, kind: ConnectRequestKind, more: &Value) -> String {
        let made = self.ground.ask(name, kind, more);
        if made.is_some() && [Link, StartOver].contains(&kind) {
            *self.asked.entry(name).or_default() += 1;
        }
        format!("{kind} of {name} {more}: {made:?}")
    }

    /// Somebody finishes what the link of the object began, as the one who is expected or as another.
    fn sign_in(&mut self, name: &'static str) -> String {
        let who = [Some(ANN), Some("bob@acme.com"), Some(ANN), None][self.random.usize(..4)];
        let link = self.link(name);
        let done = self.hand(name, |ground, id, now| {
            let person = Person {
                display_name: who.map(str::to_owned),
                other_browser: false,
            };
            ground.world().consent_as(id, person, now).is_ok()
        });
        let (request, browser) = (&link["requestedBy"]["uid"], &link["requestedBy"]["browser"]);
        if done.ends_with("true")
            && let (Some(request), Some(browser)) = (request.as_str(), browser.as_str())
        {
            self.met.sign_ins += 1;
            self.finished.push(Finished {
                name,
                request: request.to_owned(),
                browser: browser.to_owned(),
            });
        }
        format!("{who:?} signs in: {done}")
    }

    /// Somebody comes back from a sign-in, or comes back once more, or says so without a proof.
    fn come_back(&mut self) -> String {
        if self.finished.is_empty() {
            return String::new();
        }
        let Finished {
            name,
            request,
            browser,
        } = self.finished[self.random.usize(..self.finished.len())].clone();
        let Some(object) = self.ground.object(name) else {
            return String::new();
        };
        let uid = object["metadata"]["uid"].as_str().expect("a uid");
        let is_forged = self.random.u32(..4) == 0;
        let proven = if is_forged { "another" } else { uid };
        let finished_in = ["Same", "Same", "Another"][self.random.usize(..3)];
        let told = serde_json::from_value(json!(finished_in)).expect("one of two");
        let proof = self.keys.outcome_proof(proven, &request, &browser, told);
        let returned = json!({"returned": {
            "request": request, "browser": browser, "proof": proof, "finishedIn": finished_in,
        }});
        let made = self.ground.ask(name, Returned, &returned);
        if made.is_some() {
            self.met.returns += 1;
            if !is_forged && finished_in == "Another" {
                self.elsewhere.insert(request);
            }
        }
        format!("somebody comes back to {name} {returned}, forged: {is_forged}")
    }

    fn hand(
        &mut self,
        name: &str,
        happens: impl FnOnce(&mut Simulation, &str, Timestamp) -> bool,
    ) -> String {
        let object = self.ground.object(name).unwrap_or_default();
        let Some(id) = object["status"]["connectedAccountId"].as_str() else {
            return String::new();
        };
        let now = self.ground.now();
        let done = happens(&mut self.ground, id, now);
        format!("{id} of {name}: {done}")
    }

    /// The next link is made, and nobody hears of it.
    fn lose_an_answer(&mut self) -> String {
        let path = ["/connected_accounts/link", "/connected_accounts/*/refresh"];
        let fault = json!({
            "method": "POST", "path": path[self.random.usize(..2)],
            "status": 500, "after_commit": self.random.bool(),
        });
        let told = fault.to_string();
        let fault: Fault = serde_json::from_value(fault).expect("a fault");
        self.ground.world().add_fault(fault).expect("it can be");
        told
    }

    fn link(&self, name: &str) -> Value {
        let object = self.ground.object(name).unwrap_or_default();
        object["status"]["link"].clone()
    }

    fn told(&self, what: &str) -> String {
        let (history, ground) = (self.history.join("\n"), self.ground.describe());
        format!("{what}\n{history}\n{ground}")
    }
}

fn run(seed: u64, logic: &Logic) -> Result<Met, String> {
    super::caught(|runtime| runtime.block_on(async { Visits::new(seed, logic).run().await }))
        .map_err(|wrong| format!("VISIT={seed}: {wrong}"))
}

#[test]
fn whoever_comes_and_goes_an_object_has_a_link_for_each_request_and_no_more() {
    let seeds = match super::number("VISIT") {
        Some(seed) => seed..seed + 1,
        None => 0..VISITS,
    };
    let is_one = seeds.end - seeds.start == 1;
    let taken = Arc::new(Mutex::new(Taken::default()));
    let logic = counting(&taken);
    let mut met = Met::default();
    for seed in seeds {
        let one = run(seed, &logic).unwrap_or_else(|wrong| panic!("{wrong}"));
        met.clicks += one.clicks;
        met.previews += one.previews;
        met.returns += one.returns;
        met.abandoned += one.abandoned;
        met.sign_ins += one.sign_ins;
        met.anew += one.anew;
    }
    let taken = taken.lock().expect("no panic");
    let by_rule = RULES.map(|rule| (rule, taken.rules.get(&rule).copied().unwrap_or_default()));
    say(&format!("{met:?}; {by_rule:?}"));
    if is_one {
        return;
    }
    assert!(met.clicks >= 500 && met.returns >= 80, "{met:?}");
    assert!(met.anew >= 50, "{met:?}");
    assert!(met.abandoned >= 30 && met.previews >= 100, "{met:?}");
    assert!(
        by_rule.iter().all(|(_, count)| *count >= AT_LEAST),
        "{by_rule:?}"
    );
}

#[test]
fn an_operator_that_forgets_what_it_has_answered_is_found_out() {
    let logic = Logic {
        decide: Arc::new(|desired, observed, now| {
            let mut forgetful = observed.clone();
            forgetful.recorded.last_connect_request = None;
            if let Some(link) = &mut forgetful.recorded.link {
                link.requested_by = None;
            }
            decide(desired, &forgetful, now)
        }),
        ..Logic::default()
    };
    let found = (0..FOUND_WITHIN).find_map(|seed| run(seed, &logic).err());
    let found = found.unwrap_or_else(|| panic!("not within {FOUND_WITHIN} visits"));
    assert!(found.contains(" links, and was asked for "), "{found}");
}
