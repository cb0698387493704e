//! What a decision rests on, in words. Of an account that is not proved to be the object's own nothing is told.

use composio_operator::composio::{Account, Acl, Visibility};
use composio_operator::plan::{AuthConfigCheck, Claim, Claimant, Desired, Observed};
use composio_operator::text::sentence;

use crate::view::View;

/// What is told, and under which word.
pub(super) type Fact = (&'static str, String);

/// All that it rests on. `is_seen`: the account was looked at; `unread_requests`: why ConnectRequests were not.
pub(super) fn of(
    desired: &Desired,
    observed: &Observed,
    view: &View<'_>,
    is_seen: bool,
    unread_requests: Option<&str>,
) -> Vec<Fact> {
    let status = &view.status;
    let link = match &status.link {
        None => "none".to_owned(),
        Some(link) => format!("one until {}", link.expires_at.0),
    };
    let declared = match (desired.spec.suspend, desired.spec.enabled) {
        (true, _) => "suspended",
        (false, true) => "enabled",
        (false, false) => "disabled",
    };
    let mut facts = vec![("declared", declared.to_owned())];
    match is_seen {
        true => facts.extend(seen(desired, observed, view)),
        false => facts.push(("account", recorded(view))),
    }
    facts.push(("link", link));
    if desired.spec.credentials.is_some() {
        let secret = "not read; taken to be as it was sent last".to_owned();
        facts.push(("Secret", secret));
    }
    let annotation = desired.link_request.as_deref();
    if composio_api::is_unanswered(annotation, status.last_handled_link_request.as_deref()) {
        facts.push(("a link was asked for", "not answered yet".to_owned()));
    }
    let open = desired.requests.iter();
    let open: Vec<&str> = open
        .filter(|request| !request.is_handled(status))
        .map(|request| request.kind.as_str())
        .collect();
    if !open.is_empty() {
        let kinds = open.join(", ");
        facts.push(("ConnectRequests", format!("{kinds}, not answered yet")));
    } else if let Some(why) = unread_requests {
        facts.push(("ConnectRequests", format!("not seen: {why}")));
    }
    if let Some(said) = view.headline() {
        let text = crate::status::without_link(view, view.message());
        facts.push((
            "last word of the operator",
            format!("{}: {text}", said.reason),
        ));
    }
    if !view.is_current() {
        let old = "the status is of an earlier declaration".to_owned();
        facts.push(("out of date", old));
    }
    facts
}

fn recorded(view: &View<'_>) -> String {
    match &view.status.connected_account_id {
        None => "none is recorded".to_owned(),
        Some(id) => {
            let state = view.status.state.as_deref();
            format!("{id}, {}", state.unwrap_or("state unknown"))
        }
    }
}

fn seen(desired: &Desired, observed: &Observed, view: &View<'_>) -> Vec<Fact> {
    let account = observed.account.account();
    let Some(account) = account.filter(|account| is_own(desired, observed, account)) else {
        let mut facts = vec![("account", "none that is this object's".to_owned())];
        if view.status.connected_account_id.is_some() {
            facts.push(("account in the status", recorded(view)));
        }
        facts.extend(auth_config_to_be(&observed.auth_config));
        return facts;
    };
    let mut state = format!("{}, {}", account.id, account.state);
    if let Some(why) = &account.state_reason {
        state.push_str(&format!(": {}", sentence(why)));
    }
    let mut facts = vec![("account", state)];
    let status = &view.status;
    let is_as_told = status.connected_account_id.as_ref() == Some(&account.id)
        && status.state.as_deref() == Some(account.state.as_str());
    if !is_as_told {
        facts.push(("account in the status", recorded(view)));
    }
    let others = observed.account.others().len();
    if others > 0 {
        facts.push(("with the same alias", format!("{others} more")));
    }
    let is_off = match account.auth_config_disabled {
        true => ", disabled",
        false => "",
    };
    let alias = account.alias.clone();
    facts.extend([
        ("auth config", format!("{}{is_off}", account.auth_config)),
        ("alias", alias.unwrap_or_else(|| "none".to_owned())),
        ("sharing", sharing(account)),
    ]);
    if let Some(identity) = &account.identity {
        facts.push(("signed in as", identity.clone()));
    }
    facts
}

/// Whether the account itself, or the signed record, proves it: not what somebody wrote on the object.
fn is_own(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let claimant = Claimant {
        may_take_over: false,
        ..desired.claimant()
    };
    let claim = claimant.claim(&observed.recorded, &observed.keys, account);
    claim == Some(Claim::Own) && account.is_of(&desired.spec.user, &desired.spec.toolkit)
}

/// How many, not whom.
fn sharing(account: &Account) -> String {
    match (&account.visibility, &account.sharing) {
        (Visibility::Private, _) => "Private".to_owned(),
        (Visibility::Shared, None) => "Shared; Composio does not show with whom".to_owned(),
        (Visibility::Shared, Some(list)) => shared(list),
    }
}

fn shared(list: &Acl) -> String {
    let everybody = if list.allow_all { "yes" } else { "no" };
    format!(
        "Shared; everybody allowed: {everybody}, users allowed: {}, users denied: {}",
        list.allowed.len(),
        list.denied.len()
    )
}

/// From which auth config an account would be made.
fn auth_config_to_be(seen: &AuthConfigCheck) -> Option<Fact> {
    let text = match seen {
        AuthConfigCheck::NotAsked => return None,
        AuthConfigCheck::Fit(id) => format!("{id}, enabled"),
        AuthConfigCheck::Unfit { reason, detail } => format!("{reason}: {detail}"),
    };
    Some(("auth config", text))
}
