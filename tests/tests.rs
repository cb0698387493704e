//! The integration tests.

mod control_plane;
mod crd;
mod generated;
mod structure;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
