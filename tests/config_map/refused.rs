//! Where the ConfigMap cannot be written: it is told, and the account goes on.

use serde_json::Value;

use super::{
    NAME, asked, config_map, config_maps, declared_no_more, grant, granted, is_foreign,
    make_foreign, says, writes, written_gmail,
};
use crate::support::scene::{SOON, Scene};
use crate::support::story::{condition, message};
use crate::support::wait;

/// The account is connected all the same.
async fn goes_on(scene: &Scene<'_>) -> String {
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    id
}

#[tokio::test]
async fn one_that_is_somebody_elses_is_left_as_it_is() {
    let scene = granted("foreign").await.operated().await;
    make_foreign(&config_maps(&scene)).await;
    scene.declare("mail", written_gmail()).await;
    let object = scene
        .until("mail", "ConfigMapWritten", "False", "NotOurs")
        .await;
    let said = message(&object, "ConfigMapWritten");
    assert!(
        said.starts_with("ConfigMap mail-composio is somebody else's. "),
        "{said}"
    );
    scene.event("mail", "ConfigMapNotWritten").await;
    let id = goes_on(&scene).await;
    is_foreign(&scene).await;
    // Who takes writeTo off does not delete it either.
    declared_no_more(&scene).await;
    is_foreign(&scene).await;
    assert_eq!(writes(&scene), [""; 0]);

    let with = r#"{"spec":{"writeTo":{"configMap":{}}}}"#;
    scene.patch("mail", with).await;
    scene
        .until("mail", "ConfigMapWritten", "False", "NotOurs")
        .await;
    scene.kubectl(&["delete", "configmap", NAME]).await;
    says(&scene, "connectedAccountId", Some(&id)).await;
}

#[tokio::test]
async fn without_the_right_the_account_goes_on_and_so_does_the_config_map_once_it_is_given() {
    let scene = Scene::new("no-right").await.operated().await;
    scene.declare("mail", written_gmail()).await;
    let object = scene
        .until("mail", "ConfigMapWritten", "False", "Forbidden")
        .await;
    let project = format!("ComposioProject/{}/default", scene.namespace);
    let counted = format!(
        r#"composio_operator_objects_without_config_map{{project="{project}",reason="Forbidden"}} 1"#
    );
    wait::until("the count", SOON, async || {
        let (_, text) = scene.operator.get("/metrics").await;
        text.contains(&counted).then_some(()).ok_or(text)
    })
    .await;
    let said = message(&object, "ConfigMapWritten");
    assert!(
        said.contains("`configMaps.namespaces` of its chart"),
        "{said}"
    );
    scene.event("mail", "ConfigMapNotWritten").await;
    let id = goes_on(&scene).await;
    // It is asked for again, at growing intervals, and says the same: nothing is written for it.
    let (before, status) = (asked(&scene).len(), scene.written().len());
    scene.polled(8).await;
    let more = asked(&scene).len() - before;
    assert!(more <= 20, "{more} more");
    assert_eq!(scene.written().len(), status);
    let since =
        |object: &Value| condition(object, "ConfigMapWritten")["lastTransitionTime"].clone();
    assert_eq!(since(&scene.object("mail").await), since(&object));
    assert_eq!(config_map(&scene).await, None);
    grant(&scene).await;
    says(&scene, "connectedAccountId", Some(&id)).await;
}

#[tokio::test]
async fn what_the_apiserver_refuses_is_told_in_its_own_words() {
    let scene = granted("frozen").await.operated().await;
    let id = super::connected(&scene).await;
    let frozen = r#"{"immutable":true}"#;
    scene
        .kubectl(&["patch", "configmap", NAME, "--type=merge", "-p", frozen])
        .await;
    scene.sandbox.expire(&id).await;
    let object = scene
        .until("mail", "ConfigMapWritten", "False", "Failed")
        .await;
    let said = message(&object, "ConfigMapWritten");
    assert!(said.contains("immutable"), "{said}");
    scene.kubectl(&["delete", "configmap", NAME]).await;
    says(&scene, "state", Some("INITIATED")).await;
}
