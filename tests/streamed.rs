//! How all that is there becomes known at a start: as a stream, and by pages where the apiserver has none. What is in
//! memory at once then follows from the largest object, and not from how many somebody makes.

use std::sync::Arc;

use futures::FutureExt;

use crate::support::connect_page::ConnectPage;
use crate::support::control_plane::Audited;
use crate::support::proxy::{Fate, Intercept, Proxy};
use crate::support::scene::{Scene, gmail};

/// The kinds of which others make objects.
const WATCHED: [&str; 5] = [
    "connectedaccounts",
    "connectrequests",
    "composioprojects",
    "clustercomposioprojects",
    "namespaces",
];

/// In front of an apiserver that refuses to stream a list, as that of Kubernetes 1.33 does.
pub(crate) async fn without_streams(scene: &Scene<'_>) -> Proxy {
    let intercept: Intercept = Arc::new(|mut request| {
        // Without it the real one refuses the whole.
        request.query = request
            .query
            .replace("&resourceVersionMatch=NotOlderThan", "");
        async move { (request, Fate::Forwarded) }.boxed()
    });
    let certificate = scene.control_plane.certificate();
    let proxy = Proxy::of_https(scene.control_plane.url(), certificate, intercept).await;
    proxy.expect("a proxy starts")
}

#[tokio::test]
async fn where_the_apiserver_streams_no_page_of_what_others_make_is_in_memory() {
    let scene = Scene::new("streamed").await;
    scene.declare("first", gmail()).await;
    let page = ConnectPage::start(&scene, &[]).await;
    let operator = scene.start("operator", &scene.options()).await;
    scene.until("first", "Ready", "False", "AwaitingUser").await;
    scene.declare("second", gmail()).await;
    scene
        .until("second", "Ready", "False", "AwaitingUser")
        .await;
    // Before a project is let go it is asked who needs it.
    scene.drop_all().await;
    scene
        .kubectl(&["delete", "composioproject", "default", "--wait=false"])
        .await;
    scene.project_gone("default").await;
    let asked = [scene.asked_of_kubernetes(), page.asked(&scene)].concat();
    let lists: Vec<&Audited> = asked
        .iter()
        .filter(|asked| asked.verb == "list" && WATCHED.contains(&asked.resource.as_str()))
        .collect();
    assert!(lists.is_empty(), "{lists:?}");
    drop(operator);
}

#[tokio::test]
async fn an_apiserver_that_refuses_to_stream_a_list_is_served_as_well() {
    let scene = Scene::new("paged").await;
    scene.declare("before", gmail()).await;
    let proxy = without_streams(&scene).await;
    let behind = scene.kubeconfig_for(proxy.url());
    let operator = scene.start("operator", &scene.options_with(&behind)).await;
    scene
        .until("before", "Ready", "False", "AwaitingUser")
        .await;
    let mut spec = gmail();
    spec["user"] = "another".into();
    scene.declare("after", spec).await;
    scene.until("after", "Ready", "False", "AwaitingUser").await;
    let log = operator.child.read_log();
    assert_eq!(log.matches("streams no list").count(), 1, "{log}");
}
