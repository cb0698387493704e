//! An account as it is kept: there may be a hundred thousand, and most are only compared with what a list shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    composio::model::{Account, Acl, State, Visibility},
    time::packed,
};

/// What an account is besides its id, which it is kept under: its times, and then the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedAccount(Box<[u8]>);

#[derive(Serialize, Deserialize)]
struct Times {
    #[serde(with = "packed::optional")]
    created_at: Option<Timestamp>,
    #[serde(with = "packed::optional")]
    updated_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Rest<'a> {
    alias: Option<&'a str>,
    user_id: Option<&'a str>,
    toolkit: &'a str,
    auth_config: &'a str,
    auth_config_disabled: bool,
    state: &'a str,
    state_reason: Option<&'a str>,
    identity: Option<&'a str>,
    is_shared: bool,
    sharing: Option<Sharing<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Sharing<'a> {
    allow_all: bool,
    #[serde(borrow)]
    allowed: Vec<&'a str>,
    denied: Vec<&'a str>,
}

impl PackedAccount {
    pub(super) fn pack(account: &Account) -> Self {
        // A field that is not packed would never change.
        let Account {
            id: _,
            alias,
            user_id,
            toolkit,
            auth_config,
            auth_config_disabled,
            state,
            state_reason,
            identity,
            visibility,
            sharing,
            created_at,
            updated_at,
        } = account;
        let times = Times {
            created_at: *created_at,
            updated_at: *updated_at,
        };
        let rest = Rest {
            alias: alias.as_deref(),
            user_id: user_id.as_deref(),
            toolkit,
            auth_config,
            auth_config_disabled: *auth_config_disabled,
            state: state.as_str(),
            state_reason: state_reason.as_deref(),
            identity: identity.as_deref(),
            is_shared: *visibility == Visibility::Shared,
            sharing: sharing.as_ref().map(|acl| Sharing {
                allow_all: acl.allow_all,
                allowed: acl.allowed.iter().map(String::as_str).collect(),
                denied: acl.denied.iter().map(String::as_str).collect(),
            }),
        };
        // It cannot fail: these are texts, numbers and lists of known length.
        let packed = postcard::to_allocvec(&(times, rest)).unwrap_or_default();
        Self(packed.into_boxed_slice())
    }

    /// The account of that id; `None` where this is none that was packed.
    pub(super) fn unpack(&self, id: &str) -> Option<Account> {
        let (times, rest): (Times, Rest<'_>) = postcard::from_bytes(&self.0).ok()?;
        let owned = |text: &str| text.to_owned();
        Some(Account {
            id: id.to_owned(),
            alias: rest.alias.map(owned),
            user_id: rest.user_id.map(owned),
            toolkit: rest.toolkit.to_owned(),
            auth_config: rest.auth_config.to_owned(),
            auth_config_disabled: rest.auth_config_disabled,
            state: State::from(rest.state),
            state_reason: rest.state_reason.map(owned),
            identity: rest.identity.map(owned),
            visibility: match rest.is_shared {
                true => Visibility::Shared,
                false => Visibility::Private,
            },
            sharing: rest.sharing.map(|sharing| Acl {
                allow_all: sharing.allow_all,
                allowed: sharing.allowed.into_iter().map(owned).collect(),
                denied: sharing.denied.into_iter().map(owned).collect(),
            }),
            created_at: times.created_at,
            updated_at: times.updated_at,
        })
    }

    /// When Composio last changed it.
    pub(super) fn updated_at(&self) -> Option<Timestamp> {
        self.parts()?.0.updated_at
    }

    /// Whether both are the same but for their times.
    pub(super) fn is_same_but_for_times(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.parts(), other.parts());
        ours.map(|(_, rest)| rest) == theirs.map(|(_, rest)| rest)
    }

