//! From an answer's status and body to what the client returns, or to what is wrong with it.

use http::StatusCode;

use super::{
    answer::{Created, Deleted, Linked, Page, Patched, Refreshed, Revoked},
    error::{Kind, Refusal},
    lenient::{Lenient, Shape},
    model::{Account, Acl, AuthConfig, KEPT, SensitiveUrl, Visibility, beginning},
    quote::{Quote, word},
    wire::{
        AuthConfigWire, CreateWire, EffectWire, ErrorBodyWire, ItemWire, LinkWire, PageWire,
        RevokeWire, Text, texts,
    },
};

/// Reads a body as one object. The error says what is wrong without a word of the body: serde's own
/// message would quote the value that it did not expect.
fn object<T: Shape>(body: &[u8]) -> Result<T, String> {
    match serde_json::from_slice::<Lenient<T>>(body) {
        Ok(Lenient(Some(value))) => Ok(value),
        Ok(Lenient(None)) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(match error.classify() {
            serde_json::error::Category::Eof => "its JSON ends too early".to_owned(),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Data => {
                format!(
                    "it is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                )
            }
        }),
    }
}

fn lacks(field: &str) -> String {
    format!("it has no {field}")
}

fn account_of(item: ItemWire) -> Result<Account, (Option<String>, String)> {
    let id = item.id.id();
    let wrong = |field| (id.clone(), lacks(field));
    let slug = item.toolkit.0.unwrap_or_default().slug.id();
    let auth_config = item.auth_config.0.unwrap_or_default().id.id();
    let experimental = item.experimental.0.unwrap_or_default();
    Ok(Account {
        toolkit: slug.ok_or_else(|| wrong("toolkit.slug"))?,
        auth_config: auth_config.ok_or_else(|| wrong("auth_config.id"))?,
        state: item.status.state().ok_or_else(|| wrong("status"))?,
        id: id.clone().ok_or_else(|| wrong("id"))?,
        alias: item.alias.name(),
        user_id: item.user_id.user(),
        state_reason: item.status_reason.sentence(),
        visibility: match experimental.account_type.0.as_deref() {
            Some("SHARED") => Visibility::Shared,
            // A word that is not known opens nothing to anybody.
            Some(_) | None => Visibility::Private,
        },
        sharing: experimental.acl_config_for_shared.0.map(|acl| Acl {
            allow_all: acl.allow_all_users.0.unwrap_or(false),
            allowed: texts(acl.allowed_user_ids),
            denied: texts(acl.not_allowed_user_ids),
        }),
        created_at: item.created_at.time(),
        updated_at: item.updated_at.time(),
    })
}

pub(super) fn account(_: StatusCode, body: &[u8]) -> Result<Account, String> {
    account_of(object(body)?).map_err(|(_, why)| why)
}

/// One odd row must not hide the others. `items` itself must be there: without it the answer is
/// somebody else's, and must not read as "there are no accounts".
pub(super) fn page(_: StatusCode, body: &[u8]) -> Result<Page, String> {
    let PageWire {
        items,
        next_cursor,
        total_items,
    } = object::<PageWire<ItemWire>>(body)?;
    let rows = items.0.ok_or_else(|| lacks("items"))?;
    let mut items = Vec::with_capacity(rows.len());
    let mut left_out = 0;
    for row in rows {
        match account_of(row.0.unwrap_or_default()) {
            Ok(account) => items.push(account),
            Err((id, why)) => {
                left_out += 1;
                let id = word(&id.unwrap_or_default());
                tracing::warn!(%id, why, "a listed account is left out");
            }
        }
    }
    Ok(Page {
        items,
        next_cursor: next_cursor.cursor()?,
        total: total_items.0,
        left_out,
        bytes: body.len(),
    })
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

pub(super) fn auth_config(_: StatusCode, body: &[u8]) -> Result<AuthConfig, String> {
    auth_config_of(object(body)?)
}

/// The auth configs of one page.
pub(super) struct AuthConfigPage {
    pub(super) items: Vec<AuthConfig>,
    pub(super) next_cursor: Option<String>,
    /// Of the body.
    pub(super) bytes: usize,
}

pub(super) fn auth_configs(_: StatusCode, body: &[u8]) -> Result<AuthConfigPage, String> {
    let PageWire {
        items, next_cursor, ..
    } = object::<PageWire<AuthConfigWire>>(body)?;
    let rows = items.0.ok_or_else(|| lacks("items"))?;
    let items = rows
        .into_iter()
        .filter_map(|row| auth_config_of(row.0?).ok())
        .collect();
    Ok(AuthConfigPage {
        items,
        next_cursor: next_cursor.cursor()?,
        bytes: body.len(),
    })
}

pub(super) fn linked(_: StatusCode, body: &[u8]) -> Result<Linked, String> {
    let link: LinkWire = object(body)?;
    Ok(Linked {
        id: link
            .connected_account_id
            .id()
            .ok_or_else(|| lacks("connected_account_id"))?,
        redirect_url: SensitiveUrl::new(
            link.redirect_url
                .link()
                .ok_or_else(|| lacks("redirect_url"))?,
        ),
        expires_at: link.expires_at.time(),
    })
}

pub(super) fn created(_: StatusCode, body: &[u8]) -> Result<Created, String> {
    let CreateWire {
        id,
        connection_data,
        status,
    } = object(body)?;
    let val = connection_data
        .0
        .unwrap_or_default()
        .val
        .0
        .unwrap_or_default();
    Ok(Created {
        id: id.id().ok_or_else(|| lacks("id"))?,
        state: val.status.state().or_else(|| status.state()),
    })
}

/// An answer to an effect, which may say in a 200 that nothing was done.
fn effect(status: StatusCode, body: &[u8]) -> Result<EffectWire, String> {
    if status == StatusCode::NO_CONTENT {
        return Ok(EffectWire::default());
    }
    let effect: EffectWire = object(body)?;
    match effect.success.0 {
        Some(false) => Err("it says that nothing was done (success: false)".to_owned()),
        Some(true) | None => Ok(effect),
    }
}

pub(super) fn patched(status: StatusCode, body: &[u8]) -> Result<Patched, String> {
    effect(status, body).map(|effect| Patched {
        state: effect.status.state(),
    })
}

pub(super) fn enabled(status: StatusCode, body: &[u8]) -> Result<(), String> {
    effect(status, body).map(|_| ())
}

pub(super) fn refreshed(status: StatusCode, body: &[u8]) -> Result<Refreshed, String> {
    effect(status, body).map(|effect| Refreshed {
        state: effect.status.state(),
        redirect_url: effect.redirect_url.link().map(SensitiveUrl::new),
    })
}

pub(super) fn deleted(status: StatusCode, body: &[u8]) -> Result<Deleted, String> {
    effect(status, body).map(|effect| Deleted {
        revoke_job: effect.revoke_job_id.id(),
    })
}

pub(super) fn revoked(_: StatusCode, body: &[u8]) -> Result<Revoked, String> {
    let RevokeWire {
        revoked_tokens,
        connected_account,
    } = object(body)?;
    Ok(Revoked {
        tokens: texts(revoked_tokens),
        state: connected_account.0.unwrap_or_default().status.state(),
    })
}

/// An error status and its body, and the request id that the body names.
///
/// Only a body with Composio's own marks counts as Composio's word: others answer
/// `{"error": {"message": …}}` too, and "not found" from a proxy must not read as "deleted".
pub(super) fn refusal(status: StatusCode, body: &[u8], secret: bool) -> (Kind, Option<String>) {
    let gateway = Kind::Gateway {
        status: status.as_u16(),
    };
    let Ok(ErrorBodyWire {
        error: Lenient(Some(error)),
    }) = object(body)
    else {
        return (gateway, None);
    };
    let shown = |text: String| word(&text);
    let slug = error.slug.given().map(shown);
    let request_id = error.request_id.given().map(shown);
    let Some(mut message) = error.message.given() else {
        return (gateway, request_id);
    };
    if slug.is_none() && request_id.is_none() {
        return (gateway, None);
    }
    let lower = beginning(&message, KEPT).to_lowercase();
    let alias_in_use = status == StatusCode::BAD_REQUEST
        && lower.contains("alias \"")
        && lower.contains("\" is already in use");
    for detail in error.errors.0.into_iter().flatten().filter_map(Text::given) {
        message.push_str("; ");
        message.push_str(&detail);
        if message.len() > KEPT {
            break;
        }
    }
    let fix = error
        .suggested_fix
        .given()
        .or_else(|| error.suggested_fix_camel.given());
    let refusal = Refusal {
        status: status.as_u16(),
        slug,
        code: error.code.given().map(shown),
        message: Quote::new(if secret { String::new() } else { message }),
        suggested_fix: fix.filter(|_| !secret).map(Quote::new),
        alias_in_use,
    };
    (Kind::Api(Box::new(refusal)), request_id)
}

/// DELETE answers the second time with 404 and an empty object.
pub(super) fn is_empty_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)
        .is_ok_and(|map| map.is_empty())
}
