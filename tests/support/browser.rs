//! Chromium, driven over the WebDriver protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::child::{Child, Folder};
use super::scene::SOON;
use super::{http_client, tools, wait};

/// Width and height of a phone and of a desktop.
pub(crate) const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 800)];

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How often a driver is started that finds no port.
const TRIES: usize = 5;

/// One browser with a profile of its own.
pub(crate) struct Browser {
    session: String,
    http: reqwest::Client,
    // Dropped last: the session ends before the driver does.
    _driver: Child,
}

impl Browser {
    pub(crate) async fn start(folder: &Folder, driver: &Path, javascript: bool) -> Browser {
        let name = if javascript { "driver" } else { "driver-no-js" };
        Browser::named(folder, driver, name, javascript).await
    }

    /// The same under a name of its own, for several at once.
    pub(crate) async fn named(
        folder: &Folder,
        driver: &Path,
        name: &str,
        javascript: bool,
    ) -> Browser {
        let (child, port) = listening(folder, driver, name).await;
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
        let logs = json!({"browser": "ALL"});
        let capabilities =
            json!({"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logs}});
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

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    pub(crate) async fn resize(&self, width: u32, height: u32) {
        // A window has a least width of its own; what is measured and seen is the page's.
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}});
        self.post("/goog/cdp/execute", body).await;
    }

    /// Shows pages as they are at night, or by day.
    pub(crate) async fn darken(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        let body = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.post("/goog/cdp/execute", body).await;
    }

    /// Waits until the browser is there: a click does not wait for what it leads to.
    pub(crate) async fn arrives(&self, wanted: &str) {
        wait::until(wanted, SOON, async || {
            let url = self.get("/url").await;
            if url == wanted {
                return Ok(());
            }
            Err(url.to_string())
        })
        .await;
    }

    pub(crate) async fn shows(&self, wanted: &str) {
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

    pub(crate) async fn find_all(&self, selector: &str) -> Vec<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.post("/elements", body).await;
        let found = found.as_array().expect("a list of elements");
        let id = |element: &Value| element[ELEMENT].as_str().expect("an element").to_owned();
        found.iter().map(id).collect()
    }

    pub(crate) async fn find(&self, selector: &str) -> String {
        let mut found = self.find_all(selector).await;
        assert_eq!(found.len(), 1, "{selector}");
        found.remove(0)
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/click"), json!({}))
            .await;
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        let path = format!("/element/{element}/value");
        self.post(&path, json!({"text": text})).await;
    }

    /// Presses a key, by its code in WebDriver, on whatever has the focus.
    pub(crate) async fn key(&self, key: char) {
        let press = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": press});
        self.post("/actions", json!({"actions": [keyboard]})).await;
    }

    /// What the body of a function returns in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post("/execute/sync", body).await
    }

    pub(crate) async fn text(&self) -> String {
        let body = self.find("body").await;
        let text = self.get(&format!("/element/{body}/text")).await;
        text.as_str().expect("a text").to_owned()
    }

    /// The pictures are for people: target/browser/NAME.png.
    pub(crate) async fn picture(&self, name: &str) {
        let body = json!({"cmd": "Page.captureScreenshot", "params": {"format": "png"}});
        let picture = self.post("/goog/cdp/execute", body).await;
        let bytes = base64(picture["data"].as_str().expect("a picture"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture is written");
    }

    pub(crate) async fn fits(&self, name: &str) {
        let script = "return [document.documentElement.scrollWidth, window.innerWidth]";
        let widths = self.run(script).await;
        assert!(
            widths[0].as_f64() <= widths[1].as_f64(),
            "{name}: the page is wider than the window: {widths}"
        );
    }

    /// What the browser has complained of since it was asked last, such as what a policy forbids.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().expect("a list of entries").iter();
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        entries.map(text).collect()
    }

    /// Where it is.
    pub(crate) async fn address(&self) -> String {
        let url = self.get("/url").await;
        url.as_str().expect("an address").to_owned()
    }

    pub(crate) async fn quit(self) {
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

/// A driver, and the port that it listens on. It takes a free one for IPv6 and then wants the same one for IPv4, which
/// somebody else may have: then it ends, and another one is started.
async fn listening(folder: &Folder, driver: &Path, name: &str) -> (Child, String) {
    let mut command = Command::new(driver);
    command.arg("--port=0");
    for one in 1..=TRIES {
        let name = format!("{name}-{one}");
        let child = Child::spawn(folder, &name, Duration::from_secs(5), &command);
        let child = child.expect("chromedriver starts");
        let port = wait::until("chromedriver", SOON, async || {
            let has_ended = child.exited().is_some();
            let log = child.read_log();
            let rest = log.split("successfully on port ").nth(1);
            let port = rest.map(|rest| rest.chars().take_while(char::is_ascii_digit));
            match port.map(Iterator::collect::<String>) {
                Some(port) if !port.is_empty() => Ok(Some(port)),
                _ if has_ended => Ok(None),
                _ => Err(log),
            }
        });
        if let Some(port) = port.await {
            return (child, port);
        }
    }
    panic!("chromedriver found no port {TRIES} times");
}

/// Where chromedriver is, if it and the browser are installed.
pub(crate) fn chromedriver() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let named = |name: &str| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    named("chromium").and(named("chromedriver"))
}

/// The same for a test, which passes over without it. In CI that is a failure.
pub(crate) fn chromedriver_or_skip(what: &str) -> Option<PathBuf> {
    let driver = chromedriver();
    if driver.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "chromium and chromedriver are required in CI: apt-get install chromium chromium-driver"
        );
        tools::say(&format!(
            "SKIPPED: {what}; it needs chromium and chromium-driver"
        ));
    }
    driver
}
