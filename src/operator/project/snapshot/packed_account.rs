//! An account as it is kept: there may be a hundred thousand, and most are only compared with what a list shows.

use jiff::Timestamp;

use crate::composio::model::{Account, Acl, State, Visibility};

/// One of the two times, as it is kept: seconds and nanoseconds.
const TIME: usize = 12;
/// Both of them, at the beginning.
const TIMES: usize = 2 * TIME;
/// Instead of nanoseconds, where there is no time.
const NO_TIME: i32 = i32::MIN;

/// What an account is besides its id, which it is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedAccount(Box<[u8]>);

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
        let mut writer = Writer(Vec::new());
        writer.time(*created_at);
        writer.time(*updated_at);
        writer.flag(*auth_config_disabled);
        writer.flag(*visibility == Visibility::Shared);
        writer.text(state.as_str());
        writer.text(toolkit);
        writer.text(auth_config);
        for text in [alias, user_id, state_reason, identity] {
            writer.flag(text.is_some());
            writer.text(text.as_deref().unwrap_or_default());
        }
        writer.flag(sharing.is_some());
        if let Some(Acl {
            allow_all,
            allowed,
            denied,
        }) = sharing
        {
            writer.flag(*allow_all);
            for users in [allowed, denied] {
                writer.number(users.len());
                users.iter().for_each(|user| writer.text(user));
            }
        }
        Self(writer.0.into_boxed_slice())
    }

    /// The account of that id; `None` where this is none that was packed.
    pub(super) fn unpack(&self, id: &str) -> Option<Account> {
        let mut reader = Reader(&self.0);
        let (created_at, updated_at) = (reader.time()?, reader.time()?);
        let auth_config_disabled = reader.flag()?;
        let visibility = match reader.flag()? {
            true => Visibility::Shared,
            false => Visibility::Private,
        };
        let state = State::from(reader.text()?);
        let toolkit = reader.text()?.to_owned();
        let auth_config = reader.text()?.to_owned();
        let alias = reader.optional_text()?;
        let user_id = reader.optional_text()?;
        let state_reason = reader.optional_text()?;
        let identity = reader.optional_text()?;
        let sharing = match reader.flag()? {
            true => Some(Acl {
                allow_all: reader.flag()?,
                allowed: reader.texts()?,
                denied: reader.texts()?,
            }),
            false => None,
        };
        Some(Account {
            id: id.to_owned(),
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
        })
    }

    /// When Composio last changed it.
    pub(super) fn updated_at(&self) -> Option<Timestamp> {
        let times = self.0.get(TIME..).unwrap_or_default();
        Reader(times).time().flatten()
    }

    /// Whether both are the same but for their times.
    pub(super) fn is_same_but_for_times(&self, other: &Self) -> bool {
        self.0.get(TIMES..) == other.0.get(TIMES..)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn time(&mut self, time: Option<Timestamp>) {
        let seconds = time.map_or(0, Timestamp::as_second);
        let nanoseconds = time.map_or(NO_TIME, Timestamp::subsec_nanosecond);
        self.0.extend(seconds.to_le_bytes());
        self.0.extend(nanoseconds.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    /// Seven bits a byte, the lowest first; the highest bit says that there are more.
    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend(text.as_bytes());
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, many: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(many)?;
        self.0 = rest;
        Some(bytes)
    }

    fn time(&mut self) -> Option<Option<Timestamp>> {
        let seconds = i64::from_le_bytes(self.bytes(8)?.try_into().ok()?);
        let nanoseconds = i32::from_le_bytes(self.bytes(4)?.try_into().ok()?);
        match nanoseconds {
            NO_TIME => Some(None),
            nanoseconds => Some(Some(Timestamp::new(seconds, nanoseconds).ok()?)),
        }
    }

    fn flag(&mut self) -> Option<bool> {
        Some(*self.bytes(1)?.first()? != 0)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for place in (0..usize::BITS).step_by(7) {
            let byte = *self.bytes(1)?.first()?;
            number |= usize::from(byte & 0x7f) << place;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn optional_text(&mut self) -> Option<Option<String>> {
        let is_some = self.flag()?;
        let text = self.text()?;
        Some(is_some.then(|| text.to_owned()))
    }

    fn texts<T: FromIterator<String>>(&mut self) -> Option<T> {
        let many = self.number()?;
        (0..many).map(|_| self.text().map(str::to_owned)).collect()
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
    fn an_account_takes_two_hundred_bytes() {
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
        assert!(packed.0.len() <= 200, "{} bytes", packed.0.len());
    }
}
