//! Both positions of every switch, by what clients see.

use serde_json::{Value, json};

use super::{Place, Served, readings};
use crate::world::Switches;

#[test]
fn help_names_every_switch() {
    let all = serde_json::to_value(Switches::default()).unwrap();
    let mut named: Vec<&str> = Switches::HELP.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    let all: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(named, all);
}

#[test]
fn the_readme_tells_of_every_switch() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("| switch | on | off |").unwrap();
    let table = table.split("\n\n").next().unwrap();
    for (name, _) in Switches::HELP {
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn both_positions_of_every_switch() {
    // A new field does not compile here until it is named; then it needs a case below.
    let Switches {
        refresh_leaves_expired: _,
        patch_does_not_revive: _,
        status_sets_anything: _,
        revoke_on_delete_needs_active: _,
        deleted_holds_alias: _,
        refresh_keeps_deadline: _,
        quiet_metadata: _,
        list_lag_seconds: _,
        get_lag_seconds: _,
        alias_not_unique: _,
        max_page: _,
        refresh_reopens_active: _,
        refresh_is_deprecated: _,
        disabled_config_disables_accounts: _,
        patch_knows_its_fields: _,
        narrow_aliases: _,
        session_info_refused: _,
        declines_are_named: _,
        shifting_pages: _,
    } = Switches::default();
    let served = Served::start().await;
    for (name, _) in Switches::HELP {
        for on in [false, true] {
            let place = Place::new(&served).await;
            let value = match name {
                "list_lag_seconds" | "get_lag_seconds" if on => json!(60),
                "max_page" if on => json!(1),
                "list_lag_seconds" | "get_lag_seconds" => json!(0),
                "max_page" => Value::Null,
                _ => json!(on),
            };
            let answer = place
                .control("POST", "switches", json!({name: value}))
                .await;
            assert_eq!(answer[name], value);
            check(&place, name, on).await;
        }
    }
}

pub(super) fn path(id: &str) -> String {
    format!("/connected_accounts/{id}")
}

async fn check(place: &Place<'_>, name: &str, on: bool) {
    let told = format!("{name} {on}");
    let either = |yes: &'static str, no: &'static str| if on { yes } else { no };
    // The call that the switch is about must be the last but what looks at its effect.
    let logged = async |method: &str, status: u16| {
        let log = place.log().await;
        let found = log.iter().rev().find(|entry| entry["method"] == method);
        assert_eq!(found.unwrap()["status"], status, "{told}");
    };
    match name {
        "refresh_leaves_expired" => {
            let id = place.active("ac_gmail", "ann").await;
            place
                .control("POST", &format!("accounts/{id}/expire"), Value::Null)
                .await;
            let (_, answer) = place
                .api("POST", &format!("{}/refresh", path(&id)), Value::Null)
                .await;
            let wanted = either("EXPIRED", "INITIATED");
            assert_eq!(answer["status"], wanted, "{told}");
            assert_eq!(place.status(&id).await, wanted, "{told}");
            assert_eq!(place.listed(&id).await.unwrap(), wanted, "{told}");
            logged("POST", 200).await;
            place
                .control("POST", &format!("accounts/{id}/consent"), Value::Null)
                .await;
            assert_eq!(
                place.status(&id).await,
                "ACTIVE",
                "{told}: the person finishes it"
            );
        }
        "patch_does_not_revive" => {
            let id = place.active("ac_hubspot", "ann").await;
            place
                .control("POST", &format!("accounts/{id}/expire"), Value::Null)
                .await;
            let state = json!({"authScheme": "API_KEY", "val": {"generic_api_key": "new"}});
            let (_, answer) = place
                .api("PATCH", &path(&id), json!({"connection": {"state": state}}))
                .await;
            let wanted = either("EXPIRED", "ACTIVE");
            assert_eq!(answer["status"], wanted, "{told}");
            assert_eq!(place.status(&id).await, wanted, "{told}");
            assert_eq!(place.listed(&id).await.unwrap(), wanted, "{told}");
            logged("PATCH", 200).await;
        }
        "status_sets_anything" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            let body = json!({"enabled": true});
            let (status, _) = place
                .api("PATCH", &format!("{}/status", path(&id)), body)
                .await;
            assert_eq!(status, if on { 200 } else { 400 }, "{told}");
            let wanted = either("ACTIVE", "INITIALIZING");
            assert_eq!(place.status(&id).await, wanted, "{told}");
            assert_eq!(place.listed(&id).await.unwrap(), wanted, "{told}");
            logged("PATCH", if on { 200 } else { 400 }).await;
        }
        "revoke_on_delete_needs_active" => {
            let id = place.active("ac_gmail", "ann").await;
            place
                .control("POST", &format!("accounts/{id}/disable"), Value::Null)
                .await;
            let delete = format!("{}?revoke_on_delete=true", path(&id));
            let (status, answer) = place.api("DELETE", &delete, Value::Null).await;
            assert_eq!(status, 200, "{told}");
            assert!(
                answer["revoke_job_id"].is_string(),
                "{told}: a job is started in any case"
            );
            assert_eq!(place.grant_alive(&id).await, on, "{told}");
            assert_eq!(
                (place.status(&id).await.as_str(), place.listed(&id).await),
                ("gone", None)
            );
            logged("DELETE", 200).await;
        }
        "deleted_holds_alias" => {
            let id = place.link("ac_gmail", "ann", json!("a")).await;
            place.api("DELETE", &path(&id), Value::Null).await;
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "a"});
            let (status, _) = place.api("POST", "/connected_accounts/link", body).await;
            assert_eq!(status, if on { 400 } else { 201 }, "{told}");
            assert_eq!(place.status(&id).await, "gone");
            assert_eq!(place.list().await.len(), usize::from(!on), "{told}");
            logged("POST", status).await;
        }
        "refresh_keeps_deadline" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            place
                .control("POST", "clock", json!({"advance_seconds": 500}))
                .await;
            let (status, _) = place
                .api("POST", &format!("{}/refresh", path(&id)), Value::Null)
                .await;
            assert_eq!(status, 200);
            logged("POST", 200).await;
            place
                .control("POST", "clock", json!({"advance_seconds": 200}))
                .await;
            let wanted = either("EXPIRED", "INITIATED");
            assert_eq!(place.status(&id).await, wanted, "{told}");
            assert_eq!(place.listed(&id).await.unwrap(), wanted, "{told}");
        }
        "quiet_metadata" => {
            let id = place.active("ac_gmail", "ann").await;
            let before = place.row(&id).await["updated_at"].clone();
            place
                .control("POST", "clock", json!({"advance_seconds": 5}))
                .await;
            place.api("PATCH", &path(&id), json!({"alias": "a"})).await;
            logged("PATCH", 200).await;
            let after = place.row(&id).await;
            assert_eq!(
                (after["updated_at"] == before, &after["alias"]),
                (on, &json!("a")),
                "{told}"
            );
            assert_eq!(place.list().await[0]["updated_at"] == before, on, "{told}");
        }
        "list_lag_seconds" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            assert_eq!(place.listed(&id).await.is_none(), on, "{told}");
            assert_eq!(
                place.status(&id).await,
                "INITIALIZING",
                "{told}: a GET does not lag"
            );
            logged("POST", 201).await;
            place
                .control("POST", "clock", json!({"advance_seconds": 61}))
                .await;
            assert!(place.listed(&id).await.is_some(), "{told}");
        }
        "get_lag_seconds" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            assert_eq!(
                place.status(&id).await,
                either("gone", "INITIALIZING"),
                "{told}"
            );
            logged("GET", if on { 404 } else { 200 }).await;
            assert!(
                place.listed(&id).await.is_some(),
                "{told}: a list does not lag"
            );
            place
                .control("POST", "clock", json!({"advance_seconds": 61}))
                .await;
            assert_eq!(place.status(&id).await, "INITIALIZING", "{told}");
        }
        "alias_not_unique" => {
            let first = place.link("ac_gmail", "ann", json!("a")).await;
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "a"});
            let (status, answer) = place.api("POST", "/connected_accounts/link", body).await;
            logged("POST", status).await;
            assert_eq!(status, if on { 201 } else { 400 }, "{told}");
            let refused = answer["error"]["message"]
                == "Alias \"a\" is already in use by another connection for this entity";
            assert_eq!(refused, !on, "{told}: {answer}");
            assert_eq!(place.row(&first).await["alias"], "a");
            assert_eq!(place.list().await.len(), if on { 2 } else { 1 }, "{told}");
        }
        "shifting_pages" => {
            place
                .control(
                    "POST",
                    "switches",
                    json!({"shifting_pages": on, "max_page": 2}),
                )
                .await;
            let mut made = Vec::new();
            for user in ["ann", "bob", "cid", "dan", "eve"] {
                made.push(place.link("ac_gmail", user, Value::Null).await);
            }
            made.sort();
            let (mut repeated, mut left_out) = (false, false);
            // By chance, but the same at each run.
            for _ in 0..30 {
                let mut listed = place.pages().await;
                let count = listed.len();
                listed.sort();
                listed.dedup();
                repeated |= listed.len() < count;
                left_out |= listed.len() < made.len();
            }
            assert_eq!((repeated, left_out), (on, on), "{told}");
            logged("GET", 200).await;
        }
        "max_page" => {
            for user in ["ann", "bob"] {
                place.link("ac_gmail", user, Value::Null).await;
            }
            let (_, list) = place
                .api("GET", "/connected_accounts?limit=50", Value::Null)
                .await;
            assert_eq!(
                list["items"].as_array().unwrap().len(),
                if on { 1 } else { 2 },
                "{told}"
            );
            assert_eq!(list["next_cursor"].is_string(), on, "{told}");
            let newest = list["items"][0]["id"].as_str().unwrap();
            assert_eq!(place.status(newest).await, "INITIALIZING");
            logged("GET", 200).await;
        }
        other => readings::check(place, other, on).await,
    }
}
