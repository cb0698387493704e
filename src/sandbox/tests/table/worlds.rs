//! The control calls about worlds as such.

use serde_json::{Value, json};

use super::Place;
use super::routes::seen;

pub(super) async fn worlds(place: &Place<'_>, method: &str, id: &str) {
    let call = |body: Value| place.control(method, "worlds", body);
    match method {
        "GET" => {
            let named = |world: &Value| world["name"] == place.key.as_str();
            assert!(
                call(Value::Null).await["worlds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(named)
            );
            seen(place, id, "ACTIVE").await;
        }
        "POST" => {
            let key = format!("{}-other", place.key);
            let body = json!({
                "api_key": key, "max_page": 1,
                "auth_configs": [{"id": "ac_x", "toolkit": "x"}],
                "accounts": [{"id": "ca_x", "auth_config": "ac_x", "user_id": "ann"},
                    {"auth_config": "ac_x", "user_id": "bob", "status": "EXPIRED"}],
            });
            call(body.clone()).await;
            let api = "/api/v3.1/connected_accounts";
            let (_, list) = place.send(&key, "GET", api, &Value::Null).await;
            assert_eq!(
                (&list["total_items"], &list["total_pages"]),
                (&json!(2), &json!(2))
            );
            let other = Place {
                served: place.served,
                key,
            };
            assert_eq!(other.log().await.len(), 1, "a log of its own");
            assert_eq!(other.status("ca_x").await, "ACTIVE");
            assert_eq!(other.status(id).await, "gone");
            assert_eq!(place.status("ca_x").await, "gone");
            assert_eq!(place.try_control(method, "worlds", body).await.0, 409);
            let wrong =
                json!({"api_key": "y", "accounts": [{"auth_config": "ac_y", "user_id": "ann"}]});
            let (status, answer) = place.try_control(method, "worlds", wrong).await;
            assert_eq!(status, 400);
            assert!(
                answer.to_string().contains("accounts[0].auth_config"),
                "{answer}"
            );
        }
        "DELETE" => {
            let body = json!({"api_key": "short-lived"});
            place.control("POST", "worlds", body).await;
            place
                .control("DELETE", "worlds?key=short-lived", Value::Null)
                .await;
            assert_eq!(
                place
                    .try_control("GET", "log?key=short-lived", Value::Null)
                    .await
                    .0,
                404
            );
            assert_eq!(
                place
                    .try_control(method, "worlds?key=sandbox", Value::Null)
                    .await
                    .0,
                409
            );
            seen(place, id, "ACTIVE").await;
        }
        other => panic!("no case for {other} worlds"),
    }
}
