//! The lives of accounts, each told in few steps: together they use every effect that there is.

use serde_json::{Value, json};

/// The account that somebody else made.
pub(super) const THEIRS: &str = "ca_theirs";

/// One life of one object.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Accounts that are there from the start.
    pub(super) accounts: Value,
    pub(super) steps: Vec<Step>,
}

/// What is done, and what must come of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) acts: Vec<Act>,
    pub(super) then: Then,
    /// The same in the neighbouring project, where there is one.
    pub(super) beside: Option<(Vec<Act>, Then)>,
    /// What people were told by then, where they are notified.
    pub(super) told: &'static [composio_operator::crd::NotificationType],
}

/// What a person does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Declares the object with that spec.
    Declare(Value),
    /// Merges that into the object.
    Edit(Value),
    /// Asks for a link, as the connect page does when somebody presses its button.
    Ask,
    /// Signs in where the project verifies whose it was, and comes back to the connect page, which asks to have Composio
    /// told.
    ComeBack,
    /// Puts that value into the Secret.
    Key(&'static str),
    /// That happens to the recorded account in Composio: `consent`, `expire`, `delete`.
    Account(&'static str),
    /// A second account of the same user comes into being under the same alias, as by a call that takes
    /// effect late; it is not recorded.
    Duplicate,
    /// That happens to the second account.
    OfDuplicate(&'static str),
    /// The answer of Composio to that method and path, from now on.
    Fault(&'static str, &'static str, u16),
    /// Composio answers as it should again.
    NoFaults,
    /// Deletes the object.
    Delete,
    /// The neighbouring project gets another API key, and the former one is worthless.
    RotateApiKey,
    /// Deletes the neighbouring project, and waits for nothing.
    DeleteProject,
    /// Makes it again, under its name.
    MakeProject,
}

/// What a step must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// No account: nobody has asked for a link yet.
    Unasked,
    /// One account, a link that can be used, and a person to wait for.
    AwaitingUser,
    /// One account, ACTIVE, as declared.
    Connected,
    /// One account, INACTIVE, as declared.
    Disabled,
    /// One account, whose link is over.
    LinkExpired,
    /// No account, no pin, and the reason.
    Refused(&'static str),
    /// No object, no account, and every grant ended whose end was promised.
    Gone,
    /// Nor the neighbouring project.
    GoneWithProject,
}

impl Scenario {
    /// Whether people come by the connect page, which is the project's verifier URL.
    pub(super) fn is_verified(&self) -> bool {
        let mut acts = self.steps.iter().flat_map(|step| &step.acts);
        acts.any(|act| matches!(act, Act::ComeBack))
    }
}

pub(super) fn step(name: &'static str, acts: impl Into<Vec<Act>>, then: Then) -> Step {
    Step {
        name,
        acts: acts.into(),
        then,
        beside: None,
        told: &[],
    }
}

impl Step {
    pub(super) fn beside(self, acts: impl Into<Vec<Act>>, then: Then) -> Step {
        Step {
            beside: Some((acts.into(), then)),
            ..self
        }
    }
}

pub(super) fn delete() -> Step {
    step("delete", [Act::Delete], Then::Gone)
}

pub(super) fn spec(value: Value) -> Act {
    Act::Edit(json!({"spec": value}))
}

pub(super) fn annotated(name: &str, value: &str) -> Act {
    let name = format!("composio.dev/{name}");
    Act::Edit(json!({"metadata": {"annotations": {name: value}}}))
}

pub(super) fn gmail() -> Value {
    json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"})
}

/// Taken over by its id.
fn theirs(more: Value) -> Act {
    let mut spec = json!({
        "user": "u", "toolkit": "slack", "authConfig": "ac_slack",
        "connectedAccountId": THEIRS,
    });
    let fields = spec.as_object_mut().expect("it is one");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    Act::Declare(spec)
}

fn account_of_somebody(sharing: Value) -> Value {
    json!([{
        "id": THEIRS, "auth_config": "ac_slack", "user_id": "u", "alias": "theirs",
        "sharing": sharing,
    }])
}

/// All scenarios.
pub(super) fn all() -> Vec<Scenario> {
    vec![
        hosted(),
        from_a_secret(),
        shared(),
        switched(),
        asked_again(),
        on_demand(),
        verified(),
        replaced(),
        vanished(),
        corrected(),
        refused(),
    ]
}

/// A person signs in; the grant is revoked at the end.
pub(super) fn hosted() -> Scenario {
    Scenario {
        name: "hosted",
        accounts: json!([]),
        steps: vec![
            step(
                "link",
                [Act::Declare(json!({"user": "u", "toolkit": "gmail"}))],
                Then::AwaitingUser,
            ),
            step("consent", [Act::Account("consent")], Then::Connected),
            delete(),
        ],
    }
}

/// The account is made from a Secret, which changes.
pub(super) fn from_a_secret() -> Scenario {
    let declared = json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "key"}},
    });
    Scenario {
        name: "from a Secret",
        accounts: json!([]),
        steps: vec![
            step(
                "create",
                [Act::Key("first"), Act::Declare(declared)],
                Then::Connected,
            ),
            step(
                "rotate",
                [
                    Act::Key("second"),
                    annotated("reconcile-requested-at", "now"),
                ],
                Then::Connected,
            ),
            delete(),
        ],
    }
}

