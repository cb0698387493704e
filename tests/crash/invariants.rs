//! What must hold when the operator has nothing left to do, whatever happened before.

use std::collections::BTreeSet;

use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::scenario::Then;
use crate::support::story::condition;
use crate::support::{fingerprint, pinned_alias};

/// Everything that can be seen from outside.
pub(super) struct Facts {
    pub(super) object: Option<Value>,
    /// All accounts that there ever were, as the sandbox shows them.
    pub(super) accounts: Vec<Value>,
    /// The access list of the recorded account, as Composio shows it.
    pub(super) sharing: Value,
    /// Version and value of the Secret.
    pub(super) key: Option<(String, String)>,
    /// Accounts that somebody deleted in Composio, which does not end their grants.
    pub(super) deleted_by_hand: BTreeSet<String>,
    /// A second account under the object's alias, to which a person has signed in.
    pub(super) duplicate_of_a_person: Option<String>,
    /// How many ConnectRequests are there.
    pub(super) requests: usize,
    /// The deletion policy that was declared last.
    pub(super) policy: String,
}

pub(super) type Holds = Result<(), String>;

/// One live account per object, none without an object, every promised revocation seen by the
/// provider, no grant lost, no row left over that was never active, and a status that is true.
///
/// # Errors
/// The first of them that does not hold.
pub(super) fn check(facts: &Facts, then: Then) -> Holds {
    let is_a_persons =
        |account: &&Value| account["id"].as_str() == facts.duplicate_of_a_person.as_deref();
    let live: Vec<&Value> = facts
        .accounts
        .iter()
        .filter(|account| account["deleted_at"].is_null() && !is_a_persons(account))
        .collect();
    if let Then::Gone | Then::GoneWithProject = then {
        holds(facts.object.is_none(), || "the object is there".to_owned())?;
        holds(live.is_empty(), || format!("without an object: {live:?}"))?;
        return grants(facts, facts.policy == "Revoke");
    }
    let object = facts.object.as_ref().ok_or("the object is not there")?;
    let status = &object["status"];
    let generation = &object["metadata"]["generation"];
    same(
        "observedGeneration",
        &status["observedGeneration"],
        generation,
    )?;
    same("unknownSince", &status["unknownSince"], &Value::Null)?;
    grants(facts, false)?;
    if let Then::Refused(reason) = then {
        holds(live.is_empty(), || format!("refused, and there: {live:?}"))?;
        same("the id", &status["connectedAccountId"], &Value::Null)?;
        same("the pin", &pinned_alias(object), &Value::Null)?;
        return says(object, "Stalled", "True", reason);
    }
    let requests = facts.requests;
    holds(requests == 0, || format!("{requests} requests are there"))?;
    if then == Then::Unasked {
        holds(live.is_empty(), || format!("nobody asked for {live:?}"))?;
        return says(object, "Ready", "False", "AwaitingUser");
    }
    let [account] = live.as_slice() else {
        return Err(format!("{} live accounts: {live:?}", live.len()));
    };
    is_ours(object, account)?;
    requests_are_handled(object)?;
    match then {
        Then::AwaitingUser => {
            says(object, "Ready", "False", "AwaitingUser")?;
            let declared = object["spec"].get("connectionData").cloned();
            let declared = declared.unwrap_or(json!({}));
            same("the data", &declared, &account["connection_data"])?;
            same("the link", &status["link"]["url"], &account["link_url"])?;
            holds(!account["link_url"].is_null(), || "there is no link".into())
        }
        Then::LinkExpired => {
            says(object, "Ready", "False", "LinkExpired")?;
            same("the link", &status["link"], &Value::Null)
        }
        Then::Connected | Then::Disabled => {
            let (state, reason) = match then {
                Then::Connected => ("ACTIVE", "Connected"),
                _ => ("INACTIVE", "Disabled"),
            };
            says(object, "Ready", "True", reason)?;
            says(object, "Synced", "True", reason)?;
            same("the account", &account["status"], &state.into())?;
            same("the grant", &account["grant"]["alive"], &true.into())?;
            is_as_declared(facts, object, account)
        }
        Then::Unasked | Then::Refused(_) | Then::Gone | Then::GoneWithProject => Ok(()),
    }
}

