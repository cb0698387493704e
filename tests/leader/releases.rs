//! Several releases in one namespace of operators. Those whose namespaces do not overlap all work; of those
//! whose namespaces do, one works, and the others say whom they wait for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::ends_saying;
use super::replicas::{not_renewed, order, short, turns};
use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::operator::{LEASE_RULES, Operator, Options, RULES};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

const SCOPES: &str = "scopes.composio.dev";

/// A release beside others: who it is at the apiserver, and how its replicas are started.
struct Release<'a> {
    scene: &'a Scene<'a>,
    name: &'static str,
    kubeconfig: PathBuf,
}

impl<'a> Release<'a> {
    /// A release with the rights that the chart gives to one of that name.
    async fn new(scene: &'a Scene<'a>, name: &'static str) -> Release<'a> {
        let (control_plane, client) = (scene.control_plane, &scene.client);
        let namespace = &scene.namespace;
        let token = control_plane
            .service_account(client, namespace, name, RULES)
            .await;
        let rules = LEASE_RULES.replace("[composio-operator]", &format!("[{name}]"));
        control_plane.allow(client, namespace, name, &rules).await;
        let kubeconfig = control_plane.kubeconfig_for_token(&token);
        Release {
            scene,
            name,
            kubeconfig,
        }
    }

    /// Starts a replica that works in these namespaces; in all, if none is named.
    fn replica(&self, instance: &str, namespaces: &[&str]) -> Operator {
        self.scene
            .spawn(instance, &self.options(instance, namespaces))
    }

    fn options(&self, instance: &str, namespaces: &[&str]) -> Options {
        let options = short(self.scene.options_with(&self.kubeconfig))
            .flag("--lease-name", self.name)
            .flag("--instance", instance);
        match namespaces {
            [] => options
                .without("--watch-namespace")
                .also_in(&[&self.scene.namespace]),
            some => options.flag("--watch-namespace", &some.join(",")),
        }
    }
}

/// Two releases that work on one namespace: the first leads, and the second waits for it.
struct Rivals<'a> {
    first: Release<'a>,
    second: Release<'a>,
    one: Operator,
    two: Operator,
}

impl<'a> Rivals<'a> {
    async fn meet(scene: &'a Scene<'a>) -> Rivals<'a> {
        let first = Release::new(scene, "first").await;
        let second = Release::new(scene, "second").await;
        let one = first.replica("one", &[&scene.namespace]);
        leads(&one).await;
        let two = second.replica("two", &[&scene.namespace]);
        let rivals = Rivals {
            first,
            second,
            one,
            two,
        };
        rivals.the_second_waits().await;
        rivals
    }

    async fn the_second_waits(&self) {
        let common = format!("namespace {}", self.second.scene.namespace);
        waits_for(&self.two, self.first.name, &common).await;
    }
}

