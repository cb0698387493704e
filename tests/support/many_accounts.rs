//! A connect page that knows very many accounts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::child::Folder;
use super::connect_page::ConnectPage;
use super::watch::END_OF_LIST;

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

/// The ConnectRequests that were made, as if each were handled at once.
#[derive(Clone, Default)]
pub(crate) struct Made(Arc<Mutex<Vec<Value>>>);

impl Made {
    /// How many were made for each account, by its uid.
    pub(crate) fn of_accounts(&self) -> BTreeMap<String, usize> {
        let mut of_accounts = BTreeMap::new();
        for request in &*self.0.lock() {
            let uid = request["spec"]["accountUID"].as_str();
            let uid = uid.expect("it names one").to_owned();
            *of_accounts.entry(uid).or_default() += 1;
        }
        of_accounts
    }
}

/// An apiserver that knows so many objects, tells of no change, and takes ConnectRequests.
pub(crate) async fn apiserver(objects: usize, object: fn(usize) -> Value, made: Made) -> String {
    let watch = async move || {
        // In that order, as the apiserver writes it: whoever reads it knows what the object is.
        let added =
            move |n| Bytes::from(format!("{{\"type\":\"ADDED\",\"object\":{}}}\n", object(n)));
        let end = stream::iter([Bytes::from(END_OF_LIST)]);
        let lines = stream::iter(0..objects).map(added).chain(end);
        let lines = lines.chain(stream::pending());
        Body::from_stream(lines.map(Ok::<_, Infallible>)).into_response()
    };
    let create = async move |axum::Json(mut request): axum::Json<Value>| {
        let mut all = made.0.lock();
        request["metadata"]["uid"] = json!(format!("20000000-0000-4000-8000-{:012}", all.len()));
        all.push(request.clone());
        (StatusCode::CREATED, axum::Json(request)).into_response()
    };
    let path = "/apis/composio.dev/v1alpha1/connectedaccounts";
    let requests = "/apis/composio.dev/v1alpha1/namespaces/{namespace}/connectrequests";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let routes = Router::new()
        .route(path, get(watch))
        .route(requests, post(create));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// A page that knows so many objects of the apiserver at that URL.
pub(crate) async fn page(folder: &Folder, objects: usize, url: &str, args: &[&str]) -> ConnectPage {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test", "users": [{"name": "test", "user": {}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    let file = folder.write(&format!("{objects}.kubeconfig"), kubeconfig.to_string());
    let file = file.expect("the folder is there");
    let page = ConnectPage::spawn(folder, &format!("connect-{objects}"), &file, args);
    page.ready().await;
    assert!(
        page.child
            .read_log()
            .contains(&format!("objects={objects}"))
    );
    page
}

/// The kilobytes that a page takes which knows so many objects, and the list of people's accounts beside.
pub(crate) async fn memory(folder: &Folder, objects: usize) -> u64 {
    let url = apiserver(objects, connected, Made::default()).await;
    let args = ["--connect-user-header", "X-Auth-Request-Email"];
    page(folder, objects, &url, &args).await.child.memory()
}
