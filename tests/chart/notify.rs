//! Notifications as the chart installs them.

use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use super::define;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, render};

const OPERATOR: &str = "op-composio-operator";

#[tokio::test]
async fn nobody_is_notified_unless_it_is_said() {
    let rendered = render("x", &[]).await.expect("it renders");
    assert!(!rendered.args().iter().any(|arg| arg.contains("notify")));
    let operator: Value = rendered.one("Deployment", OPERATOR);
    assert!(!operator.to_string().contains("notify"), "{operator}");
}

#[tokio::test]
async fn url_and_token_are_mounted_from_the_secret_and_stand_nowhere_else() {
    let value = r#"notify={
        "secret": {"name": "hook", "urlKey": "u", "tokenKey": "t"}, "format": "slack", "digest": "1m",
        "projects": ["ClusterComposioProject/shared"], "namespaces": ["a", "b"], "namespacedProjects": true
    }"#;
    let rendered = render("x", &[value]).await.expect("it renders");
    for arg in [
        "--notify-url-file=/var/run/composio-notify/url",
        "--notify-token-file=/var/run/composio-notify/token",
        "--notify-format=slack",
        "--notify-digest=1m",
        "--notify-projects=ClusterComposioProject/shared",
        "--notify-namespaces=a,b",
        "--people-namespaced-projects",
    ] {
        let args = rendered.args();
        assert!(args.iter().any(|one| one == arg), "{arg}: {args:?}");
    }
    let operator: Value = rendered.one("Deployment", OPERATOR);
    let pod = &operator["spec"]["template"]["spec"];
    let volume = json!({"name": "notify", "secret": {"secretName": "hook", "items": [
        {"key": "u", "path": "url"}, {"key": "t", "path": "token"},
    ]}});
    let volumes = pod["volumes"].as_array().expect("volumes");
    assert!(volumes.contains(&volume), "{volumes:?}");
    let mounts = pod["containers"][0]["volumeMounts"].as_array();
    let mounts = mounts.expect("mounts");
    let is_mounted = |mount: &Value| {
        mount["mountPath"] == "/var/run/composio-notify" && mount["readOnly"] == true
    };
    assert!(mounts.iter().any(is_mounted), "{mounts:?}");
}

#[tokio::test]
async fn the_port_of_the_receiver_is_open_to_the_operator() {
    let value = r#"notify={"url":"https://hooks.acme.com:8443/x"}"#;
    let policy = r#"networkPolicy={"enabled":true}"#;
    let rendered = render("x", &[value, policy]).await.expect("it renders");
    let policy: Value = rendered.one("NetworkPolicy", OPERATOR);
    let open = json!({"port": 8443, "protocol": "TCP"});
    assert!(
        policy["spec"]["egress"]
            .to_string()
            .contains(&open.to_string()),
        "{policy}"
    );
}

#[rstest]
#[case::a_digest_for_nobody(r#"notify={"digest":"1m"}"#, "nobody would be notified")]
#[case::a_key_of_no_secret(r#"notify={"secret":{"urlKey":"u"}}"#, "notify.secret.name")]
#[case::a_secret_without_a_key(r#"notify={"secret":{"name":"hook"}}"#, "needs urlKey")]
#[case::a_url_and_a_secret(
    r#"notify={"url":"https://a.example","secret":{"name":"hook","urlKey":"u"}}"#,
    "exclude each other"
)]
#[case::clear_text(r#"notify={"url":"http://a.example"}"#, "notify.allowHTTP")]
#[case::a_password_in_the_url(r#"notify={"url":"https://u:p@a.example"}"#, "notify")]
#[case::a_digest_that_is_too_long(
    r#"notify={"url":"https://a.example","digest":"25h"}"#,
    "at most 24h"
)]
#[case::a_link_for_a_channel(
    r#"notify={"url":"https://a.example","format":"slack","withToken":true}"#,
    "whoever reads a channel"
)]
#[case::a_link_in_a_digest(
    r#"notify={"url":"https://a.example","digest":"1m","withToken":true}"#,
    "whoever reads a digest"
)]
#[case::the_flag_beside_the_value(
    r#"extraArgs=["--notify-url=https://a.example"]"#,
    "use notify.url"
)]
#[tokio::test]
async fn what_would_tell_nobody_or_too_many_is_refused(#[case] value: &str, #[case] words: &str) {
    let refused = render("x", &[value]).await.err().expect(value);
    assert!(refused.contains(words), "{value}: {refused}");
}

/// Definitions of others, as far as a server needs them.
fn definition(group: &str, version: &str, kind: &str) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
    .to_string()
}

#[tokio::test]
async fn the_receivers_of_the_examples_are_taken_and_ask_for_what_is_sent() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "receivers").await;
    for (group, version, kind) in [
        ("argoproj.io", "v1alpha1", "EventSource"),
        ("argoproj.io", "v1alpha1", "Sensor"),
        ("eventing.knative.dev", "v1", "Trigger"),
    ] {
        define(control_plane, &definition(group, version, kind)).await;
    }
    let readme = include_str!("../../charts/composio-operator/README.md");
    for file in ["notify-argo-events.yaml", "notify-knative.yaml"] {
        assert!(readme.contains(&format!("examples/{file}")), "{file}");
        let text = std::fs::read_to_string(Path::new(CHART).join("examples").join(file));
        let text = text.expect("it is there");
        let yaml = text.replace("namespace: agents", &format!("namespace: {namespace}"));
        let applied = control_plane
            .kubectl_stdin(&["apply", "-f", "-"], &yaml)
            .await;
        assert!(applied.status.success(), "{file}: {applied:?}");
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let types: Vec<&str> = text
            .split(|c| !is_word(c))
            .filter_map(|word| word.strip_prefix("dev.composio.connectedaccount."))
            .collect();
        assert!(!types.is_empty(), "{file}");
        let all = composio_operator::crd::NotificationType::ALL.map(|one| one.as_str());
        assert!(
            types.iter().all(|one| all.contains(one)),
            "{file}: {types:?}"
        );
        // The README shows a whole message.
        let fields = text.split("body.data.").skip(1).map(|rest| {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            rest[..end].split('.').next().unwrap_or_default()
        });
        for field in fields {
            assert!(readme.contains(&format!("\"{field}\":")), "{file}: {field}");
        }
    }
}
