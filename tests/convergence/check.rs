//! What must hold after a sequence, and all the time in it.

use std::collections::BTreeSet;

use composio_operator::plan::computed_alias;
use serde_json::Value;

use super::ground::{Asked, Ground, Seen};
use super::sequence::Sequence;
use crate::support::story::condition;
use crate::support::{fingerprint, pinned_alias};

mod accounts;
mod crossing;
mod live;

/// The most calls that one step may cause, polls apart, and the quiet after it.
const CALLS_A_STEP: usize = 60;

fn is_list(asked: &Asked) -> bool {
    asked.method == "GET" && asked.path.ends_with("connected_accounts")
}

/// The first change of an account at whose moment nobody has looked at it, by its id or in a list, and
/// that did not make it either.
fn first_unseen(asked: &[Asked]) -> Option<&Asked> {
    asked.iter().enumerate().find_map(|(n, change)| {
        let (_, rest) = change.path.split_once("/connected_accounts/")?;
        let id = rest.split('/').next()?;
        if change.method == "GET" || id == "link" {
            return None;
        }
        let mut moment = asked[..n]
            .iter()
            .rev()
            .take_while(|before| (before.world, &before.time) == (change.world, &change.time));
        let seen = moment.any(|before| match before.method.as_str() {
            "GET" => is_list(before) || before.path.ends_with(id),
            "POST" => before.path.ends_with("connected_accounts") || before.path.ends_with("link"),
            _ => false,
        });
        (!seen).then_some(change)
    })
}

impl<G: Ground> Sequence<G> {
    /// The key in the Secret, where the Secret can be sent.
    fn usable_key(&self) -> Option<&String> {
        self.key.as_ref().filter(|_| self.is_fit)
    }

    pub(crate) async fn check(&mut self) -> Result<(), String> {
        self.accounts_live_and_are_one_each().await?;
        for name in self.names.clone() {
            self.check_object(name).await?;
        }
        self.check_accounts().await?;
        let unmarked = self.ground.unmarked().await;
        if !unmarked.is_empty() {
            let why = format!("made before an object was marked: {unmarked:?}");
            return Err(self.told(&why).await);
        }
        let asked = self.ground.asked(&Seen::new()).await;
        self.check_crossings(&asked).await?;
        for (_, _, id) in self.theirs.clone() {
            let is_change = |asked: &&Asked| asked.method != "GET" && asked.path.contains(&id);
            if let Some(change) = asked.iter().find(is_change) {
                let why = format!("somebody else's account is changed: {change:?}");
                return Err(self.told(&why).await);
            }
        }
        let calls = asked.iter().filter(|asked| !is_list(asked)).count();
        if calls > CALLS_A_STEP * (self.steps() as usize + 1) {
            return Err(self.told(&format!("{calls} calls")).await);
        }
        // In memory a pass takes no time: what it has looked at bears the time of what it does.
        if let Some(blind) = first_unseen(&asked).filter(|_| G::STANDS_STILL) {
            return Err(self.told(&format!("done without a look: {blind:?}")).await);
        }
        let seen = asked.iter().map(|asked| (asked.world, asked.seq)).collect();
        self.check_rest(&seen).await
    }

    /// Nothing is asked any more.
    async fn check_rest(&mut self, seen: &Seen) -> Result<(), String> {
        self.ground.pass(300).await;
        let asked = self.ground.asked(seen).await;
        let (refused, done): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .filter(|asked| asked.method != "GET")
            .partition(|asked| asked.status == Some(400));
        if !done.is_empty() {
            return Err(self.told(&format!("still acting: {done:?}")).await);
        }
        // Of an alias that is in use only a new try, now and then, can tell that it is free.
        if refused.len() > self.names.len() {
            return Err(self
                .told(&format!("refused again and again: {refused:?}"))
                .await);
        }
        Ok(())
    }

    async fn check_object(&mut self, name: &'static str) -> Result<(), String> {
        let declared = self.declared.iter().find(|(declared, _)| *declared == name);
        let spec = declared.map(|(_, spec)| spec.clone());
        let (object, spec) = match (self.ground.object(name).await, spec) {
            (None, None) => return Ok(()),
            (Some(object), Some(spec)) => (object, spec),
            (None, Some(_)) => {
                return Err(self
                    .told(&format!("{name} is declared and not there"))
                    .await);
            }
            (Some(_), None) => {
                return Err(self
                    .told(&format!("{name} was deleted and is still there"))
                    .await);
            }
        };
        let id = object["status"]["connectedAccountId"].as_str();
        let account = match id {
            None => None,
            Some(id) => self.account(id).await,
        };
        if condition(&object, "Synced")["reason"] == "ProjectMismatch" {
            // Until a person says so, it does not go on anywhere else.
            return match self.is_at_home(name, &object) {
                true => Err(self.told(&format!("{name} is where it was")).await),
                false => Ok(()),
            };
        }
        let is_unproved = condition(&object, "Ready")["reason"] == "AliasChanged";
        if is_unproved && self.is_for_a_person_to_tell(name, &object).await {
            return Ok(());
        }
        match self.judge(name, &object, &spec, account) {
            Ok(()) => Ok(()),
            Err(wrong) => Err(self.told(&format!("{name}: {wrong}")).await),
        }
    }

