//! What the tests, the demo and the benchmarks stand on: a real Kubernetes API server on loopback.

pub(crate) mod browser;
pub(crate) mod child;
pub(crate) mod connect_page;
pub(crate) mod control_plane;
pub(crate) mod helm;
pub(crate) mod many_accounts;
pub(crate) mod memory;
pub(crate) mod operator;
pub(crate) mod project;
pub(crate) mod proxy;
pub(crate) mod receiver;
pub(crate) mod registry;
pub(crate) mod release;
pub(crate) mod sandbox;
pub(crate) mod scene;
pub(crate) mod simulation;
pub(crate) mod story;
pub(crate) mod tcp_proxy;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod watch;

use std::fmt::Write;
use std::time::Duration;

use composio_operator::crd::{ALIAS_ANNOTATION, ProjectRef};
use composio_operator::plan::{Flags, Pin};
use composio_operator::project::Clock;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A clock of which both hands follow a simulated time.
pub(crate) fn simulated_clock(
    now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static,
) -> Clock {
    let (begun, start) = (tokio::time::Instant::now(), now());
    let wall = now.clone();
    Clock::new(wall, move || {
        let passed = now().duration_since(start);
        begun + Duration::try_from(passed).unwrap_or_default()
    })
}

/// An HTTP client for loopback: past every proxy in the environment, and following no redirect, which
/// is how a sign-in ends, at wherever the callback is.
pub(crate) fn http_client(timeout: Duration) -> reqwest::Client {
    // Fails when there is one already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .expect("a client can be built")
}

/// `N` random bytes, written as hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How the sandbox shows a stored value: enough to tell two apart.
pub(crate) fn fingerprint(value: &str) -> String {
    let mut text = String::from("sha256:");
    for byte in &Sha256::digest(value)[..8] {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// The alias that an object's annotation names; null where there is no annotation, or it names none.
pub(crate) fn pinned_alias(object: &Value) -> Value {
    let annotation = object["metadata"]["annotations"][ALIAS_ANNOTATION].as_str();
    annotation.map_or(Value::Null, |text| {
        let pin: Value = serde_json::from_str(text).expect("the annotation is JSON");
        pin["alias"].clone()
    })
}

/// The annotation as an operator without an alias prefix writes it for that object.
pub(crate) fn pin_of(namespace: &str, name: &str, alias: &str) -> String {
    pin_in(&Value::Null, namespace, name, alias)
}

/// The same of an object with that `projectRef`.
pub(crate) fn pin_in(project_ref: &Value, namespace: &str, name: &str, alias: &str) -> String {
    let reference: Option<ProjectRef> =
        serde_json::from_value(project_ref.clone()).expect("a reference, or none");
    let flags = Flags {
        project: reference.unwrap_or_default().to_string(),
        ..Flags::default()
    };
    Pin::annotation(&flags, namespace, name, Some(alias))
}
