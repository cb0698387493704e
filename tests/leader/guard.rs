//! What holds a leader back that does not learn that it is one no more: the clock in the two ways out. A
//! process that ends itself ends too soon to show it, so the parts of one are put together here, and its
//! election is what stands still.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use composio_operator::composio::http::{MAX_BODY, only_while};
use composio_operator::composio::{Client, HttpClient, HttpConfig, ListQuery, Sensitive};
use composio_operator::crd::ConnectedAccount;
use composio_operator::kubernetes;
use composio_operator::lease::{Candidate, Elector, Leadership, NotLeading, Scope, Timing};
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Config};
use serde_json::json;
use tokio::task::JoinHandle;

use super::replicas::LEASE;
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Scene, gmail};

/// One replica: its election, and its two ways out.
struct Replica {
    election: JoinHandle<()>,
    leadership: Leadership,
    objects: Api<ConnectedAccount>,
    composio: Client,
}

impl Replica {
    async fn start(scene: &Scene<'_>, name: &str) -> Replica {
        let cluster = cluster(scene).await;
        let seconds = Duration::from_secs;
        let timing = Timing::new(seconds(6), seconds(4), seconds(1)).expect("times that fit");
        let bare = kubernetes::bare_client(cluster.clone(), Arc::default()).expect("a client");
        let candidate = Candidate {
            lease: LEASE.to_owned(),
            identity: format!("{name}_1"),
            scope: Scope::of(std::slice::from_ref(&scene.namespace)),
            timing,
        };
        let (elector, leadership) = Elector::new(bare, &scene.namespace, candidate);
        let election = tokio::spawn(async { drop(elector.run(pending()).await) });
        let guarded = kubernetes::client(cluster, &leadership, Arc::default()).expect("a client");
        let http = HttpClient::new(HttpConfig {
            user_agent: "test/1".to_owned(),
            instance: name.to_owned(),
            timeout: seconds(10),
            max_body: MAX_BODY,
        });
        let held = leadership.clone();
        let direct = http
            .expect("a client")
            .transport(scene.sandbox.url(), &Sensitive::new(API_KEY));
        let guarded_way = only_while(direct.expect("a way"), move || held.is_held(), NotLeading);
        Replica {
            election,
            leadership,
            objects: Api::namespaced(guarded, &scene.namespace),
            composio: Client::new(guarded_way, Arc::new(|_| ())),
        }
    }

    async fn writes(&self) -> Result<(), String> {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"written": "yes"}}}));
        let plainly = PatchParams::default();
        let written = self.objects.patch("mail", &plainly, &patch).await;
        written.map(drop).map_err(|error| format!("{error:?}"))
    }

    async fn asks_composio(&self) -> Result<(), String> {
        let listed = self.composio.list(&ListQuery::default()).await;
        listed.map(drop).map_err(|error| error.to_string())
    }
}

async fn cluster(scene: &Scene<'_>) -> Config {
    let kubeconfig = Kubeconfig::read_from(&scene.kubeconfig).expect("it was written");
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("it names a cluster");
    config.default_retry = false;
    // The way to loopback leads past every proxy in the environment.
    config.proxy_url = None;
    config
}

#[tokio::test]
async fn a_leader_whose_election_stands_still_lets_nothing_through_before_another_one_leads() {
    let scene = Scene::new("guard").await;
    scene.declare("mail", gmail()).await;
    let a = Replica::start(&scene, "a").await;
    a.leadership.clone().held().await;
    let b = Replica::start(&scene, "b").await;
    a.writes().await.expect("it leads");
    a.asks_composio().await.expect("it leads");
    let refused = b.writes().await.expect_err("it waits");
    assert!(refused.contains("NotLeading"), "{refused}");
    let refused = b.asks_composio().await.expect_err("it waits");
    assert!(refused.contains("this replica does not lead"), "{refused}");

    // Nobody tells `a` anything from here on.
    a.election.abort();
    let both = async {
        let mut next = tokio::time::interval(Duration::from_millis(5));
        loop {
            next.tick().await;
            let both = a.leadership.is_held() && b.leadership.is_held();
            assert!(!both, "two lead at once");
        }
    };
    tokio::select! {
        () = b.leadership.clone().held() => {}
        () = both => {}
    }
    let refused = a.writes().await.expect_err("another one leads");
    assert!(refused.contains("NotLeading"), "{refused}");
    a.asks_composio().await.expect_err("another one leads");
    a.objects.get("mail").await.expect("it may still read");
    b.writes().await.expect("it leads");
    b.asks_composio().await.expect("it leads");
    let asked = scene.sandbox.asked().await;
    let by: Vec<_> = asked.iter().map(|asked| asked.instance.as_str()).collect();
    assert_eq!(by, ["a", "b"]);
}
