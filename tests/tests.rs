//! The integration tests.

mod control_plane;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
