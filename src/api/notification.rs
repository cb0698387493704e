//! What people are told of an account, as the status remembers it.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What happened to an account that people should know of.
#[derive(
    schemars::JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::EnumCount,
)]
#[allow(
    missing_docs,
    reason = "described on the fields; a description here reorders the schema's enum"
)]
pub enum NotificationType {
    AwaitingUser,
    ReauthorizationRequired,
    WrongIdentity,
    Connected,
    Revoked,
}

impl NotificationType {
    /// All of them.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] = [
        Self::AwaitingUser,
        Self::ReauthorizationRequired,
        Self::WrongIdentity,
        Self::Connected,
        Self::Revoked,
    ];

    /// The word, as the status has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingUser => "AwaitingUser",
            Self::ReauthorizationRequired => "ReauthorizationRequired",
            Self::WrongIdentity => "WrongIdentity",
            Self::Connected => "Connected",
            Self::Revoked => "Revoked",
        }
    }
}

/// A notification that the receiver has not taken yet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PendingNotification {
    /// The id under which it is sent, each time the same: made of the object's uid, the type and the time.
    pub id: String,
    /// What happened: `AwaitingUser`, a person must sign in; `ReauthorizationRequired`, the grant is dead;
    /// `WrongIdentity`, somebody else may have signed in, and the account is disabled; `Connected`, the person has signed
    /// in; `Revoked`, somebody revoked the grant.
    #[serde(rename = "type")]
    pub type_: NotificationType,
    /// When it happened.
    pub time: MicroTime,
}

impl PendingNotification {
    /// A notification of the object of that uid. The time is cut to microseconds, as the status has it.
    pub fn new(uid: &str, type_: NotificationType, time: Timestamp) -> Self {
        let micros = time.as_microsecond();
        Self {
            id: format!("{uid}-{}-{micros}", type_.as_str()),
            type_,
            time: MicroTime(Timestamp::from_microsecond(micros).unwrap_or(time)),
        }
    }

    /// Whether it was written for the object of that uid. A status that was restored from a backup, or copied, stands
    /// on an object of another one.
    pub fn is_of(&self, uid: &str) -> bool {
        Self::new(uid, self.type_, self.time.0) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_same_after_a_restart_and_another_for_another_object_type_or_time() {
        let at = Timestamp::new(1_800_000_000, 123_456_789).expect("a time");
        let first = PendingNotification::new("u", NotificationType::Connected, at);
        let text = serde_json::to_string(&first).expect("JSON");
        let read: PendingNotification = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, first);
        assert!(read.is_of("u"));
        assert!(!read.is_of("v"), "the object is another one");
        let others = [
            PendingNotification::new("v", NotificationType::Connected, at),
            PendingNotification::new("u", NotificationType::Revoked, at),
            PendingNotification::new("u", NotificationType::Connected, Timestamp::UNIX_EPOCH),
        ];
        assert!(others.iter().all(|other| other.id != first.id));
    }
}
