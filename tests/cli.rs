//! `kubectl composio`: the real program, against the real control plane and the emulated Composio.

mod asking;
mod bad_input;
mod check;
mod connect;
mod create;
mod explain;
mod links;
mod program;
mod reference;
mod status;
