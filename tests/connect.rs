//! The connect page on a real API server. What the operator does of it is done by hand here.

use composio_operator::connect::keys::SealedFor;
use composio_operator::crd::ConnectRequest;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::support::connect_page::{Answer, ConnectPage, Visitor};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

mod anew;
mod asking;
mod at_once;
mod bound;
mod callbacks;
mod completing;
mod cookies;
mod crowded;
mod deliveries;
mod expired;
mod held;
mod hostile;
mod in_the_way;
mod keyboard;
mod meanwhile;
mod night;
mod people;
mod proxied;
mod received;
mod renamed;
mod replicas;
mod returning;
mod rotation;
mod scale;
mod squatted;
mod suspended;
mod tampered;
mod tls;
mod unheard;
pub(crate) mod verified;
mod verified_faults;
mod webhook;
pub(crate) mod whole;

const LINK: &str = "https://connect.composio.dev/link/lk_secret";

/// A scene without an operator, and the page in it.
struct Stage {
    // First, so that it ends before what it talks to.
    page: ConnectPage,
    scene: Scene<'static>,
}

impl Stage {
    async fn new(prefix: &str, args: &[&str]) -> Stage {
        let scene = Scene::new(prefix).await;
        let page = ConnectPage::start(&scene, args).await;
        Stage { page, scene }
    }

    fn path(&self, name: &str) -> String {
        format!("/connect/{}/{name}", self.scene.namespace)
    }

    /// Declares an account, which waits for its person, and waits until the page knows it.
    async fn declared(&self, name: &str, spec: Value) -> Value {
        self.scene.declare(name, spec).await;
        self.says(name, awaiting()).await;
        let object = self.scene.object(name).await;
        if !self.page.settings.knows_users {
            let address = self.page.address(&object);
            let visitor = Visitor::of(&self.page);
            wait::until("the page knows the object", SOON, async || {
                match visitor.get(&address).await {
                    known if known.status == 303 => Ok(()),
                    other => Err(format!("{} {}", other.status, self.page.child.log_tail(5))),
                }
            })
            .await;
        }
        object
    }

    /// The account mail, and somebody who has pressed the button of its page; returned with where they wait.
    async fn asked(&self) -> (Value, Visitor, String) {
        let object = self.declared("mail", gmail()).await;
        let ann = Visitor::of(&self.page);
        ann.get(&self.page.address(&object)).await;
        let asked = ann.presses(&self.path("mail"), "connect").await;
        let waiting = asked.header("location").to_owned();
        (object, ann, waiting)
    }

    /// The operator writes that.
    async fn says(&self, name: &str, status: Value) {
        self.scene.give_status(name, &status).await;
    }

    /// The operator issues a sealed link for that request of that browser.
    async fn links(&self, object: &Value, request: &str, browser: &str) {
        let end = SignedDuration::from_mins(10);
        self.links_until(object, request, browser, end).await;
    }

    /// The same, of a link that is over in that time, by this clock.
    async fn links_until(
        &self,
        object: &Value,
        request: &str,
        browser: &str,
        left: SignedDuration,
    ) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let uid = object["metadata"]["uid"].as_str().expect("a uid");
        let end = Timestamp::now() + left;
        let end = Timestamp::from_second(end.as_second()).expect("a time");
        let sealed = self.page.settings.keys.seal(
            LINK,
            SealedFor {
                uid,
                account: "ca_1",
                expires_at: end,
            },
        );
        let link = json!({"sealed": sealed, "requestedBy": {"uid": request, "browser": browser}, "expiresAt": end.to_string()});
        let mut status = awaiting();
        status["connectedAccountId"] = json!("ca_1");
        status["link"] = link;
        status["lastConnectRequest"] =
            json!({"uid": request, "kind": "Link", "outcome": "LinkIssued"});
        self.says(name, status).await;
    }

    /// That person opens the page. Returns the cookie of their browser, and the nonce in it.
    async fn opened_by(&self, visitor: &Visitor, path: &str) -> (String, String) {
        let known = |answer: &Answer| answer.status == 200;
        self.until(visitor, path, "the object", known).await;
        let cookie = visitor.cookies.borrow().values().next().cloned();
        let cookie = cookie.expect("the page sets it");
        let nonce = cookie.split_once('.').expect("a nonce").0.to_owned();
        (cookie, nonce)
    }

    /// The operator issues a link for that browser of that person, and the page knows it.
    async fn leads_on(&self, object: &Value, visitor: &Visitor, browser: &str) {
        self.links(object, "request-1", browser).await;
        let name = object["metadata"]["name"].as_str().expect("a name");
        let waiting = format!("{}/waiting?r=&s=0", self.path(name));
        let is_ready = |answer: &Answer| answer.text.contains("Your link is ready");
        self.until(visitor, &waiting, "the link", is_ready).await;
    }

    /// The requests that are there.
    async fn requests(&self) -> Vec<ConnectRequest> {
        let list = self.api().list(&ListParams::default()).await;
        list.expect("the administrator lists them").items
    }

    /// The one request that is there; it is taken away, as the operator does once it is handled.
    async fn handled(&self) -> ConnectRequest {
        let mut requests = self.requests().await;
        assert_eq!(requests.len(), 1, "{requests:?}");
        let request = requests.remove(0);
        let name = request.metadata.name.as_deref().expect("a name");
        let deleted = self.api().delete(name, &DeleteParams::default()).await;
        deleted.expect("the administrator deletes it");
        request
    }

    /// Waits until somebody's press of the button was met by a request that is pending.
    async fn held_up(&self) {
        wait::until("a press that is held up", SOON, async || {
            for result in ["pending", "too_soon"] {
                let name = format!(
                    r#"composio_operator_connect_requests_total{{kind="Link",result="{result}"}}"#
                );
                if self.page.metric(&name).await.is_some() {
                    return Ok(());
                }
            }
            Err("none was".to_owned())
        })
        .await;
    }

    fn api(&self) -> Api<ConnectRequest> {
        Api::namespaced(self.scene.client.clone(), &self.scene.namespace)
    }

    /// Opens that path until the page is as it should be: the watch takes its time.
    async fn until(
        &self,
        visitor: &Visitor,
        path: &str,
        what: &str,
        is_so: impl Fn(&Answer) -> bool,
    ) -> Answer {
        wait::until(what, SOON, async || match visitor.get(path).await {
            answer if is_so(&answer) => Ok(answer),
            other => Err(format!("{} {}", other.status, other.text)),
        })
        .await
    }
}

/// A status that waits for the person, and says where they may come.
fn awaiting() -> Value {
    let page = json!({"url": "https://connect.acme.com/connect/agents/mail"});
    json!({"state": "INITIATED", "connectPage": page, "conditions": [condition("False", "AwaitingUser")]})
}

/// A status with a grant.
fn active(request: &str, finished_in: &str) -> Value {
    json!({
        "connectedAccountId": "ca_1", "state": "ACTIVE", "identity": "ann@acme.com", "link": null,
        "signIn": {"request": request, "browser": "b".repeat(43), "finishedIn": finished_in},
        "conditions": [condition("True", "Connected")],
    })
}

fn condition(status: &str, reason: &str) -> Value {
    json!({"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn gmail() -> Value {
    json!({
        "user": "ann@acme.com", "toolkit": "gmail", "authConfig": "ac_gmail",
        "description": "Reads the invoices in your mail.",
    })
}

fn uid(request: &ConnectRequest) -> String {
    request.metadata.uid.clone().expect("it has a uid")
}
