//! What the page costs, and what it may do.

use composio_operator::crd::{ConnectRequest, ConnectedAccount};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Stage, gmail};
use crate::support::child::Folder;
use crate::support::connect_page::RULES;
use crate::support::many_accounts::memory;
use crate::support::tools::say;

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

#[tokio::test(flavor = "multi_thread")]
async fn an_object_takes_four_hundred_bytes() {
    let objects = std::env::var("OBJECTS").ok();
    let objects = objects.and_then(|text| text.parse().ok());
    let objects: usize = objects.unwrap_or(25_000);
    let folder = Folder::new().expect("a folder");
    // Some are there before too: what it takes to read them does not grow.
    const SOME: usize = 1_000;
    let (some, all) = (memory(&folder, SOME).await, memory(&folder, objects).await);
    let each = all.saturating_sub(some) * 1024 / (objects - SOME) as u64;
    say(&format!(
        "the connect page with {objects} objects: {all} kB, {each} bytes each"
    ));
    assert!(
        each <= 400,
        "{each} bytes each; {some} kB with {SOME}, {all} kB with {objects}"
    );
}
