//! Every endpoint with every answer that the documentation knows of it, and what is seen after it.

use serde_json::{Value, json};

use super::documented::{DOCUMENTED, Given, How, Request, asked, case, subscription};
use super::{Place, Served};

#[tokio::test]
async fn every_documented_answer_and_what_is_seen_after_it() {
    let served = Served::start().await;
    let mut missing = Vec::new();
    for (method, path, statuses) in DOCUMENTED {
        for status in *statuses {
            match case(method, path, *status) {
                Some(how) => check(&served, method, path, *status, how).await,
                None => missing.push(format!("{method} {path} {status}")),
            }
        }
    }
    assert!(missing.is_empty(), "no case for: {}", missing.join(", "));
}

/// Makes what the request needs, and puts the ids of it where they belong.
/// The account, and what `{id}` in the path stands for.
async fn given(place: &Place<'_>, request: &mut Request) -> (String, String) {
    if request.given == Given::Session {
        let verifier = json!({"verifier_url": "https://app.test/verify"});
        place.control("POST", "project", verifier).await;
        let id = place.link("ac_gmail", "ann", Value::Null).await;
        let session = place.consent(&id, json!({})).await;
        let (_, session) = session.split_once("session_uri=").unwrap();
        if request.body["session_uri"] == "{session}" {
            request.body["session_uri"] = json!(session.replace("%3A", ":"));
        }
        return (id.clone(), id);
    }
    let id = place.active(request.config, "ann").await;
    if request.given == Given::Subscription {
        let body = subscription("https://app.test/hook");
        let (status, answer) = place.api("POST", "/webhook_subscriptions", body).await;
        assert_eq!(status, 201, "{answer}");
        return (id, answer["id"].as_str().unwrap().to_owned());
    }
    (id.clone(), id)
}

async fn check(served: &Served, method: &str, path: &str, status: u16, how: How) {
    let name = format!("{method} {path} {status}");
    let place = Place::new(served).await;
    let (mut request, on_demand) = match how {
        How::Asked(request) => (request, false),
        How::OnDemand => (asked(), true),
    };
    let (id, addressed) = given(&place, &mut request).await;
    for action in request.before {
        let call = format!("accounts/{id}/{action}");
        place.control("POST", &call, Value::Null).await;
    }
    let before = place.row(&id).await;
    let rows = place.list().await;
    let seq = place.log().await.len();
    if on_demand {
        let path = path.replace("{id}", "*");
        let fault = json!({"method": method, "path": path, "status": status});
        place.control("POST", "fault", fault).await;
    }
    match status {
        401 => {
            place
                .control(
                    "POST",
                    "api-key",
                    json!({"api_key": format!("{}-new", place.key)}),
                )
                .await;
        }
        429 => {
            place.control("POST", "limit", json!({"limit": 0})).await;
        }
        _ => {}
    }

    let full = format!(
        "{}{}",
        path.replace("{id}", request.id.unwrap_or(&addressed)),
        request.query
    );
    let (seen, answer) = place.api(method, &full, request.body).await;

    match status {
        401 => {
            let key = json!({"api_key": place.key});
            place.control("POST", "api-key", key).await;
        }
        429 => {
            place.control("POST", "limit", json!({"limit": 1000})).await;
        }
        _ => {}
    }
    assert_eq!(seen, status, "{name}: {answer}");
    assert!(
        answer.to_string().contains(request.holds),
        "{name}: {answer}"
    );
    if status == 429 {
        assert!(answer["message"].is_string(), "{name}: {answer}");
        assert!(answer.get("error").is_none(), "{name}: {answer}");
    } else if status >= 400 {
        assert_eq!(answer["error"]["status"], status, "{name}: {answer}");
        for field in ["message", "slug", "request_id"] {
            assert!(answer["error"][field].is_string(), "{name}: {answer}");
        }
    }

    // The log, before anything else is asked.
    let log = place.log().await;
    assert_eq!(log.len(), seq + 1, "{name}: {log:?}");
    let entry = &log[seq];
    assert_eq!(
        (&entry["status"], &entry["method"]),
        (&json!(status), &json!(method))
    );
    assert_eq!(
        entry["path"],
        format!("/api/v3.1{}", full.split('?').next().unwrap())
    );
    let message = [&answer["error"]["message"], &answer["message"]]
        .into_iter()
        .find(|message| message.is_string());
    assert_eq!(entry["error"], *message.unwrap_or(&Value::Null), "{name}");
    if let Some(request_id) = answer["error"]["request_id"].as_str() {
        assert_eq!(entry["request_id"], request_id, "{name}");
    }

    // The account and the list.
    let made = answer["id"]
        .as_str()
        .filter(|_| status == 201)
        .or(answer["connected_account_id"]
            .as_str()
            .filter(|_| status == 201))
        .filter(|id| id.starts_with("ca_"));
    if let Some(made) = made {
        assert_eq!(entry["account"], made, "{name}");
        let row = place.row(made).await;
        assert_eq!(row["user_id"], "new", "{name}: {row}");
        assert_eq!(place.listed(made).await.unwrap(), row["status"], "{name}");
    }
    let expected = request.after.or(before["status"].as_str()).unwrap();
    assert_eq!(place.status(&id).await, expected, "{name}");
    let listed = place.listed(&id).await;
    assert_eq!(listed.as_deref().unwrap_or("gone"), expected, "{name}");
    if status >= 400 {
        assert_eq!(
            place.row(&id).await,
            before,
            "{name}: a refusal changes nothing"
        );
        assert_eq!(
            place.list().await,
            rows,
            "{name}: a refusal changes nothing"
        );
    }
    if name == "PATCH /connected_accounts/{id} 200" {
        assert_eq!(place.row(&id).await["alias"], "b");
    }
    let dead = [
        "POST /connected_accounts/{id}/revoke 200",
        "DELETE /connected_accounts/{id} 200",
    ];
    if dead.contains(&name.as_str()) {
        assert!(!place.grant_alive(&id).await, "{name}");
    }
}
