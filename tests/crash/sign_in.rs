//! What the connect page does for a person: it asks for a link, and where the project verifies whose a sign-in was, it asks
//! to have Composio told.

use composio_operator::composio::model::Sensitive;
use composio_operator::connect::keys::{ConnectKeys, SealedFor, SessionOf};
use composio_operator::crd::{ConnectRequestKind, connect_request_name};
use kube::api::PostParams;
use serde_json::{Value, json};

use super::test_bed::World;
use crate::on_demand::asks;
use crate::support::operator::Options;

const URL: &str = "https://connect.acme.com";
const KEY: &str = "the key that operator and page share";
/// Of the one browser that there is.
const BROWSER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
/// Whom the proxy before the page sees: the user of every account.
const PERSON: &str = "u";

/// What page and operator share.
pub(super) struct Page {
    keys: ConnectKeys,
    key_file: String,
}

impl Page {
    /// The same operator, told of the page.
    pub(super) fn known_to(&self, options: Options) -> Options {
        options
            .flag("--connect-url", URL)
            .flag("--connect-key-file", &self.key_file)
            .flag("--connect-user-header", "X-Auth-Request-Email")
    }
}

impl World<'_> {
    /// From now on people come by the page, which is the project's verifier URL.
    pub(super) async fn verifies_sign_ins(&mut self) {
        let file = self
            .test_bed
            .folder
            .write(&format!("{}.connect-key", self.key), KEY);
        let file = file.expect("the folder is there");
        self.page = Some(Page {
            keys: ConnectKeys::read(&Sensitive::new(KEY)).expect("it is one"),
            key_file: file.to_str().expect("a path of ASCII").to_owned(),
        });
        let verifier = json!({"verifier_url": format!("{URL}/verify")});
        self.control("POST", "project", verifier).await;
    }

    /// Asks for a link: with the page, in its one browser.
    pub(super) async fn ask(&self) {
        let object = self.object().await.expect("the object is there");
        let link = ConnectRequestKind::Link;
        let more = match &self.page {
            Some(page) => asks(&page.keys, &object, link, Some(PERSON), BROWSER),
            None => json!({}),
        };
        self.request(ConnectRequestKind::Link, more).await;
    }

    /// Signs in, and comes back to the page in the browser that had asked.
    pub(super) async fn come_back(&self) {
        let page = self.page.as_ref().expect("there is a page");
        let id = self.recorded().await;
        let path = format!("accounts/{id}/consent");
        let finished = self.control("POST", &path, json!({})).await;
        let back = finished["finished"]["redirect_url"].as_str();
        let (_, query) = back
            .and_then(|back| back.split_once('?'))
            .unwrap_or_else(|| panic!("it leads to no verifier: {finished}"));
        let mut query = form_urlencoded::parse(query.as_bytes());
        let session = query.find(|(name, _)| name == "session_uri");
        let (_, session) = session.expect("it names the session");
        let object = self.object().await.expect("the object is there");
        let asked = &object["status"]["link"]["requestedBy"]["uid"];
        let of = SessionOf {
            uid: object["metadata"]["uid"].as_str().expect("it has a uid"),
            request: asked.as_str().expect("the link is a request's"),
            browser: BROWSER,
            person: PERSON,
        };
        let sealed = page.keys.seal_session(&session, of);
        let session = json!({"request": asked, "browser": BROWSER, "sealed": sealed});
        let more = json!({"requestedBy": PERSON, "session": session});
        self.request(ConnectRequestKind::CompleteAuth, more).await;
    }

    async fn request(&self, kind: ConnectRequestKind, more: Value) {
        let object = self.object().await.expect("the object is there");
        let uid = object["metadata"]["uid"].as_str().expect("it has a uid");
        let mut request = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
            "metadata": {"name": connect_request_name(uid, kind)},
            "spec": {"accountName": self.name, "accountUID": uid, "kind": kind.as_str()},
        });
        let spec = request["spec"].as_object_mut().expect("it is one");
        spec.extend(more.as_object().cloned().unwrap_or_default());
        let request = serde_json::from_value(request).expect("it is one");
        let requests = &self.test_bed.requests;
        let made = requests.create(&PostParams::default(), &request).await;
        made.expect("none is there");
    }

    /// The object as whoever has the page's key reads it.
    pub(super) fn with_link_in_clear(&self, mut object: Value) -> Value {
        let Some(page) = &self.page else {
            return object;
        };
        let status = &object["status"];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let sealed = word(&status["link"]["sealed"]);
        let (uid, account) = (&object["metadata"]["uid"], &status["connectedAccountId"]);
        let (uid, account) = (word(uid), word(account));
        let opened = word(&status["link"]["expiresAt"]).parse().ok();
        let opened = opened.and_then(|expires_at| {
            let of = SealedFor {
                uid: &uid,
                account: &account,
                expires_at,
            };
            page.keys.open(&sealed, of)
        });
        if let Some(link) = opened {
            object["status"]["link"]["url"] = json!(link.expose());
        }
        object
    }
}
