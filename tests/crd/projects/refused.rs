//! What is refused of a project, and that a person understands why.

use serde_json::{Value, json};

use super::super::{Ground, must_refuse, none};
use super::{allows, project};

const BASE_URL: &[&str] = &[
    "spec.baseURL: Invalid value:",
    "baseURL must be a URL such as https://backend.composio.dev",
];
const POLL: &[&str] = &[
    "spec.pollInterval: Invalid value:",
    "pollInterval must be a time such as 30s or 1m30s, at least 10s and at most 24h",
];
const RESYNC: &[&str] = &[
    "spec.resyncInterval: Invalid value:",
    "resyncInterval must be a time such as 10m",
];

/// What neither kind takes.
fn of_both() -> Vec<(String, Value, &'static [&'static str])> {
    let mut cases: Vec<(String, Value, &[&str])> = vec![
        (
            "no Secret".into(),
            json!({}),
            &["spec.apiKeySecretRef: Required value"],
        ),
        (
            "a Secret of another namespace".into(),
            project(json!({"apiKeySecretRef": {"name": "other/composio"}})),
            &[
                "spec.apiKeySecretRef.name: Invalid value:",
                "name must be a Secret's name",
            ],
        ),
        (
            "a key that no Secret has".into(),
            project(json!({"apiKeySecretRef": {"name": "composio", "key": "a/b"}})),
            &[
                "spec.apiKeySecretRef.key: Invalid value:",
                "key must be a key of a Secret",
            ],
        ),
        (
            "a prefix with a dot".into(),
            project(json!({"aliasPrefix": "eu.1"})),
            &[
                "spec.aliasPrefix: Invalid value:",
                "aliasPrefix may hold letters",
            ],
        ),
        (
            "an empty prefix".into(),
            project(json!({"aliasPrefix": ""})),
            &["spec.aliasPrefix: Invalid value: \"\""],
        ),
        (
            "a prefix too long".into(),
            project(json!({"aliasPrefix": "x".repeat(33)})),
            &["spec.aliasPrefix: Too long: may not be more than 32"],
        ),
        (
            "a toolkit with a line end".into(),
            allows(json!({"toolkits": ["gmail\n"]})),
            &[
                "spec.allow[0].toolkits: Invalid value:",
                "control characters",
            ],
        ),
        (
            "a placeholder where there is none".into(),
            allows(json!({"toolkits": ["{{namespace}}"]})),
            &["spec.allow[0].toolkits: Invalid value:", "nor placeholders"],
        ),
        (
            "an empty pattern".into(),
            allows(json!({"authConfigs": [""]})),
            &["spec.allow[0].authConfigs[0]: Invalid value: \"\""],
        ),
        (
            "no deletion policy at all".into(),
            allows(json!({"deletionPolicies": []})),
            &["spec.allow[0].deletionPolicies: Invalid value"],
        ),
        (
            "a visibility that there is not".into(),
            allows(json!({"visibilities": ["Public"]})),
            &["spec.allow[0].visibilities[0]: Unsupported value: \"Public\""],
        ),
        (
            "more entries than fit".into(),
            project(json!({"allow": vec![json!({}); 33]})),
            &["spec.allow: Too many: 33: must have at most 32 items"],
        ),
    ];
    for url in [
        "backend.composio.dev",
        "//backend.composio.dev",
        "ftp://backend.composio.dev",
        "https://",
        "https://ak_1@backend.composio.dev",
        "https://user:password@backend.composio.dev",
        "https://backend.composio.dev?a=b",
        "https://backend.composio.dev/?a=b",
        "https://backend.composio.dev#a",
        "https://backend.composio.dev/../api",
        "https://backend.composio.dev/api/..",
        "https://backend..composio.dev",
        "https://backend.composio.dev/%2e%2e",
        "https://backend.composio.dev/a b",
        " https://backend.composio.dev",
        "https://backend.composio.dev ",
        "https://backend.composio.dev\n",
        "https://backend.composio.dev\\@evil.example",
        "https://backend.composio.dev:port",
        "https://backend.composio.dev:",
    ] {
        let spec = project(json!({"baseURL": url}));
        cases.push((format!("the URL {url:?}"), spec, BASE_URL));
    }
    for time in [
        "5s", "9s", "25h", "30", "ten", "1.5m", "-30s", "30s ", "500ms", "1m1h",
    ] {
        for (field, says) in [("pollInterval", POLL), ("resyncInterval", RESYNC)] {
            let spec = project(json!({field: time}));
            cases.push((format!("{field} {time:?}"), spec, says));
        }
    }
    cases
}

