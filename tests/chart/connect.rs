//! The connect page as the chart installs it.

use reqwest::Certificate;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::helm::render;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const ENABLED: &str = r#"connect={"enabled":true,"url":"https://connect.acme.com"}"#;
const NAME: &str = "op-composio-operator-connect";
const RULES: &str = include_str!("../../charts/composio-operator/files/connect-rules.yaml");

fn args(deployment: &Value) -> Vec<&str> {
    let containers = &deployment["spec"]["template"]["spec"]["containers"];
    let args = containers[0]["args"].as_array().expect("it has arguments");
    args.iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn it_is_off_and_the_operator_makes_links_at_once() {
    let rendered = render("x", &[]).await.expect("it renders");
    let deployments = rendered.of_kind("Deployment");
    assert_eq!(deployments.len(), 1, "{deployments:?}");
    assert!(!rendered.args().iter().any(|arg| arg.contains("connect")));
}

#[tokio::test]
async fn operator_and_page_are_told_the_same_and_share_a_key() {
    let rendered = render("x", &[ENABLED]).await.expect("it renders");
    let page: Value = rendered.one("Deployment", NAME);
    let shared = [
        "--connect-url=https://connect.acme.com",
        "--connect-key-file=/var/run/composio-connect/connect-key",
    ];
    for arg in shared {
        assert!(args(&page).contains(&arg), "{page}");
        assert!(rendered.args().iter().any(|other| other == arg));
    }
    let volumes = |deployment: &Value| {
        let volumes = deployment["spec"]["template"]["spec"]["volumes"].clone();
        let volumes = volumes.as_array().cloned().unwrap_or_default();
        volumes
            .into_iter()
            .find(|volume| volume["name"] == "connect-key")
    };
    let operator: Value = rendered.one("Deployment", "op-composio-operator");
    let secret = volumes(&operator).expect("the operator has the key");
    assert_eq!(secret["secret"]["secretName"], format!("{NAME}-key"));
    assert_eq!(Some(secret), volumes(&page));
    // A rollout ends no page before nobody is led to it any more.
    let container = &page["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["lifecycle"]["preStop"]["sleep"]["seconds"], 5);
    // Whatever else it has, the page has no API key and no right on Secrets.
    let role: Value = rendered.one("ClusterRole", "x-op-composio-operator-connect");
    let rules: Value = serde_saphyr::from_str(RULES).expect("a list of rules");
    assert_eq!(role["rules"], rules);
    assert!(!RULES.contains("resources: [secrets]"));
}

#[tokio::test]
async fn two_renderings_make_no_key_and_the_job_that_does_may_do_nothing_else() {
    let first = render("x", &[ENABLED]).await.expect("it renders");
    let second = render("x", &[ENABLED]).await.expect("it renders");
    assert_eq!(first.of_kind("Secret"), second.of_kind("Secret"));
    assert_eq!(first.of_kind("Secret"), [Value::Null; 0]);
    let role: Value = first.one("Role", &format!("{NAME}-key"));
    let expected = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}]);
    assert_eq!(role["rules"], expected);
    let own = r#"connect={"enabled":true,"url":"https://connect.acme.com","key":{"existingSecret":{"name":"mine"}}}"#;
    let rendered = render("x", &[own]).await.expect("it renders");
    let jobs = rendered.of_kind("Job");
    assert!(
        jobs.iter()
            .all(|job| job["metadata"]["name"] != format!("{NAME}-key")),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn the_page_has_a_share_of_its_own_of_the_apiserver_where_that_is_asked_for() {
    let scene = Scene::new("chart-flow").await;
    let kinds = ["PriorityLevelConfiguration", "FlowSchema"];
    let usual = render("x", &[ENABLED]).await.expect("it renders");
    for kind in kinds {
        assert_eq!(usual.of_kind(kind), [Value::Null; 0], "{kind}");
    }
    let share = ENABLED.replace('}', r#","flowSchema":{"enabled":true}}"#);
    let rendered = render(&scene.namespace, &[&share]).await;
    let rendered = rendered.expect("it renders");
    for kind in kinds {
        let made = rendered.of_kind(kind);
        assert_eq!(made.len(), 1, "{kind}");
        scene.apply(&made[0].to_string()).await;
    }
    let name = format!("{}-op-composio-operator-connect", scene.namespace);
    let uid = ["get", "flowschema", &name, "-o", "jsonpath={.metadata.uid}"];
    let uid = scene.kubectl(&uid).await;
    let certificate = std::fs::read(scene.control_plane.certificate()).expect("it is there");
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&certificate).expect("PEM")])
        .timeout(SOON)
        .build()
        .expect("a client can be built");
    let path = "apis/composio.dev/v1alpha1/connectedaccounts?limit=1";
    let url = format!("{}/{path}", scene.control_plane.url());
    let (control_plane, namespace) = (scene.control_plane, &scene.namespace);
    let account = |name| control_plane.service_account(&scene.client, namespace, name, RULES);
    let (own, another) = (account(NAME).await, account("another").await);
    let flow = async |token: &str| {
        let answer = http.get(&url).bearer_auth(token).send().await;
        let answer = answer.expect("it answers");
        let flow = &answer.headers()["x-kubernetes-pf-flowschema-uid"];
        flow.to_str().expect("a uid").to_owned()
    };
    wait::until("the page's own flow", SOON, async || {
        match flow(&own).await {
            told if told == uid => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_ne!(flow(&another).await, uid);
}

#[tokio::test]
async fn where_namespaces_are_watched_the_page_has_a_role_in_each() {
    let watched = r#"watchNamespaces=["a","b"]"#;
    let rendered = render("x", &[ENABLED, watched]).await.expect("it renders");
    let roles = rendered.of_kind("Role");
    let is_page = |role: &&Value| role["metadata"]["name"] == "x-op-composio-operator-connect";
    let namespaces: Vec<_> = roles
        .iter()
        .filter(is_page)
        .map(|role| role["metadata"]["namespace"].as_str().expect("a namespace"))
        .collect();
    assert_eq!(namespaces, ["a", "b"]);
    let page: Value = rendered.one("Deployment", NAME);
    assert!(args(&page).contains(&"--watch-namespace=a,b"), "{page}");
}

#[tokio::test]
async fn a_proxy_beside_the_page_is_the_only_way_to_it() {
    let value = r#"connect={
        "enabled": true, "url": "https://connect.acme.com", "userHeader": "X-Auth-Request-Email",
        "service": {"targetPort": 4180}, "extraContainers": [{"name": "oauth2-proxy", "image": "proxy"}]
    }"#;
    let rendered = render("x", &[value]).await.expect("it renders");
    let page: Value = rendered.one("Deployment", NAME);
    assert!(
        args(&page).contains(&"--http-address=127.0.0.1:8080"),
        "{page}"
    );
    let service: Value = rendered.one("Service", NAME);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 4180);
    let alone =
        r#"connect={"enabled":true,"url":"https://connect.acme.com","userHeader":"X-User"}"#;
    let refused = render("x", &[alone]).await.err().expect("it is refused");
    assert!(refused.contains("proves to be it"), "{refused}");
}

