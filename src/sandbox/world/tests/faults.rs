use http::HeaderValue;
use serde_json::{Value, json};

use super::Bench;
use crate::world::{Cut, Fault, Seed};

fn fault(value: Value) -> Fault {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_wrong_or_missing_key_gets_the_generic_401() {
    let mut bench = Bench::new();
    let mut request = Bench::request("GET", "/connected_accounts", &Value::Null);
    request
        .headers_mut()
        .insert("x-api-key", HeaderValue::from_static("wrong"));
    let (_, message) = bench.send(&request).refused(401);
    assert_eq!(message, "Invalid API key");
    request.headers_mut().remove("x-api-key");
    bench.send(&request).refused(401);
}

#[test]
fn every_answer_carries_date_request_id_and_budget() {
    let mut bench = Bench::new();
    for (path, status) in [("/auth_configs", 200), ("/connected_accounts/ca_none", 404)] {
        let answer = bench.get(path);
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["date"], "Tue, 01 Sep 2026 12:00:00 GMT");
        assert_eq!(answer.headers["x-ratelimit"], "10000");
        assert_eq!(answer.headers["x-ratelimit-window-size"], "60s");
        assert!(answer.headers.contains_key("x-request-id"));
        if let Some(id) = answer.body["error"]["request_id"].as_str() {
            assert_eq!(answer.headers["x-request-id"], id);
        }
    }
    assert_eq!(
        bench.get("/auth_configs").headers["x-ratelimit-remaining"],
        "9997"
    );
}

#[test]
fn the_limit_refuses_until_the_minute_is_over() {
    let mut bench = Bench::of(Seed {
        limit: 2,
        ..Seed::default()
    });
    bench.wait(45);
    bench.get("/auth_configs").expect(200);
    bench.get("/auth_configs").expect(200);
    let answer = bench.get("/auth_configs");
    assert_eq!(answer.headers["retry-after"], "15");
    assert_eq!(answer.headers["x-ratelimit-remaining"], "0");
    let body = answer.expect(429);
    assert!(
        body["message"].is_string() && body.get("error").is_none(),
        "{body}"
    );
    bench.wait(15);
    bench.get("/auth_configs").expect(200);
}

#[test]
fn a_fault_meets_the_calls_that_match_it_and_no_more() {
    let mut bench = Bench::new();
    let id = bench.link("ac_gmail", "ann");
    let wanted = json!({"method": "POST", "path": "/connected_accounts/*/revoke", "status": 503,
        "times": 2, "body": "<html>down</html>", "headers": {"retry-after": "7"}});
    bench.world.add_fault(fault(wanted)).unwrap();
    bench.account(&id);
    let path = format!("/connected_accounts/{id}/revoke");
    for _ in 0..2 {
        let answer = bench.call("POST", &path, Value::Null);
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.expect(503), json!("<html>down</html>"));
    }
    bench.call("POST", &path, Value::Null).refused(409);
}

#[test]
fn a_cut_happens_before_or_after_the_effect() {
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
    for (status, rows) in [("cut_before", 0), ("cut_after", 1)] {
        let mut bench = Bench::new();
        bench
            .world
            .add_fault(fault(
                json!({"path_prefix": "/connected_accounts", "status": status}),
            ))
            .unwrap();
        let request = Bench::request("POST", "/connected_accounts/link", &body);
        assert_eq!(bench.world.exchange(&request, bench.now).unwrap_err(), Cut);
        assert_eq!(bench.world.accounts(bench.now).len(), rows, "{status}");
        let entry = bench.last_entry();
        assert_eq!((entry.status, entry.fault), (None, Some(status)));
        assert_eq!(entry.account.is_some(), rows == 1);
    }
}

#[test]
fn an_error_may_hide_an_effect() {
    let mut bench = Bench::new();
    let wanted =
        json!({"path_prefix": "/api/v3.1/connected_accounts", "status": 500, "after_commit": true});
    bench.world.add_fault(fault(wanted)).unwrap();
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
    bench
        .call("POST", "/connected_accounts/link", body)
        .expect(500);
    assert_eq!(bench.world.accounts(bench.now).len(), 1);
}

#[test]
fn the_log_tells_who_asked_what_about_which_account() {
    let mut bench = Bench::new();
    let id = bench.link("ac_gmail", "ann");
    let entry = bench.last_entry();
    assert_eq!(entry.seq, 1);
    assert_eq!(entry.time, "2026-09-01T12:00:00.000Z");
    assert_eq!(
        (entry.method.as_str(), entry.path.as_str()),
        ("POST", "/api/v3.1/connected_accounts/link")
    );
    assert_eq!(entry.status, Some(201));
    assert_eq!(
        (entry.user_agent.as_str(), entry.instance.as_str()),
        ("bench/1", "a")
    );
    assert_eq!(entry.account, Some(id.clone()));
    assert_eq!(entry.auth_config.as_deref(), Some("ac_gmail"));
    assert_eq!(
        entry.body,
        json!({"auth_config_id": "ac_gmail", "user_id": "ann"})
    );

    bench.get(&format!("/connected_accounts/{id}?x=1"));
    let entry = bench.last_entry();
    assert_eq!(
        (entry.seq, entry.query.as_str(), &entry.body),
        (2, "x=1", &Value::Null)
    );
    assert_eq!(entry.account, Some(id));
    assert_eq!(bench.world.log_since(1).len(), 1);
}

#[test]
fn the_log_holds_no_credential_wherever_it_stands() {
    let mut bench = Bench::new();
    let body = json!({
        "auth_config_id": "ac_gmail", "user_id": "ann",
        "connection_data": {"subdomain": "acme", "api_key": "HIDE", "clientSecret": "HIDE"},
        "connection": {"state": {"val": {"whatever": "HIDE", "nested": {"a": "HIDE"}}}},
        "list": [{"password": "HIDE"}],
    });
    bench
        .call("POST", "/connected_accounts/link?access_token=HIDE", body)
        .expect(201);
    let entry = serde_json::to_string(&bench.last_entry()).unwrap();
    assert!(!entry.contains("HIDE"), "{entry}");
    assert!(entry.contains("acme"), "{entry}");
}

#[test]
fn a_reset_forgets_everything_but_does_not_use_ids_again() {
    let mut bench = Bench::new();
    let before = bench.link("ac_gmail", "ann");
    bench.world.set_limit(1);
    bench.world.reset();
    assert!(bench.world.accounts(bench.now).is_empty());
    assert!(bench.world.log_since(0).is_empty());
    assert_ne!(bench.link("ac_gmail", "ann"), before);
}

#[test]
fn an_unknown_endpoint_is_a_404_in_the_error_form() {
    let mut bench = Bench::new();
    bench.get("/triggers").refused(404);
    bench
        .call("PUT", "/connected_accounts/ca_x", Value::Null)
        .refused(404);
}
