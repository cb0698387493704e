//! The integration tests.

mod archive;
mod browser;
mod budget;
mod chart;
mod cli;
mod commands;
mod config_map;
mod connect;
mod control_plane;
mod convergence;
mod copies;
mod crash;
mod crd;
mod credentials;
mod events;
mod faults;
mod field;
mod generated;
mod heal;
mod hostile;
mod leader;
mod lifecycle;
mod lists;
mod main_job;
mod namespaces;
mod on_demand;
mod poll;
mod projects;
mod refused;
mod rivals;
mod secrets;
mod structure;
#[allow(dead_code, reason = "each binary uses its part of it")]
mod support;
mod telemetry;
mod undecoded;
