//! The integration tests.

mod browser;
mod commands;
mod control_plane;
mod convergence;
mod crd;
mod credentials;
mod events;
mod faults;
mod generated;
mod heal;
mod leader;
mod main_job;
mod poll;
mod structure;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
