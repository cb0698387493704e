//! The lives of accounts of which a second one came into being.

use serde_json::json;

use super::scenario::{Act, Scenario, Then, annotated, delete, gmail, step};

/// A second account under the same alias, whose link nobody ever saw, runs out.
pub(super) fn of_nobody() -> Scenario {
    Scenario {
        name: "duplicate of nobody",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(gmail())], Then::AwaitingUser),
            step(
                "duplicate",
                [Act::Duplicate, Act::OfDuplicate("expire")],
                Then::AwaitingUser,
            ),
            delete(),
        ],
    }
}

/// A person signs in to a second account under the same alias. It is theirs, whatever comes.
pub(super) fn of_a_person() -> Scenario {
    Scenario {
        name: "duplicate of a person",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(gmail())], Then::AwaitingUser),
            step(
                "duplicate",
                [Act::Duplicate, Act::OfDuplicate("consent")],
                Then::AwaitingUser,
            ),
            // The echo of the request tells that everything has been looked at.
            step(
                "look",
                [annotated("reconcile-requested-at", "now")],
                Then::AwaitingUser,
            ),
            step("connect", [Act::Account("consent")], Then::Connected),
            step(
                "look again",
                [annotated("reconcile-requested-at", "later")],
                Then::Connected,
            ),
        ],
    }
}
