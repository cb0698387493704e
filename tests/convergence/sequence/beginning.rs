//! The accounts that are there before a sequence begins.

use serde_json::json;

use super::{Sequence, user};
use crate::convergence::ground::{Ground, Hand};

/// How many accounts each user has besides, where pages shift.
const OTHERS: usize = 2;

impl<G: Ground> Sequence<G> {
    /// Those that are there before anybody declares them.
    pub(super) async fn make_accounts(&mut self, world: usize) {
        // The last is what another object might like to be called.
        let owners = [
            ("user-of-spare", "by-hand"),
            ("somebody-else", "by-hand"),
            ("user-of-mail", "alias-1"),
        ];
        let mut by_hand = Vec::new();
        for (user, alias) in owners {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": user, "alias": alias});
            let made = self
                .ground
                .api(world, "POST", "connected_accounts/link", &body)
                .await;
            let id = made["connected_account_id"]
                .as_str()
                .expect("an id")
                .to_owned();
            self.ground.hand(&id, &Hand::Consent).await;
            self.retained.insert(id.clone());
            by_hand.push(id);
        }
        self.by_hand.push(by_hand);
        self.make_theirs(world).await;
        if self.switches.shifting_pages {
            self.make_others(world).await;
        }
    }

    /// Further accounts of each user: only a list of several pages has borders.
    async fn make_others(&mut self, world: usize) {
        for name in self.names.clone() {
            for n in 0..OTHERS {
                let (user, alias) = (user(name), format!("other-{name}-{n}"));
                let (path, body, field) = match name {
                    "crm" => {
                        let val = json!({"status": "ACTIVE", "api_key": "other"});
                        let state = json!({"authScheme": "API_KEY", "val": val});
                        let connection = json!({"user_id": user, "alias": alias, "state": state});
                        let config = json!({"id": "ac_hubspot"});
                        let body = json!({"auth_config": config, "connection": connection});
                        ("connected_accounts", body, "id")
                    }
                    _ => {
                        let config = if name == "chat" {
                            "ac_slack"
                        } else {
                            "ac_gmail"
                        };
                        let body =
                            json!({"auth_config_id": config, "user_id": user, "alias": alias});
                        ("connected_accounts/link", body, "connected_account_id")
                    }
                };
                let made = self.ground.api(world, "POST", path, &body).await;
                let id = made[field].as_str().expect("an id").to_owned();
                self.retained.insert(id);
            }
        }
    }
}
