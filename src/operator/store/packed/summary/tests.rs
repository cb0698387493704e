use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::store::PackedObject;

fn summary(spec: Value, status: Value) -> Arc<Summary> {
    let pin = Pin::annotation(&Flags::default(), "agents", "mail", Some("pinned"));
    let object = json!({
        "metadata": {
            "name": "mail", "namespace": "agents", "uid": "u",
            "annotations": {ALIAS_ANNOTATION: pin},
        },
        "spec": spec, "status": status,
    });
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