    fn judge(
        &self,
        name: &str,
        object: &Value,
        spec: &Value,
        account: Option<Value>,
    ) -> Result<(), String> {
        let wrong = |wrong: &str| Err(wrong.to_owned());
        let ready = condition(object, "Ready");
        let reason = ready["reason"].as_str().unwrap_or_default();
        let synced = condition(object, "Synced")["reason"]
            .as_str()
            .unwrap_or_default();
        if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
            return wrong("the last generation was not looked at");
        }
        // Of these something else comes first. What was found by an alias that was declared then, and is not now, a
        // person confirms.
        let is_adopted = !object["status"]["adopted"].is_null();
        let comes_first = ["AliasInUse", "UnknownState"].contains(&synced)
            || (synced == "AliasChanged" && is_adopted);
        if name == "crm" && self.key.is_none() && synced != "SecretMissing" && !comes_first {
            return Err(format!("{synced} without its Secret"));
        }
        if name == "crm"
            && self.key.is_some()
            && !self.is_fit
            && synced != "SecretInvalid"
            && !comes_first
        {
            return Err(format!("{synced} with a Secret that must not be sent"));
        }
        if synced == "SecretInvalid" {
            return match self.is_fit {
                false => Ok(()),
                true => wrong("SecretInvalid, and it can be sent"),
            };
        }
        if synced == "SecretMissing" {
            return match &self.key {
                None => Ok(()),
                Some(_) => wrong("SecretMissing, and it is there"),
            };
        }
        match reason {
            // One that was retained has the alias that a new account would have.
            "AliasInUse" if account.is_none() => Ok(()),
            "Connected" | "Disabled" | "ConnectionDataChanged" | "AliasInUse" => {
                let Some(account) = account else {
                    return Err(format!("{reason} without an account"));
                };
                let state = account["status"].as_str().unwrap_or_default();
                if !["ACTIVE", "INACTIVE"].contains(&state) {
                    // A dead grant needs no disabling.
                    return match reason {
                        "Disabled" => Ok(()),
                        _ => Err(format!("{reason}, and the account is {state}")),
                    };
                }
                self.judge_connected(name, (object, spec), &account, reason == "AliasInUse")
            }
            "LinkIssued"
            | "LinkExpired"
            | "SignInDeclined"
            | "SignInFailed"
            | "ReauthorizationRequired"
            | "Revoked"
            | "AwaitingUser" => match account {
                Some(account) if account["status"] == "ACTIVE" => {
                    Err(format!("{reason}, and the account is ACTIVE"))
                }
                Some(_) | None => Ok(()),
            },
            "UnknownState" => match account {
                Some(account) if account["status"] == "PAUSED" => Ok(()),
                Some(_) | None => wrong("UnknownState, and it is known"),
            },
            "CredentialsRejected" if name == "crm" => Ok(()),
            // Disabled in the dashboard before anybody signed in, and found again after a restore: that
            // it never had a grant is known to Composio alone, which refuses to enable it.
            "Rejected" => match account {
                Some(account)
                    if account["status"] == "INACTIVE" && account["ever_active"] == false =>
                {
                    Ok(())
                }
                Some(_) | None => wrong("Rejected without a reason"),
            },
            // It was never made, and another auth config is in use.
            "AuthConfigAmbiguous" if account.is_none() && spec.get("authConfig").is_none() => {
                Ok(())
            }
            // The alias by which it was found is declared no more, and nobody has confirmed it.
            "AliasChanged" if !object["status"]["adopted"].is_null() => Ok(()),
            "Conflict" if ["spare", "rival"].contains(&name) => Ok(()),
            "Mismatch" | "AccountNotFound" if name == "odd" => Ok(()),
            // Deleted by hand before anybody took it over.
            "AccountNotFound" if ["spare", "rival"].contains(&name) => Ok(()),
            // The wait for the next correction is real time, of which a real control plane has too little.
            "DoesNotConverge" if !G::STANDS_STILL && self.changed_back.contains(name) => Ok(()),
            other => Err(format!("ends as {other:?}")),
        }
    }

    fn judge_connected(
        &self,
        name: &str,
        (object, spec): (&Value, &Value),
        account: &Value,
        alias_is_taken: bool,
    ) -> Result<(), String> {
        let enabled = spec["enabled"].as_bool().unwrap_or_default();
        let expected = if enabled { "ACTIVE" } else { "INACTIVE" };
        if account["status"] != expected {
            return Err(format!(
                "the account is {}, declared {expected}",
                account["status"]
            ));
        }
        if let Some(key) = self.usable_key().filter(|_| name == "crm")
            && account["credentials"]["api_key"] != fingerprint(key)
        {
            return Err("the account has another key".to_owned());
        }
        if let Some(sharing) = spec.get("sharing") {
            let set = |list: &Value| -> BTreeSet<String> {
                serde_json::from_value(list.clone()).unwrap_or_default()
            };
            let held = &account["sharing"];
            let same = held["allow_all_users"] == sharing["allowAll"]
                && set(&held["allowed_user_ids"]) == set(&sharing["allowedUsers"])
                && set(&held["not_allowed_user_ids"]) == set(&sharing["deniedUsers"]);
            if !same {
                return Err(format!("shared as {held}, declared {sharing}"));
            }
        }
        let taken_over = spec.get("connectedAccountId").is_some() && spec.get("metadata").is_none();
        if alias_is_taken || taken_over {
            return Ok(());
        }
        let alias = spec["metadata"]["alias"].as_str().map_or_else(
            || computed_alias("", self.ground.namespace(), name),
            str::to_owned,
        );
        if account["alias"] != alias {
            return Err(format!(
                "the alias is {}, declared {alias:?}",
                account["alias"]
            ));
        }
        // By another one a deletion would look for it, once the record is lost.
        let pin = pinned_alias(object);
        if !pin.is_null() && pin != account["alias"] {
            return Err(format!("the alias is {}, pinned {pin}", account["alias"]));
        }
        Ok(())
    }
}
