//! People with real browsers, through the sandbox's sign-in.

use std::panic::AssertUnwindSafe;

use composio_operator::connect::keys::SealedFor;
use composio_operator::crd::FinishedIn;
use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Stage, awaiting, condition, gmail, uid};
use crate::support::browser::{Browser, SIZES, chromedriver_or_skip};
use crate::support::scene::SOON;
use crate::support::wait;

/// The operator answers the request that is there with a link of the sandbox; returns the request's uid, and the
/// account.
pub(super) async fn answers(stage: &Stage, object: &Value) -> (String, String) {
    wait::until("the request", SOON, async || {
        match stage.requests().await.len() {
            1 => Ok(()),
            other => Err(format!("{other} requests")),
        }
    })
    .await;
    let request = stage.handled().await;
    let browser = request.spec.browser.clone().expect("the page names it");
    let callback = stage.page.callback(object, &uid(&request), &browser);
    let body =
        json!({"auth_config_id": "ac_gmail", "user_id": "ann@acme.com", "callback_url": callback});
    let made = stage
        .scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let (account, link) = (text("connected_account_id"), text("redirect_url"));
    let end: Timestamp = text("expires_at").parse().expect("a time");
    let end = Timestamp::from_second(end.as_second()).expect("a time");
    let uid_of = object["metadata"]["uid"].as_str().expect("a uid");
    let sealed_for = SealedFor {
        uid: uid_of,
        account: &account,
        expires_at: end,
    };
    let sealed = stage.page.settings.keys.seal(&link, sealed_for);
    let mut status = awaiting();
    status["connectedAccountId"] = json!(account);
    status["identity"] = Value::Null;
    status["signIn"] = Value::Null;
    status["link"] = json!({"sealed": sealed, "requestedBy": {"uid": uid(&request), "browser": browser}, "expiresAt": end.to_string()});
    stage.says("mail", status).await;
    (uid(&request), account)
}

/// The operator looks, since somebody has come back.
pub(super) async fn looks(stage: &Stage, request: &str, account: &str) -> FinishedIn {
    wait::until("the return", SOON, async || {
        match stage.requests().await.len() {
            1 => Ok(()),
            other => Err(format!("{other} requests")),
        }
    })
    .await;
    let returned = stage.handled().await.spec.returned.expect("it says so");
    assert_eq!(returned.request, request);
    let row = stage.scene.sandbox.account(account).await;
    let state = match (&row["status"], returned.finished_in) {
        (status, FinishedIn::Another) if status == "ACTIVE" => json!("INACTIVE"),
        (status, _) => status.clone(),
    };
    let (ready, reason) = match state.as_str() {
        Some("ACTIVE") => ("True", "Connected"),
        Some("FAILED") => ("False", "SignInDeclined"),
        _ => ("False", "FinishedElsewhere"),
    };
    stage
        .says(
            "mail",
            json!({
                "state": state, "identity": "ann@acme.com", "link": null, "conditions": [condition(ready, reason)],
                "signIn": {"request": request, "finishedIn": returned.finished_in},
            }),
        )
        .await;
    returned.finished_in
}

