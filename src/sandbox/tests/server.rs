use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Served;
use crate::{Args, run};

#[tokio::test]
async fn a_cut_connection_is_an_error_without_an_answer() {
    let served = Served::start().await;
    let link = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
    for (status, rows) in [("cut_before", 0), ("cut_after", 1)] {
        let fault =
            json!({"method": "POST", "path_prefix": "/connected_accounts/link", "status": status});
        served.post("/_sandbox/fault", fault).await;
        let error = served
            .try_call(Method::POST, "/api/v3.1/connected_accounts/link", &link)
            .await
            .unwrap_err();
        assert!(error.is_request() && error.status().is_none(), "{error:?}");
        let all = served.get("/_sandbox/accounts").await;
        assert_eq!(all["accounts"].as_array().unwrap().len(), rows, "{status}");
        let log = served.get("/_sandbox/log").await;
        let entries = log["entries"].as_array().unwrap();
        let posts = entries
            .iter()
            .filter(|entry| entry["fault"] == status)
            .count();
        assert_eq!(posts, 1, "the client must not have repeated it: {log}");
    }
    served.get("/api/v3.1/connected_accounts").await;
}

#[tokio::test]
async fn it_stops_when_asked_although_a_client_keeps_its_connection() {
    let served = Served::start().await;
    served.get("/api/v3.1/auth_configs").await;
    served.stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), served.task).await;
    ended.expect("it must stop").unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_told_clearly() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = listener.local_addr().unwrap();
    let args = Args {
        listen,
        api_key: None,
        seed: None,
        max_page: None,
    };
    let error = run(args, TcpListener::bind, std::future::pending())
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains(&listen.to_string()) && message.contains("in use"),
        "{message}"
    );
}

#[tokio::test]
async fn a_subscriber_that_does_not_answer_keeps_no_other_event_waiting() {
    let served = Served::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let events = ["composio.connected_account.expired"];
    let subscription = json!({"webhook_url": url, "enabled_events": events, "version": "V3"});
    served
        .post("/api/v3.1/webhook_subscriptions", subscription)
        .await;
    let mut held = Vec::new();
    for user in ["ann", "bob"] {
        let (id, _) = served.link("ac_gmail", user, Value::Null).await;
        for what in ["consent", "expire"] {
            let path = format!("/_sandbox/accounts/{id}/{what}");
            served.post(&path, json!({})).await;
        }
        held.push(listener.accept().await.unwrap());
    }
    let told = served.get("/_sandbox/deliveries").await;
    let deliveries = told["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 2, "{told}");
    for delivery in deliveries {
        assert_eq!(delivery["attempts"], json!([]), "it is still underway");
    }
}
