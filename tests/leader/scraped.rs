//! Whoever reads the metrics takes nothing from the leader.

use composio_operator::crd::{ConnectedAccount, ConnectedAccountSpec};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::lease;
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const OBJECTS: usize = 10_000;
const SCRAPERS: usize = 50;
/// So often the Lease is renewed under the scrapers before the test is content.
const RENEWALS: usize = 6;

/// Declares as many objects that ask Composio for nothing.
async fn declare_many(scene: &Scene<'_>) {
    let spec = json!({"user": "u", "toolkit": "gmail", "suspend": true});
    let spec: ConnectedAccountSpec = serde_json::from_value(spec).expect("a spec");
    let api: Api<ConnectedAccount> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let created = stream::iter(0..OBJECTS).map(async |n| {
        let object = ConnectedAccount::new(&format!("mail-{n}"), spec.clone());
        api.create(&PostParams::default(), &object).await.map(drop)
    });
    let created = created.buffer_unordered(16).try_collect::<Vec<()>>().await;
    created.expect("the apiserver takes them");
}

/// How many objects the metrics speak of.
fn counted(metrics: &str) -> usize {
    let of_ready = "composio_operator_objects_by_reason{";
    let lines = metrics.lines().filter(|line| line.starts_with(of_ready));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok());
    values.sum()
}

#[tokio::test]
async fn with_ten_thousand_objects_and_fifty_scrapers_the_leader_keeps_its_lease() {
    let control_plane = ControlPlane::start().await;
    let control_plane = control_plane.expect("a control plane of its own starts");
    control_plane.install_crd().await;
    let scene = Scene::on(&control_plane, "scraped").await;
    declare_many(&scene).await;
    let operator = scene.start("operator", &scene.options()).await;
    let scrape = async || {
        let (status, text) = operator.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        counted(&text)
    };
    wait::until("all objects in the metrics", SOON, async || {
        match scrape().await {
            OBJECTS => Ok(()),
            other => Err(format!("{other} of {OBJECTS}")),
        }
    })
    .await;
    let spec = async || {
        let lease = lease(&scene).await?;
        lease.spec.ok_or("it has no spec".to_owned())
    };
    let before = spec().await.expect("it leads");
    let scrapers = (0..SCRAPERS).map(|_| async {
        loop {
            assert_eq!(scrape().await, OBJECTS);
        }
    });
    let scrapers = futures::future::join_all(scrapers);
    let mut renewed = vec![before.renew_time.clone()];
    let renewals = wait::until("renewals under the scrapers", SOON, async || {
        let now = spec().await?;
        assert_eq!(now.holder_identity, before.holder_identity);
        assert_eq!(now.lease_transitions, before.lease_transitions);
        if renewed.last() != Some(&now.renew_time) {
            renewed.push(now.renew_time);
        }
        match renewed.len() > RENEWALS {
            true => Ok(()),
            false => Err(format!("{} of {RENEWALS}", renewed.len() - 1)),
        }
    });
    tokio::select! {
        () = renewals => {}
        _ = scrapers => unreachable!("they go on for ever"),
    }
    assert!(
        operator.child.exited().is_none(),
        "{}",
        operator.child.log_tail(10)
    );
}