#[tokio::test]
async fn a_bad_project_of_either_kind_is_refused_with_a_message_that_a_person_understands() {
    let ground = Ground::new("project-refused").await;
    let cluster_name = ground.own_name("bad");
    let mut complaints = Vec::new();
    for (case, mut spec, says) in of_both() {
        let answer = ground.create_project("bad", &spec).await;
        complaints.extend(must_refuse(&case, answer, says));
        if spec.get("allow").is_none() {
            spec["allow"] = json!([{}]);
        }
        let answer = ground.create_cluster_project(&cluster_name, &spec).await;
        complaints.extend(must_refuse(
            &format!("{case}, of the cluster"),
            answer,
            says,
        ));
    }
    none(complaints);
}

#[tokio::test]
async fn a_project_names_namespaces_only_where_it_is_offered_to_several() {
    let ground = Ground::new("project-namespaces").await;
    let selector = json!({"matchLabels": {"tier": "agents"}});
    let mut complaints = Vec::new();
    for (case, entry) in [
        ("patterns", json!({"namespaces": ["team-*"]})),
        ("no namespace", json!({"namespaces": []})),
        ("a selector", json!({"namespaceSelector": selector})),
    ] {
        let answer = ground.create_project("named", &allows(entry.clone())).await;
        let says = ["spec.allow: Forbidden", "allow names no namespaces here"];
        complaints.extend(must_refuse(case, answer, &says));
        let name = ground.own_name("named");
        if let Err(message) = ground.create_cluster_project(&name, &allows(entry)).await {
            complaints.push(format!("{case}, of the cluster: {message}"));
            continue;
        }
        ground.delete_cluster_project(&name).await;
    }
    let both = json!({"namespaces": ["a"], "namespaceSelector": selector});
    let answer = ground
        .create_cluster_project(&ground.own_name("both"), &allows(both))
        .await;
    let says = ["spec.allow[0].namespaces: Forbidden", "not by both"];
    complaints.extend(must_refuse("both", answer, &says));
    none(complaints);
}

#[tokio::test]
async fn what_would_mean_every_namespace_or_take_long_to_match_is_refused() {
    let ground = Ground::new("project-selector").await;
    let name = ground.own_name("open");
    // The apiserver prunes what it does not know: nothing would be left of such a selector.
    let expressions = json!([{"key": "tier", "operator": "Exists"}]);
    let many = ["a*b*c*d*e*f"];
    let mut complaints = Vec::new();
    for (case, entry, says) in [
        ("no labels", json!({"namespaceSelector": {}}), "matchLabels"),
        (
            "empty labels",
            json!({"namespaceSelector": {"matchLabels": {}}}),
            "at least 1",
        ),
        (
            "expressions",
            json!({"namespaceSelector": {"matchExpressions": expressions}}),
            "matchLabels",
        ),
        ("stars", json!({"users": many}), "at most four '*'"),
        (
            "stars of toolkits",
            json!({"toolkits": many}),
            "at most four '*'",
        ),
        ("a question", json!({"users": ["*a?*"]}), "at most four '*'"),
    ] {
        let answer = ground.create_cluster_project(&name, &allows(entry)).await;
        complaints.extend(must_refuse(case, answer, &[says]));
    }
    none(complaints);
}

#[tokio::test]
async fn a_cluster_project_says_to_whom_it_is_offered() {
    let ground = Ground::new("project-offered").await;
    let name = ground.own_name("offered");
    let answer = ground
        .create_cluster_project(&name, &project(json!({})))
        .await;
    none(
        must_refuse("no allow", answer, &["spec.allow: Required value"])
            .into_iter()
            .collect(),
    );
}

#[tokio::test]
async fn hosts_are_named_by_a_project_of_the_cluster_alone_and_are_hosts() {
    let ground = Ground::new("project-hosts").await;
    let mut complaints = Vec::new();
    let entry = |hosts: &[&str]| allows(json!({"callbackHosts": hosts}));
    let answer = ground
        .create_project("named", &entry(&["app.acme.com"]))
        .await;
    let says = ["spec.allow: Forbidden", "allow names no callbackHosts here"];
    complaints.extend(must_refuse("a team's", answer, &says));
    let name = ground.own_name("hosts");
    let hosts = [
        "app.acme.com",
        "app.acme.com:8443",
        "*.acme.com",
        "localhost",
        "xn--bcher-kva.example",
    ];
    if let Err(message) = ground.create_cluster_project(&name, &entry(&hosts)).await {
        complaints.push(message);
    } else {
        ground.delete_cluster_project(&name).await;
    }
    for host in [
        "*",
        "*.com",
        "app.*.com",
        "a*.acme.com",
        "?.acme.com",
        "https://app.acme.com",
        "app.acme.com/done",
        "me@app.acme.com",
        "App.acme.com",
        "app.acme.com:",
        ".acme.com",
        "app..com",
        "",
    ] {
        let answer = ground.create_cluster_project(&name, &entry(&[host])).await;
        complaints.extend(must_refuse(host, answer, &["spec.allow[0].callbackHosts"]));
    }
    none(complaints);
}
