//! What the chart's schema takes, the program takes, and what the program refuses, the chart refuses.

use clap::Parser;
use composio_operator::arguments::values::Values;
use composio_operator::arguments::{Cli, Command};
use composio_operator::lease::Timing;
use futures::StreamExt;
use rstest::rstest;
use serde_json::{Value, json};

use crate::generated::flags::{config, values_of, words};
use crate::support::helm::render;

const KEY: &str = r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#;
/// Each flag is tried alone here, so that its relation to others does not decide.
const ALONE: &str = r#"leaderElection={"enabled":false}"#;

/// Values at both sides of each limit.
fn borderline(values: Values, words: Vec<String>) -> Vec<Value> {
    match values {
        Values::Bool => vec![json!(true), json!(false)],
        Values::Number { min, max } => {
            let (min, max) = (i64::from(min), i64::from(max));
            vec![
                json!(min - 1),
                json!(min),
                json!(max),
                json!(max + 1),
                json!(-1),
            ]
        }
        Values::Duration { .. } => {
            let texts = [
                "1ms",
                "24h",
                "86400000ms",
                "23h59m60s",
                "0s",
                "0ms",
                "24h1ms",
                "25h",
                "30",
                "",
                "30s1m",
                "1.5h",
                "-1s",
                "1m ",
                "100000000ms",
            ];
            texts.map(Value::from).to_vec()
        }
        Values::Text { .. } => {
            let long = "x".repeat(32);
            let texts = ["", "eu-1_", "eu.", "é", " ", &long, &(long.clone() + "x")];
            texts.map(Value::from).to_vec()
        }
        Values::Word => {
            let wrong = ["", "yaml", "TEXT"].map(str::to_owned);
            words.into_iter().chain(wrong).map(Value::from).collect()
        }
        Values::Any => Vec::new(),
    }
}

fn parses(args: &[String]) -> bool {
    let program = ["composio-operator", "run"].map(str::to_owned);
    Cli::try_parse_from(program.iter().chain(args)).is_ok()
}

#[tokio::test]
async fn the_chart_takes_a_flag_exactly_when_the_program_does() {
    let mut cases = Vec::new();
    for (name, flag) in config() {
        let long = flag.get_long().expect("it has a long name").to_owned();
        let values = borderline(values_of(&flag), words(&flag));
        assert!(
            !values.is_empty(),
            "--{long} is not in the program's table of values"
        );
        cases.extend(
            values
                .into_iter()
                .map(|value| (name.clone(), long.clone(), value)),
        );
    }
    let tried = futures::stream::iter(cases).map(async |(name, long, value)| {
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        let program = parses(&[format!("--{long}={text}")]);
        let config = format!("config={}", json!({&name: value}));
        let chart = render("x", &[KEY, ALONE, &config]).await;
        let said = chart.as_ref().err().cloned().unwrap_or_default();
        assert_eq!(chart.is_ok(), program, "{config}: {said}");
        if !program {
            assert!(said.contains(&name), "{config}: {said}");
        }
        program
    });
    let verdicts: Vec<bool> = tried.buffer_unordered(4).collect().await;
    let taken = verdicts.iter().filter(|taken| **taken).count();
    assert!(
        taken > 50 && verdicts.len() - taken > 100,
        "{taken} of {}",
        verdicts.len()
    );
}

