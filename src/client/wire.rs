//! What the answers of several endpoints have in common. There is no field in any of them that could hold
//! `state`, `data`, `params` or a token: what is not named is passed over while it is read.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    lenient::{Lenient, Shape, objects},
    model::{Sensitive, State, cut_foreign_text},
};
use crate::text;

/// The longest id or name that is taken: as long as Composio's longest, that of a user.
const MAX_NAME: usize = 256;

/// The longest word for a state that is taken whole.
const MAX_STATE: usize = 64;

/// The longest cursor that is taken: it must fit into a request with the rest of a query.
const MAX_CURSOR: usize = 4096;

/// The longest link that is taken: browsers and proxies take no more.
const MAX_LINK: usize = 8192;

pub(super) type Text = Lenient<String>;

pub(super) type Texts = Lenient<Vec<Text>>;

impl Text {
    /// An empty text says as little as an absent one.
    pub(super) fn given(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty())
    }

    /// An id of Composio's, which stands in paths, in statuses and in events. What cannot be one is none.
    pub(super) fn id(self) -> Option<String> {
        let fits =
            |id: &String| id.len() <= MAX_NAME && id.bytes().all(|byte| byte.is_ascii_graphic());
        self.given().filter(fits)
    }

    /// A name that somebody gave. One that can neither be shown nor kept is as good as none.
    pub(super) fn name(self) -> Option<String> {
        let fits =
            |name: &String| name.chars().count() <= MAX_NAME && name.chars().all(text::is_plain);
        self.given().filter(fits)
    }

    /// An address for a browser, and nothing else that a browser would take for one.
    pub(super) fn link(self) -> Option<String> {
        let fits = |link: &String| {
            link.len() <= MAX_LINK
                && (link.starts_with("https://") || link.starts_with("http://"))
                && link
                    .chars()
                    .all(|one| text::is_plain(one) && !one.is_whitespace())
        };
        self.given().filter(fits)
    }

    /// Whose account it is. A longer id than any that can be declared is cut, and so is nobody's that could
    /// be: without it the account would look like anybody's.
    pub(super) fn user(self) -> Option<String> {
        let user = self.given()?;
        Some(user.chars().take(MAX_NAME + 1).collect())
    }

    /// A sentence, as much of it as is kept.
    pub(super) fn sentence(self) -> Option<String> {
        self.given().map(cut_foreign_text)
    }

    /// The cursor of the next page.
    pub(super) fn cursor(self) -> Result<Option<String>, String> {
        match self.given() {
            Some(cursor) if cursor.len() > MAX_CURSOR => {
                Err(format!("its cursor is longer than {MAX_CURSOR} bytes"))
            }
            cursor => Ok(cursor),
        }
    }

    pub(super) fn time(self) -> Option<jiff::Timestamp> {
        self.0?.parse().ok()
    }

    pub(super) fn state(self) -> Option<State> {
        self.given()
            .map(|word| State::from(text::sanitize_line(&word, MAX_STATE).as_str()))
    }
}

/// The texts of a list, each no longer than a name.
pub(super) fn texts<C: FromIterator<String>>(list: Texts) -> C {
    list.0
        .into_iter()
        .flatten()
        .filter_map(Text::user)
        .collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolkitWire {
    pub(super) slug: Text,
}

/// Not with a default for the whole: that would ask one of `T`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Shape"))]
pub(super) struct PageWire<T> {
    #[serde(default)]
    pub(super) items: Lenient<Vec<Lenient<T>>>,
    #[serde(default)]
    pub(super) next_cursor: Text,
    #[serde(default)]
    pub(super) total_items: Lenient<u64>,
}

/// All that is ever read of `val`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusWire {
    pub(super) status: Text,
}

/// PATCH, status, refresh and DELETE.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct EffectWire {
    pub(super) success: Lenient<bool>,
    pub(super) status: Text,
    pub(super) redirect_url: Text,
    pub(super) revoke_job_id: Text,
}

impl<T: Shape> Shape for PageWire<T> {
    fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
    }
}

objects!(ToolkitWire, StatusWire, EffectWire);

/// Reads a body as one object. The error says what is wrong without a word of the body: serde's own
/// message would quote the value that it did not expect.
pub(super) fn object<T: Shape>(body: &[u8]) -> Result<T, String> {
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

pub(super) fn lacks(field: &str) -> String {
    format!("it has no {field}")
}

/// An answer to an effect, which may say in a 200 that nothing was done.
pub(super) fn effect(status: StatusCode, body: &[u8]) -> Result<EffectWire, String> {
    if status == StatusCode::NO_CONTENT {
        return Ok(EffectWire::default());
    }
    let effect: EffectWire = object(body)?;
    match effect.success.0 {
        Some(false) => Err("it says that nothing was done (success: false)".to_owned()),
        Some(true) | None => Ok(effect),
    }
}

/// The values of credentials as they are sent. Nothing else exposes them.
pub(super) fn credential_fields(credentials: &BTreeMap<String, Sensitive>) -> Map<String, Value> {
    credentials
        .iter()
        .map(|(name, value)| (name.clone(), json!(value.expose())))
        .collect()
}
