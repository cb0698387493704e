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
async fn without_an_api_key_it_says_where_to_put_one() {
    let scene = Scene::new("no-key").await;
    let options = scene.options().env("COMPOSIO_API_KEY", None);
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains("set COMPOSIO_API_KEY, or name a file with --api-key-file"),
        "{log}"
    );
}

#[tokio::test]
async fn an_empty_api_key_is_told_apart_from_a_wrong_one() {
    let scene = Scene::new("empty-key").await;
    let options = scene.options().env("COMPOSIO_API_KEY", Some(" "));
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(log.contains("the Composio API key is empty"), "{log}");
}

#[tokio::test]
async fn a_missing_key_file_is_named() {
    let scene = Scene::new("no-file").await;
    let options = scene
        .options()
        .env("COMPOSIO_API_KEY", None)
        .flag("--api-key-file", "/nowhere/key");
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains("cannot read the API key file /nowhere/key"),
        "{log}"
    );
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused_at_the_start() {
    let scene = Scene::new("no-url").await;
    let options = scene.options().flag("--base-url", "backend.composio.dev");
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(log.contains("the Composio base URL"), "{log}");
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
