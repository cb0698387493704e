//! Lists that are not as they should be: they repeat a row, lead back to a page that was read, do not end,
//! or say more than anybody can keep. A proxy before the sandbox makes them so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::proxy::{Edit, Fate, Judge, Proxy, Seen};
use crate::support::scene::{SOON, Scene};
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
        let judge: Judge = Arc::new(move |seen| {
            let is_list = seen.method == "GET" && seen.path.ends_with("/connected_accounts");
            let fate = match is_list && on.load(Ordering::SeqCst) {
                true => Fate::Edited(edit(&seen)),
                false => Fate::Pass,
            };
            Box::pin(async move { (seen, fate) })
        });
        let proxy = Proxy::of_http(scene.sandbox.url(), judge)
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
    let patch = json!({"status": {"connectedAccountId": null}}).to_string();
    let args = [
        "patch",
        "connectedaccount",
        name,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    scene.kubectl(&args).await;
    let ask = "composio.dev/reconcile-requested-at=now";
    scene
        .kubectl(&["annotate", "connectedaccount", name, ask])
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
    let options = scene.options().flag("--base-url", editor.proxy.url());
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
    forget(&scene, "crm").await;
    wait::until("the account on record again", SOON, async || {
        let found = scene.object("crm").await["status"]["connectedAccountId"].clone();
        match found.is_string() {
            true => Ok(()),
            false => Err(operator.child.log_tail(5)),
        }
    })
    .await;
    scene.ready("crm", "Connected").await;
    scene.polled(3).await;
    let object = scene.object("crm").await;
    let log = operator.child.read_log();
    assert_eq!(object["status"]["connectedAccountId"], id, "{log}");
    let made: Vec<String> = scene.changes().await;
    let ends = made.iter().filter(|change| change.starts_with("DELETE"));
    assert_eq!(ends.count(), 0, "{made:?}");
    assert_eq!(scene.sandbox.accounts().await.len(), 1, "{made:?}");
}
