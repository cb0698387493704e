//! What is taken, and that it comes back as it was meant.

use composio_operator::crd::{ConnectedAccountSpec, Scheme};
use serde_json::{Value, json};

use super::{Ground, none, object, spec, users};

fn credentials(scheme: &str, name: &str) -> Value {
    json!({"credentials": {"scheme": scheme, "secretRef": {"name": name}}})
}

fn cases() -> Vec<(String, Value)> {
    let mut cases: Vec<(String, Value)> = vec![
        ("minimal".into(), json!({})),
        (
            "everything".into(),
            json!({
                "projectRef": {"kind": "ClusterComposioProject", "name": "a.b-c"},
                "authConfig": "ac_1234-X",
                "enabled": false,
                "visibility": "Shared",
                "sharing": {"allowAll": true, "allowedUsers": ["b", "a"], "deniedUsers": ["c"]},
                "metadata": {"alias": "Support_1-a"},
                "connectionData": {"subdomain": "acme", "": "", "any key!": "any\nvalue"},
                "callbackUrl": "https://app.acme.com:8443/connected?a=b#c",
                "connectedAccountId": "ca_1234-X",
                "readyWhen": "LinkIssued",
                "deletionPolicy": "Retain",
                "writeTo": {"configMap": {}},
                "suspend": true,
            }),
        ),
        (
            "no callback host but a port".into(),
            json!({"callbackUrl": "http://localhost:3000"}),
        ),
        (
            "an empty list is as good as none".into(),
            json!({"visibility": "Shared", "sharing": {"allowedUsers": []}}),
        ),
        (
            "nobody shares".into(),
            json!({"visibility": "Shared", "sharing": {}}),
        ),
        ("no metadata".into(), json!({"metadata": {}})),
        (
            "the longest Secret".into(),
            credentials("API_KEY", &"s".repeat(253)),
        ),
        ("a Secret with dots".into(), credentials("BASIC", "a.b-c.d")),
        (
            "the longest of each".into(),
            json!({
                "user": "x".repeat(256),
                "toolkit": "x".repeat(128),
                "authConfig": "x".repeat(128),
                "connectedAccountId": "x".repeat(128),
                "metadata": {"alias": "x".repeat(64)},
                "callbackUrl": format!("https://{}", "x".repeat(2040)),
                "connectionData": (0..64)
                    .map(|n| (format!("k{n}"), json!("x".repeat(2048))))
                    .collect::<serde_json::Map<_, _>>(),
            }),
        ),
        // Limits count characters, whatever "bytes" the server's message speaks of.
        (
            "characters of four bytes".into(),
            json!({"user": "🦀".repeat(256)}),
        ),
        (
            "a user with spaces and signs".into(),
            json!({"user": " Ada \"Lovelace\" <ada@acme.com>/1 "}),
        ),
        (
            "a toolkit with an underscore first".into(),
            json!({"toolkit": "_21risk-x"}),
        ),
    ];
    for (field, words) in [
        ("visibility", &["Private", "Shared"][..]),
        ("readyWhen", &["Active", "LinkIssued"]),
        ("deletionPolicy", &["Revoke", "Delete", "Retain"]),
    ] {
        for word in words {
            cases.push((format!("{field} {word}"), json!({field: word})));
        }
    }
    for scheme in [
        Scheme::ApiKey,
        Scheme::BearerToken,
        Scheme::Basic,
        Scheme::BasicWithJwt,
        Scheme::GoogleServiceAccount,
        Scheme::ServiceAccount,
    ] {
        let word = scheme.as_str();
        cases.push((format!("scheme {word}"), credentials(word, "key")));
    }
    cases
}

#[tokio::test]
async fn a_good_object_comes_back_as_it_was_meant() {
    let ground = Ground::new("accepted").await;
    let mut complaints = Vec::new();
    for (number, (case, fields)) in cases().into_iter().enumerate() {
        let (name, spec) = (format!("object-{number}"), spec(fields));
        if let Err(message) = ground.create(&name, &spec).await {
            complaints.push(format!("{case}: {message}"));
            continue;
        }
        // Its defaults are in the schema and in the type; they agree only if both say the same.
        let sent: ConnectedAccountSpec = serde_json::from_value(spec).unwrap();
        let read = ground.typed().get(&name).await.unwrap().spec;
        if read != sent {
            complaints.push(format!("{case}: {sent:?} came back as {read:?}"));
        }
    }
    none(complaints);
}

