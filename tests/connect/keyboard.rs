//! People who use no mouse, see little, or go back.

use std::panic::AssertUnwindSafe;

use composio_operator::crd::FinishedIn;
use futures::FutureExt as _;
use serde_json::json;

use super::people::{answers, looks};
use super::{Stage, gmail};
use crate::support::browser::{Browser, chromedriver_or_skip};

/// Keys, as WebDriver codes them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// What has the focus: its selector among those that are looked for, and whether the focus can be seen.
const FOCUS: &str = "
    const at = document.activeElement, style = getComputedStyle(at);
    const is_seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
    return [at.tagName === 'A' ? 'a' : at.value || at.tagName, is_seen];
";

/// Texts that stand out too little from what is behind them, by WCAG 2.2, 1.4.3.
const FAINT: &str = "
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const part = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const color = rgb(getComputedStyle(at).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    };
    const texts = [...document.querySelectorAll('body *')].filter(element =>
        !element.closest('[aria-hidden=true]')
            && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
    const faint = texts.filter(element => {
        const style = getComputedStyle(element), size = parseFloat(style.fontSize);
        const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const [one, other] = [light(rgb(style.color)), light(behind(element))].sort((a, b) => b - a);
        return (one + 0.05) / (other + 0.05) < (is_large ? 3 : 4.5);
    });
    return [texts.length, faint.map(element => element.textContent.trim())];
";

/// What stands outside of every landmark, or jumps a level of headings.
const ASTRAY: &str = "
    const texts = [...document.querySelectorAll('body *')].filter(element =>
        [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
    const outside = texts.filter(element => !element.closest('main, header, footer, nav'));
    const levels = [...document.querySelectorAll('h1, h2, h3')].map(heading => Number(heading.tagName[1]));
    const jumps = levels.filter((level, at) => level > (at ? levels[at - 1] : 0) + 1);
    return [document.title.length > 0, outside.map(element => element.outerHTML), jumps];
";

/// Goes on with Tab until that has the focus, which is seen there.
async fn tabs_to(browser: &Browser, wanted: &str) {
    for _ in 0..5 {
        browser.key(TAB).await;
        let focus = browser.run(FOCUS).await;
        if focus[0] == wanted {
            assert_eq!(focus[1], true, "the focus on {wanted} is not seen");
            return;
        }
    }
    panic!("Tab does not lead to {wanted}");
}

/// Whoever sees little can read it, and a screen reader finds its way.
async fn is_legible(browser: &Browser, name: &str) {
    for is_dark in [false, true] {
        browser.darken(is_dark).await;
        let texts = browser.run(FAINT).await;
        assert!(texts[0].as_u64() >= Some(3), "{name}: {texts}");
        assert_eq!(texts[1], json!([]), "{name}, dark: {is_dark}");
    }
    browser.darken(false).await;
    assert_eq!(browser.run(ASTRAY).await, json!([true, [], []]), "{name}");
}

async fn by_keyboard(stage: &Stage, browser: &Browser, object: &serde_json::Value) {
    browser.open(&stage.page.address(object)).await;
    browser.shows("Connect your gmail account").await;
    is_legible(browser, "ask").await;
    tabs_to(browser, "connect").await;
    browser.key(ENTER).await;
    browser.shows("Making your link").await;
    is_legible(browser, "waiting").await;
    let (request, account) = answers(stage, object).await;
    browser.shows("Your link is ready").await;
    is_legible(browser, "ready").await;
    tabs_to(browser, "a").await;
    browser.key(ENTER).await;
    browser.shows("asks to use").await;
    browser.click("button[value=connect]").await;
    assert_eq!(looks(stage, &request, &account).await, FinishedIn::Same);
    browser.shows("Your gmail account is connected").await;
    is_legible(browser, "done").await;

    // Back, through all that was there before: nothing is asked for again.
    let written = stage.page.written(&stage.scene).len();
    for _ in 0..6 {
        browser.post("/back", json!({})).await;
        let text = browser.text().await;
        assert!(!text.contains("Making your link"), "{text}");
    }
    browser.open(&stage.page.address(object)).await;
    browser.shows("is connected already").await;
    is_legible(browser, "connected").await;
    assert_eq!(stage.page.written(&stage.scene).len(), written);
    assert_eq!(stage.requests().await, []);
}

#[tokio::test]
async fn a_person_without_a_mouse_connects_and_goes_back() {
    let Some(driver) = chromedriver_or_skip("the connect page by keyboard") else {
        return;
    };
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["connectionData"] = json!({"subdomain": "acme"});
    let object = stage.declared("mail", spec).await;
    let browser = Browser::named(&stage.scene.folder, &driver, "ann", true).await;
    let run = AssertUnwindSafe(by_keyboard(&stage, &browser, &object)).catch_unwind();
    let outcome = run.await;
    // Also after a failure: the driver alone would leave the browser behind.
    browser.quit().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
