//! Webhook subscriptions: where Composio tells of accounts that have expired. A project has one.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    model::Sensitive,
    pages::Pages,
    path::Query,
    request::ApiRequest,
    wire::{PageWire, Text, effect, lacks, object},
};

/// The path of the collection.
const SUBSCRIPTIONS: &str = "/api/v3.1/webhook_subscriptions";
/// The one event about connected accounts.
const EXPIRED: &str = "composio.connected_account.expired";

/// A subscription. Its secret is not read where it is shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSubscription {
    /// Composio's id of it.
    pub id: String,
    /// Where events go; absent where it cannot be shown.
    pub url: Option<String>,
}

/// A subscription that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhookSubscription {
    /// Composio's id of it.
    pub id: String,
    /// Signs every event. It is told once.
    pub secret: Sensitive,
}

impl Client {
    /// The subscriptions of the project.
    pub async fn webhook_subscriptions(&self) -> Result<Vec<WebhookSubscription>, Error> {
        let mut found = BTreeMap::new();
        let mut pages = Pages::of(Endpoint::WebhookSubscriptions);
        let mut cursor: Option<String> = None;
        loop {
            let mut query = Query::default();
            if let Some(cursor) = &cursor {
                query.push("cursor", cursor);
            }
            let path = format!("{SUBSCRIPTIONS}{}", query.as_str());
            let request = ApiRequest::new(Endpoint::WebhookSubscriptions, path);
            let (items, next, bytes) = self.send(request, page).await?;
            let before = found.len();
            found.extend(items.into_iter().map(|item| (item.id.clone(), item)));
            pages.take(bytes, found.len() > before, next.is_some())?;
            let Some(next) = next else {
                return Ok(found.into_values().collect());
            };
            pages.follow(&next)?;
            cursor = Some(next);
        }
    }

    /// Has Composio tell that address of accounts that have expired.
    pub async fn subscribe(&self, url: &str) -> Result<NewWebhookSubscription, Error> {
        let body = json!({"webhook_url": url, "enabled_events": [EXPIRED], "version": "V3"});
        let request = ApiRequest::new(Endpoint::Subscribe, SUBSCRIPTIONS).json(&body);
        self.send(request, created).await
    }

    /// Deletes a subscription.
    pub async fn unsubscribe(&self, id: &str) -> Result<(), Error> {
        let request = ApiRequest::by_id(Endpoint::Unsubscribe, SUBSCRIPTIONS, id, "")?;
        self.send(request, |status, body| effect(status, body).map(drop))
            .await
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SubscriptionWire {
    id: Text,
    webhook_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreatedWire {
    id: Text,
    secret: Text,
}

objects!(SubscriptionWire, CreatedWire);

/// What is on a page, the cursor of the next, and the length of the answer.
type SubscriptionPage = (Vec<WebhookSubscription>, Option<String>, usize);

fn page(_: StatusCode, body: &[u8]) -> Result<SubscriptionPage, String> {
    let PageWire {
        items, next_cursor, ..
    } = object::<PageWire<SubscriptionWire>>(body)?;
    let rows: Vec<Lenient<SubscriptionWire>> = items.0.ok_or_else(|| lacks("items"))?;
    // One that is left out would look like room for another.
    let subscription = |row: Lenient<SubscriptionWire>| {
        let row = row.0.unwrap_or_default();
        Ok(WebhookSubscription {
            id: row.id.id().ok_or_else(|| lacks("id"))?,
            url: row.webhook_url.link(),
        })
    };
    let items = rows
        .into_iter()
        .map(subscription)
        .collect::<Result<_, String>>()?;
    Ok((items, next_cursor.cursor()?, body.len()))
}

fn created(_: StatusCode, body: &[u8]) -> Result<NewWebhookSubscription, String> {
    let CreatedWire { id, secret } = object(body)?;
    Ok(NewWebhookSubscription {
        id: id.id().ok_or_else(|| lacks("id"))?,
        secret: secret
            .id()
            .map(Sensitive::new)
            .ok_or_else(|| lacks("secret"))?,
    })
}
