//! Who comes between the operator's look and its call, and a process that ends between two writes.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    NAME, asked, config_map, config_maps, connected, granted, is_foreign, make_foreign, restarted,
    says, writes, written_gmail,
};
use crate::support::child::Signal;
use crate::support::proxy::{Fate, Intercept, Proxy};
use crate::support::scene::Scene;

/// What happens when a call comes: it is done before the call is dealt with so.
type Between = Box<dyn FnOnce() -> BoxFuture<'static, Fate> + Send>;

/// A proxy before the apiserver, at which this happens to the first call of that method for a ConfigMap.
async fn with(scene: &Scene<'_>, method: Method, between: Between) -> Proxy {
    let between = Arc::new(Mutex::new(Some(between)));
    let intercept: Intercept = Arc::new(move |request| {
        let is_it = request.method == method && request.path.contains("/configmaps");
        let between = is_it.then(|| between.lock().take()).flatten();
        async move {
            let fate = match between {
                Some(between) => between().await,
                None => Fate::Forwarded,
            };
            (request, fate)
        }
        .boxed()
    });
    let control_plane = scene.control_plane;
    Proxy::of_https(control_plane.url(), control_plane.certificate(), intercept)
        .await
        .expect("a proxy starts")
}

/// Somebody puts another one in the place of what is there.
async fn replace(api: Api<ConfigMap>) -> Fate {
    // Where none is there, there is none to delete.
    let _ = api.delete(NAME, &DeleteParams::default()).await;
    make_foreign(&api).await;
    Fate::Forwarded
}

#[tokio::test]
async fn one_that_somebody_makes_between_the_look_and_the_call_is_not_taken_over() {
    let scene = granted("raced-new").await;
    let api = config_maps(&scene);
    let proxy = with(&scene, Method::POST, Box::new(|| replace(api).boxed())).await;
    let behind = scene.kubeconfig_for(proxy.url());
    let _operator = scene.start("operator", &scene.options_with(&behind)).await;
    scene.declare("mail", written_gmail()).await;
    scene
        .until("mail", "ConfigMapWritten", "False", "NotOurs")
        .await;
    is_foreign(&scene).await;
    assert_eq!(writes(&scene), ["create 409"]);
}

#[tokio::test]
async fn nor_is_one_that_somebody_puts_in_the_place_of_ours() {
    for (method, patch) in [
        (Method::PATCH, r#"{"spec":{"enabled":false}}"#),
        (Method::DELETE, r#"{"spec":{"writeTo":null}}"#),
    ] {
        let scene = granted("raced-old").await;
        let api = config_maps(&scene);
        let proxy = with(&scene, method.clone(), Box::new(|| replace(api).boxed()));
        let proxy = proxy.await;
        let operator = scene.start("operator", &scene.options()).await;
        connected(&scene).await;
        operator.child.stop().await.expect("it ends");
        let behind = scene.kubeconfig_for(proxy.url());
        let _operator = scene.start("another", &scene.options_with(&behind)).await;
        scene.patch("mail", patch).await;
        match method {
            Method::PATCH => {
                scene
                    .until("mail", "ConfigMapWritten", "False", "NotOurs")
                    .await
            }
            _ => {
                scene
                    .until_status("mail", "no ConfigMap", |object| {
                        object["status"]["writtenTo"].is_null()
                    })
                    .await
            }
        };
        is_foreign(&scene).await;
        let last = writes(&scene).pop();
        let expected = format!("{} 409", method.as_str().to_lowercase());
        assert_eq!(last, Some(expected));
    }
}

/// Kills an operator at the first call of that method for a ConfigMap, which never reaches the server, or of which
/// the answer never comes back.
async fn killed(scene: &Scene<'_>, method: Method, reaches: bool, act: impl AsyncFnOnce()) {
    let (told, held) = oneshot::channel();
    let fate = match reaches {
        true => Fate::HeldAfter(told),
        false => Fate::HeldBefore(told),
    };
    let proxy = with(
        scene,
        method,
        Box::new(|| futures::future::ready(fate).boxed()),
    )
    .await;
    let behind = scene.kubeconfig_for(proxy.url());
    let operator = scene.start("killed", &scene.options_with(&behind)).await;
    act().await;
    held.await.expect("the call came");
    operator.child.signal(Signal::Kill).expect("it is killed");
}

#[tokio::test]
async fn a_process_that_ends_between_the_two_writes_loses_nothing_and_the_next_writes_no_more() {
    for reaches in [false, true] {
        let scene = granted("killed-new").await;
        killed(&scene, Method::POST, reaches, async || {
            scene.declare("mail", written_gmail()).await;
        })
        .await;
        // It was noted before, so that it is known also if it is declared no more.
        let object = scene.object("mail").await;
        assert_eq!(object["status"]["writtenTo"]["configMap"], NAME);
        assert_eq!(config_map(&scene).await.is_some(), reaches);
        let scene = restarted(scene).await;
        let (id, _) = scene.linked("mail").await;
        says(&scene, "connectedAccountId", Some(&id)).await;
        let created = ["create 201".to_owned()];
        assert_eq!(writes(&scene)[..1], created);
        let all = asked(&scene).len();
        scene.polled(3).await;
        assert_eq!(asked(&scene).len(), all);
    }
}

#[tokio::test]
async fn so_does_one_that_ends_while_it_tells_of_another_state() {
    for reaches in [false, true] {
        let scene = granted("killed-old").await;
        let operator = scene.start("operator", &scene.options()).await;
        let id = connected(&scene).await;
        operator.child.stop().await.expect("it ends");
        let before = writes(&scene).len();
        killed(&scene, Method::PATCH, reaches, async || {
            scene.sandbox.expire(&id).await;
        })
        .await;
        let scene = restarted(scene).await;
        says(&scene, "state", Some("INITIATED")).await;
        assert_eq!(writes(&scene)[before..], ["patch 200".to_owned()]);
    }
}

#[tokio::test]
async fn one_that_was_made_by_a_process_that_ended_goes_if_it_is_declared_no_more_by_then() {
    let scene = granted("killed-undeclared").await;
    killed(&scene, Method::POST, true, async || {
        scene.declare("mail", written_gmail()).await;
    })
    .await;
    let without = r#"{"spec":{"writeTo":null}}"#;
    scene.patch("mail", without).await;
    let scene = restarted(scene).await;
    scene
        .until_status("mail", "no ConfigMap", |object| {
            let status = &object["status"];
            status["observedGeneration"] == 2 && status["writtenTo"].is_null()
        })
        .await;
    assert_eq!(config_map(&scene).await, None);
}
