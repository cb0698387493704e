use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, text};
use crate::world::{Seed, Switches};

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| text(&item["id"])).collect()
}

#[test]
fn each_filter_narrows_the_list() {
    let mut bench = Bench::new();
    let gmail_ann = bench.active("ac_gmail", "ann");
    bench.wait(1);
    let slack_ann = bench.link("ac_slack", "ann");
    bench.wait(1);
    let gmail_bob = bench.active("ac_gmail", "bob");
    bench.wait(1);
    let shared_bob = bench.shared("ac_github", "bob");
    bench.wait(1);
    let comma = bench.link("ac_slack", "x,y");
    bench.wait(1);
    let deleted = bench.active("ac_gmail", "ann");
    let path = format!("/connected_accounts/{deleted}");
    bench.call("DELETE", &path, Value::Null).expect(200);

    let two_ids = format!("connected_account_ids={gmail_ann}&connected_account_ids={gmail_bob}");
    let gone_id = format!("connected_account_ids={deleted}");
    let cases: [(&str, Vec<&String>, &str); 16] = [
        (
            "",
            vec![&comma, &gmail_bob, &slack_ann, &gmail_ann],
            "newest first, PRIVATE only",
        ),
        (
            "order_direction=asc",
            vec![&gmail_ann, &slack_ann, &gmail_bob, &comma],
            "oldest first",
        ),
        ("account_type=SHARED", vec![&shared_bob], "only shared"),
        (
            "account_type=ALL&user_ids=bob",
            vec![&shared_bob, &gmail_bob],
            "both kinds",
        ),
        ("user_ids=ann", vec![&slack_ann, &gmail_ann], "one user"),
        (
            "user_ids=ann&user_ids=bob",
            vec![&gmail_bob, &slack_ann, &gmail_ann],
            "repeated",
        ),
        (
            "user_ids=ann,bob",
            vec![&gmail_bob, &slack_ann, &gmail_ann],
            "joined",
        ),
        ("user_ids=x%2Cy", vec![&comma], "an id with a comma"),
        ("user_ids=nobody", vec![], "nobody"),
        (
            "toolkit_slugs=slack",
            vec![&comma, &slack_ann],
            "one toolkit",
        ),
        (
            "toolkit_slugs=slack&user_ids=ann",
            vec![&slack_ann],
            "and, not or",
        ),
        (
            "auth_config_ids=ac_gmail",
            vec![&gmail_bob, &gmail_ann],
            "one auth config",
        ),
        (
            "statuses=ACTIVE",
            vec![&gmail_bob, &gmail_ann],
            "one status",
        ),
        (
            "statuses=ACTIVE&statuses=INITIALIZING&user_ids=ann",
            vec![&slack_ann, &gmail_ann],
            "two",
        ),
        (&two_ids, vec![&gmail_bob, &gmail_ann], "ids"),
        (
            &gone_id,
            vec![],
            "a deleted row is not listed, not even by id",
        ),
    ];
    for (query, expected, reason) in cases {
        let list = bench
            .get(&format!("/connected_accounts?{query}"))
            .expect(200);
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(ids(&list), expected, "{reason}");
        assert_eq!(list["total_items"], expected.len(), "{reason}");
    }
}

#[rstest]
#[case::status("statuses=SLEEPING")]
#[case::account_type("account_type=PUBLIC")]
#[case::order("order_by=alias")]
#[case::direction("order_direction=up")]
#[case::no_limit("limit=0")]
#[case::a_limit_in_words("limit=many")]
#[case::a_cursor_of_no_page("cursor=next")]
#[case::a_cursor_of_page_zero("cursor=eyJwYWdlIjowLCJsaW1pdCI6NTB9")]
fn wrong_filters_are_refused(#[case] query: &str) {
    let mut bench = Bench::new();
    let (_, message) = bench
        .get(&format!("/connected_accounts?{query}"))
        .refused(400);
    let name = query.split('=').next().unwrap();
    assert!(message.contains(name), "{query}: {message}");
}

#[test]
fn pages_are_clamped_and_shift_while_rows_go() {
    let mut bench = Bench::of(Seed {
        max_page: 2,
        ..Seed::default()
    });
    let rows: Vec<String> = (0..5)
        .map(|_| {
            bench.wait(1);
            bench.link("ac_gmail", "ann")
        })
        .collect();
    let first = bench.get("/connected_accounts?limit=100").expect(200);
    assert_eq!(ids(&first), [rows[4].clone(), rows[3].clone()]);
    assert_eq!(
        (
            &first["current_page"],
            &first["total_pages"],
            &first["total_items"]
        ),
        (&json!(1), &json!(3), &json!(5))
    );
    let cursor = text(&first["next_cursor"]);

    // A row of the first page goes: the second page starts one row later and misses rows[2].
    bench
        .call(
            "DELETE",
            &format!("/connected_accounts/{}", rows[4]),
            Value::Null,
        )
        .expect(200);
    let second = bench
        .get(&format!("/connected_accounts?cursor={cursor}"))
        .expect(200);
    assert_eq!(ids(&second), [rows[1].clone(), rows[0].clone()]);
    assert_eq!(second["next_cursor"], Value::Null);
}

