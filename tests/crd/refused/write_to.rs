//! Where the id is written for those who use the account.

use serde_json::json;

use super::{Bad, Ground, bad, must_refuse, spec};

const NAME: &[&str] = &[
    "spec.writeTo.configMap.name: Invalid value:",
    "writeTo.configMap.name must be the name of the object and '-composio', or be left out",
];

pub(super) fn cases() -> Vec<Bad> {
    let named = |name: &str| json!({"writeTo": {"configMap": {"name": name}}});
    vec![
        bad("somebody else's ConfigMap", named("coredns"), NAME),
        bad("that of another object", named("good-composio"), NAME),
        bad("with more behind it", named("bad-composio-2"), NAME),
        bad("in another letter case", named("Bad-composio"), NAME),
        bad(
            "in another namespace",
            named("kube-system/bad-composio"),
            NAME,
        ),
        bad("with a space", named("bad-composio "), NAME),
        bad(
            "no name",
            named(""),
            &["spec.writeTo.configMap.name: Invalid value"],
        ),
        bad(
            "nowhere",
            json!({"writeTo": {}}),
            &["spec.writeTo.configMap: Required value"],
        ),
    ]
}

#[tokio::test]
async fn an_object_whose_name_is_too_long_for_a_config_map_is_refused_one() {
    let ground = Ground::new("long-name").await;
    let with = spec(json!({"writeTo": {"configMap": {}}}));
    let long = |length: usize| "x".repeat(length);
    let answer = ground.create(&long(245), &with).await;
    let says = ["spec.writeTo: Forbidden", "at most 244 characters"];
    assert_eq!(must_refuse("a long name", answer, &says), None);
    ground.create(&long(244), &with).await.unwrap();
    ground.create(&long(253), &spec(json!({}))).await.unwrap();
    let own = spec(json!({"writeTo": {"configMap": {"name": "mail-composio"}}}));
    ground.create("mail", &own).await.unwrap();
}
