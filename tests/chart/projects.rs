//! The project that the chart makes of its values.

use composio_operator::crd::{ClusterComposioProject, ComposioProject, DEFAULT_BASE_URL};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm, helm_on, render};

const SANDBOX: &str = r#"sandbox={"enabled":true}"#;
const NAMED: &str = r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#;

#[tokio::test]
async fn no_project_is_made_unless_asked_for() {
    let rendered = render("x", &[]).await.expect("it renders");
    for kind in ["ClusterComposioProject", "ComposioProject", "Secret"] {
        assert_eq!(rendered.of_kind(kind), [Value::Null; 0], "{kind}");
    }
}

#[tokio::test]
async fn a_project_of_the_cluster_offers_everything_but_to_take_over() {
    let rendered = render("x", &[NAMED]).await.expect("it renders");
    let project: ClusterComposioProject = rendered.one("ClusterComposioProject", "default");
    let expected = json!({"apiKeySecretRef": {"name": "composio"}, "allow": [{}]});
    assert_eq!(
        project.spec,
        serde_json::from_value(expected).expect("a spec")
    );
    assert_eq!(project.spec.base_url, DEFAULT_BASE_URL);
    assert_eq!(rendered.of_kind("ComposioProject"), [Value::Null; 0]);
}

#[tokio::test]
async fn a_project_is_made_as_its_values_say() {
    let value = r#"project={
        "create": true, "name": "shared", "apiKey": "ak_1", "aliasPrefix": "eu",
        "baseURL": "https://composio.acme.example/api",
        "allow": [{"namespaceSelector": {"matchLabels": {"tier": "agents"}}, "toolkits": []}]
    }"#;
    let rendered = render("x", &[value]).await.expect("it renders");
    let project: ClusterComposioProject = rendered.one("ClusterComposioProject", "shared");
    let expected = json!({
        "apiKeySecretRef": {"name": "op-composio-operator-api-key"},
        "baseURL": "https://composio.acme.example/api",
        "aliasPrefix": "eu",
        "allow": [{"namespaceSelector": {"matchLabels": {"tier": "agents"}}, "toolkits": []}],
    });
    assert_eq!(
        project.spec,
        serde_json::from_value(expected).expect("a spec")
    );
    let secret: Secret = rendered.one("Secret", "op-composio-operator-api-key");
    assert_eq!(secret.metadata.namespace.as_deref(), Some("x"));
    let data = secret.string_data.expect("it has data");
    assert_eq!(data.get("api-key").map(String::as_str), Some("ak_1"));
    let allowed =
        "--allowed-base-urls=https://backend.composio.dev,https://composio.acme.example/api";
    let args = rendered.args();
    assert!(args.iter().any(|arg| arg == allowed), "{args:?}");
}

#[tokio::test]
async fn each_watched_namespace_has_a_project_and_its_key() {
    let watched = r#"watchNamespaces=["a","b"]"#;
    let value = r#"project={"create":true,"apiKey":"ak_1"}"#;
    let rendered = render("x", &[watched, value]).await.expect("it renders");
    for kind in ["ComposioProject", "Secret"] {
        let made = rendered.of_kind(kind);
        let namespaces: Vec<_> = made
            .iter()
            .map(|made| made["metadata"]["namespace"].as_str())
            .collect();
        assert_eq!(namespaces, [Some("a"), Some("b")], "{kind}");
    }
    let project: ComposioProject = rendered.one("ComposioProject", "default");
    // As a team would write it: everything is allowed.
    assert_eq!(project.spec.allow, None);
    assert_eq!(rendered.of_kind("ClusterComposioProject"), [Value::Null; 0]);
}

#[tokio::test]
async fn the_sandbox_comes_with_a_project_in_which_everything_may_be_tried() {
    let rendered = render("x", &[SANDBOX]).await.expect("it renders");
    let project: ClusterComposioProject = rendered.one("ClusterComposioProject", "default");
    let expected = json!({
        "apiKeySecretRef": {"name": "op-composio-operator-api-key"},
        "baseURL": "http://op-composio-operator-sandbox.x.svc:8090",
        "allow": [{
            "takeOver": true, "sources": ["SignIn", "Secret"], "sharing": "All", "secrets": "Any",
        }],
    });
    assert_eq!(
        project.spec,
        serde_json::from_value(expected).expect("a spec")
    );
    let on_the_host = render("x", &[SANDBOX, "hostNetwork=true"]).await;
    let project: ClusterComposioProject = on_the_host
        .expect("it renders")
        .one("ClusterComposioProject", "default");
    assert_eq!(project.spec.base_url, "http://127.0.0.1:8090");
}

