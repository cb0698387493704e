//! The hosted sign-in page in a real browser: Chromium, driven over the WebDriver protocol.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::support::child::{Child, Folder};
use crate::support::sandbox::Sandbox;
use crate::support::scene::SOON;
use crate::support::{http_client, wait};

/// Width and height of a phone and of a desktop.
const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 800)];

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with a profile of its own.
struct Browser {
    session: String,
    http: reqwest::Client,
    // Dropped last: the session ends before the driver does.
    _driver: Child,
}

impl Browser {
    async fn start(folder: &Folder, driver: &Path, javascript: bool) -> Browser {
        let name = if javascript { "driver" } else { "driver-no-js" };
        let mut command = Command::new(driver);
        command.arg("--port=0");
        let child = Child::spawn(folder, name, Duration::from_secs(5), &command)
            .expect("chromedriver starts");
        let port = wait::until("chromedriver", SOON, async || {
            let log = child.read_log();
            log.split("successfully on port ")
                .nth(1)
                .map(|rest| {
                    rest.chars()
                        .take_while(char::is_ascii_digit)
                        .collect::<String>()
                })
                .filter(|port| !port.is_empty())
                .ok_or(log)
        })
        .await;
        let http = http_client(Duration::from_secs(60));
        let profile = folder.join(format!("profile-{name}"));
        let args = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--no-proxy-server".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        // 2 blocks scripts, 1 allows them.
        let scripts = if javascript { 1 } else { 2 };
        let prefs = json!({"profile.managed_default_content_settings.javascript": scripts});
        let options = json!({"args": args, "prefs": prefs});
        let capabilities = json!({"alwaysMatch": {"goog:chromeOptions": options}});
        let mut browser = Browser {
            session: format!("http://127.0.0.1:{port}/session"),
            http,
            _driver: child,
        };
        let made = browser
            .post("", json!({"capabilities": capabilities}))
            .await;
        let id = made["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("chromedriver answers");
        let status = answer.status();
        let mut body: Value = answer.json().await.expect("chromedriver answers JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body["value"].take()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await
    }

    async fn open(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    async fn resize(&self, width: u32, height: u32) {
        // A window has a least width of its own; what is measured and seen is the page's.
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}});
        self.post("/goog/cdp/execute", body).await;
    }

    /// Waits until the browser is there: a click does not wait for what it leads to.
    async fn arrives(&self, wanted: &str) {
        wait::until(wanted, SOON, async || {
            let url = self.get("/url").await;
            if url == wanted {
                return Ok(());
            }
            Err(url.to_string())
        })
        .await;
    }

    async fn shows(&self, wanted: &str) {
        wait::until(wanted, SOON, async || {
            // An element could belong to the page that is just left.
            let source = self.get("/source").await.to_string();
            if source.contains(wanted) {
                return Ok(());
            }
            Err(source)
        })
        .await;
    }

    async fn find_all(&self, selector: &str) -> Vec<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.post("/elements", body).await;
        let found = found.as_array().expect("a list of elements");
        let id = |element: &Value| element[ELEMENT].as_str().expect("an element").to_owned();
        found.iter().map(id).collect()
    }

    async fn find(&self, selector: &str) -> String {
        let mut found = self.find_all(selector).await;
        assert_eq!(found.len(), 1, "{selector}");
        found.remove(0)
    }

    async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/click"), json!({}))
            .await;
    }

    async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        let path = format!("/element/{element}/value");
        self.post(&path, json!({"text": text})).await;
    }

    async fn text(&self) -> String {
        let body = self.find("body").await;
        let text = self.get(&format!("/element/{body}/text")).await;
        text.as_str().expect("a text").to_owned()
    }

    /// The pictures are for people: target/browser/NAME.png.
    async fn picture(&self, name: &str) {
        let body = json!({"cmd": "Page.captureScreenshot", "params": {"format": "png"}});
        let picture = self.post("/goog/cdp/execute", body).await;
        let bytes = base64(picture["data"].as_str().expect("a picture"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture is written");
    }

    async fn fits(&self, name: &str) {
        let script = "return [document.documentElement.scrollWidth, window.innerWidth]";
        let widths = self
            .post("/execute/sync", json!({"script": script, "args": []}))
            .await;
        assert!(
            widths[0].as_f64() <= widths[1].as_f64(),
            "{name}: the page is wider than the window: {widths}"
        );
    }

    async fn quit(self) {
        self.call(reqwest::Method::DELETE, "", None).await;
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS
            .iter()
            .position(|known| *known == letter)
            .expect("Base64");
        bits = (bits << 6 | value as u32) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    bytes
}

fn chromedriver() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let named = |name: &str| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    named("chromium").and(named("chromedriver"))
}

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
    let Some(driver) = chromedriver() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "chromium and chromedriver are required in CI: apt-get install chromium chromium-driver"
        );
        // Past the test harness, which shows no output of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the sign-in page in a browser; it needs chromium and chromium-driver"
        );
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
