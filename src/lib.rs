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
//! | [`crd`] | the object: spec, status, conditions, reasons |
//! | [`plan`] | the only decider, pure |
//! | [`observe`] | what is remembered, what is read afresh, and the poller |
//! | [`act`] | one effect, one call |
//! | [`report`] | the only builder of a status, and what events tell of it, pure |
//! | [`reconcile`] | one pass: observe → plan → act → report |
//! | [`controller`] | watches, triggers, concurrency, shutdown |
//! | [`project`] | client, gates, auth configs and snapshot of one Composio project |
//! | [`record`] | the proof that a record in a status was written by this operator |
//! | [`composio`] | the client, one function per endpoint |
//! | [`kubernetes`] | the way to the apiserver |
//! | [`lease`] | leader election, and which release works where |
//! | [`http`] | `/livez`, `/readyz`, `/metrics` |
//! | [`log`] | log lines, and what never gets into them |
//! | [`metrics`] | what is counted |
//! | [`check`] | `composio-operator check`: is everything there that the operator needs |
//! | [`drain`] | `composio-operator drain`: deletes all objects, and waits |
//! | [`text`] | what somebody else wrote, made fit to be shown |

pub mod act;
pub mod arguments;
pub mod check;
pub mod composio;
pub mod controller;
pub mod crd;
pub mod drain;
pub mod http;
pub mod kubernetes;
pub mod lease;
pub mod log;
pub mod metrics;
pub mod observe;
pub mod plan;
pub mod project;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod sandbox;
#[cfg(test)]
mod tests;
pub mod text;
