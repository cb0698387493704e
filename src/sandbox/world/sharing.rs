//! What a request says of sharing, at creation and later.

use serde::Deserialize;

use super::account::Sharing;
use super::refusal::Refusal;

/// A change of the sharing list: what is absent stays, `[]` clears.
#[derive(Clone, Default, Deserialize)]
pub(super) struct SharingPatch {
    allow_all_users: Option<bool>,
    allowed_user_ids: Option<Vec<String>>,
    not_allowed_user_ids: Option<Vec<String>>,
}

impl SharingPatch {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        for (name, list) in [
            ("allowed_user_ids", &self.allowed_user_ids),
            ("not_allowed_user_ids", &self.not_allowed_user_ids),
        ] {
            let list = list.as_deref().unwrap_or_default();
            if list.len() > 1000 {
                return Err(Refusal::validation(format!("{name}: at most 1000 entries")));
            }
            if !list
                .iter()
                .all(|id| (1..=256).contains(&id.chars().count()))
            {
                return Err(Refusal::validation(format!(
                    "{name}: entries must have 1 to 256 characters"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn apply(self, sharing: &mut Sharing) {
        let Self {
            allow_all_users,
            allowed_user_ids,
            not_allowed_user_ids,
        } = self;
        if let Some(all) = allow_all_users {
            sharing.allow_all_users = all;
        }
        if let Some(list) = allowed_user_ids {
            sharing.allowed_user_ids = list;
        }
        if let Some(list) = not_allowed_user_ids {
            sharing.not_allowed_user_ids = list;
        }
    }
}
