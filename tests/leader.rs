//! Several replicas, of which one works. The witness is the sandbox's log, in which each request names
//! the replica that made it: once another one has begun, the former makes no request any more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tokio::time::Instant;

use crate::support::child::Signal;
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::tcp_proxy::ReservedPort;
use crate::support::tools::say;
use crate::support::wait;

mod guard;
mod releases;
mod replicas;
mod scraped;

use replicas::{LEASE, LEASE_DURATION, NAMES, Replicas, lease, not_renewed, order, short, turns};

/// Declares some accounts at once, each of a user of its own.
async fn declare(scene: &Scene<'_>, names: &[impl AsRef<str>]) {
    let objects = names.iter().map(|name| {
        let mut spec = gmail();
        spec["user"] = json!(name.as_ref());
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": name.as_ref()},
            "spec": spec,
        });
        object.to_string()
    });
    scene
        .apply(&objects.collect::<Vec<_>>().join("\n---\n"))
        .await;
}

async fn linked(scene: &Scene<'_>, names: &[impl AsRef<str>]) {
    for name in names {
        scene.linked(name.as_ref()).await;
    }
}

/// That each of these users has exactly one account.
async fn one_account_each(scene: &Scene<'_>, users: &[impl AsRef<str>]) {
    let accounts = scene.sandbox.accounts().await;
    let of: BTreeSet<_> = accounts.iter().map(|one| one["user_id"].as_str()).collect();
    let expected: BTreeSet<_> = users.iter().map(|user| Some(user.as_ref())).collect();
    assert_eq!(of, expected);
    assert_eq!(accounts.len(), users.len(), "{accounts:?}");
}

/// That the process has ended by itself, and said why.
async fn ends_saying(operator: &Operator, words: &str) {
    let ended = operator.child.wait(SOON).await.expect("it ends by itself");
    let log = operator.child.log_tail(10);
    assert_eq!(ended.code(), Some(1), "{log}");
    assert!(log.contains(words), "{log}");
}

