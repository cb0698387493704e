//! Composio connected accounts, declared as Kubernetes objects.
//!
//! ```text
//!    watch objects ──┐                 ┌── every tick: list accounts ──> Snapshot ──┐
//!                    v                 v                                            │
//!              reconcile(object) ── remembered ── plan ── Nothing | Wait ───────────┼──> report ── write status if it differs
//!                                    │  anything else                               │       ^
//!                                    └── look (fresh) ── plan ── act ── Outcome ────┴───────┘
//! ```
//!
//! What is remembered may only ever conclude that there is nothing to do. Every effect is planned again,
//! by the same pure function, on a fresh read of both sides: the object and its account.
//!
//! | module | is |
//! |---|---|
//! | [`plan`] | the only decider, pure |
//! | [`store`] | a summary of each object, and the objects themselves from a change to the pass over it |
//! | [`poll`] | the poller: scans for changes, and asks for every account on record |
//! | [`look`] | what is remembered, and what is read afresh |
//! | [`proof`] | whether the project is the one that the recorded accounts are in |
//! | [`act`] | one effect, one call |
//! | [`report`] | the only builder of a status, and what events tell of it, pure |
//! | [`reconcile`] | one pass: look → plan → act → report |
//! | [`controller`] | watches, triggers, concurrency, shutdown |
//! | [`project`] | client, gates, auth configs and snapshot of one Composio project |
//! | [`projects`] | the projects that are declared, each at work by itself |
//! | [`record`] | the proof that a record in a status was written by this operator |
//! | [`kubernetes`] | the way to the apiserver |
//! | [`activity`] | when something last happened |
//! | [`turns`] | whose turn it is, pure |
//! | [`lease`] | leader election, and which release works where |
//! | [`http`] | `/livez`, `/readyz`, `/metrics` |
//! | [`listen`] | listening, also where a host has only one of IPv4 and IPv6 |
//! | `capacity` | maps that give room back |
//! | [`time`] | conversions of times and durations |
//! | [`log`] | log lines, and what never gets into them |
//! | [`metrics`] | what is counted |
//! | [`notify`] | what people are told outside of Kubernetes |
//! | [`connect`] | the connect page, on which people ask for links |
//! | [`check`] | `composio-operator check`: is everything there that the operator needs |
//! | [`drain`] | `composio-operator drain`: deletes all objects, and waits |
//!
//! The object itself is in the crate [`composio_api`], the client of Composio in [`composio_client`], and the
//! emulated Composio in `composio_sandbox`, which is a part only with the feature `sandbox`.

// The tests of `plan` share a file with the tests of the program.
#[cfg(test)]
extern crate self as composio_operator;

pub use composio_api as crd;
pub use composio_client as composio;
pub use composio_client::text;
#[cfg(feature = "sandbox")]
pub use composio_sandbox as sandbox;

pub mod act;
pub mod activity;
pub mod arguments;
mod capacity;
pub mod check;
pub mod connect;
pub mod controller;
pub mod drain;
pub mod http;
pub mod kubernetes;
pub mod lease;
pub mod listen;
pub mod log;
pub mod look;
pub mod metrics;
pub mod notify;
pub mod plan;
pub mod poll;
pub mod project;
pub mod projects;
pub mod proof;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod store;
pub mod time;
pub mod turns;
