//! A merge at night, and the morning after it, with real browsers and nothing done by hand.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use serde_json::Value;

use super::gmail;
use crate::support::browser::{Browser, chromedriver_or_skip};
use crate::support::connect_page::ConnectPage;
use crate::support::operator::Operator;
use crate::support::scene::Scene;

/// An operator that knows the page.
async fn operated(scene: &Scene<'_>, page: &ConnectPage) -> Operator {
    let options = page.known_to(scene.options());
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    operator
}

/// The address that the status tells.
async fn told(scene: &Scene<'_>, name: &str) -> String {
    let object = scene.until(name, "Ready", "False", "AwaitingUser").await;
    let page = object["status"]["connectPage"]["url"].as_str();
    page.expect("it is told").to_owned()
}

/// Returns the link that was used.
async fn connects(scene: &Scene<'_>, ann: &Browser) -> String {
    scene.declare("mail", gmail()).await;
    ann.open(&told(scene, "mail").await).await;
    assert_eq!(scene.sandbox.accounts().await.len(), 0, "nobody asked yet");
    ann.click("button[value=connect]").await;
    ann.shows("Your link is ready").await;
    ann.click("a.button").await;
    ann.shows("asks to use").await;
    let link = ann.address().await;
    ann.click("button[value=connect]").await;
    ann.shows("Your gmail account is connected").await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["signIn"]["finishedIn"], "Same", "{object}");
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
    let left = scene
        .kubectl(&["get", "connectrequests", "-o", "name"])
        .await;
    assert_eq!(left, "", "each request is deleted");
    link
}

/// Mallory presses the button as herself, and sends a victim where it leads.
async fn robs(scene: &Scene<'_>, mallory: &Browser, victim: &Browser) -> String {
    scene.declare("stolen", gmail()).await;
    mallory.open(&told(scene, "stolen").await).await;
    mallory.click("button[value=connect]").await;
    mallory.shows("Your link is ready").await;
    mallory.click("a.button").await;
    mallory.shows("asks to use").await;
    let link = mallory.address().await;
    victim.open(&link).await;
    victim.click("button[value=connect]").await;
    victim.shows("this was not your link").await;
    let object = scene
        .until("stolen", "Stalled", "True", "FinishedElsewhere")
        .await;
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    assert_eq!(scene.sandbox.account(id).await["status"], "INACTIVE");
    link
}

/// What somebody typed, pressed or was told stands nowhere else than it must.
async fn is_kept(
    scene: &Scene<'_>,
    page: &ConnectPage,
    operator: &Operator,
    told: &str,
    links: &[String],
) {
    let token = told.split("?t=").nth(1).expect("a token");
    let everything = scene
        .kubectl(&[
            "get",
            "connectedaccounts,events",
            "-o",
            "json",
            "--show-managed-fields",
        ])
        .await;
    let logs = [operator.child.read_log(), page.child.read_log()].concat();
    for link in links {
        assert!(
            !everything.contains(link.as_str()),
            "a link in an object or event"
        );
        assert!(!logs.contains(link.as_str()), "a link in a log");
    }
    assert!(!logs.contains(token), "a token in a log");
    assert!(page.child.read_log().contains("mail"), "who asked is told");
}

#[tokio::test]
async fn from_the_manifest_to_the_account_by_the_page_alone() {
    let Some(driver) = chromedriver_or_skip("from the manifest to the account in a browser") else {
        return;
    };
    let scene = Scene::new("whole").await;
    let page = ConnectPage::start(&scene, &[]).await;
    let operator = operated(&scene, &page).await;
    let ann = Browser::named(&scene.folder, &driver, "ann", true).await;
    let bob = Browser::named(&scene.folder, &driver, "bob", true).await;
    let run = async {
        scene.declare("other", gmail()).await;
        let address = told(&scene, "other").await;
        let first = connects(&scene, &ann).await;
        let second = robs(&scene, &bob, &ann).await;
        is_kept(&scene, &page, &operator, &address, &[first, second]).await;
    };
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    ann.quit().await;
    bob.quit().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test]
async fn a_hundred_objects_that_are_merged_at_night_cost_no_row_and_next_to_no_request() {
    const OBJECTS: usize = 100;
    let scene = Scene::new("night").await;
    let page = ConnectPage::start(&scene, &[]).await;
    let objects: Vec<Value> = (0..OBJECTS)
        .map(|n| {
            let mut spec = gmail();
            spec["user"] = Value::from(format!("user-{n}@acme.com"));
            serde_json::json!({
                "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                "metadata": {"name": format!("mail-{n}")}, "spec": spec,
            })
        })
        .collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    scene.apply(&list.to_string()).await;
    let seq = scene.sandbox.seq().await;
    let _operator = operated(&scene, &page).await;
    scene
        .until_all("all wait on the page", OBJECTS, |object| {
            object["status"]["connectPage"]["url"].is_string()
        })
        .await;
    assert_eq!(scene.sandbox.accounts().await.len(), 0);
    let asked = scene.sandbox.asked_since(seq).await;
    let looks: Vec<_> = asked.iter().filter(|asked| !asked.is_poll()).collect();
    assert!(
        looks.len() <= OBJECTS * 6 / 100 + 4,
        "{} requests for {OBJECTS} objects: {looks:?}",
        looks.len()
    );
}