/// That an operator waits for that release and asks Composio for nothing.
async fn waits_for(operator: &Operator, release: &str, common: &str) {
    let words = format!("[-] leadership not ready: release {release} (");
    operator.readyz(503, &words).await;
    let (_, told) = operator.get("/readyz").await;
    assert!(told.contains(&format!("works on {common}\n")), "{told}");
    let (_, metrics) = operator.get("/metrics").await;
    for line in [
        "composio_operator_leader 0\n",
        "composio_operator_scope_held_by_another 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

/// That an operator leads, and asks Composio.
async fn leads(operator: &Operator) {
    operator.readyz(200, "[+] leadership ok").await;
    operator.polled().await;
    let (_, metrics) = operator.get("/metrics").await;
    for line in [
        "composio_operator_leader 1\n",
        "composio_operator_scope_held_by_another 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

/// Declares an account in a namespace.
async fn declare(scene: &Scene<'_>, namespace: &str, name: &str) {
    let mut spec = gmail();
    spec["user"] = json!(format!("{namespace}-{name}"));
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    });
    let made = scene
        .control_plane
        .kubectl_stdin(&["apply", "-f", "-"], &object.to_string())
        .await;
    assert!(made.status.success(), "{made:?}");
}

/// Waits until the account in a namespace waits for its person.
async fn linked(scene: &Scene<'_>, namespace: &str, name: &str) {
    let what = format!("a link of {namespace}/{name}");
    let link = scene.until_object_in(
        namespace,
        name,
        &what,
        |object| match object["status"]["link"]["url"].is_string() {
            true => Ok(()),
            false => Err(object["status"].to_string()),
        },
    );
    link.await;
}

/// Who asked Composio for something at all.
async fn workers(scene: &Scene<'_>) -> BTreeSet<String> {
    order(scene).await.into_iter().collect()
}

#[tokio::test]
async fn two_releases_in_one_namespace_both_work_where_their_namespaces_differ() {
    let scene = Scene::new("disjoint").await;
    let other = scene
        .control_plane
        .namespace(&scene.client, "disjoint")
        .await;
    let first = Release::new(&scene, "first").await;
    let second = Release::new(&scene, "second").await;
    let one = first.replica("one", &[&scene.namespace]);
    let two = second.replica("two", &[&other]);
    for operator in [&one, &two] {
        leads(operator).await;
    }
    for namespace in [&scene.namespace, &other] {
        declare(&scene, namespace, "mail").await;
        linked(&scene, namespace, "mail").await;
    }
    let workers = workers(&scene).await;
    assert_eq!(workers, ["one", "two"].map(str::to_owned).into());
    let seen = scene.kubectl(&["get", "lease", SCOPES]).await;
    assert!(seen.contains("first,second"), "{seen}");
}

#[tokio::test]
async fn of_two_releases_with_a_namespace_in_common_the_second_names_the_first_and_takes_over_when_it_goes()
 {
    let scene = Scene::new("common").await;
    let other = scene.control_plane.namespace(&scene.client, "common").await;
    let first = Release::new(&scene, "first").await;
    let second = Release::new(&scene, "second").await;
    let one = first.replica("one", &[&scene.namespace]);
    leads(&one).await;
    let two = second.replica("two", &[&scene.namespace, &other]);
    let standby = second.replica("standby", &[&scene.namespace, &other]);
    let common = format!("namespace {}", scene.namespace);
    for operator in [&two, &standby] {
        waits_for(operator, "first", &common).await;
    }
    declare(&scene, &scene.namespace, "mail").await;
    linked(&scene, &scene.namespace, "mail").await;
    assert_eq!(workers(&scene).await, ["one".to_owned()].into());

    one.child.signal(Signal::Term).expect("it runs");
    let ended = one.child.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(0), "{}", one.child.log_tail(10));
    declare(&scene, &other, "after").await;
    linked(&scene, &other, "after").await;
    let order = order(&scene).await;
    assert_eq!(order.len(), 2, "one after the other: {order:?}");
    // And the other way round: who comes back waits.
    let one = first.replica("one", &[&scene.namespace]);
    waits_for(&one, "second", &common).await;
}

#[tokio::test]
async fn a_release_for_all_namespaces_and_one_for_some_exclude_each_other_whichever_comes_first() {
    // One of its own: a release for all namespaces would find the objects of all tests.
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    let scene = Scene::on(&control_plane, "all").await;
    let all = Release::new(&scene, "all").await;
    let some = Release::new(&scene, "some").await;
    let common = format!("namespace {}", scene.namespace);

    let widest = all.replica("widest", &[]);
    leads(&widest).await;
    let named = some.replica("named", &[&scene.namespace]);
    waits_for(&named, "all", &common).await;
    widest.child.signal(Signal::Kill).expect("it runs");
    leads(&named).await;
    let widest = all.replica("widest", &[]);
    waits_for(&widest, "some", &common).await;
    declare(&scene, &scene.namespace, "mail").await;
    linked(&scene, &scene.namespace, "mail").await;
    named.child.signal(Signal::Kill).expect("it runs");
    leads(&widest).await;
    let order = order(&scene).await;
    assert_eq!(order, ["widest", "named", "widest"]);
}

#[tokio::test]
async fn of_releases_that_start_at_the_same_moment_one_works() {
    let scene = Scene::new("at-once").await;
    let other = scene
        .control_plane
        .namespace(&scene.client, "at-once")
        .await;
    let mut releases = Vec::new();
    for name in ["r1", "r2", "r3", "r4"] {
        releases.push(Release::new(&scene, name).await);
    }
    let mut running: Vec<_> = releases
        .iter()
        .map(|release| release.replica(release.name, &[&other, &scene.namespace]))
        .collect();
    let mut before = Vec::new();
    for left in (1..=releases.len()).rev() {
        let leader = wait::until("one that works", SOON, async || {
            let mut told = Vec::new();
            for (at, operator) in running.iter().enumerate() {
                match operator.get("/readyz").await {
                    (200, _) => return Ok(at),
                    (_, text) => told.push(text),
                }
            }
            Err(told.join("\n"))
        })
        .await;
        let leader = running.remove(leader);
        leader.polled().await;
        let (_, metrics) = leader.get("/metrics").await;
        assert!(
            metrics.contains("composio_operator_leader 1\n"),
            "{metrics}"
        );
        for operator in &running {
            operator.readyz(503, " works on namespaces ").await;
        }
        // Nobody has a turn twice, so nobody worked while another one did.
        let order = turns(&scene).await;
        assert_eq!(order.len(), releases.len() + 1 - left, "{order:?}");
        leader.child.signal(Signal::Kill).expect("it runs");
        before.push(leader);
    }
}

#[tokio::test]
async fn a_replica_of_the_release_takes_over_before_a_release_that_waits() {
    let scene = Scene::new("own-first").await;
    let rivals = Rivals::meet(&scene).await;
    let namespaces = [scene.namespace.as_str()];
    let next = rivals.first.replica("next", &namespaces);
    next.readyz(200, "leadership idle: one_").await;
    rivals.one.child.signal(Signal::Kill).expect("it runs");
    leads(&next).await;
    let last = rivals.first.replica("last", &namespaces);
    last.readyz(200, "leadership idle: next_").await;
    next.child.signal(Signal::Term).expect("it runs");
    leads(&last).await;
    rivals.the_second_waits().await;
    assert_eq!(order(&scene).await, ["one", "next", "last"]);
}

#[tokio::test]
async fn an_upgrade_to_namespaces_that_another_release_has_leaves_the_running_replica_at_work() {
    let scene = Scene::new("widened").await;
    let other = scene
        .control_plane
        .namespace(&scene.client, "widened")
        .await;
    let first = Release::new(&scene, "first").await;
    let second = Release::new(&scene, "second").await;
    let one = first.replica("one", &[&scene.namespace]);
    let two = second.replica("two", &[&other]);
    for operator in [&one, &two] {
        leads(operator).await;
    }
    let widened = first.replica("widened", &[&scene.namespace, &other]);
    waits_for(&widened, "second", &format!("namespace {other}")).await;
    leads(&one).await;
    two.child.signal(Signal::Kill).expect("it runs");
    widened.readyz(200, "leadership idle: one_").await;
    one.child.signal(Signal::Term).expect("it runs");
    leads(&widened).await;
}

#[tokio::test]
async fn a_leader_that_cannot_renew_its_claim_ends_as_one_that_cannot_renew_its_lease() {
    let scene = Scene::new("claim-lost").await;
    let options = short(scene.options());
    let operator = scene.start("operator", &options).await;
    leads(&operator).await;
    let patch = json!([{"op": "remove", "path": "/rules/1"}]).to_string();
    let role = [
        "patch",
        "role",
        "composio-operator",
        "--type=json",
        "-p",
        &patch,
    ];
    scene.kubectl(&role).await;
    ends_saying(
        &operator,
        &format!(
            "{}: leases.coordination.k8s.io \"scopes.composio.dev\" is forbidden",
            not_renewed()
        ),
    )
    .await;
}

#[tokio::test]
async fn claims_that_somebody_deletes_or_breaks_are_written_again_and_nobody_else_begins() {
    let scene = Scene::new("claim-broken").await;
    let rivals = Rivals::meet(&scene).await;
    let broken = [
        "annotate",
        "lease",
        SCOPES,
        "composio.dev/scopes={",
        "--overwrite",
    ];
    for spoil in [&["delete", "lease", SCOPES][..], &broken] {
        scene.kubectl(spoil).await;
        wait::until("the claim", SOON, async || {
            let claims = r"jsonpath={.metadata.annotations.composio\.dev/scopes}";
            let get = ["get", "lease", SCOPES, "-o", claims];
            let text = scene.stage().kubectl(&get).await?;
            let claims: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
            let holder = claims["first"]["holderIdentity"].as_str();
            match holder.is_some_and(|holder| holder.starts_with("one_")) {
                true => Ok(()),
                false => Err(text),
            }
        })
        .await;
        rivals.the_second_waits().await;
    }
    leads(&rivals.one).await;
    assert_eq!(order(&scene).await, ["one"]);
}
