//! The integration tests.

mod control_plane;
mod convergence;
mod faults;
mod main_job;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
