//! Webhook subscriptions: one a project. The secret is told when it is made, and not again.

use http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::iso;
use super::credential_body::parse;
use super::delivery::Delivery;
use super::page::{Page, Shift, Sizes};
use super::refusal::Refusal;
use super::{Call, Reply, World};

/// The one event about connections.
pub(super) const EXPIRED: &str = "composio.connected_account.expired";

/// For so long after a rotation the old secret signs too.
const ROTATION: SignedDuration = SignedDuration::from_hours(24);

/// What Composio tells, and to whom.
#[derive(Default)]
pub(super) struct Webhooks {
    subscription: Option<Subscription>,
    pub(super) deliveries: Vec<Delivery>,
}

impl Webhooks {
    /// Where events go.
    pub(super) fn url(&self) -> Option<&str> {
        self.subscription.as_ref().map(|held| held.url.as_str())
    }

    /// Where an event goes, if somebody wants to be told of it.
    pub(super) fn url_for(&self, event: &str) -> Option<&str> {
        let wanted = |held: &&Subscription| held.events.iter().any(|known| known == event);
        let held = self.subscription.as_ref().filter(wanted)?;
        Some(&held.url)
    }

    /// The secrets that sign now, the newest first.
    pub(super) fn secrets(&self, now: Timestamp) -> Vec<&str> {
        let Some(held) = &self.subscription else {
            return Vec::new();
        };
        let old = held.old_secret.as_ref().filter(|(_, until)| now < *until);
        let old = old.map(|(secret, _)| secret.as_str());
        std::iter::once(held.secret.as_str()).chain(old).collect()
    }
}

struct Subscription {
    id: String,
    url: String,
    events: Vec<String>,
    version: Version,
    secret: String,
    /// The one before, and until when it signs too.
    old_secret: Option<(String, Timestamp)>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Version {
    V1,
    V2,
    #[default]
    V3,
}

#[derive(Deserialize)]
struct NewBody {
    webhook_url: String,
    enabled_events: Vec<String>,
    #[serde(default)]
    version: Version,
}

#[derive(Deserialize)]
struct PatchBody {
    webhook_url: Option<String>,
    enabled_events: Option<Vec<String>>,
    version: Option<Version>,
}

impl Subscription {
    /// The secret is shown where it is given.
    fn shown(&self, secret: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "webhook_url": self.url,
            "version": match self.version {
                Version::V1 => "V1",
                Version::V2 => "V2",
                Version::V3 => "V3",
            },
            "enabled_events": self.events,
            "secret": secret.unwrap_or("whsec_REDACTED"),
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        })
    }
}

impl World {
    pub(super) fn subscribe(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let body: NewBody = parse(call.body)?;
        check(Some(&body.webhook_url), Some(&body.enabled_events))?;
        if self.webhooks.subscription.is_some() {
            return Err(Refusal::subscribed_already());
        }
        let subscription = Subscription {
            id: self.ids.next("wh_"),
            url: body.webhook_url,
            events: body.enabled_events,
            version: body.version,
            secret: self.ids.next("whsec_"),
            old_secret: None,
            created_at: call.now,
            updated_at: call.now,
        };
        let answer = subscription.shown(Some(&subscription.secret));
        self.webhooks.subscription = Some(subscription);
        Ok(Reply {
            status: 201,
            ..Reply::ok(answer)
        })
    }

    pub(super) fn list_subscriptions(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let sizes = Sizes {
            usual: 20,
            largest: 50,
        };
        let page = Page::asked(call, &sizes, Shift::None)?;
        let held = self.webhooks.subscription.as_ref();
        let items: Vec<String> = held
            .map(|held| held.shown(None).to_string())
            .into_iter()
            .skip(page.first())
            .collect();
        Ok(Reply::text(
            page.envelope(&items, usize::from(held.is_some())),
        ))
    }

    pub(super) fn subscription(&self, id: &str) -> Result<Reply, Refusal> {
        let held = self.webhooks.subscription.as_ref();
        let held = held.filter(|held| held.id == id);
        let held = held.ok_or_else(|| Refusal::no_such_subscription(id))?;
        Ok(Reply::ok(held.shown(None)))
    }

    pub(super) fn change_subscription(
        &mut self,
        call: &Call<'_>,
        id: &str,
    ) -> Result<Reply, Refusal> {
        let body: PatchBody = parse(call.body)?;
        check(body.webhook_url.as_deref(), body.enabled_events.as_deref())?;
        let held = self.held(id)?;
        held.url = body.webhook_url.unwrap_or_else(|| held.url.clone());
        held.events = body.enabled_events.unwrap_or_else(|| held.events.clone());
        held.version = body.version.unwrap_or(held.version);
        held.updated_at = call.now;
        Ok(Reply::ok(held.shown(None)))
    }

    pub(super) fn rotate_secret(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let secret = self.ids.next("whsec_");
        let until = call.now.saturating_add(ROTATION).unwrap_or(call.now);
        let held = self.held(id)?;
        let old = std::mem::replace(&mut held.secret, secret);
        held.old_secret = Some((old, until));
        held.updated_at = call.now;
        Ok(Reply::ok(json!({"id": held.id, "secret": held.secret})))
    }

    pub(super) fn unsubscribe(&mut self, id: &str) -> Result<Reply, Refusal> {
        self.held(id)?;
        self.webhooks.subscription = None;
        Ok(Reply::ok(json!({"success": true})))
    }

    fn held(&mut self, id: &str) -> Result<&mut Subscription, Refusal> {
        let held = self.webhooks.subscription.as_mut();
        held.filter(|held| held.id == id)
            .ok_or_else(|| Refusal::no_such_subscription(id))
    }
}

/// What can be subscribed to.
pub(super) fn event_types() -> Reply {
    Reply::ok(json!({"items": [{
        "event_type": EXPIRED,
        "description": "The token of a connected account could not be refreshed",
        "supported_versions": ["V3"],
    }]}))
}

fn check(url: Option<&str>, events: Option<&[String]>) -> Result<(), Refusal> {
    if let Some(url) = url
        && !(takes_webhooks(url) && url.len() <= 2048)
    {
        return Err(Refusal::validation(
            "webhook_url: must be an HTTPS URL, or one of a loopback address",
        ));
    }
    if events.is_some_and(<[String]>::is_empty) {
        return Err(Refusal::validation("enabled_events: must not be empty"));
    }
    Ok(())
}

fn takes_webhooks(url: &str) -> bool {
    let https = url
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.authority().is_some());
    https || is_loopback(url)
}

/// Whether events are delivered there: to this machine, without TLS.
pub(super) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = address
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("http") && (loopback || host == "localhost")
}