#[rstest]
#[case::a_page_without_a_url(r#"connect={"enabled":true}"#, "connect.url")]
#[case::a_url_without_a_page(
    r#"connect={"url":"https://connect.acme.com"}"#,
    "connect.enabled is not set"
)]
#[case::a_url_with_a_path(
    r#"connect={"enabled":true,"url":"https://acme.com/connect"}"#,
    "connect"
)]
#[case::a_route_without_a_gateway(
    r#"connect={"enabled":true,"url":"https://connect.acme.com","httpRoute":{"enabled":true}}"#,
    "parentRefs"
)]
#[tokio::test]
async fn what_belongs_together_is_refused_alone(#[case] value: &str, #[case] words: &str) {
    let refused = render("x", &[value]).await.err().expect("it is refused");
    assert!(refused.contains(words), "{value}: {refused}");
}

#[tokio::test]
async fn ingress_and_route_lead_to_the_page_by_the_host_of_its_address() {
    let value = r#"connect={
        "enabled": true, "url": "https://connect.acme.com:8443",
        "ingress": {"enabled": true, "className": "nginx", "tlsSecret": "connect-tls"},
        "httpRoute": {"enabled": true, "parentRefs": [{"name": "public"}]}
    }"#;
    let rendered = render("x", &[value]).await.expect("it renders");
    let ingress: Value = rendered.one("Ingress", NAME);
    assert_eq!(ingress["spec"]["rules"][0]["host"], "connect.acme.com");
    assert_eq!(
        ingress["spec"]["tls"][0]["hosts"],
        json!(["connect.acme.com"])
    );
    let route: Value = rendered.one("HTTPRoute", NAME);
    assert_eq!(route["spec"]["hostnames"], json!(["connect.acme.com"]));
}

