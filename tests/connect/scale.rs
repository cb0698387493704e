//! What the page costs, and what it may do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Query;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;

use composio_operator::crd::{ConnectRequest, ConnectedAccount};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Stage, gmail};
use crate::support::child::Folder;
use crate::support::connect_page::{ConnectPage, RULES};

#[tokio::test]
async fn a_page_that_was_taken_over_reads_accounts_and_asks_for_links_and_nothing_else() {
    let stage = Stage::new("connect", &[]).await;
    stage.declared("mail", gmail()).await;
    let scene = &stage.scene;
    let token = scene
        .control_plane
        .token(&scene.client, &scene.namespace, "composio-connect")
        .await;
    let client = scene.control_plane.client_for_token(&token).await;
    let accounts = Api::<ConnectedAccount>::namespaced(client.clone(), &scene.namespace);
    let requests = Api::<ConnectRequest>::namespaced(client.clone(), &scene.namespace);
    let secrets = Api::<Secret>::namespaced(client, &scene.namespace);
    assert_eq!(RULES.matches("verbs").count(), 2, "each rule is tried here");

    let mut all = accounts
        .list(&ListParams::default())
        .await
        .expect("it may list them");
    let mail = all.items.remove(0);
    let refused = |what: &str, error: kube::Error| match error {
        kube::Error::Api(status) => assert_eq!(status.code, 403, "{what}"),
        other => panic!("{what}: {other}"),
    };
    let patch =
        Patch::Merge(json!({"metadata": {"annotations": {"composio.dev/connect-epoch": "9"}}}));
    let params = PatchParams::default();
    refused(
        "patch",
        accounts
            .patch("mail", &params, &patch)
            .await
            .expect_err("refused"),
    );
    let status = Patch::Merge(json!({"status": {"state": "ACTIVE"}}));
    refused(
        "status",
        accounts
            .patch_status("mail", &params, &status)
            .await
            .expect_err("refused"),
    );
    refused(
        "delete",
        accounts
            .delete("mail", &DeleteParams::default())
            .await
            .expect_err("refused"),
    );
    refused(
        "secrets",
        secrets
            .list(&ListParams::default())
            .await
            .expect_err("refused"),
    );
    refused(
        "requests",
        requests
            .list(&ListParams::default())
            .await
            .expect_err("refused"),
    );
    let uid = mail.metadata.uid.expect("it has one");
    let request = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest", "metadata": {"name": format!("{uid}-look")},
        "spec": {"accountName": "mail", "accountUID": uid, "kind": "Look"},
    });
    let request = serde_json::from_value(request).expect("a request");
    let made = requests.create(&PostParams::default(), &request).await;
    let made = made.expect("it may ask").metadata.name.expect("a name");
    refused(
        "withdraw",
        requests
            .delete(&made, &DeleteParams::default())
            .await
            .expect_err("refused"),
    );
}

/// An object as it mostly is: somebody has signed in.
fn connected(n: usize) -> Value {
    let condition = |type_: &str| {
        json!({"type": type_, "status": "True", "reason": "Connected", "observedGeneration": 1,
            "message": "the account is active", "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({
        "metadata": {
            "name": format!("gmail-of-user-{n:06}"), "namespace": format!("team-{}", n % 100),
            "uid": format!("00000000-0000-4000-8000-{n:012}"), "resourceVersion": "1",
            "annotations": {"composio.dev/alias": "{\"alias\":\"an-alias-as-they-are\"}"},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:user": {}, "f:toolkit": {}}}}],
        },
        "spec": {
            "user": format!("user-{n:06}@acme.com"), "toolkit": "gmail", "authConfig": "ac_1234567890",
            "description": "Reads the invoices in your mail and files them for the accountants.",
            "projectRef": {"kind": "ClusterComposioProject", "name": "acme"},
        },
        "status": {
            "connectedAccountId": format!("ca_{n:012}"), "identity": format!("user-{n:06}@acme.com"), "state": "ACTIVE",
            "alias": "an-alias-as-they-are", "authConfig": "ac_1234567890",
            "signIn": {"request": format!("10000000-0000-4000-8000-{n:012}"), "finishedIn": "Same"},
            "lastConnectRequest": {"uid": format!("20000000-0000-4000-8000-{n:012}"), "kind": "Returned", "outcome": "Looked"},
            "conditions": [condition("Ready"), condition("Synced")],
        },
    })
}

/// An apiserver that knows so many objects, and tells of no change.
async fn apiserver(objects: usize) -> String {
    let pages = Arc::new(AtomicUsize::new(0));
    let list = async move |Query(query): Query<Vec<(String, String)>>| {
        let value = |name: &str| query.iter().find(|(found, _)| found == name);
        let number = |name: &str| value(name).and_then(|(_, value)| value.parse().ok());
        if value("watch").is_some() {
            return std::future::pending().await;
        }
        pages.fetch_add(1, Ordering::Relaxed);
        let from = number("continue").unwrap_or(0);
        let to = objects.min(from + number("limit").expect("it asks for pages"));
        let next = if to < objects {
            to.to_string()
        } else {
            String::new()
        };
        let items: Vec<_> = (from..to).map(connected).collect();
        let list = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccountList",
            "metadata": {"resourceVersion": "1", "continue": next}, "items": items,
        });
        axum::Json(list).into_response()
    };
    let path = "/apis/composio.dev/v1alpha1/connectedaccounts";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let routes = Router::new().route(path, get(list));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// The kilobytes that a page takes which knows so many objects, and the list of people's accounts beside.
async fn memory(folder: &Folder, objects: usize) -> u64 {
    let url = apiserver(objects).await;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test", "users": [{"name": "test", "user": {}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    let file = folder.write(&format!("{objects}.kubeconfig"), kubeconfig.to_string());
    let file = file.expect("the folder is there");
    let args = ["--connect-user-header", "X-Auth-Request-Email"];
    let page = ConnectPage::spawn(folder, &format!("connect-{objects}"), &file, &args);
    page.ready().await;
    assert!(
        page.child
            .read_log()
            .contains(&format!("objects={objects}"))
    );
    page.child.memory()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_takes_half_a_kilobyte() {
    let objects = std::env::var("OBJECTS").ok();
    let objects = objects.and_then(|text| text.parse().ok());
    let objects: usize = objects.unwrap_or(25_000);
    let folder = Folder::new().expect("a folder");
    // Some are there before too: what it takes to read a page of them does not grow.
    const SOME: usize = 1_000;
    let (some, all) = (memory(&folder, SOME).await, memory(&folder, objects).await);
    let each = all.saturating_sub(some) * 1024 / (objects - SOME) as u64;
    assert!(
        each <= 512,
        "{each} bytes each; {some} kB with {SOME}, {all} kB with {objects}"
    );
}
