//! Auth configs: from which accounts of a toolkit can be made.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;

use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    model::AuthConfig,
    pages::Pages,
    path::Query,
    request::ApiRequest,
    wire::{PageWire, Text, ToolkitWire, lacks, object},
};

/// The path of the collection.
const AUTH_CONFIGS: &str = "/api/v3.1/auth_configs";

impl Client {
    /// One auth config, enabled or not.
    pub async fn auth_config(&self, id: &str) -> Result<AuthConfig, Error> {
        let request = ApiRequest::by_id(Endpoint::AuthConfig, AUTH_CONFIGS, id, "")?;
        self.send(request, auth_config).await
    }

    /// All auth configs of a toolkit, the disabled ones too.
    pub async fn auth_configs(&self, toolkit: &str) -> Result<Vec<AuthConfig>, Error> {
        let mut found: BTreeMap<String, AuthConfig> = BTreeMap::new();
        let mut pages = Pages::of(Endpoint::AuthConfigs);
        let mut cursor: Option<String> = None;
        loop {
            let mut query = Query::default();
            query.push("toolkit_slug", toolkit);
            query.push("show_disabled", "true");
            query.push("limit", "50");
            if let Some(cursor) = &cursor {
                query.push("cursor", cursor);
            }
            let request = ApiRequest::new(
                Endpoint::AuthConfigs,
                format!("{AUTH_CONFIGS}{}", query.as_str()),
            );
            let AuthConfigPage {
                items,
                next_cursor,
                bytes,
            } = self.send(request, auth_configs).await?;
            let before = found.len();
            // Pages shift and may repeat: what was read last is the newest.
            found.extend(items.into_iter().map(|item| (item.id.clone(), item)));
            // Half of them would make an ambiguous choice look like the only one.
            pages.take(bytes, found.len() > before, next_cursor.is_some())?;
            let Some(next) = next_cursor else {
                break;
            };
            pages.follow(&next)?;
            cursor = Some(next);
        }
        // A server that does not know the filter sends all.
        let found = found.into_values();
        Ok(found.filter(|found| found.toolkit == toolkit).collect())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthConfigWire {
    id: Text,
    status: Text,
    toolkit: Lenient<ToolkitWire>,
}

objects!(AuthConfigWire);

/// The auth configs of one page.
struct AuthConfigPage {
    items: Vec<AuthConfig>,
    next_cursor: Option<String>,
    /// Of the body.
    bytes: usize,
}

fn auth_config_of(item: AuthConfigWire) -> Result<AuthConfig, String> {
    Ok(AuthConfig {
        id: item.id.id().ok_or_else(|| lacks("id"))?,
        toolkit: item
            .toolkit
            .0
            .unwrap_or_default()
            .slug
            .id()
            .ok_or_else(|| lacks("toolkit.slug"))?,
        // Absent is not disabled; any other word than ENABLED is.
        enabled: item.status.0.is_none_or(|status| status == "ENABLED"),
    })
}

fn auth_config(_: StatusCode, body: &[u8]) -> Result<AuthConfig, String> {
    auth_config_of(object(body)?)
}

fn auth_configs(_: StatusCode, body: &[u8]) -> Result<AuthConfigPage, String> {
    let PageWire {
        items, next_cursor, ..
    } = object::<PageWire<AuthConfigWire>>(body)?;
    let rows = items.0.ok_or_else(|| lacks("items"))?;
    // Half a list would make an ambiguous choice look like the only one.
    let items = rows.into_iter().enumerate().map(|(n, row)| {
        let config = auth_config_of(row.0.unwrap_or_default());
        config.map_err(|why| format!("auth config {} on the page: {why}", n + 1))
    });
    let items = items.collect::<Result<_, _>>()?;
    Ok(AuthConfigPage {
        items,
        next_cursor: next_cursor.cursor()?,
        bytes: body.len(),
    })
}
