//! People are notified: whatever is crashed in, each is told everything once, and once more at most for each crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use composio_operator::crd::NotificationType::{
    self, AwaitingUser, Connected, ReauthorizationRequired,
};
use serde_json::{Value, json};

use super::boundary::{Kind, NOTIFICATION, Server, TO_BE_TOLD, TOLD};
use super::coverage::{STATUS, not_crossed};
use super::invariants::{Facts, Holds, holds};
use super::matrix::Matrix;
use super::none;
use super::scenario::{Act, Scenario, Step, Then, delete, gmail, step};
use super::test_bed::{TestBed, World};
use super::two_projects::at_effects;
use crate::support::proxy::Proxy;
use crate::support::receiver::{Message, Receiver};
use crate::support::tools::say;

impl Step {
    fn told(self, told: &'static [NotificationType]) -> Step {
        Step { told, ..self }
    }
}

impl TestBed<'_> {
    /// The same with people who are notified there, through a proxy of its own.
    pub(super) async fn notifying(mut self, receiver: Arc<Receiver>) -> Self {
        let intercept = self.interceptor.intercept(Server::Receiver);
        let proxy = Proxy::of_http(receiver.url(), intercept).await;
        let proxy = proxy.expect("the proxy starts");
        self.options = self
            .options
            .flag("--notify-url", &format!("{}{NOTIFICATION}", proxy.url()))
            .flag("--people-namespaced-projects", "true");
        self.proxies.push(proxy);
        self.receiver = Some(receiver);
        self
    }
}

/// A person is asked, signs in, loses the grant, and signs in again.
fn told_of_a_life() -> Scenario {
    let steps = [
        (step("link", [Act::Declare(gmail())], Then::AwaitingUser), 1),
        (
            step("consent", [Act::Account("consent")], Then::Connected),
            2,
        ),
        (
            step(
                "replace",
                [
                    Act::Fault("POST", "/connected_accounts/*/refresh", 501),
                    Act::Account("end-grant"),
                ],
                Then::AwaitingUser,
            ),
            3,
        ),
        (
            step(
                "consent again",
                [Act::NoFaults, Act::Account("consent")],
                Then::Connected,
            ),
            4,
        ),
        (delete(), 4),
    ];
    let all = &[AwaitingUser, Connected, ReauthorizationRequired, Connected];
    Scenario {
        name: "told of a life",
        accounts: json!([]),
        steps: steps
            .into_iter()
            .map(|(step, count)| step.told(&all[..count]))
            .collect(),
    }
}

/// What was sent of the object of that world, and taken.
fn taken(receiver: &Receiver, world: &World<'_>) -> Vec<Message> {
    let is_of_world = |message: &Message| {
        let data = &message.body["data"];
        data["namespace"] == *world.test_bed.namespace && data["name"] == *world.name
    };
    let taken = receiver.taken().into_iter();
    taken.filter(is_of_world).collect()
}

/// How often each of these was taken.
fn times(messages: &[Message]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for message in messages {
        *times.entry(message.id()).or_default() += 1;
    }
    times
}

/// What must hold of notifications when the operator has nothing left to do.
///
/// # Errors
/// What was lost, or told too often.
pub(super) fn check(world: &World<'_>, facts: &Facts, step: &Step) -> Holds {
    let Some(receiver) = &world.test_bed.receiver else {
        return Ok(());
    };
    let object = facts.object.as_ref().unwrap_or(&Value::Null);
    let pending = &object["status"]["pendingNotification"];
    holds(pending.is_null(), || format!("it is not told: {pending}"))?;
    let taken = taken(receiver, world);
    let times = times(&taken);
    let mut told: Vec<&Message> = Vec::new();
    for message in &taken {
        if !told.iter().any(|one| one.id() == message.id()) {
            told.push(message);
        }
    }
    let told: Vec<&str> = told.iter().map(|message| message.kind()).collect();
    let expected: Vec<&str> = step.told.iter().map(|one| one.as_str()).collect();
    holds(told == expected, || {
        format!("people were told {told:?}, and not {expected:?}")
    })?;
    let (doubled, crashes) = (taken.len() - times.len(), world.operators - 1);
    holds(doubled <= crashes, || {
        format!("{doubled} were told twice after {crashes} crashes: {times:?}")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_effect_loses_no_notification_and_doubles_one_at_most() {
    let receiver = Arc::new(Receiver::start().await.expect("it listens"));
    let matrix = Matrix::new(&[]).await.notifying(Arc::clone(&receiver));
    let scenarios = [told_of_a_life()];
    let crashes = matrix.everywhere(&scenarios, at_effects).await;
    crashes.tell("crash matrix of notifications");
    crashes.must_hold();
    let taken = receiver.taken();
    let times = times(&taken);
    let doubled = taken.len() - times.len();
    say(&format!(
        "notifications: told = {}, twice = {doubled}, crashes = {}",
        times.len(),
        crashes.happened
    ));
    // Those that end between the receiver's answer and the write that says so.
    assert!(doubled > 0 && doubled <= crashes.happened, "{times:?}");
    let sent = [AwaitingUser, Connected, ReauthorizationRequired]
        .map(|one| Kind::new(Server::Receiver, "POST", NOTIFICATION, one.as_str()));
    let written = [TO_BE_TOLD, TOLD].map(|what| Kind::new(Server::Kubernetes, "PUT", STATUS, what));
    let mut left_out = not_crossed(&crashes, sent.into_iter().chain(written));
    left_out.extend(crashes.not_reached());
    none(left_out);
}