/// An account is taken over; who may use it, what it is called, and whether it may be used changes.
/// To revoke it, it is enabled once more.
pub(super) fn shared() -> Scenario {
    let sharing =
        json!({"allow_all_users": false, "allowed_user_ids": ["a"], "not_allowed_user_ids": []});
    Scenario {
        name: "shared",
        accounts: account_of_somebody(sharing),
        steps: vec![
            step(
                "take over",
                [theirs(json!({
                    "visibility": "Shared", "sharing": {"allowedUsers": ["a"]},
                }))],
                Then::Connected,
            ),
            step(
                "share",
                [spec(json!({"sharing": {"allowedUsers": ["b"]}}))],
                Then::Connected,
            ),
            step(
                "rename",
                [spec(json!({"metadata": {"alias": "ours"}}))],
                Then::Connected,
            ),
            step("disable", [spec(json!({"enabled": false}))], Then::Disabled),
            delete(),
        ],
    }
}

/// An account is taken over, disabled and enabled; it ends without being revoked.
fn switched() -> Scenario {
    Scenario {
        name: "switched",
        accounts: account_of_somebody(Value::Null),
        steps: vec![
            step(
                "take over disabled",
                [theirs(
                    json!({"enabled": false, "deletionPolicy": "Delete"}),
                )],
                Then::Disabled,
            ),
            step("enable", [spec(json!({"enabled": true}))], Then::Connected),
            delete(),
        ],
    }
}

/// A link runs out, and a person asks for another one.
fn asked_again() -> Scenario {
    Scenario {
        name: "asked again",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(gmail())], Then::AwaitingUser),
            step("expire", [Act::Account("expire")], Then::LinkExpired),
            step(
                "refresh",
                [annotated("link-requested-at", "monday")],
                Then::AwaitingUser,
            ),
            delete(),
        ],
    }
}

/// No link is made before somebody asks for it.
fn on_demand() -> Scenario {
    let mut spec = gmail();
    spec["linkPolicy"] = json!("OnDemand");
    Scenario {
        name: "on demand",
        accounts: json!([]),
        steps: vec![
            step("declare", [Act::Declare(spec)], Then::Unasked),
            step("click", [Act::Ask], Then::AwaitingUser),
            step("sign in", [Act::Account("consent")], Then::Connected),
            step("click again", [Act::Ask], Then::Connected),
            delete(),
        ],
    }
}

/// The connect page is the project's verifier URL: nothing is connected before Composio was told whose sign-in it was.
fn verified() -> Scenario {
    Scenario {
        name: "verified",
        accounts: json!([]),
        steps: vec![
            step("declare", [Act::Declare(gmail())], Then::Unasked),
            step("click", [Act::Ask], Then::AwaitingUser),
            step("complete", [Act::ComeBack], Then::Connected),
            delete(),
        ],
    }
}

/// A grant dies, and its account cannot be refreshed: another one takes its place.
fn replaced() -> Scenario {
    Scenario {
        name: "replaced",
        accounts: account_of_somebody(Value::Null),
        steps: vec![
            step("take over", [theirs(json!({}))], Then::Connected),
            step(
                "replace",
                [
                    Act::Fault("POST", "/connected_accounts/*/refresh", 501),
                    Act::Account("end-grant"),
                ],
                Then::AwaitingUser,
            ),
            delete(),
        ],
    }
}

/// Somebody deletes the account in Composio: a new one is asked for.
fn vanished() -> Scenario {
    Scenario {
        name: "vanished",
        accounts: account_of_somebody(Value::Null),
        steps: vec![
            step("take over", [theirs(json!({}))], Then::Connected),
            step("vanish", [Act::Account("delete")], Then::AwaitingUser),
            delete(),
        ],
    }
}

/// The connection data of a link is corrected, and a person signs in by another one.
fn corrected() -> Scenario {
    let mut wrong = gmail();
    wrong["connectionData"] = json!({"subdomain": "wrong"});
    let right = json!({"connectionData": {"subdomain": "acme"}});
    Scenario {
        name: "corrected",
        accounts: json!([]),
        steps: vec![
            step("link", [Act::Declare(wrong)], Then::AwaitingUser),
            step("correct", [spec(right)], Then::AwaitingUser),
            step("connect", [Act::Account("consent")], Then::Connected),
            delete(),
        ],
    }
}

/// Composio refuses to make the account, and later does not.
fn refused() -> Scenario {
    Scenario {
        name: "refused",
        accounts: json!([]),
        steps: vec![
            step(
                "refuse",
                [
                    Act::Fault("POST", "/connected_accounts/link", 422),
                    Act::Declare(gmail()),
                ],
                Then::Refused("Rejected"),
            ),
            step(
                "accept",
                [Act::NoFaults, annotated("reconcile-requested-at", "now")],
                Then::AwaitingUser,
            ),
            delete(),
        ],
    }
}
