use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, text};
use crate::world::{Post, Scheme};

fn subscribe(bench: &mut Bench, url: &str) -> Value {
    let body =
        json!({"webhook_url": url, "enabled_events": ["composio.connected_account.expired"]});
    bench
        .call("POST", "/webhook_subscriptions", body)
        .expect(201)
}

/// The grant of a new account ends; the requests that are due then.
fn dead(bench: &mut Bench, config: &str) -> Vec<Post> {
    let id = bench.active(config, "ann");
    bench.world.end_grant(&id, bench.now).unwrap();
    bench.world.due_posts(bench.now)
}

fn header<'a>(post: &'a Post, name: &str) -> &'a str {
    let found = post.headers.iter().find(|(known, _)| *known == name);
    &found.expect("the header").1
}

#[test]
fn a_delivery_is_repeated_until_it_arrives() {
    let mut bench = Bench::new();
    subscribe(&mut bench, "http://127.0.0.1:1/");
    let first = dead(&mut bench, "ac_gmail").remove(0);
    assert!(
        bench.world.due_posts(bench.now).is_empty(),
        "it is on its way"
    );
    bench.world.posted(&first.id, Ok(500), bench.now);
    bench.wait(9);
    assert!(bench.world.due_posts(bench.now).is_empty());
    bench.wait(1);
    let second = bench.world.due_posts(bench.now).remove(0);
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert_ne!(
        header(&second, "webhook-timestamp"),
        header(&first, "webhook-timestamp")
    );
    assert_ne!(
        header(&second, "webhook-signature"),
        header(&first, "webhook-signature")
    );
    bench
        .world
        .posted(&second.id, Err("refused".to_owned()), bench.now);
    bench.wait(60);
    let third = bench.world.due_posts(bench.now).remove(0);
    assert_eq!(header(&third, "x-composio-delivery-attempt"), "3");
    bench.world.posted(&third.id, Ok(204), bench.now);
    assert_eq!(bench.world.next_post_in(bench.now), None);
    let delivery = &bench.world.deliveries()[0];
    assert_eq!((delivery.arrived, delivery.attempts.len()), (true, 3));
}

#[test]
fn the_old_secret_signs_for_a_day_after_a_rotation() {
    let mut bench = Bench::new();
    let id = text(&subscribe(&mut bench, "http://127.0.0.1:1/")["id"]);
    let count = |post: &Post| header(post, "webhook-signature").split(' ').count();
    assert_eq!(count(&dead(&mut bench, "ac_gmail")[0]), 1);
    let path = format!("/webhook_subscriptions/{id}/rotate_secret");
    bench.call("POST", &path, Value::Null).expect(200);
    assert_eq!(count(&dead(&mut bench, "ac_gmail")[0]), 2);
    bench.wait(24 * 60 * 60);
    assert_eq!(count(&dead(&mut bench, "ac_gmail")[0]), 1);
}

#[test]
fn only_oauth_2_is_told_of_and_only_to_who_asked_for_it() {
    let mut bench = Bench::new();
    assert!(dead(&mut bench, "ac_gmail").is_empty(), "nobody listens");
    let id = text(&subscribe(&mut bench, "http://[::1]:1/")["id"]);
    assert!(dead(&mut bench, "ac_hubspot").is_empty());
    assert_eq!(dead(&mut bench, "ac_gmail").len(), 1);
    let path = format!("/webhook_subscriptions/{id}");
    let others = json!({"enabled_events": ["composio.trigger.message"]});
    bench.call("PATCH", &path, others).expect(200);
    assert!(dead(&mut bench, "ac_gmail").is_empty());
    let told: Vec<Scheme> = Scheme::ALL
        .into_iter()
        .filter(|scheme| scheme.has_refresh_tokens())
        .collect();
    assert_eq!(told, [Scheme::Oauth2, Scheme::DcrOauth, Scheme::CimdOauth]);
}

#[rstest]
#[case::localhost("http://localhost:1/hook", true, true)]
#[case::loopback("http://127.9.9.9/", true, true)]
#[case::another_over_tls("https://app.test/hook", true, false)]
#[case::loopback_over_tls("https://127.0.0.1/", true, false)]
#[case::another("http://app.test/hook", false, false)]
#[case::a_name_that_begins_like_loopback("http://127.0.0.1.app.test/", false, false)]
#[case::a_user_called_localhost("http://localhost@app.test/", false, false)]
#[case::another_scheme("ftp://127.0.0.1/", false, false)]
#[case::no_host("/hook", false, false)]
fn nothing_is_sent_to_another_machine(
    #[case] url: &str,
    #[case] accepted: bool,
    #[case] sent: bool,
) {
    let mut bench = Bench::new();
    let body =
        json!({"webhook_url": url, "enabled_events": ["composio.connected_account.expired"]});
    let answer = bench.call("POST", "/webhook_subscriptions", body);
    assert_eq!(answer.status, if accepted { 201 } else { 400 }, "{url}");
    assert_eq!(!dead(&mut bench, "ac_gmail").is_empty(), sent, "{url}");
}
