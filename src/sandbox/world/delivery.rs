//! Events on their way to the subscriber: what is signed, when it is sent, and when it is sent again.
//!
//! The world sends nothing itself. Whoever serves it asks for what is due ([`World::due_posts`]),
//! sends it, and tells what was answered ([`World::posted`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde::Serialize;
use serde_json::{Value, json};

use super::World;
use super::account::iso;
use super::webhook::{EXPIRED, is_loopback};

/// More events than this push out the oldest.
const KEPT: usize = 1000;

/// How long after a failed attempt comes the next; after the last one comes none.
const PAUSES: [SignedDuration; 3] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
];

/// One event, and how it fared.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// `msg_…`, the same in every attempt.
    pub id: String,
    /// The account that it is about.
    pub account: String,
    /// Where it goes.
    pub url: String,
    /// The body as it is sent and signed.
    pub body: String,
    /// What was tried so far.
    pub attempts: Vec<Attempt>,
    /// When it is sent again; absent when it arrived or was given up.
    pub due: Option<Timestamp>,
    /// Whether the subscriber took it.
    pub arrived: bool,
    /// An attempt is on its way.
    #[serde(skip)]
    underway: bool,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The world's time.
    pub at: Timestamp,
    /// What the subscriber answered; nothing when it did not.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// A request that is to be made.
#[derive(Clone, Debug)]
pub struct Post {
    /// The delivery's id.
    pub id: String,
    /// A loopback URL.
    pub url: String,
    /// Beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// The raw body.
    pub body: String,
}

impl World {
    /// The events of late, oldest first.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.webhooks.deliveries
    }

    /// The token of this account could not be refreshed: tells the subscriber, if there is one. The
    /// event is about OAuth 2 only.
    pub(super) fn announce(&mut self, n: usize, now: Timestamp) {
        let account = self.store.at(n);
        let config = &self.configs[account.config];
        let Some(url) = self.webhooks.url_for(EXPIRED) else {
            return;
        };
        if !config.scheme.has_refresh_tokens() {
            return;
        }
        // A whole answer of GET, credentials and all.
        let data: Value = serde_json::from_str(&account.detail(config)).unwrap_or_default();
        let (account, url) = (account.id.clone(), url.to_owned());
        let id = self.ids.next("msg_");
        let body = json!({
            "id": id,
            "type": EXPIRED,
            "metadata": {
                "project_id": self.project.id,
                "org_id": self.project.organisation_id,
            },
            "data": data,
            "timestamp": iso(now),
        });
        let deliveries = &mut self.webhooks.deliveries;
        if deliveries.len() == KEPT {
            deliveries.remove(0);
        }
        let reachable = is_loopback(&url);
        let nowhere = Attempt {
            at: now,
            status: None,
            error: Some("not sent: only loopback URLs are delivered to".to_owned()),
        };
        deliveries.push(Delivery {
            id,
            account,
            url,
            body: body.to_string(),
            attempts: if reachable { Vec::new() } else { vec![nowhere] },
            due: reachable.then_some(now),
            arrived: false,
            underway: false,
        });
    }

    /// The requests that are to be made now. Each is to be reported to [`World::posted`].
    pub fn due_posts(&mut self, now: Timestamp) -> Vec<Post> {
        let now = self.settle(now);
        let secrets: Vec<String> = self
            .webhooks
            .secrets(now)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let due = |delivery: &&mut Delivery| {
            !delivery.underway && delivery.due.is_some_and(|due| due <= now)
        };
        let deliveries = self.webhooks.deliveries.iter_mut().filter(due);
        deliveries
            .map(|delivery| {
                delivery.underway = true;
                delivery.post(&secrets, now)
            })
            .collect()
    }

    /// How long until a request is due that is not yet.
    pub fn next_post_in(&self, now: Timestamp) -> Option<SignedDuration> {
        let waiting = self.webhooks.deliveries.iter();
        let due = waiting
            .filter(|delivery| !delivery.underway)
            .filter_map(|delivery| delivery.due);
        Some(due.min()?.duration_since(self.time(now)))
    }

    /// What became of a request: the status of the answer, or why there was none.
    pub fn posted(&mut self, id: &str, outcome: Result<u16, String>, now: Timestamp) {
        let now = self.time(now);
        let delivery = self.webhooks.deliveries.iter_mut();
        let Some(delivery) = delivery.into_iter().find(|delivery| delivery.id == id) else {
            return;
        };
        let (status, error) = match outcome {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        delivery.underway = false;
        delivery.arrived = status.is_some_and(|status| (200..300).contains(&status));
        let pause = PAUSES.get(delivery.attempts.len());
        delivery.due = pause
            .filter(|_| !delivery.arrived)
            .and_then(|pause| now.checked_add(*pause).ok());
        delivery.attempts.push(Attempt {
            at: now,
            status,
            error,
        });
    }
}

impl Delivery {
    fn post(&self, secrets: &[String], now: Timestamp) -> Post {
        let timestamp = now.as_second().to_string();
        let signed = format!("{}.{timestamp}.{}", self.id, self.body);
        let signatures: Vec<String> = secrets
            .iter()
            .map(|secret| format!("v1,{}", sign(secret, &signed)))
            .collect();
        Post {
            id: self.id.clone(),
            url: self.url.clone(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("webhook-id", self.id.clone()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", signatures.join(" ")),
                ("x-composio-webhook-version", "V3".to_owned()),
                (
                    "x-composio-delivery-attempt",
                    (self.attempts.len() + 1).to_string(),
                ),
            ],
            body: self.body.clone(),
        }
    }
}

/// HMAC-SHA256 in Base64. The key is the secret as it was told, prefix and all.
fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
