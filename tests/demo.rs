//! `cargo demo`.

#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;

fn main() {}
