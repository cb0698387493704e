use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{crd::OWN_ACCOUNT_ANNOTATION, store::PackedObject};

fn summary(spec: Value, status: Value) -> Arc<Summary> {
    let pin = Pin::annotation(&Flags::default(), "agents", "mail", Some("pinned"));
    let object = json!({
        "metadata": {
            "name": "mail", "namespace": "agents", "uid": "u",
            "annotations": {ALIAS_ANNOTATION: pin},
        },
        "spec": spec, "status": status,
    });
    read(object)
}

fn read(object: Value) -> Arc<Summary> {
    let packed: PackedObject = serde_json::from_str(&object.to_string()).expect("it has metadata");
    Arc::clone(packed.summary())
}

#[test]
fn an_unreadable_object_finds_what_it_would_find_and_what_it_may() {
    let other: ConnectedAccount = serde_json::from_value(json!({
        "metadata": {"name": "other", "namespace": "agents"},
        "spec": {"user": "u", "toolkit": "gmail"},
    }))
    .expect("an object");
    let other = Desired::of(&other, &Flags::default());
    let account = Account {
        id: "ca_1".to_owned(),
        alias: Some("pinned".to_owned()),
        user_id: Some("u".to_owned()),
        toolkit: "gmail".to_owned(),
        auth_config: "ac_1".to_owned(),
        auth_config_disabled: false,
        state: crate::composio::model::State::Active,
        state_reason: None,
        identity: None,
        visibility: crate::composio::model::Visibility::Private,
        sharing: None,
        created_at: None,
        updated_at: None,
    };
    let keys = RecordKeys::derive(b"the API key", "project");
    let finds_it = |object: &Summary, account: &Account| {
        let claim = object.claim(&other.flags, &other, &Labels::default(), &keys, account);
        claim.is_some()
    };
    let odd = |field: &str, value: Value| {
        let mut spec = json!({"user": "u", "toolkit": "gmail", "suspend": "perhaps"});
        spec[field] = value;
        spec
    };
    for (finds, spec, status, reason) in [
        (true, odd("suspend", json!(7)), json!({}), "its own"),
        (true, odd("user", json!(7)), json!([]), "perhaps its own"),
        (true, json!("odd"), json!({}), "all may be"),
        (false, odd("user", json!("v")), json!({}), "of another user"),
        (
            false,
            odd("toolkit", json!("x")),
            json!({}),
            "of another toolkit",
        ),
        (
            true,
            odd("user", json!(7)),
            json!({"connectedAccountId": "ca_2", "state": 7}),
            "it has another, and asked for one of this alias",
        ),
    ] {
        let summary = summary(spec, status);
        assert!(!summary.is_readable(), "{reason}");
        assert_eq!(finds_it(&summary, &account), finds, "{reason}");
    }
    let elsewhere = Account {
        alias: Some(computed_alias("", "agents", "mail")),
        ..account.clone()
    };
    let unreadable = summary(json!("odd"), json!({}));
    assert!(!finds_it(&unreadable, &elsewhere), "the pin counts");
    let by_id = summary(odd("connectedAccountId", json!("ca_1")), json!({}));
    assert!(finds_it(&by_id, &elsewhere), "declared by its id");
}

/// A whole object; some of what it is in other words, where it has a choice.
fn whole(index: usize) -> Value {
    let pin = match index {
        0 => Pin::annotation(&Flags::default(), "agents", "mail", None),
        1 => "written by hand".to_owned(),
        _ => {
            let alias = computed_alias("", "agents", "mail");
            Pin::annotation(&Flags::default(), "agents", "mail", Some(&alias))
        }
    };
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({
            "type": type_, "status": status, "reason": reason, "message": "", "observedGeneration": 7,
            "lastTransitionTime": "2026-01-02T03:04:05.678901234Z",
        })
    };
    let state = ["ACTIVE", "A_WORD_OF_TOMORROW", "EXPIRED"][index];
    let mut object = json!({
        "metadata": {
            "name": "mail", "namespace": "agents", "uid": "0b0f6b5e-6f54-4f0e-8d5c-3d2f6a1f3c11",
            "resourceVersion": "123456", "generation": 7, "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["composio.dev/connected-account"],
            "annotations": {ALIAS_ANNOTATION: pin, OWN_ACCOUNT_ANNOTATION: "ca_3", "composio.dev/abandon": "true"},
        },
        "spec": {
            "user": "jürgen@example.com", "toolkit": "gmail", "connectedAccountId": "ca_1",
            "projectRef": {"kind": "ClusterComposioProject", "name": "eu"}, "metadata": {"alias": "mine"},
        },
        "status": {
            "observedGeneration": 7, "connectedAccountId": "ca_2", "authConfig": "ac_1", "state": state,
            "record": {"keyId": "k", "mac": "bWFj"}, "connectedAt": "2026-01-03T00:00:00Z",
            "link": {"url": "https://example.com", "expiresAt": "2026-01-04T00:00:00Z"},
            "pendingNotification": {"id": "1", "type": "Connected", "time": "2026-01-01T00:00:00.123456Z"},
            "conditions": [
                condition("Ready", "True", "Connected"),
                condition("Synced", "False", "a reason of tomorrow"),
                condition("Stalled", "True", "Conflict"),
                condition("ConfigMapWritten", "False", "NotOurs"),
            ],
        },
    });
    if index == 2 {
        object["metadata"]["creationTimestamp"] = json!("-009999-01-02T01:59:59Z");
        object["status"]["connectedAt"] = json!("9999-12-30T22:00:00.999999999Z");
        object["status"]["link"]["expiresAt"] = json!("1969-12-31T23:59:58.000000001Z");
    }
    if index == 1 {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-05T00:00:00Z");
        object["spec"]["user"] = json!(7);
    }
    object
}

