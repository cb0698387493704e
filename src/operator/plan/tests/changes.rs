//! A change of an account: what is sent, what it makes of the account, what is told.

use super::*;
use crate::composio::{
    PatchRequest, SharingPatch,
    model::{Acl, Credentials, Sensitive},
};

fn list(allowed: &[&str], denied: &[&str]) -> Acl {
    let set = |users: &[&str]| users.iter().map(|user| (*user).to_owned()).collect();
    Acl {
        allow_all: false,
        allowed: set(allowed),
        denied: set(denied),
    }
}

fn rename() -> Change {
    Change::Alias("new".into())
}

/// The user `b` is denied, and who is allowed stays.
fn deny() -> Change {
    Change::Sharing(SharingPatch {
        denied: Some(["b".to_owned()].into()),
        ..SharingPatch::default()
    })
}

#[test]
fn each_change_sends_its_own_field_and_no_other() {
    let DesiredBuilder(desired) = object().made_from_secret();
    let secret = seen_none()
        .with_data("uid/7", &[("username", "ann"), ("subdomain", "acme")])
        .0
        .secret;
    assert_eq!(
        rename().request(&desired, &secret),
        PatchRequest {
            alias: Some("new".into()),
            ..PatchRequest::default()
        }
    );
    let denied = SharingPatch {
        allow_all: None,
        allowed: None,
        denied: Some(["b".to_owned()].into()),
    };
    assert_eq!(
        deny().request(&desired, &secret),
        PatchRequest {
            sharing: Some(denied),
            ..PatchRequest::default()
        }
    );
    // A subdomain is of those that only a new account takes.
    let taken = [("generic_api_key", "uid/7"), ("username", "ann")];
    let fields = taken.map(|(name, value)| (name.to_owned(), Sensitive::new(value)));
    assert_eq!(
        Change::Credentials.request(&desired, &secret),
        PatchRequest {
            credentials: Some(Credentials {
                scheme: "API_KEY".into(),
                fields: fields.into(),
            }),
            ..PatchRequest::default()
        }
    );
}

#[test]
fn an_account_shows_what_was_changed_of_it() {
    let before = account("ca_1").shared(Some(list(&["a"], &[]))).0;
    let after = |change: Change| {
        let mut account = before.clone();
        change.apply(&mut account);
        account
    };
    let renamed = account("ca_1")
        .shared(Some(list(&["a"], &[])))
        .called("new");
    assert_eq!(after(rename()), renamed.0);
    let shared = account("ca_1").shared(Some(list(&["a"], &["b"])));
    assert_eq!(after(deny()), shared.0);
    assert_eq!(after(Change::Credentials), before, "nobody sees them");
}

#[test]
fn each_change_is_called_by_its_name_once_it_went_through() {
    let told = [rename(), deny(), Change::Credentials]
        .map(|change| (change.done(), change.kind().event_reason()));
    assert_eq!(
        told,
        [
            (Applied::Changed, "Renamed"),
            (Applied::Changed, "SharingChanged"),
            (Applied::Rotated, "CredentialsRotated"),
        ]
    );
}

#[test]
fn only_what_is_taken_from_the_access_list_takes_anything_away() {
    let shared = account("ca_1").shared(Some(list(&["a"], &[]))).0;
    assert!(deny().takes_away(Some(&shared)));
    assert!(deny().takes_away(None), "nobody knows who has it now");
    for change in [rename(), Change::Credentials] {
        assert!(!change.takes_away(Some(&shared)), "{change:?}");
    }
}

#[test]
fn of_a_change_the_event_tells_the_whole_and_of_an_access_list_no_names() {
    let DesiredBuilder(desired) = object().shared_with(&["a", "c"], &["b"]);
    let account = |list: Acl| Some(account("ca_1").shared(Some(list)).0);
    let mut open = list(&["a", "c"], &["b"]);
    open.allow_all = true;
    let DesiredBuilder(to_all) = object()
        .shared_with(&["a", "c"], &["b"])
        .with(|desired| desired.spec.sharing.as_mut().expect("a list").allow_all = true);
    for (wanted, change, account, note) in [
        (
            &desired,
            rename(),
            None,
            Some(r#"account ca_1 has the alias "new""#),
        ),
        (
            &desired,
            Change::Credentials,
            None,
            Some("account ca_1 was given the credentials of the changed Secret"),
        ),
        (
            &desired,
            deny(),
            None,
            Some("the access list of account ca_1 was changed"),
        ),
        (&desired, deny(), account(list(&["a"], &["b"])), None),
        (
            &desired,
            deny(),
            account(list(&["a", "c"], &["b"])),
            Some(
                "the access list of account ca_1 was changed: everybody allowed: no, users allowed: 2, users denied: 1",
            ),
        ),
        (
            &to_all,
            deny(),
            account(open),
            Some(
                "the access list of account ca_1 was changed: everybody allowed: yes, users allowed: 2, users denied: 1",
            ),
        ),
    ] {
        let told = change.note(wanted, "ca_1", account.as_ref());
        assert_eq!(told.as_deref(), note, "{change:?}");
    }
}
