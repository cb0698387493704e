//! The lives of two accounts in two projects with different keys, served by one operator.

use serde_json::json;

use super::boundary::Boundary;
use super::interceptor::Fault;
use super::neighbour::NEIGHBOUR;
use super::scenario::{Act, Scenario, Then, delete, gmail, spec, step};

fn neighbours_gmail() -> Act {
    Act::Declare(json!({
        "user": NEIGHBOUR, "toolkit": "gmail", "authConfig": "ac_gmail",
        "projectRef": {"name": NEIGHBOUR},
    }))
}

/// One project gets another API key while both have an account.
pub(super) fn key_rotated() -> Scenario {
    Scenario {
        name: "two projects, a key rotated",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(gmail())], Then::AwaitingUser)
                .beside([neighbours_gmail()], Then::AwaitingUser),
            step("consent", [Act::Account("consent")], Then::Connected)
                .beside([Act::Account("consent")], Then::Connected),
            step("rotate the key", [], Then::Connected).beside(
                [Act::RotateApiKey, spec(json!({"enabled": false}))],
                Then::Disabled,
            ),
            delete().beside([Act::Delete], Then::Gone),
        ],
    }
}

/// One project goes with its account, and is made again under its name.
pub(super) fn project_made_again() -> Scenario {
    Scenario {
        name: "two projects, one made again",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(gmail())], Then::AwaitingUser)
                .beside([neighbours_gmail()], Then::AwaitingUser),
            step("a project goes", [Act::Account("consent")], Then::Connected)
                .beside([Act::DeleteProject, Act::Delete], Then::GoneWithProject),
            step("made again", [], Then::Connected)
                .beside([Act::MakeProject, neighbours_gmail()], Then::AwaitingUser),
            delete().beside([Act::Delete], Then::Gone),
        ],
    }
}

/// Where it is killed: at each effect, on both sides. Reads are crossed where there is one project.
pub(super) fn at_effects(boundary: &Boundary) -> Vec<Fault> {
    match boundary.kind.is_effect() {
        true => vec![Fault::KillBefore, Fault::KillAfter],
        false => Vec::new(),
    }
}