#[tokio::test]
async fn the_key_is_made_once_and_stays_as_it_is() {
    let scene = Scene::new("connect-key").await;
    let run = async || {
        let output = std::process::Command::new(crate::support::sandbox::PROGRAM)
            .args([
                "connect-key",
                "--namespace",
                &scene.namespace,
                "--secret",
                "page",
            ])
            .env("KUBECONFIG", scene.control_plane.kubeconfig())
            .output()
            .expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let get = [
            "get",
            "secret",
            "page",
            "-o",
            "jsonpath={.data.connect-key}",
        ];
        scene.kubectl(&get).await
    };
    let first = run().await;
    assert!(first.len() > 40, "a key of 32 bytes, twice in base64");
    assert_eq!(run().await, first);
}

#[tokio::test]
async fn the_secrets_of_webhooks_are_files_named_after_their_projects() {
    let value = r#"connect={"enabled":true,"url":"https://connect.acme.com","webhooks":[
        {"project":"ClusterComposioProject/shared","secretRef":{"name":"shared-webhook"}},
        {"project":"ComposioProject/agents/default","secretRef":{"name":"agents","key":"k"}}
    ]}"#;
    let rendered = render("x", &[value]).await.expect("it renders");
    let page: Value = rendered.one("Deployment", NAME);
    assert!(args(&page).contains(&"--webhook-secrets=/var/run/composio-webhooks"));
    let volumes = page["spec"]["template"]["spec"]["volumes"].as_array();
    let mut volumes = volumes.expect("volumes").iter();
    let volume = volumes.find(|volume| volume["name"] == "webhooks");
    let source = |name: &str, key: &str, path: &str| json!({"secret": {"name": name, "items": [{"key": key, "path": path}]}});
    assert_eq!(
        volume.expect("the volume")["projected"]["sources"],
        json!([
            source("shared-webhook", "secret", "ClusterComposioProject.shared"),
            source("agents", "k", "ComposioProject.agents.default"),
        ])
    );
    for wrong in [
        r#"connect={"webhooks":[{"project":"ClusterComposioProject/a","secretRef":{"name":"b"}}]}"#,
        r#"connect={"enabled":true,"url":"https://connect.acme.com","webhooks":[{"project":"../a","secretRef":{"name":"b"}}]}"#,
    ] {
        assert!(render("x", &[wrong]).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn only_the_programs_own_containers_get_the_tokens_of_page_and_operator() {
    let beside = r#"[{"name":"beside","image":"a"}]"#;
    let connect = format!(
        r#"connect={{"enabled":true,"url":"https://connect.acme.com","extraContainers":{beside}}}"#
    );
    let containers = format!("extraContainers={beside}");
    let before = r#"extraInitContainers=[{"name":"before","image":"a"}]"#;
    let rendered = render("x", &[&connect, &containers, before])
        .await
        .expect("it renders");
    let volume = json!({"name": "service-account-token", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}},
    ]}});
    let mount = json!({
        "name": "service-account-token", "readOnly": true,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    let has = |list: &Value, one: &Value| list.as_array().is_some_and(|list| list.contains(one));
    for (name, own) in [(NAME, "connect"), ("op-composio-operator", "operator")] {
        let deployment: Value = rendered.one("Deployment", name);
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert!(has(&pod["volumes"], &volume), "{name}: {pod}");
        let all = [&pod["containers"], &pod["initContainers"]];
        let all = all.iter().filter_map(|all| all.as_array()).flatten();
        for container in all {
            let is_own = container["name"] == own;
            assert_eq!(
                has(&container["volumeMounts"], &mount),
                is_own,
                "{container}"
            );
        }
    }
}