/// A second account that was made from the Secret: its key is no person's grant, and the account that is
/// kept, or was revoked at last, has the same.
fn is_a_spare_key(facts: &Facts, account: &Value) -> bool {
    facts.key.is_some()
        && !account["deleted_at"].is_null()
        && facts.accounts.iter().any(|other| {
            let is_kept = other["deleted_at"].is_null() || other["grant"]["alive"] == false;
            other["id"] != account["id"] && is_kept
        })
}

/// No grant is lost by deleting its account; all have ended where that was promised.
fn grants(facts: &Facts, promised: bool) -> Holds {
    for account in &facts.accounts {
        let id = account["id"].as_str().unwrap_or_default();
        let alive = account["grant"]["alive"] == true;
        let deleted = !account["deleted_at"].is_null();
        if !alive || facts.deleted_by_hand.contains(id) || is_a_spare_key(facts, account) {
            continue;
        }
        holds(!promised, || format!("the grant of {id} was not revoked"))?;
        let meant = facts.policy == "Delete" && facts.object.is_none();
        holds(!deleted || meant, || format!("the grant of {id} is lost"))?;
    }
    Ok(())
}

fn is_ours(object: &Value, account: &Value) -> Holds {
    let status = &object["status"];
    same("the id", &status["connectedAccountId"], &account["id"])?;
    same("the state", &status["state"], &account["status"])?;
    same(
        "the auth config",
        &status["authConfig"],
        &account["auth_config"],
    )?;
    same("the pin", &pinned_alias(object), &account["alias"])?;
    let finalizers = &object["metadata"]["finalizers"];
    holds(!finalizers.is_null(), || "there is no finalizer".to_owned())?;
    let spec = &object["spec"];
    let name = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let declared = match spec["metadata"]["alias"].as_str() {
        Some(alias) => alias.to_owned(),
        // It keeps the alias that it had.
        None if !spec["connectedAccountId"].is_null() => return Ok(()),
        None => computed_alias("", name("namespace"), name("name")),
    };
    same("the alias", &account["alias"], &declared.into())
}

fn requests_are_handled(object: &Value) -> Holds {
    let asked = |name: &str| &object["metadata"]["annotations"][format!("composio.dev/{name}")];
    let status = &object["status"];
    for (annotation, echo) in [
        ("link-requested-at", "lastHandledLinkRequest"),
        ("reconcile-requested-at", "lastHandledReconcileAt"),
    ] {
        if !asked(annotation).is_null() {
            same(echo, &status[echo], asked(annotation))?;
        }
    }
    Ok(())
}

fn is_as_declared(facts: &Facts, object: &Value, account: &Value) -> Holds {
    let spec = &object["spec"];
    if !spec["sharing"].is_null() {
        let set = |list: &Value| -> BTreeSet<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(ToString::to_string).collect()
        };
        let declared = set(&spec["sharing"]["allowedUsers"]);
        let found = set(&facts.sharing["allowed_user_ids"]);
        holds(declared == found, || {
            format!("shared with {found:?}, declared is {declared:?}")
        })?;
    }
    if spec["credentials"].is_null() {
        return Ok(());
    }
    let (version, value) = facts.key.as_ref().ok_or("there is no Secret")?;
    let held = &account["credentials"]["api_key"];
    same("the key", held, &fingerprint(value).into())?;
    let sent = &object["status"]["credentials"];
    let word = |field: &str| sent[field].as_str().unwrap_or_default();
    let sent = format!("{}/{}", word("uid"), word("resourceVersion"));
    same("the version", &sent.into(), &version.as_str().into())
}

fn says(object: &Value, type_: &str, status: &str, reason: &str) -> Holds {
    let found = condition(object, type_);
    holds(
        found["status"] == status && found["reason"] == reason,
        || format!("{type_} is not {status} {reason}: {found}"),
    )
}

fn same(what: &str, found: &Value, expected: &Value) -> Holds {
    holds(found == expected, || {
        format!("{what}: {found}, expected {expected}")
    })
}

pub(super) fn holds(it_does: bool, complaint: impl FnOnce() -> String) -> Holds {
    match it_does {
        true => Ok(()),
        false => Err(complaint()),
    }
}