#[tokio::test]
async fn of_three_replicas_one_works_and_all_are_ready() {
    let scene = Scene::new("three").await;
    let replicas = Replicas::start(&scene, |_| scene.options()).await;
    let leader = replicas.leader().await;
    scene.connected_gmail("mail").await;
    assert_eq!(order(&scene).await, [leader]);
    for name in NAMES {
        let (leads, operator) = (name == leader, replicas.operator(name));
        let words = match leads {
            true => "[+] leadership ok",
            false => "[+] leadership idle: ",
        };
        operator.readyz(200, words).await;
        let (_, metrics) = operator.get("/metrics").await;
        let line = format!("composio_operator_leader {}\n", i32::from(leads));
        assert!(metrics.contains(&line), "{name}: {metrics}");
        let reconciles = metrics.contains("composio_operator_reconciles_total{");
        assert_eq!(reconciles, leads, "{name}: {metrics}");
    }
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_by_another_when_its_lease_is_over() {
    let scene = Scene::new("killed").await;
    let mut replicas = Replicas::start(&scene, |_| short(scene.options())).await;
    let mut before = Vec::new();
    let mut users = Vec::new();
    for batch in [["a1", "a2", "a3"], ["b1", "b2", "b3"]] {
        let leader = replicas.leader().await;
        before.push(leader);
        replicas.next_to(&before[..before.len() - 1]).await;
        let killed = replicas.take(leader);
        // Killed with work in hand.
        declare(&scene, &batch).await;
        killed.child.signal(Signal::Kill).expect("it runs");
        let at = Instant::now();
        replicas.next_to(&before).await;
        let took = at.elapsed();
        say(&format!(
            "hand-over {took:?} after SIGKILL, with a lease of {LEASE_DURATION}"
        ));
        linked(&scene, &batch).await;
        users.extend(batch);
    }
    replicas.leader().await;
    let turns = turns(&scene).await;
    assert!(
        before
            .iter()
            .all(|one| turns.iter().any(|turn| turn == one)),
        "{turns:?}"
    );
    one_account_each(&scene, &users).await;
}

#[tokio::test]
async fn a_leader_that_was_frozen_begins_nothing_when_it_wakes_up() {
    let scene = Scene::new("frozen").await;
    let mut tokens = BTreeMap::new();
    for name in NAMES {
        tokens.insert(name, scene.another_token().await);
    }
    let mut replicas =
        Replicas::start(&scene, |name| short(scene.options_with(&tokens[name].0))).await;
    let leader = replicas.leader().await;
    replicas.next_to(&[]).await;
    let frozen = replicas.take(leader);
    let written = || {
        let token = &tokens[leader].1;
        let written = scene.written().into_iter();
        written.filter(|write| write.token == *token).count()
    };
    // In the middle of as many passes as it makes at a time: each POST has taken effect, and each answer
    // is on its way. The more of them, the more there is to do in the moment before it ends itself.
    latency(&scene, 3000).await;
    let first: Vec<_> = (0..16).map(|n| format!("a{n}")).collect();
    declare(&scene, &first).await;
    wait::until("a POST for each", SOON, async || {
        let asked = scene.sandbox.asked().await;
        let posts = asked.iter().filter(|asked| asked.words() == "POST link");
        match posts.count() {
            16 => Ok(()),
            posts => Err(format!("{posts} of 16")),
        }
    })
    .await;
    frozen.child.signal(Signal::Stop).expect("it runs");
    latency(&scene, 0).await;

    replicas.next_to(&[leader]).await;
    // What it slept through is in its sockets.
    let second: Vec<_> = (0..16).map(|n| format!("b{n}")).collect();
    declare(&scene, &second).await;
    let all = [first, second].concat();
    linked(&scene, &all).await;
    let before = written();
    assert!(before > 0, "the first ones were pinned by it");

    frozen.child.signal(Signal::Cont).expect("it is there");
    ends_saying(&frozen, &not_renewed()).await;
    assert_eq!(turns(&scene).await[0], leader);
    assert_eq!(written(), before, "it wrote when it woke up");
    one_account_each(&scene, &all).await;
}

async fn latency(scene: &Scene<'_>, milliseconds: u64) {
    let latency = json!({"milliseconds": milliseconds});
    scene.sandbox.control("POST", "latency", latency).await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_from_the_apiserver_alone_stops_before_another_one_begins() {
    let scene = Scene::new("cut-off").await;
    let port = ReservedPort::new();
    let behind = scene.kubeconfig_for(&port.url("https"));
    let proxy = port.open(scene.control_plane.url());
    // Alone at first, so that it is the one that leads.
    let options = short(scene.options_with(&behind)).flag("--instance", "a");
    let cut_off = scene.start("a", &options).await;
    let [b, c] = ["b", "c"].map(|name| {
        let options = short(scene.options()).flag("--instance", name);
        scene.spawn(name, &options)
    });
    b.readyz(200, "leadership idle: a_").await;
    c.readyz(200, "leadership idle: a_").await;
    scene.connected_gmail("mail").await;

    // Silence is the worst of it: no error tells that anything is wrong.
    proxy.silence();
    ends_saying(&cut_off, &not_renewed()).await;
    let asked = scene.sandbox.asked().await;
    let last = asked.last().expect("it polled").clone();
    assert_eq!(last.instance, "a", "Composio was there for it all the time");
    declare(&scene, &["after"]).await;
    scene.linked("after").await;
    let before = turns(&scene).await;
    assert_eq!(before[0], "a");
    assert!(before.len() > 1, "{before:?}");

    // It waits now, also where it is refused at once, and works again when it is its turn.
    proxy.close();
    let again = scene.spawn("a", &options);
    again.readyz(503, "leadership not ready").await;
    proxy.cut();
    again.readyz(200, "leadership idle: ").await;
    assert_eq!(turns(&scene).await[0], "a", "it began again");
}

#[tokio::test]
async fn a_leader_that_ends_in_order_hands_over_without_waiting_for_the_lease() {
    let scene = Scene::new("handed-over").await;
    // Nobody could wait for the end of this Lease.
    let hour = |_: &str| scene.options().flag("--lease-duration", "1h");
    let mut replicas = Replicas::start(&scene, hour).await;
    let leader = replicas.leader().await;
    replicas.next_to(&[]).await;
    let ending = replicas.take(leader);
    let names = ["a1", "a2", "a3", "a4"];
    declare(&scene, &names).await;
    ending.child.signal(Signal::Term).expect("it runs");
    let ended = ending.child.wait(SOON).await;
    assert_eq!(
        ended.and_then(|ended| ended.code()),
        Some(0),
        "{}",
        ending.child.log_tail(20)
    );
    replicas.next_to(&[leader]).await;
    linked(&scene, &names).await;
    assert_eq!(turns(&scene).await[0], leader);
    one_account_each(&scene, &names).await;
}

#[tokio::test]
async fn a_holder_whose_clock_is_years_off_is_waited_for_as_long_as_any_other() {
    struct Case {
        name: &'static str,
        renewed: &'static str,
        seconds: i32,
        waits: bool,
        reason: &'static str,
    }
    let cases = [
        Case {
            name: "behind",
            renewed: "2001-01-01T00:00:00.000000Z",
            seconds: 3600,
            waits: true,
            reason: "by its clock the lease was over decades ago, by ours it has an hour",
        },
        Case {
            name: "ahead",
            renewed: "2101-01-01T00:00:00.000000Z",
            seconds: 2,
            waits: false,
            reason: "by its clock the lease has decades, by ours two seconds",
        },
    ];
    for case in cases {
        let scene = Scene::new(case.name).await;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE},
            "spec": {
                "holderIdentity": "elsewhere", "leaseDurationSeconds": case.seconds,
                "renewTime": case.renewed, "acquireTime": case.renewed, "leaseTransitions": 0,
            },
        });
        scene.apply(&lease.to_string()).await;
        let operator = scene.spawn("operator", &scene.options());
        let words = match case.waits {
            true => "leadership idle: elsewhere leads",
            false => "leadership ok",
        };
        operator.readyz(200, words).await;
        if case.waits {
            // Given up, it is free at once, whatever the clocks say.
            let free = json!({"spec": {"holderIdentity": ""}}).to_string();
            let patch = ["patch", "lease", LEASE, "--type=merge", "-p", &free];
            scene.kubectl(&patch).await;
            operator.readyz(200, "leadership ok").await;
        }
        say(&format!("a clock that is {}: {}", case.name, case.reason));
    }
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_by_force_ends() {
    let scene = Scene::new("taken-lease").await.operated().await;
    let taken = json!({"spec": {"holderIdentity": "somebody"}}).to_string();
    let patch = ["patch", "lease", LEASE, "--type=merge", "-p", &taken];
    scene.kubectl(&patch).await;
    ends_saying(
        &scene.operator,
        "not the leader any more: the Lease is held by somebody",
    )
    .await;
}

