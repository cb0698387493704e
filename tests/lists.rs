//! Lists that are not as they should be: they repeat a row, lead back to a page that was read, do not end,
//! or say more than anybody can keep. A proxy before the sandbox makes them so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::proxy::{Edit, Fate, Intercept, Proxy, Seen};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::story::message;
use crate::support::wait;

/// Edits the answers to all lists of accounts while it is on.
struct Editor {
    proxy: Proxy,
    is_on: Arc<AtomicBool>,
}

impl Editor {
    /// In front of the scene's sandbox. `edit` makes the edit of each request's answer.
    async fn before(
        scene: &Scene<'_>,
        edit: impl Fn(&Seen) -> Edit + Send + Sync + 'static,
    ) -> Editor {
        let is_on = Arc::new(AtomicBool::new(false));
        let on = Arc::clone(&is_on);
        let intercept: Intercept = Arc::new(move |seen| {
            let is_list = seen.method == "GET" && seen.path.ends_with("/connected_accounts");
            let fate = match is_list && on.load(Ordering::SeqCst) {
                true => Fate::AnswerEdited(edit(&seen)),
                false => Fate::Forwarded,
            };
            Box::pin(async move { (seen, fate) })
        });
        let proxy = Proxy::of_http(scene.sandbox.url(), intercept)
            .await
            .expect("loopback has a free port");
        Editor { proxy, is_on }
    }

    fn turn(&self, on: bool) {
        self.is_on.store(on, Ordering::SeqCst);
    }
}

/// Takes the account's id out of the status, as a restore without the status does, and asks for a look.
async fn forget(scene: &Scene<'_>, name: &str) {
    let nobody = json!({"connectedAccountId": null});
    scene.give_status(name, &nobody).await;
    let ask = format!("composio.dev/reconcile-requested-at={}", fastrand::u64(..));
    scene
        .kubectl(&["annotate", "connectedaccount", name, &ask, "--overwrite"])
        .await;
}

#[tokio::test]
async fn an_account_whose_row_is_repeated_in_a_list_is_adopted_and_lives_on() {
    let scene = Scene::new("repeated-row").await;
    let editor = Editor::before(&scene, |_| {
        Arc::new(|mut page: Value| {
            let first = page["items"][0].clone();
            if let Some(items) = page["items"]
                .as_array_mut()
                .filter(|items| !items.is_empty())
            {
                items.push(first);
            }
            page
        })
    })
    .await;
    let options = scene.options().base_url(editor.proxy.url());
    let operator = scene.start("operator", &options).await;
    scene
        .secret("ac-hubspot", json!({"api_key": "first-key"}))
        .await;
    let spec = json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "ac-hubspot"}},
    });
    scene.declare("crm", spec).await;
    let object = scene.ready("crm", "Connected").await;
    let id = object["status"]["connectedAccountId"].clone();
    editor.turn(true);
    // A pass that is under way writes the id again, and nobody looks.
    wait::until("a look by the alias", SOON, async || {
        forget(&scene, "crm").await;
        match operator.child.read_log().contains("effect=Adopt") {
            true => Ok(()),
            false => Err(operator.child.log_tail(5)),
        }
    })
    .await;
    scene.ready("crm", "Connected").await;
    scene.polled(3).await;
    let object = scene.object("crm").await;
    let log = operator.child.read_log();
    let done: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("effect="))
        .collect();
    assert_eq!(object["status"]["connectedAccountId"], id, "{done:#?}");
    let made: Vec<String> = scene.changes().await;
    let ends = made.iter().filter(|change| change.starts_with("DELETE"));
    assert_eq!(ends.count(), 0, "{made:?}");
    assert_eq!(scene.sandbox.accounts().await.len(), 1, "{made:?}");
}

