//! Composio's JSON. There is no field here that could hold `state`, `data`, `params` or a token:
//! what is not named is passed over while it is read.

use serde::Deserialize;

use super::{
    lenient::{Lenient, Shape, objects},
    model::{State, kept},
};
use crate::text;

/// The longest id or name that is taken: as long as Composio's longest, that of a user.
const MAX_NAME: usize = 256;
/// The longest word for a state that is taken whole.
const MAX_WORD: usize = 64;
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
        self.given().map(kept)
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
            .map(|word| State::from(text::line(&word, MAX_WORD).as_str()))
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
pub(super) struct ItemWire {
    pub(super) id: Text,
    pub(super) alias: Text,
    pub(super) user_id: Text,
    pub(super) status: Text,
    pub(super) status_reason: Text,
    pub(super) created_at: Text,
    pub(super) updated_at: Text,
    pub(super) toolkit: Lenient<ToolkitWire>,
    pub(super) auth_config: Lenient<IdWire>,
    pub(super) experimental: Lenient<ExperimentalWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolkitWire {
    pub(super) slug: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct IdWire {
    pub(super) id: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentalWire {
    pub(super) account_type: Text,
    pub(super) acl_config_for_shared: Lenient<AclWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AclWire {
    pub(super) allow_all_users: Lenient<bool>,
    pub(super) allowed_user_ids: Texts,
    pub(super) not_allowed_user_ids: Texts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthConfigWire {
    pub(super) id: Text,
    pub(super) status: Text,
    pub(super) toolkit: Lenient<ToolkitWire>,
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LinkWire {
    pub(super) connected_account_id: Text,
    pub(super) redirect_url: Text,
    pub(super) expires_at: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CreateWire {
    pub(super) id: Text,
    pub(super) connection_data: Lenient<ConnectionDataWire>,
    pub(super) status: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ConnectionDataWire {
    pub(super) val: Lenient<StatusWire>,
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RevokeWire {
    pub(super) revoked_tokens: Texts,
    pub(super) connected_account: Lenient<StatusWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBodyWire {
    pub(super) error: Lenient<ErrorWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorWire {
    pub(super) message: Text,
    pub(super) code: Text,
    pub(super) slug: Text,
    pub(super) request_id: Text,
    pub(super) suggested_fix: Text,
    #[serde(rename = "suggestedFix")]
    pub(super) suggested_fix_camel: Text,
    pub(super) errors: Texts,
}

impl<T: Shape> Shape for PageWire<T> {
    fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
    }
}

objects!(
    ItemWire,
    ToolkitWire,
    IdWire,
    ExperimentalWire,
    AclWire,
    AuthConfigWire,
    LinkWire,
    CreateWire,
    ConnectionDataWire,
    StatusWire,
    EffectWire,
    RevokeWire,
    ErrorBodyWire,
    ErrorWire,
);
