//! New accounts.

use serde_json::{Value, json};

use crate::tests::table::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    let create = async |config: &str, state: Value| {
        let body = json!({"auth_config": {"id": config},
            "connection": {"user_id": "ann", "state": state}});
        place.api("POST", "/connected_accounts", body).await
    };
    match id {
        "link.request" => {
            let needy = json!({"id": "ac_shop", "toolkit": "shopify", "requires": ["shop"]});
            place.control("POST", "auth-configs", needy).await;
            let body = json!({"auth_config_id": "ac_shop", "user_id": "ann", "alias": "a",
                "callback_url": "https://app.test/", "connection_data": {"shop": "acme"},
                "experimental": {"account_type": "SHARED",
                    "acl_config_for_shared": {"allow_all_users": true}}});
            let (status, link) = place.api("POST", "/connected_accounts/link", body).await;
            assert_eq!(status, 201, "{link}");
            let row = place
                .row(link["connected_account_id"].as_str().unwrap())
                .await;
            assert_eq!(
                (&row["alias"], &row["params"]["shop"]),
                (&json!("a"), &json!("acme"))
            );
            assert_eq!(row["experimental"]["account_type"], "SHARED");
        }
        "link.new_row" => {
            let first = place.link("ac_gmail", "ann", Value::Null).await;
            let second = place.link("ac_gmail", "ann", Value::Null).await;
            assert_ne!(first, second);
            assert_eq!(place.list().await.len(), 2);
        }
        "link.callback" => {
            for (end, tells) in [
                ("consent", "&status=success&connected_account_id="),
                ("cancel", "&status=failed&connected_account_id="),
            ] {
                let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann",
                    "callback_url": "https://app.test/?tab=1"});
                let (_, link) = place.api("POST", "/connected_accounts/link", body).await;
                let id = link["connected_account_id"].as_str().unwrap();
                let call = format!("accounts/{id}/{end}");
                let answer = place.control("POST", &call, Value::Null).await;
                let url = answer["finished"]["redirect_url"].as_str().unwrap();
                assert!(url.starts_with("https://app.test/?tab=1"), "{url}");
                assert!(url.contains(tells), "{url}");
                assert_eq!(url.contains("&error="), end == "cancel", "{url}");
            }
        }
        "create.fields" => {
            // Whatever the key is; and the toolkit's own fields beside it.
            for val in [
                json!({"api_key": "nonsense"}),
                json!({"subdomain": "acme", "token": "t"}),
            ] {
                let (status, made) =
                    create("ac_hubspot", json!({"authScheme": "API_KEY", "val": val})).await;
                assert_eq!((status, &made["status"]), (201, &json!("ACTIVE")), "{made}");
            }
            let basic = json!({"id": "ac_basic", "toolkit": "jira", "scheme": "BASIC",
                "managed": false, "requires": ["subdomain"]});
            place.control("POST", "auth-configs", basic).await;
            let state = json!({"authScheme": "BASIC", "val": {"username": "u"}});
            let (status, refused) = create("ac_basic", state).await;
            assert_eq!((status, &refused["error"]["code"]), (400, &json!(612)));
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.contains("subdomain"), "{message}");
            let val = json!({"username": "u", "subdomain": "acme"});
            let (status, made) =
                create("ac_basic", json!({"authScheme": "BASIC", "val": val})).await;
            assert_eq!(status, 201, "a password is optional: {made}");
        }
        "create.validation" => {
            let state = json!({"authScheme": "API_KEY", "val": {"api_key": "invalid-key"}});
            let body = json!({"auth_config": {"id": "ac_hubspot"}, "validate_credentials": true,
                "connection": {"user_id": "ann", "state": state}});
            assert_eq!(place.api("POST", "/connected_accounts", body).await.0, 400);
            assert_eq!(create("ac_hubspot", state).await.0, 201);
        }
        "create.nobody_needed" => {
            for (scheme, val) in [
                (
                    "S2S_OAUTH2",
                    json!({"client_id": "c", "client_secret": "s"}),
                ),
                ("NO_AUTH", json!({})),
                ("BILLCOM_AUTH", json!({"sessionId": "s", "devKey": "k"})),
                ("CALCOM_AUTH", json!({})),
            ] {
                let config = json!({"id": format!("ac_{scheme}"), "toolkit": "any",
                    "scheme": scheme, "managed": false});
                place.control("POST", "auth-configs", config).await;
                let state = json!({"authScheme": scheme, "val": val});
                let (status, made) = create(&format!("ac_{scheme}"), state).await;
                assert_eq!((status, &made["status"]), (201, &json!("ACTIVE")), "{made}");
                assert_eq!(made["redirect_url"], Value::Null);
            }
        }
        "create.managed_oauth" => {
            let (status, refused) = create("ac_gmail", Value::Null).await;
            assert_eq!((status, &refused["error"]["code"]), (400, &json!(600)));
            assert_eq!(
                refused["error"]["message"],
                "Creating connections on this endpoint for Composio-managed OAuth auth configs is no longer \
                 supported. Use POST /api/v3/connected_accounts/link instead."
            );
            let (status, made) = create("ac_custom", Value::Null).await;
            assert_eq!(status, 201, "an app of one's own still works: {made}");
        }
        _ => panic!("no case for {id}"),
    }
}
