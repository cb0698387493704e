//! What is used of the status of an object.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hasher},
    io,
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::{Deserialize, Serialize};

use super::{FINGERPRINTS, word};
use crate::{
    composio::model::State,
    crd::{AccountRecord, ConfigMapReason, ConnectedAccountStatus, Reason, condition},
    time::packed,
};

/// The longest text of a status that is kept as it is. Composio's ids and words, and what is signed here, are shorter;
/// but whoever may write a status may write a megabyte.
const MAX_TEXT: usize = 256;
/// So many letters are kept of a longer one.
const BEGINNING: usize = 64;

/// What is used of the status of an object that nothing is to be done for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// `status.connectedAccountId`.
    pub connected_account_id: Option<Box<str>>,
    /// `status.record`.
    pub record: Option<Box<AccountRecord>>,
    /// `status.authConfig`.
    pub auth_config: Option<Box<str>>,
    /// Composio's word for the account; `None`: there is none.
    #[serde(with = "word")]
    pub state: Option<State>,
    /// The last time at which a link was made for the account, or it was connected.
    #[serde(with = "packed::optional")]
    pub last_sign_in: Option<Timestamp>,
    /// Until when its link can be used.
    #[serde(with = "packed::optional")]
    pub link_until: Option<Timestamp>,
    /// Since when something is to be told of it that was not taken yet.
    #[serde(with = "packed::optional")]
    pub notification_since: Option<Timestamp>,
    /// The `metadata.generation` that the status and its condition Synced speak of, if both speak of the same.
    pub judged_generation: Option<i64>,
    /// The condition Ready.
    pub ready: Option<Told>,
    /// The condition Synced.
    pub synced: Option<Told>,
    /// Whether the condition Stalled is true.
    pub is_stalled: bool,
    /// Why the ConfigMap is not written.
    pub no_config_map: Option<ConfigMapReason>,
    /// A fingerprint of all of the status.
    #[serde(with = "postcard::fixint::le")]
    pub fingerprint: u64,
}

/// What a condition tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether it is true.
    pub is_true: bool,
    /// Its reason; `None`: one that this version does not know.
    pub reason: Option<Reason>,
    /// Since when it is as it is.
    #[serde(with = "packed::required")]
    pub since: Timestamp,
}

impl Told {
    fn of(condition: &Condition) -> Self {
        Self {
            is_true: condition.status == "True",
            reason: Reason::named(&condition.reason),
            since: condition.last_transition_time.0,
        }
    }

    /// Whether it is there for one of these reasons.
    pub fn says(told: Option<Self>, reasons: &[Reason]) -> bool {
        told.and_then(|told| told.reason)
            .is_some_and(|reason| reasons.contains(&reason))
    }
}

impl Recorded {
    pub(super) fn of(status: Option<&ConnectedAccountStatus>) -> Self {
        let absent = ConnectedAccountStatus::default();
        let status = status.unwrap_or(&absent);
        let told = |type_| status.condition(type_).map(Told::of);
        let times = [
            &status.last_link_issued_at,
            &status.connected_at,
            &status.first_connected_at,
        ];
        let not_written = status.condition(condition::CONFIG_MAP_WRITTEN);
        let not_written = not_written.filter(|written| written.status == "False");
        let pending = status.pending_notification.as_ref();
        let synced = status.condition(condition::SYNCED);
        let of_synced = synced.and_then(|synced| synced.observed_generation);
        Self {
            connected_account_id: shortened(status.connected_account_id.as_deref()),
            record: status.record.as_ref().map(|record| {
                Box::new(AccountRecord {
                    key_id: short(&record.key_id).into(),
                    mac: short(&record.mac).into(),
                })
            }),
            auth_config: shortened(status.auth_config.as_deref()),
            state: (status.state.as_deref()).map(|state| State::from(&*short(state))),
            last_sign_in: times.into_iter().flatten().map(|time| time.0).max(),
            link_until: status.link.as_ref().map(|link| link.expires_at.0),
            notification_since: pending.map(|pending| pending.time.0),
            judged_generation: of_synced.filter(|one| status.observed_generation == Some(*one)),
            ready: told(condition::READY),
            synced: told(condition::SYNCED),
            is_stalled: told(condition::STALLED).is_some_and(|stalled| stalled.is_true),
            no_config_map: not_written.and_then(|written| {
                let mut all = ConfigMapReason::ALL.into_iter();
                all.find(|reason| reason.as_str() == written.reason)
            }),
            fingerprint: fingerprint(status),
        }
    }

    /// As much of the status as tells what it claims.
    pub fn claim(&self) -> ConnectedAccountStatus {
        ConnectedAccountStatus {
            connected_account_id: self.connected_account_id.as_deref().map(str::to_owned),
            record: self.record.as_deref().cloned(),
            ..ConnectedAccountStatus::default()
        }
    }
}

/// A text of a status. The sign at the end of one that was too long is in no id, word or signature, so that it equals
/// none. That it was changed is seen by the fingerprint.
fn short(text: &str) -> Cow<'_, str> {
    match text.len() <= MAX_TEXT {
        true => text.into(),
        false => text.chars().take(BEGINNING).chain(['…']).collect(),
    }
}

fn shortened(text: Option<&str>) -> Option<Box<str>> {
    text.map(|text| short(text).into())
}

fn fingerprint(status: &ConnectedAccountStatus) -> u64 {
    let mut writer = HashWriter(FINGERPRINTS.build_hasher());
    // It cannot fail: a status is written as JSON each time that it is sent.
    let _ = serde_json::to_writer(&mut writer, status);
    writer.0.finish()
}

/// Takes the fingerprint of what is written to it.
struct HashWriter<H>(H);

impl<H: Hasher> io::Write for HashWriter<H> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