#[test]
fn a_summary_is_kept_as_it_is_and_found_by_its_name() {
    let bare = json!({"metadata": {"name": "mail", "namespace": "agents"}});
    let all: Vec<_> = [whole(0), whole(1), whole(2), bare].map(read).into();
    for summary in &all {
        let stored = StoredSummary::of(summary);
        assert!(stored.size().is_some(), "it can be packed: {summary:?}");
        assert_eq!(stored.summary(), *summary);
        assert_eq!(stored.name(), ("agents", "mail"));
        assert_eq!(stored.uid(), summary.uid.as_deref());
        assert_eq!(stored.reference(), summary.reference());
        for other in &all {
            assert_eq!(stored == **other, summary == other, "{other:?}");
        }
    }
}

#[test]
fn a_summary_takes_three_hundred_bytes() {
    let mut object = whole(2);
    object["metadata"]["annotations"] = json!({
        ALIAS_ANNOTATION: object["metadata"]["annotations"][ALIAS_ANNOTATION],
    });
    let bytes = StoredSummary::of(&read(object)).size();
    assert!(bytes.is_some_and(|bytes| bytes <= 300), "{bytes:?} bytes");
}

/// Whoever may edit an object may write so much into one annotation.
const LONG: usize = 250_000;

#[test]
fn a_summary_stays_small_whatever_is_written_into_the_annotations() {
    use crate::crd::{
        ABANDON_ANNOTATION, CONNECT_EPOCH_ANNOTATION, LINK_REQUESTED_ANNOTATION,
        MOVE_TO_PROJECT_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION,
    };
    let pin = |alias: &str| Pin::annotation(&Flags::default(), "agents", "mail", Some(alias));
    for name in [
        ALIAS_ANNOTATION,
        OWN_ACCOUNT_ANNOTATION,
        ABANDON_ANNOTATION,
        MOVE_TO_PROJECT_ANNOTATION,
        LINK_REQUESTED_ANNOTATION,
        RECONCILE_REQUESTED_ANNOTATION,
        CONNECT_EPOCH_ANNOTATION,
        "composio.dev/of-tomorrow",
    ] {
        // What only begins as a pin, a pin with room behind it, and one with a long alias.
        for long in [
            pin("mine") + &"x".repeat(LONG),
            pin("mine") + &" ".repeat(LONG),
            pin(&"a".repeat(LONG)),
        ] {
            let with = |long: &str| {
                let mut object = whole(2);
                object["metadata"]["annotations"][name] = json!(long);
                read(object)
            };
            let summary = with(&long);
            let bytes = StoredSummary::of(&summary).size();
            assert!(
                bytes.is_some_and(|bytes| bytes < 2_000),
                "{name}: {bytes:?}"
            );
            let changed = with(&format!("{long}."));
            assert!(*summary != *changed, "{name}: it was changed");
        }
    }
    let own = |id: String| {
        let mut object = whole(2);
        object["metadata"]["annotations"][OWN_ACCOUNT_ANNOTATION] = json!(id);
        let summary = read(object);
        summary.own_account.as_deref().map(str::to_owned)
    };
    let longest = "i".repeat(64);
    assert_eq!(own(longest.clone()), Some(longest));
    assert_eq!(own("i".repeat(65)), None, "as where it is acted on");
    assert_eq!(own(String::new()), None);
}

#[test]
fn a_summary_stays_small_whatever_is_written_into_the_status() {
    let long = |beginning: &str| format!("{beginning}{}", "x".repeat(LONG));
    let status = |end: &str| {
        json!({
            "connectedAccountId": long("ca_") + end, "authConfig": long("ac_"), "state": long("W"),
            "record": {"keyId": long("k"), "mac": long("m")},
            "conditions": (0..10_000).collect::<Vec<_>>(),
        })
    };
    let of = |status| summary(json!({"user": "u", "toolkit": "gmail"}), status);
    let known = of(status(""));
    let bytes = StoredSummary::of(&known).size();
    assert!(bytes.is_some_and(|bytes| bytes < 2_000), "{bytes:?}");
    assert!(*known != *of(status("x")), "it was changed");
    let id = known.recorded_id().expect("one is recorded");
    assert!(id.starts_with("ca_xxx") && id.ends_with('…'), "{id}");
    let whole = "ca_".to_owned() + &"x".repeat(253);
    let known = of(json!({"connectedAccountId": whole}));
    assert_eq!(known.recorded_id(), Some(&*whole));
}
