//! Lists, and what a row says.

use serde_json::{Value, json};

use crate::tests::table::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    let get = async |path: &str| {
        let (status, body) = place.api("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let count = |list: &Value| list["items"].as_array().unwrap().len();
    match id {
        "list.query" => {
            place.active("ac_gmail", "ann").await;
            place.link("ac_slack", "bob", Value::Null).await;
            let shared = json!({"auth_config_id": "ac_gmail", "user_id": "cid",
                "experimental": {"account_type": "SHARED"}});
            place.api("POST", "/connected_accounts/link", shared).await;
            for (query, rows) in [
                ("", 2),
                ("account_type=ALL", 3),
                ("account_type=SHARED", 1),
                ("toolkit_slugs=gmail&toolkit_slugs=slack", 2),
                ("statuses=ACTIVE", 1),
                ("user_ids=ann&user_ids=bob", 2),
                ("auth_config_ids=ac_slack", 1),
                ("connected_account_ids=ca_none", 0),
                ("limit=1", 1),
            ] {
                let list = get(&format!("/connected_accounts?{query}")).await;
                assert_eq!(count(&list), rows, "{query}");
            }
            let ascending = get("/connected_accounts?order_direction=asc").await;
            assert_eq!(
                ascending["items"][0]["user_id"], "ann",
                "the default is newest first"
            );
        }
        "list.answer" => {
            let list = get("/connected_accounts").await;
            assert_eq!(
                list,
                json!({"items": [], "next_cursor": null, "total_pages": 0, "current_page": 1, "total_items": 0})
            );
        }
        "list.page_size" => {
            for n in 0..55 {
                place
                    .link("ac_gmail", &format!("user-{n}"), Value::Null)
                    .await;
            }
            let list = get("/connected_accounts?limit=200").await;
            assert_eq!(count(&list), 50, "clamped, whatever is asked");
            assert!(list["next_cursor"].is_string());
            let wide = json!({"max_page": 200});
            place.control("POST", "switches", wide).await;
            assert_eq!(count(&get("/connected_accounts?limit=200").await), 55);
        }
        "list.deleted" => {
            let id = place.active("ac_gmail", "ann").await;
            place
                .api("DELETE", &format!("/connected_accounts/{id}"), Value::Null)
                .await;
            assert!(place.list().await.is_empty());
            assert_eq!(place.status(&id).await, "gone");
        }
        "item.fields" => {
            let id = place.active("ac_hubspot", "ann").await;
            let row = place.list().await[0].clone();
            for field in [
                "id",
                "alias",
                "user_id",
                "status",
                "status_reason",
                "is_disabled",
                "created_at",
                "updated_at",
                "toolkit",
                "auth_config",
                "experimental",
                "state",
                "data",
            ] {
                assert!(row.get(field).is_some(), "{field}: {row}");
            }
            for field in ["id", "auth_scheme", "is_composio_managed", "is_disabled"] {
                assert!(row["auth_config"].get(field).is_some(), "{field}: {row}");
            }
            assert_eq!(row["id"], id);
            let key = &row["state"]["val"]["generic_api_key"];
            assert_eq!(
                (key, &row["data"]["generic_api_key"]),
                (&json!("REDACTED"), key)
            );
        }
        "item.who_signed_in" => {
            let named = place.link("ac_gmail", "ann", Value::Null).await;
            let name = |row: &Value| row["state"]["val"]["displayName"].clone();
            assert_eq!(
                name(&place.row(&named).await),
                Value::Null,
                "not before it is ACTIVE"
            );
            let person = json!({"display_name": "ann@gmail.example"});
            place.consent(&named, person).await;
            assert_eq!(name(&place.row(&named).await), "ann@gmail.example");
            assert_eq!(name(&place.list().await[0]), "ann@gmail.example");
            let unnamed = place.active("ac_slack", "ann").await;
            assert_eq!(
                name(&place.row(&unnamed).await),
                Value::Null,
                "many toolkits tell nobody"
            );
            // Somebody else signs in again.
            let refresh = format!("/connected_accounts/{named}/refresh");
            place.api("POST", &refresh, Value::Null).await;
            let person = json!({"display_name": "eve@gmail.example"});
            place.consent(&named, person).await;
            assert_eq!(name(&place.row(&named).await), "eve@gmail.example");
        }
        "item.word_id" => {
            let id = place.active("ac_gmail", "ann").await;
            let row = place.row(&id).await;
            assert!(row["word_id"].as_str().unwrap().starts_with("gmail_"));
            assert!(row["requested_scopes"].is_array());
            assert_eq!(place.list().await[0].get("requested_scopes"), None);
        }
        "configs.list" => configs(place).await,
        _ => panic!("no case for {id}"),
    }
}

/// Twenty rows, two hundred at most, many of one toolkit, and some that nobody can read.
async fn configs(place: &Place<'_>) {
    for n in 0..230 {
        let config = json!({"id": format!("ac_{n}"), "toolkit": "notion2", "enabled": n != 7});
        place.control("POST", "auth-configs", config).await;
    }
    let list = async |query: &str| {
        let path = format!("/auth_configs?toolkit_slug=notion2{query}");
        place.api("GET", &path, Value::Null).await.1
    };
    for (query, rows, total) in [
        ("", 20, 229),
        ("&limit=1000", 200, 229),
        ("&limit=50&show_disabled=true", 50, 230),
    ] {
        let page = list(query).await;
        assert_eq!(page["items"].as_array().unwrap().len(), rows, "{query}");
        assert_eq!(page["total_items"], total, "{query}");
        assert!(page["next_cursor"].is_string(), "{query}");
    }
    let fault = json!({"path": "/auth_configs", "status": "malformed_rows"});
    place.control("POST", "fault", fault).await;
    let page = list("&limit=3").await;
    let rows = page["items"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]), (4, &Value::Null));
    assert_eq!(
        (&rows[1]["id"], &rows[1]["toolkit"]),
        (&json!(7), &json!("a text"))
    );
    assert_eq!(
        rows[2]["toolkit"]["slug"], "notion2",
        "the others are as they were"
    );
}
