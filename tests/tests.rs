//! The integration tests.

mod browser;
mod control_plane;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
