//! Composio's word for an account, as it is stored.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::composio::model::State;

pub(super) fn serialize<S: Serializer>(
    state: &Option<State>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    state.as_ref().map(State::as_str).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<State>, D::Error> {
    let word = Option::<&str>::deserialize(deserializer)?;
    Ok(word.map(State::from))
}
