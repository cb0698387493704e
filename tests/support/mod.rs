//! What the tests, the demo and the benchmarks stand on: a real Kubernetes API server on loopback.

pub(crate) mod child;
pub(crate) mod control_plane;
pub(crate) mod operator;
pub(crate) mod sandbox;
pub(crate) mod scene;
pub(crate) mod simulation;
pub(crate) mod story;
pub(crate) mod tools;
pub(crate) mod wait;

use ring::rand::{SecureRandom, SystemRandom};

/// `N` random bytes, written as hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