/// A cursor for every page: the three that lead in a circle, or always another one.
fn without_end(in_a_circle: bool) -> impl Fn(&Seen) -> Edit + Send + Sync + 'static {
    let pages = AtomicUsize::new(0);
    move |_| {
        let n = pages.fetch_add(1, Ordering::SeqCst);
        let cursor = if in_a_circle { n % 2 } else { n };
        // As the sandbox writes them, but that it ends.
        let cursor = json!({"page": 1, "limit": 50, "n": cursor}).to_string();
        Arc::new(move |mut page: Value| {
            page["next_cursor"] = json!(STANDARD.encode(&cursor));
            page
        })
    }
}

#[tokio::test]
async fn a_list_without_end_is_told_on_the_object_and_keeps_nobody_waiting() {
    for (in_a_circle, words) in [
        (true, "its cursor leads back to a page that was read"),
        (false, "10 pages in a row bring nothing new"),
    ] {
        let scene = Scene::new("endless").await;
        let editor = Editor::before(&scene, without_end(in_a_circle)).await;
        let options = scene.options().base_url(editor.proxy.url());
        let _operator = scene.start("operator", &options).await;
        editor.turn(true);
        for n in 0..5 {
            let mut spec = gmail();
            spec["user"] = json!(format!("user-{n}"));
            scene.declare(&format!("mail-{n}"), spec).await;
        }
        for n in 0..5 {
            let name = format!("mail-{n}");
            let object = scene
                .until(&name, "Synced", "False", "ComposioUnavailable")
                .await;
            let message = message(&object, "Synced");
            assert!(message.contains("the list does not end"), "{message}");
            assert!(message.contains(words), "{message}");
        }
        assert_eq!(scene.changes().await, [""; 0], "nothing is concluded");
        editor.turn(false);
        for n in 0..5 {
            scene.linked(&format!("mail-{n}")).await;
        }
        assert_eq!(scene.changes().await, ["POST link"; 5]);
    }
}

/// How much memory these answers may cost, in kB: the 16 MB that are read of one, twice while they are
/// gathered, and as much again for reading them and for whatever else goes on.
const FLOOD_COSTS: u64 = 64 * 1024;
/// So many look at the same time.
const LOOKING: usize = 50;

#[tokio::test]
async fn fifty_that_wait_for_one_look_do_not_keep_fifty_copies_of_its_error() {
    let scene = Scene::new("long-error").await;
    let words = "no room for this ".repeat(15 * 1024 * 1024 / 17);
    let body = json!({"error": {"message": words, "slug": "Server_Error", "request_id": "r-1"}});
    let body: &'static str = Box::leak(body.to_string().into_boxed_str());
    let is_on = Arc::new(AtomicBool::new(true));
    let on = Arc::clone(&is_on);
    let intercept: Intercept = Arc::new(move |seen| {
        let is_look = seen.query.contains("user_ids=") || seen.query.contains("toolkit_slug=");
        let fate = match is_look && on.load(Ordering::SeqCst) {
            true => Fate::AnswerReplaced(StatusCode::INTERNAL_SERVER_ERROR, body),
            false => Fate::Forwarded,
        };
        Box::pin(async move { (seen, fate) })
    });
    let proxy = Proxy::of_http(scene.sandbox.url(), intercept)
        .await
        .expect("loopback has a free port");
    let options = scene.options().base_url(proxy.url());
    let operator = scene.start("operator", &options).await;
    let before = operator.peak_memory();
    let objects: Vec<Value> = (0..LOOKING)
        .map(|n| {
            json!({
                "apiVersion": "composio.dev/v1alpha1",
                "kind": "ConnectedAccount",
                "metadata": {"name": format!("mail-{n}")},
                "spec": {"user": format!("user-{n}"), "toolkit": "gmail"},
            })
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    scene.apply(&list.to_string()).await;
    for n in 0..LOOKING {
        let name = format!("mail-{n}");
        let object = scene
            .until(&name, "Synced", "False", "ComposioUnavailable")
            .await;
        let message = message(&object, "Synced");
        assert!(message.contains("no room for this"), "{message}");
    }
    let grown = operator.peak_memory() - before;
    assert!(grown < FLOOD_COSTS, "{grown} kB more");
    is_on.store(false, Ordering::SeqCst);
    scene.linked("mail-0").await;
}