#[test]
fn order_by_updated_at_follows_every_change_also_under_a_filter() {
    let mut bench = Bench::new();
    let first = bench.active("ac_gmail", "ann");
    bench.wait(1);
    let second = bench.active("ac_gmail", "ann");
    bench.wait(1);
    let path = format!("/connected_accounts/{first}");
    bench
        .call("PATCH", &path, json!({"alias": "a"}))
        .expect(200);
    for query in ["order_by=updated_at", "order_by=updated_at&user_ids=ann"] {
        let list = bench
            .get(&format!("/connected_accounts?{query}"))
            .expect(200);
        assert_eq!(ids(&list), [first.clone(), second.clone()], "{query}");
    }
    let list = bench
        .get("/connected_accounts?order_by=created_at")
        .expect(200);
    assert_eq!(ids(&list), [second, first]);
}

#[test]
fn items_carry_dummies_where_the_real_ones_carry_credentials() {
    let mut bench = Bench::new();
    bench.active("ac_gmail", "ann");
    let list = bench.get("/connected_accounts").expect(200);
    let item = &list["items"][0];
    assert_eq!(item["state"]["val"]["access_token"], "REDACTED");
    assert_eq!(item["data"]["access_token"], "REDACTED");
    assert_eq!(item["auth_config"]["is_composio_managed"], true);
    assert!(item.get("a_field_of_tomorrow").is_some());
}

#[test]
fn an_account_that_never_was_or_is_deleted_is_not_found() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    bench
        .call("DELETE", &format!("/connected_accounts/{id}"), Value::Null)
        .expect(200);
    for id in [id.as_str(), "ca_none"] {
        let (slug, _) = bench.get(&format!("/connected_accounts/{id}")).refused(404);
        assert_eq!(slug, "ConnectedAccount_ResourceNotFound");
    }
}

#[test]
fn auth_configs_are_listed_and_found() {
    let mut bench = Bench::new();
    bench.link("ac_gmail", "ann");
    let cases = [
        ("", 6, "the disabled one is hidden"),
        ("show_disabled=true", 7, "all"),
        ("toolkit_slug=gmail,slack", 2, "joined by commas"),
        ("is_composio_managed=false", 2, "custom apps and keys"),
        ("search=hubs", 1, "by text"),
    ];
    for (query, count, reason) in cases {
        let list = bench.get(&format!("/auth_configs?{query}")).expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{reason}");
    }
    let config = bench.get("/auth_configs/ac_gmail").expect(200);
    assert_eq!(config["status"], "ENABLED");
    assert_eq!(config["type"], "default");
    assert_eq!(config["no_of_connections"], 1);
    let disabled = bench.get("/auth_configs/ac_disabled").expect(200);
    assert_eq!(disabled["status"], "DISABLED");
    assert_eq!(
        bench.get("/auth_configs/ac_custom").expect(200)["type"],
        "custom"
    );
    bench.get("/auth_configs/ac_none").refused(404);
}

#[test]
fn a_filtered_list_of_ten_thousand_accounts_is_fast() {
    let mut bench = Bench::of(Seed {
        limit: 100_000,
        ..Seed::default()
    });
    for n in 0..10_000 {
        bench.link("ac_gmail", &format!("user-{n}"));
    }
    let rounds = 50;
    let start = Instant::now();
    for n in 0..rounds {
        let list = bench
            .get(&format!(
                "/connected_accounts?user_ids=user-{n}&toolkit_slugs=gmail"
            ))
            .expect(200);
        assert_eq!(list["total_items"], 1);
    }
    // Far above what it takes even without optimisation: it catches a scan, not a slow machine.
    let each = start.elapsed() / rounds;
    assert!(each < Duration::from_millis(5), "{each:?}");
}

#[test]
fn a_new_row_is_seen_late_when_the_switches_say_so() {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        list_lag_seconds: 5,
        get_lag_seconds: 2,
        ..Switches::default()
    });
    let id = bench.link("ac_gmail", "ann");
    let path = format!("/connected_accounts/{id}");
    for (listed, status) in [(0, 404), (1, 200)] {
        let list = bench.get("/connected_accounts?user_ids=ann").expect(200);
        assert_eq!(list["total_items"], listed);
        assert_eq!(bench.get(&path).status, status);
        bench.wait(5);
    }
}