/// Neither here nor on a page before did the browser have to forbid anything.
async fn nothing_was_forbidden(browser: &Browser) {
    let complaints = browser.complaints().await;
    let serious = complaints
        .iter()
        .filter(|text| !text.contains("Failed to load resource"));
    assert_eq!(serious.collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Wide enough, in one language, with one heading, and every control with a name.
async fn is_well_made(browser: &Browser, name: &str, has_scripts: bool) {
    browser.picture(&format!("connect-{name}")).await;
    browser.darken(true).await;
    browser.picture(&format!("connect-{name}-dark")).await;
    browser.darken(false).await;
    for (selector, count) in [
        ("html[lang]", 1),
        ("main", 1),
        ("h1", 1),
        ("script, img, iframe, [style], [onclick]", 0),
    ] {
        assert_eq!(
            browser.find_all(selector).await.len(),
            count,
            "{name}: {selector}"
        );
    }
    for control in browser.find_all("main button, main a").await {
        let label = browser
            .get(&format!("/element/{control}/computedlabel"))
            .await;
        assert!(
            label.as_str().is_some_and(|label| !label.is_empty()),
            "{name}: {label}"
        );
        let role = browser
            .get(&format!("/element/{control}/computedrole"))
            .await;
        assert!(role == "button" || role == "link", "{name}: {role}");
    }
    if has_scripts {
        browser.fits(name).await;
    }
}

/// To another site, once the link is there.
async fn goes_on(browser: &Browser) {
    browser.shows("Your link is ready").await;
    browser.click("a.button").await;
    browser.shows("asks to use").await;
}

async fn signs_in(stage: &Stage, browser: &Browser, object: &Value, name: &str, has_scripts: bool) {
    browser.open(&stage.page.address(object)).await;
    browser.shows("Connect your gmail account").await;
    assert!(
        !browser.address().await.contains("t="),
        "the token is in no later address"
    );
    is_well_made(browser, &format!("{name}-ask"), has_scripts).await;
    browser.click("button[value=connect]").await;
    browser.shows("Making your link").await;
    is_well_made(browser, &format!("{name}-waiting"), has_scripts).await;
    let (request, account) = answers(stage, object).await;
    browser.shows("Your link is ready").await;
    is_well_made(browser, &format!("{name}-ready"), has_scripts).await;
    goes_on(browser).await;
    nothing_was_forbidden(browser).await;
    browser.click("button[value=connect]").await;
    browser.shows("Looking how it went").await;
    assert_eq!(looks(stage, &request, &account).await, FinishedIn::Same);
    browser.shows("Your gmail account is connected").await;
    is_well_made(browser, &format!("{name}-done"), has_scripts).await;
    nothing_was_forbidden(browser).await;
    browser.open(&stage.page.address(object)).await;
    browser.shows("is connected already").await;
    is_well_made(browser, &format!("{name}-connected"), has_scripts).await;
}

async fn cancels(stage: &Stage, browser: &Browser, object: &Value, name: &str) {
    browser.open(&stage.page.address(object)).await;
    browser.click("button[value=connect]").await;
    let (request, account) = answers(stage, object).await;
    goes_on(browser).await;
    browser.click("button[value=cancel]").await;
    assert_eq!(looks(stage, &request, &account).await, FinishedIn::Same);
    browser.shows("is not connected").await;
    is_well_made(browser, &format!("{name}-cancelled"), true).await;
    browser.click("main a").await;
    browser.shows("was not finished").await;
    is_well_made(browser, &format!("{name}-again"), true).await;
}

/// Mallory presses the button, and sends the victim where it leads.
async fn is_robbed(stage: &Stage, mallory: &Browser, victim: &Browser, object: &Value, name: &str) {
    mallory.open(&stage.page.address(object)).await;
    mallory.click("button[value=connect]").await;
    let (request, account) = answers(stage, object).await;
    goes_on(mallory).await;
    victim.open(&mallory.address().await).await;
    victim.click("button[value=connect]").await;
    assert_eq!(looks(stage, &request, &account).await, FinishedIn::Another);
    victim.shows("this was not your link").await;
    victim.shows(&stage.scene.namespace).await;
    is_well_made(victim, &format!("{name}-elsewhere"), true).await;
    nothing_was_forbidden(victim).await;
}

async fn is_not_let_in(stage: &Stage, browser: &Browser, name: &str) {
    browser
        .open(&format!("{}{}", stage.page.url, "/connect/no/such"))
        .await;
    browser.shows("nothing for you here").await;
    is_well_made(browser, &format!("{name}-not-found"), true).await;
}

#[tokio::test]
async fn a_person_signs_in_from_the_page_with_a_real_browser() {
    let Some(driver) = chromedriver_or_skip("the connect page in a browser") else {
        return;
    };
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["connectionData"] = json!({"subdomain": "acme"});
    spec["callbackUrl"] = json!("https://app.acme.com/done");
    let object = stage.declared("mail", spec).await;
    let folder = &stage.scene.folder;
    let ann = Browser::named(folder, &driver, "ann", true).await;
    let bob = Browser::named(folder, &driver, "bob", false).await;
    let run = async {
        for (size, width, height) in SIZES {
            ann.resize(width, height).await;
            bob.resize(width, height).await;
            signs_in(&stage, &ann, &object, size, true).await;
            stage.says("mail", json!({"state": "INITIATED", "signIn": null, "conditions": awaiting()["conditions"]})).await;
            cancels(&stage, &ann, &object, size).await;
            stage.says("mail", json!({"state": "INITIATED", "signIn": null, "conditions": awaiting()["conditions"]})).await;
            signs_in(&stage, &bob, &object, &format!("{size}-no-js"), false).await;
            stage.says("mail", json!({"state": "INITIATED", "signIn": null, "conditions": awaiting()["conditions"]})).await;
            is_robbed(&stage, &bob, &ann, &object, size).await;
            is_not_let_in(&stage, &ann, size).await;
            stage.says("mail", json!({"state": "INITIATED", "signIn": null, "conditions": awaiting()["conditions"]})).await;
        }
    };
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    // Also after a failure: the driver alone would leave the browser behind.
    ann.quit().await;
    bob.quit().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