#[tokio::test]
async fn without_a_right_to_the_lease_it_says_so_and_works_when_it_has_it() {
    let scene = Scene::new("no-lease").await;
    let binding = ["delete", "rolebinding", LEASE];
    scene.kubectl(&binding).await;
    let operator = scene.spawn("operator", &scene.options());
    operator
        .readyz(503, "leadership not ready: leases.coordination.k8s.io")
        .await;
    scene.declare("mail", gmail()).await;
    let account = format!("--serviceaccount={}:{LEASE}", scene.namespace);
    let role = format!("--role={LEASE}");
    scene
        .kubectl(&["create", "rolebinding", LEASE, &role, &account])
        .await;
    scene.linked("mail").await;
    operator.readyz(200, "leadership ok").await;
}

#[tokio::test]
async fn without_an_election_there_is_no_lease() {
    let scene = Scene::new("alone").await;
    let options = scene.options().flag("--leader-elect", "false");
    let operator = scene.start("operator", &options).await;
    scene.linked_gmail("mail").await;
    let (_, metrics) = operator.get("/metrics").await;
    assert!(
        metrics.contains("composio_operator_leader 1\n"),
        "{metrics}"
    );
    let missing = lease(&scene).await.expect_err("there is none");
    assert!(missing.contains("not found"), "{missing}");
}

#[tokio::test]
async fn times_by_which_two_could_lead_are_refused_at_the_start() {
    let scene = Scene::new("times").await;
    let options = scene.options().flag("--lease-duration", "15s");
    let options = options.flag("--renew-deadline", "15s");
    let operator = scene.spawn("operator", &options);
    ends_saying(
        &operator,
        "--lease-duration (15s) must be longer than --renew-deadline (15s)",
    )
    .await;
}
