//! What must hold of visits all the time, and once nobody comes any more.

use jiff::SignedDuration;
use serde_json::json;

use super::{ANN, NAMES, Visits};
use crate::support::story::condition;

impl Visits {
    /// What holds all the time.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let now = self.ground.now();
        let switches = self.ground.world().switches();
        let accounts = json!(self.ground.world().accounts(now));
        let log = self.ground.world().log_since(0);
        for name in NAMES {
            let user = format!("user-of-{name}");
            let own = accounts.as_array().into_iter().flatten();
            let own: Vec<_> = own.filter(|account| account["user_id"] == *user).collect();
            let asked = self.asked.get(name).copied().unwrap_or_default();
            if asked == 0 && !own.is_empty() {
                return Err(self.told(&format!("{name} has an account that nobody asked for")));
            }
            let waiting = own.iter().filter(|account| {
                let waits = ["INITIALIZING", "INITIATED"];
                let state = account["status"].as_str().unwrap_or_default();
                account["deleted_at"].is_null()
                    && account["ever_active"] == false
                    && waits.contains(&state)
            });
            // Where an alias is not unique and a list lags, one that was just made cannot be found.
            let can_tell = !switches.alias_not_unique || switches.list_lag_seconds == 0;
            if waiting.count() > 1 && can_tell {
                return Err(self.told(&format!("{name} waits for two sign-ins")));
            }
            let ids: Vec<_> = own.iter().filter_map(|one| one["id"].as_str()).collect();
            let is_link = |path: &str| path.ends_with("/link") || path.ends_with("/refresh");
            let links = log.iter().filter(|entry| {
                let account = entry.account.as_deref().unwrap_or_default();
                let is_told = entry
                    .status
                    .is_some_and(|status| (200..300).contains(&status));
                entry.method == "POST" && is_link(&entry.path) && is_told && ids.contains(&account)
            });
            let links = links.count();
            if links > asked as usize {
                let told = format!("{name} got {links} links, and was asked for {asked}");
                return Err(self.told(&told));
            }
        }
        Ok(())
    }

    /// Nobody comes any more.
    pub(super) async fn quiet(&mut self) -> Result<(), String> {
        self.ground.world().clear_faults();
        {
            let mut apiserver = self.ground.apiserver();
            (apiserver.conflicts, apiserver.kept) = (0, 0);
        }
        self.ground.advance(SignedDuration::from_mins(90)).await;
        self.check()?;
        let calls = self.ground.world().log_since(0).len();
        self.ground.advance(SignedDuration::from_mins(5)).await;
        let now = self.ground.now();
        let later = self.ground.world().log_since(0).split_off(calls);
        if let Some(done) = later.iter().find(|entry| entry.method != "GET") {
            return Err(self.told(&format!("still acting: {done:?}")));
        }
        // Of an alias that an account has which is gone nobody knows when it will be free.
        let switches = self.ground.world().switches();
        let can_tell = !self.keeps_requests && !switches.deleted_holds_alias;
        if self.ground.unanswered > 0 && can_tell {
            return Err(self.told("a request was never answered"));
        }
        if self.ground.requests() > 0 {
            return Err(self.told("a request is left"));
        }
        for name in NAMES {
            let object = self.ground.object(name).unwrap_or_default();
            let status = &object["status"];
            if status["observedGeneration"] != object["metadata"]["generation"] {
                return Err(self.told(&format!("{name} was not looked at")));
            }
            if !status["unknownSince"].is_null()
                && condition(&object, "Synced")["reason"] != "Suspended"
            {
                return Err(self.told(&format!("{name} still waits for what was lost")));
            }
            let sign_in = &status["signIn"];
            let is_elsewhere = sign_in["finishedIn"] == "Another";
            let request = sign_in["request"].as_str().unwrap_or_default();
            if is_elsewhere && !self.elsewhere.contains(request) {
                return Err(self.told(&format!("{name} takes a word without a proof")));
            }
            let Some(id) = status["connectedAccountId"].as_str() else {
                continue;
            };
            let account = json!(self.ground.world().account(id, now).ok());
            let is_hers = status["identity"] == ANN;
            if self.demands_person && account["status"] == "ACTIVE" && !is_hers {
                return Err(self.told(&format!("{name} has the account of nobody who is known")));
            }
            let is_back = sign_in["finishedIn"] == "Same";
            if self.demands_return && account["status"] == "ACTIVE" && !is_back {
                return Err(self.told(&format!("{name} has the account of whom nobody saw back")));
            }
            if is_elsewhere && account["status"] == "ACTIVE" {
                return Err(self.told(&format!("{name} has the account of another person")));
            }
        }
        Ok(())
    }
}