    /// Its times, and the rest as it is packed.
    fn parts(&self) -> Option<(Times, &[u8])> {
        postcard::take_from_bytes(&self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Account {
        Account {
            id: "ca_1".to_owned(),
            alias: Some("agents-mail".to_owned()),
            user_id: Some("user".repeat(100)),
            toolkit: "gmail".to_owned(),
            auth_config: "ac_1".to_owned(),
            auth_config_disabled: true,
            state: State::Unknown("A_WORD_OF_TOMORROW".to_owned()),
            state_reason: Some(String::new()),
            identity: Some("jürgen@example.com".to_owned()),
            visibility: Visibility::Shared,
            sharing: Some(Acl {
                allow_all: true,
                allowed: ["a".to_owned(), "b".to_owned()].into(),
                denied: ["c".to_owned()].into(),
            }),
            created_at: Timestamp::new(-1, -999_999_999).ok(),
            updated_at: Timestamp::new(1_700_000_000, 123_456_789).ok(),
        }
    }

    fn bare() -> Account {
        Account {
            id: "ca_1".to_owned(),
            alias: None,
            user_id: None,
            toolkit: String::new(),
            auth_config: String::new(),
            auth_config_disabled: false,
            state: State::Active,
            state_reason: None,
            identity: None,
            visibility: Visibility::Private,
            sharing: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// The full account, with one field each of another value.
    fn others() -> Vec<Account> {
        let changes: [fn(&mut Account); 16] = [
            |one| one.alias = None,
            |one| one.user_id = Some("user".repeat(99)),
            |one| one.toolkit = "slack".to_owned(),
            |one| one.auth_config = "ac_2".to_owned(),
            |one| one.auth_config_disabled = false,
            |one| one.state = State::Active,
            |one| one.state_reason = None,
            |one| one.identity = None,
            |one| one.visibility = Visibility::Private,
            |one| one.sharing = None,
            |one| one.sharing = Some(Acl::default()),
            |one| {
                one.sharing = one.sharing.take().map(|acl| Acl {
                    allowed: acl.denied,
                    denied: acl.allowed,
                    ..acl
                });
            },
            |one| one.created_at = None,
            |one| one.created_at = Timestamp::new(-2, -999_999_999).ok(),
            |one| one.updated_at = None,
            |one| one.updated_at = Timestamp::new(1_700_000_000, 123_456_788).ok(),
        ];
        let change = |change: fn(&mut Account)| {
            let mut account = full();
            change(&mut account);
            account
        };
        changes.map(change).into()
    }

    #[test]
    fn every_field_is_kept_and_one_that_differs_makes_another_account() {
        for account in others().into_iter().chain([full(), bare()]) {
            let packed = PackedAccount::pack(&account);
            assert_eq!(packed.unpack("ca_1").as_ref(), Some(&account));
            assert_eq!(packed.updated_at(), account.updated_at);
        }
        let full = PackedAccount::pack(&full());
        for other in others() {
            let packed = PackedAccount::pack(&other);
            assert_ne!(packed, full, "{other:?}");
            let of_times = other.created_at != self::full().created_at
                || other.updated_at != self::full().updated_at;
            assert_eq!(packed.is_same_but_for_times(&full), of_times, "{other:?}");
        }
    }

    #[test]
    fn what_was_cut_off_is_no_account() {
        let packed = PackedAccount::pack(&full());
        for length in 0..packed.0.len() {
            let cut = PackedAccount(packed.0[..length].into());
            assert_eq!(cut.unpack("ca_1"), None, "{length} bytes");
        }
    }

    #[test]
    fn an_account_takes_a_hundred_bytes() {
        let usual = Account {
            id: "ca_ENgByyK1Sy7T".to_owned(),
            alias: Some("agents-mail-0123456789abcdef".to_owned()),
            user_id: Some("user-12345".to_owned()),
            toolkit: "gmail".to_owned(),
            auth_config: "ac_gmail".to_owned(),
            updated_at: full().updated_at,
            created_at: full().updated_at,
            ..bare()
        };
        let packed = PackedAccount::pack(&usual);
        assert!(packed.0.len() <= 100, "{} bytes", packed.0.len());
    }
}