#[rstest]
#[case::defaults(json!({}), true)]
#[case::a_lease_as_short_as_the_deadline(json!({"leaseDuration": "10s"}), false)]
#[case::a_lease_a_millisecond_longer(json!({"leaseDuration": "10001ms"}), true)]
#[case::a_deadline_as_long_as_the_lease(json!({"renewDeadline": "15s"}), false)]
#[case::a_deadline_of_two_tries(json!({"renewDeadline": "4s"}), true)]
#[case::a_deadline_a_millisecond_shorter(json!({"renewDeadline": "3999ms"}), false)]
#[case::a_retry_of_half_the_deadline(json!({"retryPeriod": "5s"}), true)]
#[case::a_retry_a_millisecond_longer(json!({"retryPeriod": "5001ms"}), false)]
#[case::all_of_them(json!({"leaseDuration": "1m", "renewDeadline": "40s", "retryPeriod": "20s"}), true)]
#[tokio::test]
async fn timings_of_the_lease_are_held_against_each_other_as_by_the_program(
    #[case] config: Value,
    #[case] is_right: bool,
) {
    let flag = |name: &str, value: &Value| {
        let long = match name {
            "leaseDuration" => "--lease-duration",
            "renewDeadline" => "--renew-deadline",
            _ => "--retry-period",
        };
        format!("{long}={}", value.as_str().unwrap_or_default())
    };
    let args = config.as_object().expect("flags").iter();
    let args = args.map(|(name, value)| flag(name, value));
    let program = ["composio-operator", "run"].map(str::to_owned).into_iter();
    let cli = Cli::try_parse_from(program.chain(args)).expect("flags");
    let Command::Run(run) = cli.command else {
        panic!("another command");
    };
    let timing = Timing::new(run.lease_duration, run.renew_deadline, run.retry_period);
    assert_eq!(timing.is_ok(), is_right, "{config}");
    let value = format!("config={config}");
    match render("x", &[KEY, &value]).await {
        Ok(_) => assert!(is_right, "{config} was taken"),
        Err(said) => assert!(
            !is_right && said.contains("config.renewDeadline ("),
            "{said}"
        ),
    }
    // Without an election nothing is timed.
    render("x", &[KEY, ALONE, &value])
        .await
        .expect("it renders");
}

/// Whether the program takes what the chart makes of these values.
fn program_takes(pods: &[Value]) -> Result<(), String> {
    for pod in pods {
        let args: Vec<String> =
            serde_json::from_value(pod["containers"][0]["args"].clone()).expect("words");
        let args = std::iter::once("composio-operator".to_owned()).chain(args);
        let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
        if let Command::Run(run) = cli.command {
            run.projects.base_urls()?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_program_takes_every_address_url_and_namespace_that_the_chart_takes() {
    let label = "x".repeat(63);
    let too_long = "x".repeat(64);
    let cases = [
        (
            "http",
            "host",
            &[
                "::",
                "[::]",
                "::1",
                "[::1]",
                "0.0.0.0",
                "255.255.255.255",
                "fd00:1:2:3:4:5:6:7",
                "1::8",
                "1:2:3:4:5:6:7::",
            ][..],
            &[
                "",
                "localhost",
                "256.0.0.1",
                "1.2.3",
                "01.2.3.4",
                ":",
                ":::",
                "[::",
                "1:2:3:4:5:6:7:8:9",
                "::g",
                "0.0.0.0:8080",
                "1::2::3",
            ][..],
        ),
        (
            "allowedBaseURLs",
            "[]",
            &[
                "https://a.example",
                "http://a",
                "https://a.example:8443/api/",
                "https://[fd00::1]:8443",
                "http://10.0.0.1:1",
                "https://a/b.c/d",
            ],
            &[
                "",
                "https://a/../b",
                "https://a/b,c",
                "https://a/%2e%2e/b",
                "a.example",
                "ftp://a",
                "https://",
                "https://a:0",
                "https://a:65536",
                "https://a b",
                "https://u:p@a",
                "https://a?b",
                "https://a#b",
                "https://1.2.3.256",
                "https://[fd00::1",
                "https://a.9",
                "https:///a",
            ],
        ),
        (
            "watchNamespaces",
            "[]",
            &["a", "1", "007", "y", "a-b", &label],
            &[
                "", " a", "a ", "a,b", "A", "a.b", "-a", "a-", "*", &too_long,
            ],
        ),
        (
            "uninstall",
            "timeout",
            &["1ms", "4m", "24h"],
            &["", "0s", "24h1ms", "4", "soon", "1s1m"],
        ),
    ];
    for (name, field, right, wrong) in cases {
        for (text, is_right) in right
            .iter()
            .map(|text| (*text, true))
            .chain(wrong.iter().map(|text| (*text, false)))
        {
            let value = match field {
                "" => json!(text),
                "[]" => json!([text]),
                "timeout" => json!({"policy": "Drain", "timeout": text}),
                field => json!({field: text}),
            };
            let set = format!("{name}={value}");
            match render("x", &[KEY, &set]).await {
                Ok(rendered) => {
                    assert!(is_right, "{set} was taken");
                    program_takes(&rendered.pods())
                        .unwrap_or_else(|error| panic!("{set}: {error}"));
                }
                Err(said) => assert!(!is_right && said.contains(name), "{set}: {said}"),
            }
        }
    }
}
