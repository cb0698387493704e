//! What the tests, the demo and the benchmarks stand on: a real Kubernetes API server on loopback.

pub(crate) mod child;
pub(crate) mod control_plane;
pub(crate) mod helm;
pub(crate) mod operator;
pub(crate) mod proxy;
pub(crate) mod release;
pub(crate) mod sandbox;
pub(crate) mod scene;
pub(crate) mod simulation;
pub(crate) mod story;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod way;

use std::fmt::Write;

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

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
