//! An apiserver that has too much to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use http::StatusCode;

use super::interrupted::behind;
use super::program::{at, run_as};
use crate::support::proxy::{Fate, Intercept, Seen};
use crate::support::scene::Scene;

/// Turns away the first so many requests that are meant, and counts all of them.
fn turning_away(
    times: usize,
    is_meant: impl Fn(&Seen) -> bool + Send + Sync + 'static,
) -> (Intercept, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let intercept: Intercept = Arc::new(move |seen: Seen| {
        let is_early = is_meant(&seen) && count.fetch_add(1, Ordering::SeqCst) < times;
        let fate = match is_early {
            true => Fate::TurnedAway,
            false => Fate::Forwarded,
        };
        async move { (seen, fate) }.boxed()
    });
    (intercept, asked)
}

#[tokio::test]
async fn a_request_that_is_turned_away_is_made_again_when_it_may() {
    let scene = Scene::new("cli-throttled").await;
    scene.give_project(&scene.options()).await;
    scene.made_by_hand("u", None).await;
    let (intercept, asked) = turning_away(2, |seen: &Seen| {
        seen.path.ends_with("/connectedaccounts") && seen.method == "POST"
    });
    let (_proxy, kubeconfig) = behind(&scene, intercept).await;
    let import = at(&scene.sandbox, &["import", "--apply"]);
    let told = run_as(&scene, &kubeconfig, &import).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/u-gmail created\n");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // Within the time that there is.
    let (intercept, _) = turning_away(100, |_| true);
    let (_proxy, kubeconfig) = behind(&scene, intercept).await;
    let told = run_as(&scene, &kubeconfig, &["status", "--timeout", "2s"]).await;
    told.failed(124, "status was not done within 2s");
}

#[tokio::test]
async fn a_list_that_fails_is_not_taken_for_one_that_may_not_be_seen() {
    let scene = Scene::new("cli-list-fails").await;
    scene.give_project(&scene.options()).await;
    scene.made_by_hand("u", None).await;
    for (list, words) in [
        (
            "/apis/composio.dev/v1alpha1/connectedaccounts",
            "etcd is away",
        ),
        (
            "/apis/composio.dev/v1alpha1/clustercomposioprojects",
            "etcd is away",
        ),
    ] {
        let intercept: Intercept = Arc::new(move |seen: Seen| {
            let fate = match seen.path == list {
                true => Fate::AnswerReplaced(StatusCode::INTERNAL_SERVER_ERROR, "etcd is away"),
                false => Fate::Forwarded,
            };
            async move { (seen, fate) }.boxed()
        });
        let (_proxy, kubeconfig) = behind(&scene, intercept).await;
        // Of no project in particular: the one that is there might be one of two.
        let import = [
            "import",
            "--allow-http",
            "--allowed-base-url",
            scene.sandbox.url(),
        ];
        let import: Vec<&str> = match list.ends_with("connectedaccounts") {
            true => at(&scene.sandbox, &["import"]),
            false => import.to_vec(),
        };
        let told = run_as(&scene, &kubeconfig, &import).await;
        assert_eq!(told.out, "", "{list}: {told:?}");
        told.failed(1, words);
    }
}
