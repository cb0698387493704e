//! Lists that are longer than one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use http::StatusCode;

use super::interrupted::behind;
use super::program::run_as;
use crate::support::proxy::{Fate, Intercept, Seen};
use crate::support::scene::{Scene, gmail};

const EXPIRED: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"The provided continue parameter is too old","reason":"Expired","code":410}"#;

#[tokio::test]
async fn a_list_that_expires_while_it_is_read_is_read_anew_and_each_object_told_once() {
    let scene = Scene::new("cli-expired").await;
    for name in ["a", "b", "c", "d", "e"] {
        scene.declare(name, gmail()).await;
    }
    let pages = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&pages);
    let intercept: Intercept = Arc::new(move |mut seen: Seen| {
        seen.query = seen.query.replace("limit=500", "limit=2");
        let is_page = seen.query.contains("continue=");
        // The second page comes, and the third no more.
        let is_late = is_page && count.fetch_add(1, Ordering::SeqCst) > 0;
        let fate = match is_late {
            true => Fate::AnswerReplaced(StatusCode::GONE, EXPIRED),
            false => Fate::Forwarded,
        };
        async move { (seen, fate) }.boxed()
    });
    let (_proxy, kubeconfig) = behind(&scene, intercept).await;
    let told = run_as(&scene, &kubeconfig, &["status", "-o", "name"]).await;
    let names: String = ["a", "b", "c", "d", "e"]
        .map(|name| format!("connectedaccount.composio.dev/{name}\n"))
        .concat();
    assert_eq!(told.well(), names);
    assert_eq!(pages.load(Ordering::SeqCst), 2);
}
