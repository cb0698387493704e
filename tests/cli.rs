//! `kubectl composio`: the real program, against the real control plane and the emulated Composio.

mod asking;
mod bad_input;
mod browser;
mod check;
mod connect;
mod create;
mod diff;
mod explain;
mod flags;
mod forms;
mod import;
mod import_many;
mod interrupted;
mod inventory;
mod keys;
mod kubeconfig;
mod links;
mod older;
mod plugin;
pub(crate) mod program;
mod reference;
mod refusals;
mod requests;
mod sessions;
mod status;
mod terminal;
mod webhook;