#[rstest]
#[case::defaults(&[], false)]
#[case::a_named_project(&[NAMED], false)]
#[case::the_sandbox(&[SANDBOX], true)]
#[case::https_to_a_host_called_http(&[r#"allowedBaseURLs=["https://http.example"]"#], false)]
#[case::one_of_two_in_clear_text(&[r#"allowedBaseURLs=["https://a","http://b"]"#], true)]
#[tokio::test]
async fn clear_text_is_allowed_only_where_a_listed_url_needs_it(
    #[case] values: &[&str],
    #[case] expected: bool,
) {
    let args = render("x", values).await.expect("it renders").args();
    let is_allowed = args.iter().any(|arg| arg == "--allow-http");
    assert_eq!(is_allowed, expected, "{values:?}");
}

/// Argo CD and Helm tell the chart which kinds there are.
#[tokio::test]
async fn where_its_kind_is_known_a_project_is_an_object_like_others() {
    let kind = "composio.dev/v1alpha1/ClusterComposioProject";
    for known in [&[][..], &["--api-versions", kind]] {
        let args = ["template", "op", CHART, "--set-json", NAMED];
        let output = helm(&[&args, known].concat()).await;
        assert!(output.status.success(), "{output:?}");
        let yaml = String::from_utf8(output.stdout).expect("text");
        let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
        let mut projects = objects
            .iter()
            .filter(|object| object["kind"] == "ClusterComposioProject");
        let annotations = &projects.next().expect("a project")["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/hook"].is_null(), !known.is_empty());
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
    }
}

/// Helm looks up all kinds of a release before it makes the first object, and the definition is one of them.
#[tokio::test]
async fn one_install_makes_the_definitions_and_a_project_which_then_outlives_the_release() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let folder = Folder::new().expect("a folder");
    let helm = async |args: &[&str]| {
        let output = helm_on(&control_plane, folder.path(), "default", args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    };
    let client = control_plane.client().await;
    let projects = Api::<ClusterComposioProject>::all(client);
    let with_chart = [CHART, "--set-json", SANDBOX];
    helm(&[&["install", "op"], &with_chart[..]].concat()).await;
    let made = projects.get("default").await.expect("it is there");
    assert!(made.spec.base_url.contains("-sandbox."), "{made:?}");

    // From then on it belongs to the release.
    let changed = r#"project={"allow":[{"toolkits":["gmail"]}]}"#;
    let change = ["--set-json", changed];
    helm(&[&["upgrade", "op"], &with_chart[..], &change].concat()).await;
    let upgraded = projects.get("default").await.expect("it is there");
    assert_eq!(upgraded.metadata.uid, made.metadata.uid);
    let allow: Value = serde_json::to_value(&upgraded.spec.allow).expect("JSON");
    assert_eq!(allow[0]["toolkits"], json!(["gmail"]));
    let manifest = helm(&["get", "manifest", "op"]).await;
    assert!(
        manifest.contains("kind: ClusterComposioProject"),
        "{manifest}"
    );

    // The first revision holds no project, only its hook.
    helm(&["rollback", "op", "1"]).await;
    let rolled_back = projects.get("default").await.expect("it is still there");
    assert_eq!(rolled_back.metadata.uid, made.metadata.uid);
    helm(&[&["upgrade", "op"], &with_chart[..]].concat()).await;

    helm(&["uninstall", "op"]).await;
    let kept = projects.get("default").await.expect("it is still there");
    assert_eq!(kept.metadata.uid, made.metadata.uid);
    assert_eq!(kept.metadata.deletion_timestamp, None);
    helm(&[&["install", "op"], &with_chart[..]].concat()).await;
    let again = projects.get("default").await.expect("it is still there");
    assert_eq!(again.metadata.uid, made.metadata.uid);
}
