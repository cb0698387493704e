//! Which ports the NetworkPolicy opens, and on which addresses the pods listen.

use rstest::rstest;
use serde_json::Value;

use crate::support::helm::render;

const KEY: &str = r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#;

async fn opened(values: &[&str]) -> Vec<u64> {
    let policy = r#"networkPolicy={"enabled":true}"#;
    let values = [&[KEY, policy], values].concat();
    let rendered = render("x", &values).await.expect("it renders");
    let policy: Value = rendered.one("NetworkPolicy", "op-composio-operator");
    let ports = policy["spec"]["egress"][1]["ports"]
        .as_array()
        .expect("ports")
        .iter();
    ports
        .map(|port| port["port"].as_u64().expect("a number"))
        .collect()
}

#[rstest]
#[case::ipv6_with_a_port("https://[fd00::1]:8443", &[443, 6443, 8443])]
#[case::ipv6("https://[fd00::1]", &[443, 6443])]
#[case::ipv6_with_a_path("https://[fd00::1]/9/b", &[443, 6443])]
#[case::ipv6_in_clear_text("http://[fd00::1]", &[443, 6443, 80])]
#[case::a_name_with_a_port("https://composio.acme.example:8443/api", &[443, 6443, 8443])]
#[case::a_name_in_clear_text("http://composio.acme.example/api", &[443, 6443, 80])]
#[case::a_name("https://composio.acme.example", &[443, 6443])]
#[tokio::test]
async fn a_network_policy_opens_the_port_of_a_url_and_no_piece_of_an_address(
    #[case] url: &str,
    #[case] expected: &[u64],
) {
    let value = format!("allowedBaseURLs={}", Value::from(vec![url]));
    assert_eq!(opened(&[&value]).await, expected, "{url}");
}

#[rstest]
#[case::a_port("http://proxy:3128", &[443, 6443, 3128])]
#[case::a_port_behind_a_password("http://u:5@proxy:3128/", &[443, 6443, 3128])]
#[case::a_password_that_is_no_port("http://u:5@proxy", &[443, 6443, 80])]
#[case::https("HTTPS://proxy", &[443, 6443])]
#[case::ipv6("http://[fd00::3]:3128", &[443, 6443, 3128])]
#[case::no_scheme("proxy:3128", &[443, 6443, 3128])]
#[case::a_name_alone("proxy", &[443, 6443, 80])]
#[tokio::test]
async fn a_network_policy_opens_the_port_of_a_proxy(#[case] proxy: &str, #[case] expected: &[u64]) {
    let value = format!(
        "proxy={}",
        serde_json::json!({"https": proxy, "http": proxy})
    );
    assert_eq!(opened(&[&value]).await, expected, "{proxy}");
}

#[tokio::test]
async fn pods_listen_on_all_addresses_of_ipv6_too() {
    let sandbox = r#"sandbox={"enabled":true}"#;
    let args = async |values: &[&str]| {
        let rendered = render("x", values).await.expect("it renders");
        let pods = rendered.pods();
        let args = pods
            .iter()
            .flat_map(|pod| pod["containers"][0]["args"].as_array());
        let words = args.flatten().filter_map(Value::as_str);
        words
            .filter(|word| word.starts_with("--listen") || word.starts_with("--http-address"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let usual = args(&[sandbox]).await;
    assert_eq!(usual, ["--http-address=[::]:8080", "--listen=[::]:8090"]);
    for (host, expected) in [
        ("::1", "--http-address=[::1]:8080"),
        ("[::1]", "--http-address=[::1]:8080"),
        ("10.0.0.1", "--http-address=10.0.0.1:8080"),
    ] {
        let http = format!("http={}", serde_json::json!({"host": host}));
        assert_eq!(args(&[KEY, &http]).await, [expected]);
    }
    let shared = args(&[sandbox, "hostNetwork=true"]).await;
    assert!(
        shared.contains(&"--listen=127.0.0.1:8090".to_owned()),
        "{shared:?}"
    );
}

#[rstest]
#[case::all_addresses("::", Value::Null)]
#[case::ipv6("::1", "::1".into())]
#[case::ipv6_in_brackets("[::1]", "::1".into())]
#[case::ipv4("127.0.0.1", "127.0.0.1".into())]
#[tokio::test]
async fn probes_ask_a_loopback_address_where_that_is_listened_on(
    #[case] host: &str,
    #[case] expected: Value,
) {
    let http = format!("http={}", serde_json::json!({"host": host}));
    let rendered = render("x", &[KEY, &http]).await.expect("it renders");
    let probe = &rendered.pods()[0]["containers"][0]["livenessProbe"]["httpGet"]["host"];
    assert_eq!(*probe, expected, "{host}");
}
