use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    composio::model::State,
    crd::{ALIAS_ANNOTATION, LINK_REQUESTED_ANNOTATION, OWN_ACCOUNT_ANNOTATION},
    store::PackedObject,
};

type Change = Box<dyn FnOnce(&mut Value)>;

fn object() -> Value {
    json!({
        "metadata": {
            "name": "mail", "namespace": "agents", "uid": "u", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["composio.dev/connected-account"],
            "annotations": {},
        },
        "spec": {"user": "u", "toolkit": "gmail"},
        "status": {
            "observedGeneration": 2, "connectedAccountId": "ca_1", "authConfig": "ac_1", "state": "ACTIVE",
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Connected", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        },
    })
}

fn summary(object: &Value) -> Arc<Summary> {
    let packed: PackedObject = serde_json::from_str(&object.to_string()).expect("an object");
    Arc::clone(packed.summary())
}

fn account() -> Account {
    Account {
        id: "ca_1".to_owned(),
        alias: Some("mail".to_owned()),
        user_id: Some("u".to_owned()),
        toolkit: "gmail".to_owned(),
        auth_config: "ac_1".to_owned(),
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

/// The fingerprint of what is remembered, after a change.
fn fingerprint(change: impl FnOnce(&mut Value, &mut Account)) -> u64 {
    let (mut object, mut account) = (object(), account());
    change(&mut object, &mut account);
    fingerprint_of(&object, &account, &[], |_| {})
}

fn fingerprint_of(
    object: &Value,
    account: &Account,
    duplicates: &[Account],
    change: impl FnOnce(&mut Inputs<'_>),
) -> u64 {
    let (summary, labels) = (summary(object), Labels::new());
    let mut inputs = Inputs {
        object: &summary,
        account,
        duplicates,
        settings: 1,
        key: 1,
        labels: &labels,
        are_all_known: true,
    };
    change(&mut inputs);
    inputs.fingerprint()
}

#[test]
fn of_the_same_inputs_the_fingerprint_is_the_same() {
    assert_eq!(fingerprint(|_, _| {}), fingerprint(|_, _| {}));
}

#[test]
fn each_change_of_the_object_alone_is_seen() {
    let annotated = |name: &'static str| {
        move |object: &mut Value| object["metadata"]["annotations"][name] = json!("x")
    };
    let set = |place: &'static str, value: Value| {
        move |object: &mut Value| {
            let (parent, field) = place.rsplit_once('/').expect("a path");
            object.pointer_mut(parent).expect("it is there")[field] = value;
        }
    };
    let changes: Vec<(&str, Change)> = vec![
        (
            "namespace",
            Box::new(set("/metadata/namespace", json!("b"))),
        ),
        ("name", Box::new(set("/metadata/name", json!("b")))),
        ("uid", Box::new(set("/metadata/uid", json!("b")))),
        (
            "version",
            Box::new(set("/metadata/resourceVersion", json!("8"))),
        ),
        (
            "generation",
            Box::new(set("/metadata/generation", json!(3))),
        ),
        (
            "age",
            Box::new(set(
                "/metadata/creationTimestamp",
                json!("2026-01-02T00:00:00Z"),
            )),
        ),
        (
            "deletion",
            Box::new(set(
                "/metadata/deletionTimestamp",
                json!("2026-01-02T00:00:00Z"),
            )),
        ),
        (
            "finalizer",
            Box::new(set("/metadata/finalizers", json!([]))),
        ),
        ("pin", Box::new(annotated(ALIAS_ANNOTATION))),
        ("own account", Box::new(annotated(OWN_ACCOUNT_ANNOTATION))),
        ("request", Box::new(annotated(LINK_REQUESTED_ANNOTATION))),
        ("unreadable", Box::new(set("/spec/enabled", json!("odd")))),
        ("user", Box::new(set("/spec/user", json!("v")))),
        ("toolkit", Box::new(set("/spec/toolkit", json!("slack")))),
        (
            "alias",
            Box::new(set("/spec/metadata", json!({"alias": "b"}))),
        ),
        (
            "declared id",
            Box::new(set("/spec/connectedAccountId", json!("ca_1"))),
        ),
        (
            "project",
            Box::new(set("/spec/projectRef", json!({"name": "b"}))),
        ),
        (
            "recorded id",
            Box::new(set("/status/connectedAccountId", json!("ca_2"))),
        ),
        ("state", Box::new(set("/status/state", json!("EXPIRED")))),
        (
            "identity",
            Box::new(set("/status/identity", json!("a@acme.com"))),
        ),
        (
            "a condition",
            Box::new(set("/status/conditions/0/message", json!("b"))),
        ),
        ("conditions", Box::new(set("/status/conditions", json!([])))),
        ("status", Box::new(set("/status", json!({})))),
    ];
    let before = fingerprint(|_, _| {});
    for (what, change) in changes {
        assert_ne!(fingerprint(|object, _| change(object)), before, "{what}");
    }
}

#[test]
fn each_field_of_the_row_alone_is_seen() {
    let text = || Some("b".to_owned());
    let time = || Some(Timestamp::UNIX_EPOCH);
    let listed = || Acl {
        allowed: ["b".to_owned()].into(),
        ..Acl::default()
    };
    let rows = [
        (
            "id",
            Account {
                id: "ca_2".to_owned(),
                ..account()
            },
        ),
        (
            "alias",
            Account {
                alias: text(),
                ..account()
            },
        ),
        (
            "no alias",
            Account {
                alias: None,
                ..account()
            },
        ),
        (
            "user",
            Account {
                user_id: text(),
                ..account()
            },
        ),
        (
            "toolkit",
            Account {
                toolkit: "slack".to_owned(),
                ..account()
            },
        ),
        (
            "auth config",
            Account {
                auth_config: "ac_2".to_owned(),
                ..account()
            },
        ),
        (
            "auth config disabled",
            Account {
                auth_config_disabled: true,
                ..account()
            },
        ),
        (
            "state",
            Account {
                state: State::Expired,
                ..account()
            },
        ),
        (
            "unknown state",
            Account {
                state: State::Unknown("ACTIVE".to_owned()),
                ..account()
            },
        ),
        (
            "reason",
            Account {
                state_reason: text(),
                ..account()
            },
        ),
        (
            "identity",
            Account {
                identity: text(),
                ..account()
            },
        ),
        (
            "visibility",
            Account {
                visibility: Visibility::Shared,
                ..account()
            },
        ),
        (
            "a list",
            Account {
                sharing: Some(Acl::default()),
                ..account()
            },
        ),
        (
            "allowed",
            Account {
                sharing: Some(listed()),
                ..account()
            },
        ),
        (
            "denied",
            Account {
                sharing: Some(Acl {
                    denied: listed().allowed,
                    ..Acl::default()
                }),
                ..account()
            },
        ),
        (
            "all allowed",
            Account {
                sharing: Some(Acl {
                    allow_all: true,
                    ..Acl::default()
                }),
                ..account()
            },
        ),
        (
            "made",
            Account {
                created_at: time(),
                ..account()
            },
        ),
        (
            "changed",
            Account {
                updated_at: time(),
                ..account()
            },
        ),
    ];
    let mut seen = vec![fingerprint(|_, _| {})];
    for (what, row) in rows {
        let one = fingerprint(|_, account| *account = row);
        assert!(!seen.contains(&one), "{what}");
        seen.push(one);
    }
}

#[test]
fn each_change_of_project_key_and_cluster_alone_is_seen() {
    let labels = Labels::from([("tier".to_owned(), "agents".to_owned())]);
    let expired = Account {
        state: State::Expired,
        ..account()
    };
    let duplicates = [account(), expired];
    let changed = [
        fingerprint(|_, _| {}),
        fingerprint_of(&object(), &account(), &duplicates[..1], |_| {}),
        fingerprint_of(&object(), &account(), &duplicates[1..], |_| {}),
        fingerprint_of(&object(), &account(), &duplicates, |_| {}),
        fingerprint_of(&object(), &account(), &[], |inputs| inputs.settings += 1),
        fingerprint_of(&object(), &account(), &[], |inputs| inputs.key += 1),
        fingerprint_of(&object(), &account(), &[], |inputs| {
            inputs.are_all_known = false
        }),
        {
            let object = summary(&object());
            let inputs = Inputs {
                object: &object,
                account: &account(),
                duplicates: &[],
                settings: 1,
                key: 1,
                labels: &labels,
                are_all_known: true,
            };
            inputs.fingerprint()
        },
    ];
    for (n, one) in changed.iter().enumerate() {
        assert!(!changed[..n].contains(one), "{n}");
    }
}