#[tokio::test]
async fn what_is_left_out_is_filled_in_where_people_read_it() {
    let ground = Ground::new("defaults").await;
    ground.create("minimal", &spec(json!({}))).await.unwrap();
    let read = ground.raw().get("minimal").await.unwrap();
    let filled = spec(json!({
        "projectRef": {"kind": "ComposioProject", "name": "default"},
        "enabled": true,
        "visibility": "Private",
        "readyWhen": "Active",
        "deletionPolicy": "Revoke",
        "suspend": false,
    }));
    assert_eq!(read.data["spec"], filled);
    for (given, kind, name) in [
        (json!({}), "ComposioProject", "default"),
        (json!({"name": "eu"}), "ComposioProject", "eu"),
        (
            json!({"kind": "ClusterComposioProject"}),
            "ClusterComposioProject",
            "default",
        ),
    ] {
        let object = format!(
            "{kind}-{name}-{}",
            given.as_object().map_or(0, serde_json::Map::len)
        );
        let object = object.to_lowercase();
        ground
            .create(&object, &spec(json!({"projectRef": given})))
            .await
            .unwrap();
        let read = ground.raw().get(&object).await.unwrap();
        let filled = json!({"kind": kind, "name": name});
        assert_eq!(read.data["spec"]["projectRef"], filled);
    }
    let shared = spec(json!({"visibility": "Shared", "sharing": {}}));
    ground.create("shared", &shared).await.unwrap();
    let read = ground.raw().get("shared").await.unwrap();
    assert_eq!(read.data["spec"]["sharing"], json!({"allowAll": false}));
}

#[tokio::test]
async fn null_is_as_good_as_absent() {
    let ground = Ground::new("null").await;
    let nulls = spec(json!({
        "projectRef": null,
        "authConfig": null,
        "enabled": null,
        "visibility": null,
        "sharing": null,
        "metadata": null,
        "credentials": null,
        "connectionData": null,
        "callbackUrl": null,
        "connectedAccountId": null,
        "readyWhen": null,
        "deletionPolicy": null,
        "suspend": null,
    }));
    ground.create("nulls", &nulls).await.unwrap();
    let minimal = ConnectedAccountSpec {
        user: "support@acme.com".into(),
        toolkit: "gmail".into(),
        enabled: true,
        ..ConnectedAccountSpec::default()
    };
    let read = ground.typed().get("nulls").await.unwrap();
    assert_eq!(read.spec, minimal);

    let below = spec(json!({
        "projectRef": {"kind": null, "name": null},
        "visibility": "Shared",
        "sharing": {"allowAll": null, "allowedUsers": null, "deniedUsers": null},
        "metadata": {"alias": null},
        "connectionData": {"subdomain": null, "region": "eu"},
    }));
    ground.create("below", &below).await.unwrap();
    let read = ground.raw().get("below").await.unwrap();
    assert_eq!(read.data["spec"]["sharing"], json!({"allowAll": false}));
    assert_eq!(read.data["spec"]["metadata"], json!({}));
    assert_eq!(read.data["spec"]["connectionData"], json!({"region": "eu"}));
    ground.typed().get("below").await.unwrap();
}

#[tokio::test]
async fn sharing_is_taken_up_to_its_limits() {
    let ground = Ground::new("limits").await;
    let spec = spec(json!({
        "visibility": "Shared",
        "sharing": {"allowedUsers": users(1000), "deniedUsers": users(1000)},
    }));
    ground.create("created", &spec).await.unwrap();
    // Not without --server-side: that keeps a copy in an annotation, which holds 256 KiB.
    let object = object("applied", &spec).to_string();
    for _ in 0..2 {
        ground
            .kubectl(&["apply", "--server-side", "-f", "-"], &object)
            .await
            .unwrap();
    }
    let sent: ConnectedAccountSpec = serde_json::from_value(spec).unwrap();
    for name in ["created", "applied"] {
        assert_eq!(ground.typed().get(name).await.unwrap().spec, sent, "{name}");
    }
}

#[tokio::test]
async fn a_name_may_be_as_long_as_kubernetes_allows() {
    let ground = Ground::new("names").await;
    let minimal = spec(json!({}));
    ground.create(&"n".repeat(253), &minimal).await.unwrap();
    let refused = ground.create(&"n".repeat(254), &minimal).await.unwrap_err();
    assert!(
        refused.contains("metadata.name: Invalid value"),
        "{refused}"
    );
}
