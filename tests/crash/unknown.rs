//! Effects whose outcome is not known: each of them had its effect, and its answer did not come.

use std::collections::BTreeSet;
use std::time::Duration;

use super::boundary::{Boundary, Server};
use super::coverage::EFFECTS;
use super::interceptor::Fault;
use super::matrix::{Matrix, Results};
use super::scenario;
use crate::support::tools::say;

/// Longer than the operator waits for an answer, shorter than it waits before it tries again.
const LATE: Duration = Duration::from_secs(2);
/// Longer than the operator waits before it tries again.
pub(super) const TOO_LATE: Duration = Duration::from_secs(7);
/// For the waits to be in this order also on a busy machine.
pub(super) const WAITS: &[(&str, &str)] = &[
    ("--request-timeout", "1s"),
    ("--unknown-outcome-wait", "3s"),
];

/// What can become of an answer.
const OUTCOMES: [(&str, Fault); 5] = [
    ("the answer is lost", Fault::DropAnswer),
    ("the answer is cut in its middle", Fault::CutAnswer),
    (
        "delayed past the timeout, and committed later",
        Fault::Delay(LATE),
    ),
    ("500 after the commit", Fault::Answer500),
    ("502 of a gateway after the commit", Fault::Answer502),
];

/// Lets every effect of the scenarios meet every outcome, once for each step that it has a part in.
pub(super) async fn outcomes(matrix: &Matrix) -> Results {
    let mut seen = BTreeSet::new();
    matrix
        .everywhere(&scenario::all(), |boundary| {
            let counts = boundary.kind.server == Server::Composio && boundary.kind.is_effect();
            match counts && seen.insert(boundary.clone()) {
                true => OUTCOMES.iter().map(|(_, fault)| *fault).collect(),
                false => Vec::new(),
            }
        })
        .await
}

/// Says one line for each outcome, and returns which effect has not met it.
pub(super) fn tell(results: &Results, circumstance: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (outcome, fault) in OUTCOMES {
        let met: Vec<&Boundary> = results
            .met
            .iter()
            .filter(|(_, done)| *done == fault)
            .map(|(boundary, _)| boundary)
            .collect();
        let mut effects = Vec::new();
        for (effect, step, server, request) in EFFECTS {
            // Consent and taking over ask nothing of Composio.
            if server == Server::Kubernetes {
                continue;
            }
            let is_it = |boundary: &Boundary| {
                let kind = &boundary.kind;
                boundary.step == step
                    && kind.server == server
                    && (kind.method.as_str(), kind.path.as_str(), kind.what) == request
            };
            match met.iter().copied().any(is_it) {
                true => effects.push(effect),
                false => complaints.push(format!("{effect} did not meet: {outcome}")),
            }
        }
        let violated = |violation: &&String| violation.contains(&format!("{fault:?}: "));
        say(&format!(
            "unknown outcome, {circumstance}: {outcome}: {}; runs = {}, violations = {}",
            effects.join(", "),
            met.len(),
            results.violations.iter().filter(violated).count(),
        ));
    }
    complaints
}
