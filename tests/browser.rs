//! The hosted sign-in page in a real browser: Chromium, driven over the WebDriver protocol.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use serde_json::json;

use crate::support::browser::{Browser, SIZES, chromedriver_or_skip};
use crate::support::child::Folder;
use crate::support::sandbox::Sandbox;

/// Id and address of a new link.
async fn link(
    sandbox: &Sandbox,
    config: &str,
    user: &str,
    callback: Option<&str>,
) -> (String, String) {
    let mut body = json!({"auth_config_id": config, "user_id": user});
    if let Some(callback) = callback {
        body["callback_url"] = json!(callback);
    }
    let answer = sandbox.api("POST", "connected_accounts/link", body).await;
    let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
    (text("connected_account_id"), text("redirect_url"))
}

async fn status(sandbox: &Sandbox, id: &str) -> String {
    let account = sandbox.account(id).await;
    account["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn a_person_signs_in_with_a_real_browser() {
    let Some(driver) = chromedriver_or_skip("the sign-in page in a browser") else {
        return;
    };
    let folder = Folder::new().expect("a folder");
    let sandbox = Sandbox::start(&folder, "sandbox").await.expect("a sandbox");
    for javascript in [true, false] {
        let browser = Browser::start(&folder, &driver, javascript).await;
        let run = async {
            for (size, width, height) in SIZES {
                browser.resize(width, height).await;
                let name = format!("{size}{}", if javascript { "" } else { "-no-js" });
                connects(&browser, &sandbox, &name).await;
                cancels(&browser, &sandbox).await;
                fills_in_a_form(&browser, &sandbox, &name).await;
                meets_links_that_are_over(&browser, &sandbox, &name).await;
                writes_markup(&browser, &sandbox, &name).await;
            }
        };
        let outcome = AssertUnwindSafe(run).catch_unwind().await;
        // Also after a failure: the driver alone would leave the browser behind.
        browser.quit().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

async fn connects(browser: &Browser, sandbox: &Sandbox, name: &str) {
    let callback = format!("{}/?tab=2", sandbox.url());
    let (id, url) = link(sandbox, "ac_gmail", "ann@acme.com", Some(&callback)).await;
    browser.open(&url).await;
    browser.picture(&format!("{name}-connect")).await;
    browser.fits(name).await;
    let text = browser.text().await;
    for shown in ["gmail", "ann@acme.com", "sandbox", "Connect", "Cancel"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(status(sandbox, &id).await, "INITIATED");
    browser.click("button[value=connect]").await;
    browser
        .arrives(&format!(
            "{callback}&status=success&connected_account_id={id}"
        ))
        .await;
    assert_eq!(status(sandbox, &id).await, "ACTIVE");
}

async fn cancels(browser: &Browser, sandbox: &Sandbox) {
    let callback = format!("{}/", sandbox.url());
    // A key scheme: its empty required fields must not hold a person back.
    let (id, url) = link(sandbox, "ac_hubspot", "ann", Some(&callback)).await;
    browser.open(&url).await;
    browser.click("button[value=cancel]").await;
    browser
        .arrives(&format!(
            "{callback}?status=failed&connected_account_id={id}&error=access_denied"
        ))
        .await;
    assert_eq!(status(sandbox, &id).await, "FAILED");
}

async fn fills_in_a_form(browser: &Browser, sandbox: &Sandbox, name: &str) {
    let (id, url) = link(sandbox, "ac_hubspot", "bob", None).await;
    browser.open(&url).await;
    browser.picture(&format!("{name}-form")).await;
    browser.fits(name).await;
    browser.click("button[value=connect]").await;
    assert_eq!(
        status(sandbox, &id).await,
        "INITIATED",
        "the field is required"
    );
    browser.fill("input[name=generic_api_key]", "k-123").await;
    browser.click("button[value=connect]").await;
    browser.shows("You can close this window").await;
    browser.picture(&format!("{name}-connected")).await;
    assert_eq!(status(sandbox, &id).await, "ACTIVE");
}

async fn meets_links_that_are_over(browser: &Browser, sandbox: &Sandbox, name: &str) {
    let (id, used) = link(sandbox, "ac_slack", "ann", None).await;
    sandbox.consent(&id).await;
    let (id, expired) = link(sandbox, "ac_slack", "ann", None).await;
    sandbox.expire(&id).await;
    let unknown = format!("{}/connect/lk_none", sandbox.url());
    for (page, url, shown) in [
        ("used", used, "used already"),
        ("expired", expired, "has expired"),
        ("unknown", unknown, "No such link"),
    ] {
        browser.open(&url).await;
        browser.picture(&format!("{name}-{page}")).await;
        browser.fits(name).await;
        let text = browser.text().await;
        assert!(text.contains(shown), "{page}: {text}");
        assert!(browser.find_all("button").await.is_empty(), "{page}");
    }
}

async fn writes_markup(browser: &Browser, sandbox: &Sandbox, name: &str) {
    let user = "<img src=x onerror=\"document.title='taken'\"><b>'\"&amp; and-a-very-long-word-that-no-window-can-hold-in-one-line";
    let (_, url) = link(sandbox, "ac_gmail", user, None).await;
    browser.open(&url).await;
    browser.picture(&format!("{name}-markup")).await;
    browser.fits(name).await;
    assert!(
        browser.text().await.contains(user),
        "it is shown as it was written"
    );
    assert!(
        browser
            .find_all("main img, main b, script")
            .await
            .is_empty()
    );
    let title = browser.get("/title").await;
    assert!(
        !title.as_str().unwrap_or_default().contains("taken"),
        "{title}"
    );
}
