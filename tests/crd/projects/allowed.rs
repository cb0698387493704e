//! What may be declared of a project, and that it comes back as it was meant.

use composio_operator::crd::ComposioProjectSpec;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::super::{Ground, must_refuse, none};
use super::{allows, project};

const USERS: &[&str] = &[
    "spec.allow[0].users: Invalid value:",
    "{{namespace}} must stand once, with no wildcard between it and one end of the pattern",
];

fn cases() -> Vec<(String, Value)> {
    let mut cases: Vec<(String, Value)> = vec![
        ("the least".into(), project(json!({}))),
        (
            "everything".into(),
            project(json!({
                "apiKeySecretRef": {"name": "a.b-c", "key": "KEY_1.x-y"},
                "baseURL": "https://composio.acme.example:8443/api/v3",
                "aliasPrefix": "eu_1-A",
                "pollInterval": "30s",
                "resyncInterval": "1h",
                "suspend": true,
                "allow": [{
                    "users": ["support@*", "{{namespace}}/*", "bot-?"],
                    "people": ["*@acme.com"],
                    "identity": "SameAsPerson",
                    "signIn": "Bound",
                    "toolkits": ["gmail", "google*"],
                    "authConfigs": ["ac_1"],
                    "takeOver": true,
                    "visibilities": ["Private", "Shared"],
                    "sources": ["SignIn", "Secret"],
                    "sharing": "All",
                    "deletionPolicies": ["Retain", "Revoke", "Delete"],
                    "maxAccounts": 100,
                    "secrets": "Annotated",
                }, {}],
            })),
        ),
        ("nothing is allowed".into(), project(json!({"allow": []}))),
        ("everything is allowed".into(), allows(json!({}))),
        (
            "an empty list is not an absent one".into(),
            allows(json!({
                "users": [], "people": [], "toolkits": [], "authConfigs": [], "visibilities": [], "sources": [],
            })),
        ),
    ];
    for url in [
        "https://backend.composio.dev/",
        "http://composio-sandbox.composio-system.svc:8090",
        "http://127.0.0.1:8090",
        "https://composio.acme.example/a/b-c_d.e~f/",
    ] {
        cases.push((format!("the URL {url}"), project(json!({"baseURL": url}))));
    }
    for time in ["10s", "30s", "1m30s", "1h", "24h", "86400s", "1h1m1s"] {
        cases.push((
            format!("the interval {time}"),
            project(json!({"pollInterval": time, "resyncInterval": time})),
        ));
    }
    cases
}

#[tokio::test]
async fn a_good_project_comes_back_as_it_was_meant() {
    let ground = Ground::new("project-accepted").await;
    let mut complaints = Vec::new();
    for (number, (case, spec)) in cases().into_iter().enumerate() {
        let name = format!("project-{number}");
        if let Err(message) = ground.create_project(&name, &spec).await {
            complaints.push(format!("{case}: {message}"));
            continue;
        }
        // Its defaults are in the schema and in the type; they agree only if both say the same.
        let sent: ComposioProjectSpec = serde_json::from_value(spec).expect("it is a spec");
        let read = ground.projects().get(&name).await.expect("it is read").spec;
        if read != sent {
            complaints.push(format!("{case}: {sent:?} came back as {read:?}"));
        }
    }
    none(complaints);
}

#[tokio::test]
async fn a_pattern_of_users_keeps_namespaces_apart_or_is_refused() {
    let ground = Ground::new("project-users").await;
    let mut complaints = Vec::new();
    for (number, pattern) in [
        "{{namespace}}",
        "{{namespace}}/*",
        "{{namespace}}/a/?",
        "{{namespace}}@*.acme.example",
        "app:{{namespace}}",
        "x/{{namespace}}/*",
        "x/{{namespace}}/bot",
        "*@{{namespace}}",
        "*/{{namespace}}",
        "*.{{namespace}}/bot",
        "*@acme.example",
        "{single}",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("users-{number}");
        let spec = allows(json!({"users": [pattern]}));
        if let Err(message) = ground.create_project(&name, &spec).await {
            complaints.push(format!("{pattern}: {message}"));
        }
    }
    for pattern in [
        "{{namespace}}*",
        "{{namespace}}?",
        "{{namespace}}-x",
        "{{namespace}}-*",
        "*{{namespace}}",
        "?{{namespace}}",
        "a{{namespace}}",
        "a-{{namespace}}",
        "*/{{namespace}}/*",
        "?/{{namespace}}/*",
        "*/{{namespace}}/bot?",
        "{{namespace}}/{{namespace}}",
        "{{namespace}}{{namespace}}",
        "{{other}}",
        "{{ namespace }}",
        "{{Namespace}}/*",
        "{{namespace}}/{{other}}",
        "{{{namespace}}}",
        "{{namespace",
        "x/{{",
    ] {
        let spec = allows(json!({"users": [pattern]}));
        let answer = ground.create_project("refused", &spec).await;
        complaints.extend(must_refuse(pattern, answer, USERS));
        // One that is good does not make up for one that is not.
        let spec = allows(json!({"users": ["{{namespace}}/*", pattern]}));
        let answer = ground.create_project("refused", &spec).await;
        complaints.extend(must_refuse(pattern, answer, USERS));
    }
    none(complaints);
}

/// The apiserver ends an evaluation that costs too much: what the limits allow must stay below. All lists at once
/// would be more than one object may hold.
#[tokio::test]
async fn a_project_may_be_as_large_as_its_limits_allow() {
    let ground = Ground::new("project-limits").await;
    let full = |first: &str| {
        let longest = format!("{first}{}", "x".repeat(256 - first.len()));
        json!(vec![longest; 64])
    };
    let cluster_name = ground.own_name("large");
    for entry in [
        json!({"users": full("{{namespace}}/")}),
        json!({"toolkits": full("*"), "authConfigs": full("?")}),
    ] {
        let spec = project(json!({
            "baseURL": format!("https://a.b/{}", "x".repeat(2036)),
            "allow": vec![entry; 32],
        }));
        ground.create_project("large", &spec).await.expect("taken");
        let api = ground.projects();
        api.delete("large", &DeleteParams::default())
            .await
            .expect("it goes");
    }
    let spec = project(json!({"allow": vec![json!({"namespaces": full("team-")}); 32]}));
    ground
        .create_cluster_project(&cluster_name, &spec)
        .await
        .expect("taken");
    ground.delete_cluster_project(&cluster_name).await;
}
