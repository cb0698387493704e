//! What keeps the operator from starting, and what it says of it.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};

/// Waits until the operator has ended by itself with an error, and returns what it said.
async fn refuses_to_start(operator: &Operator) -> String {
    let ended = operator.child.wait(SOON).await.expect("it ends by itself");
    assert_eq!(ended.code(), Some(1), "{}", operator.child.log_tail(20));
    operator.child.read_log()
}

#[tokio::test]
async fn a_list_of_base_urls_that_cannot_be_meant_is_refused_at_the_start() {
    let scene = Scene::new("no-url").await;
    let options = scene.options();
    for (listed, http) in [
        ("backend.composio.dev", "true"),
        ("http://composio.example", "false"),
    ] {
        let options = options.clone().flag("--allowed-base-urls", listed);
        let options = options.flag("--allow-http", http);
        let operator = scene.spawn("operator", &options);
        let ended = operator.child.wait(SOON).await.expect("it ends by itself");
        let log = operator.child.read_log();
        assert!(!ended.success() && log.contains(listed), "{log}");
    }
}

#[tokio::test]
async fn without_a_way_to_a_cluster_it_says_so() {
    let scene = Scene::new("no-cluster").await;
    let nowhere = scene.folder.join("nowhere.kubeconfig");
    let log = refuses_to_start(&scene.spawn("operator", &scene.options_with(&nowhere))).await;
    assert!(log.contains("no way to a Kubernetes cluster"), "{log}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let scene = Scene::new("taken").await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let options = scene.options().flag("--http-address", &address);
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains(&format!("cannot listen on {address}")),
        "{log}"
    );
}
