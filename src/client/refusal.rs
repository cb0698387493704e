//! What an error status and its body say.

use http::StatusCode;
use serde::Deserialize;

use crate::{
    error::{Kind, MISSING_FIELDS, Refusal},
    lenient::{Lenient, objects},
    model::{MAX_FOREIGN_TEXT, beginning},
    quote::{Quote, sanitize_id},
    wire::{Text, Texts, object},
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBodyWire {
    error: Lenient<ErrorWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorWire {
    message: Text,
    code: Text,
    slug: Text,
    request_id: Text,
    suggested_fix: Text,
    #[serde(rename = "suggestedFix")]
    suggested_fix_camel: Text,
    errors: Texts,
}

objects!(ErrorBodyWire, ErrorWire);

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
    let shown = |text: String| sanitize_id(&text);
    let slug = error.slug.given().map(shown);
    let request_id = error.request_id.given().map(shown);
    let Some(mut message) = error.message.given() else {
        return (gateway, request_id);
    };
    if slug.is_none() && request_id.is_none() {
        return (gateway, None);
    }
    let lower = beginning(&message, MAX_FOREIGN_TEXT).to_lowercase();
    let alias_in_use = status == StatusCode::BAD_REQUEST
        && lower.contains("alias \"")
        && lower.contains("\" is already in use");
    for detail in error.errors.0.into_iter().flatten().filter_map(Text::given) {
        message.push_str("; ");
        message.push_str(&detail);
        if message.len() > MAX_FOREIGN_TEXT {
            break;
        }
    }
    let fix = error
        .suggested_fix
        .given()
        .or_else(|| error.suggested_fix_camel.given());
    // What it names are fields, and whoever has the values at hand takes them out.
    let is_told = !secret || slug.as_deref() == Some(MISSING_FIELDS);
    let refusal = Refusal {
        status: status.as_u16(),
        slug,
        code: error.code.given().map(shown),
        message: Quote::new(if is_told { message } else { String::new() }),
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
