//! Changes of an account, and what follows from all of it for those who declare accounts.

use serde_json::{Value, json};

use crate::tests::table::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    let path = |id: &str| format!("/connected_accounts/{id}");
    match id {
        "patch.fields" => {
            let id = place.active("ac_hubspot", "ann").await;
            let patch = |scheme: &str, val: Value| json!({"connection": {"state": {"authScheme": scheme, "val": val}}});
            let val = json!({"api_key": "k", "generic_api_key": null});
            let (status, answer) = place.api("PATCH", &path(&id), patch("API_KEY", val)).await;
            assert_eq!((status, &answer["success"]), (200, &json!(true)));
            let call = format!("accounts/{id}");
            let held = place.control("GET", &call, Value::Null).await["credentials"].clone();
            let names: Vec<&String> = held.as_object().unwrap().keys().collect();
            assert_eq!(names, ["api_key"], "a null removes");
            let body = patch("BASIC", json!({"username": "u"}));
            assert_eq!(
                place.api("PATCH", &path(&id), body).await.0,
                400,
                "another scheme"
            );
            let oauth = place.active("ac_gmail", "ann").await;
            let body = patch("OAUTH2", json!({"access_token": "t"}));
            assert_eq!(place.api("PATCH", &path(&oauth), body).await.0, 400);
        }
        "patch.alias" => {
            // A row that nobody ever finished holds its alias too.
            let first = place.link("ac_gmail", "ann", json!("work")).await;
            let second = place.link("ac_gmail", "ann", Value::Null).await;
            let alias = json!({"alias": "work"});
            let (status, answer) = place.api("PATCH", &path(&second), alias.clone()).await;
            assert_eq!(status, 400);
            assert_eq!(
                answer["error"]["message"],
                "Alias \"work\" is already in use by another connection for this entity"
            );
            let clear = json!({"alias": ""});
            place.api("PATCH", &path(&first), clear).await;
            assert_eq!(place.api("PATCH", &path(&second), alias).await.0, 200);
            place.link("ac_slack", "ann", json!("work")).await;
        }
        "patch.fixed" => {
            let id = place.active("ac_gmail", "ann").await;
            let body = json!({"user_id": "eve", "experimental": {"account_type": "SHARED"}});
            place.api("PATCH", &path(&id), body).await;
            let row = place.row(&id).await;
            assert_eq!(
                (&row["user_id"], &row["experimental"]["account_type"]),
                (&json!("ann"), &json!("PRIVATE"))
            );
            let body = json!({"experimental": {"acl_config_for_shared": {}}});
            let (status, answer) = place.api("PATCH", &path(&id), body).await;
            let message = answer["error"]["message"].as_str().unwrap();
            assert_eq!(status, 400);
            assert!(
                message.contains("acl_config_for_shared is only valid on SHARED"),
                "{message}"
            );
        }
        "patch.sharing" => {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann",
                "experimental": {"account_type": "SHARED",
                    "acl_config_for_shared": {"allowed_user_ids": ["bob"]}}});
            let (_, link) = place.api("POST", "/connected_accounts/link", body).await;
            let id = link["connected_account_id"].as_str().unwrap();
            let acl = |change: Value| json!({"experimental": {"acl_config_for_shared": change}});
            let held =
                async || place.row(id).await["experimental"]["acl_config_for_shared"].clone();
            let body = acl(json!({"not_allowed_user_ids": ["eve"]}));
            place.api("PATCH", &path(id), body).await;
            assert_eq!(
                held().await["allowed_user_ids"],
                json!(["bob"]),
                "omitted is unchanged"
            );
            let body = acl(json!({"allowed_user_ids": []}));
            place.api("PATCH", &path(id), body).await;
            assert_eq!(held().await["allowed_user_ids"], json!([]));
            for wrong in [
                vec!["a".to_owned(); 1001],
                vec!["a".repeat(257)],
                vec![String::new()],
            ] {
                let body = acl(json!({"allowed_user_ids": wrong}));
                assert_eq!(place.api("PATCH", &path(id), body).await.0, 400);
            }
        }
        "refresh.answer" => {
            for (config, has_url) in [("ac_gmail", true), ("ac_hubspot", false)] {
                let id = place.active(config, "ann").await;
                let refresh = format!("{}/refresh?redirect_url=https://app.test/", path(&id));
                let (status, answer) = place.api("POST", &refresh, Value::Null).await;
                assert_eq!((status, &answer["id"]), (200, &json!(id)));
                assert_eq!(answer["redirect_url"].is_string(), has_url, "{config}");
                if has_url {
                    let back = place.consent(&id, Value::Null).await;
                    assert!(back.starts_with("https://app.test/?status="), "{back}");
                }
            }
        }
        "revoke.answer" => {
            let id = place.active("ac_gmail", "ann").await;
            let revoke = format!("{}/revoke", path(&id));
            let (_, first) = place.api("POST", &revoke, Value::Null).await;
            assert_eq!(
                first["revoked_tokens"],
                json!(["access_token", "refresh_token"])
            );
            assert_eq!(
                first["connected_account"],
                json!({"id": id, "status": "REVOKED"})
            );
            let (status, second) = place.api("POST", &revoke, Value::Null).await;
            assert_eq!((status, &second["revoked_tokens"]), (200, &json!([])));
        }
        "revoke.disabled" | "so.revoked_on_deletion" => {
            let id = place.active("ac_gmail", "ann").await;
            let status = format!("{}/status", path(&id));
            place.api("PATCH", &status, json!({"enabled": false})).await;
            let revoke = format!("{}/revoke", path(&id));
            assert_eq!(place.api("POST", &revoke, Value::Null).await.0, 409);
            place.api("PATCH", &status, json!({"enabled": true})).await;
            assert_eq!(place.api("POST", &revoke, Value::Null).await.0, 200);
            assert!(!place.grant_alive(&id).await);
            assert_eq!(place.api("DELETE", &path(&id), Value::Null).await.0, 200);
        }
        "delete.soft" => {
            for (query, lives) in [
                ("", true),
                ("?revoke_on_delete=false", true),
                ("?revoke_on_delete=true", false),
            ] {
                let id = place.active("ac_gmail", "ann").await;
                let delete = format!("{}{query}", path(&id));
                let (status, answer) = place.api("DELETE", &delete, Value::Null).await;
                assert_eq!((status, &answer["success"]), (200, &json!(true)));
                assert_eq!(answer.get("revoke_job_id").is_some(), !lives, "{query}");
                assert_eq!(place.grant_alive(&id).await, lives, "{query}");
                let fault = json!({"method": "DELETE", "status": 404, "body": {}});
                place.control("POST", "fault", fault).await;
                let gone = place.api("DELETE", &delete, Value::Null).await;
                assert_eq!(gone, (404, json!({})), "a body may say nothing");
            }
        }
        "so.alias_finds_it" => {
            let fault = json!({"method": "POST", "status": 504, "after_commit": true});
            place.control("POST", "fault", fault).await;
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "mine"});
            let post = "/connected_accounts/link";
            assert_eq!(place.api("POST", post, body.clone()).await.0, 504);
            assert_eq!(
                place.api("POST", post, body).await.0,
                400,
                "it was made, and holds its alias"
            );
            assert_eq!(place.list().await[0]["alias"], "mine");
        }
        "so.links_cost_rows" => {
            let first = place.link("ac_gmail", "ann", Value::Null).await;
            place.active("ac_gmail", "ann").await;
            assert_eq!(place.list().await.len(), 2, "the superseded row stays");
            place.api("DELETE", &path(&first), Value::Null).await;
            assert_eq!(place.list().await.len(), 1);
        }
        "so.newest_first" => {
            let old = place.active("ac_gmail", "ann").await;
            place.active("ac_gmail", "bob").await;
            place
                .control("POST", "clock", json!({"advance_seconds": 5}))
                .await;
            place.api("PATCH", &path(&old), json!({"alias": "a"})).await;
            let query = "/connected_accounts?order_by=updated_at&limit=1";
            let (_, list) = place.api("GET", query, Value::Null).await;
            assert_eq!(list["items"][0]["id"], old, "what has changed comes first");
        }
        "so.silent_failures" => {
            let project = json!({"verifier_url": "https://app.test/verify", "same_browser": true});
            place.control("POST", "project", project).await;
            for person in [json!({}), json!({"other_browser": true})] {
                let id = place.link("ac_gmail", "ann", Value::Null).await;
                place.consent(&id, person).await;
                let state = place.status(&id).await;
                assert!(
                    ["INITIALIZING", "INITIATED"].contains(&state.as_str()),
                    "{state}"
                );
                place
                    .control("POST", "clock", json!({"advance_seconds": 601}))
                    .await;
                assert_eq!(place.status(&id).await, "EXPIRED");
            }
        }
        _ => panic!("no case for {id}"),
    }
}
