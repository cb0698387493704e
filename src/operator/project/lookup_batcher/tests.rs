use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::join_all};
use http::{Request, Response};
use serde_json::{Value, json};

use super::*;

/// A server of lists, and how many it was asked for.
struct Server {
    client: Client,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// `page` makes the answer from the users that are asked for and the cursor.
    fn new(
        takes: Duration,
        page: impl Fn(Vec<String>, Option<String>) -> Value + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let page = Arc::new(page);
        let transport = move |request: Request<Bytes>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let query = request.uri().query().unwrap_or_default().as_bytes();
            let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
            let all = |wanted: &str| {
                let named = query.iter().filter(|(name, _)| name == wanted);
                named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
            };
            let body = page(all("user_ids"), all("cursor").pop()).to_string();
            async move {
                tokio::time::sleep(takes).await;
                Ok(Response::new(Bytes::from(body)))
            }
            .boxed()
        };
        Self {
            client: Client::new(Arc::new(transport), Arc::new(|_| {})),
            asked,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

const QUICK: Duration = Duration::from_millis(20);

fn row(id: &str, user: Option<&str>) -> Value {
    json!({
        "id": id, "user_id": user, "alias": "a", "status": "ACTIVE",
        "toolkit": {"slug": "gmail"}, "auth_config": {"id": "ac_1"},
    })
}

fn page(items: Vec<Value>) -> Value {
    json!({"items": items, "next_cursor": null})
}

/// One row for each user that is asked for.
fn one_each(tells_users: bool) -> Server {
    Server::new(QUICK, move |users, _| {
        let row = |user: &String| row(&format!("of-{user}"), tells_users.then_some(user));
        page(users.iter().map(row).collect())
    })
}

async fn ids(batcher: &LookupBatcher, server: &Server, user: &str) -> Result<Vec<String>, Error> {
    ids_in(batcher, server, "crowd", user).await
}

async fn ids_in(
    batcher: &LookupBatcher,
    server: &Server,
    namespace: &str,
    user: &str,
) -> Result<Vec<String>, Error> {
    let found = batcher.look(&server.client, namespace, user, "gmail", "a");
    let found = found.await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

async fn look(server: &Server, users: usize) -> Vec<Result<Vec<String>, Error>> {
    let batcher = LookupBatcher::default();
    look_again(&batcher, server, users).await
}

async fn look_again(
    batcher: &LookupBatcher,
    server: &Server,
    users: usize,
) -> Vec<Result<Vec<String>, Error>> {
    let names: Vec<String> = (0..users).map(|n| format!("user-{n}")).collect();
    join_all(names.iter().map(|user| ids(batcher, server, user))).await
}

fn each_has_its_own(found: &[Result<Vec<String>, Error>]) {
    for (n, ids) in found.iter().enumerate() {
        assert_eq!(*ids, Ok(vec![format!("of-user-{n}")]));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_at_the_same_moment_is_asked_for_in_one_list() {
    let server = one_each(true);
    each_has_its_own(&look(&server, 120).await);
    assert_eq!(server.asked(), 3, "fifty users fit into a list");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_little_is_in_the_first_list_however_many_wait_of_another_namespace() {
    let (batcher, server) = (LookupBatcher::default(), one_each(true));
    let quiet = async {
        let found = ids_in(&batcher, &server, "quiet", "quiet").await;
        (found, server.asked())
    };
    let crowd = look_again(&batcher, &server, 200);
    let (found, (own, lists)) = tokio::join!(crowd, quiet);
    each_has_its_own(&found);
    assert_eq!(own, Ok(vec!["of-quiet".to_owned()]));
    assert_eq!(lists, 1, "not after the crowd");
    assert_eq!(server.asked(), 5, "and for nobody's there is one more");
}

#[tokio::test(start_paused = true)]
async fn who_comes_alone_waits_for_nobody_and_who_comes_soon_after_is_joined() {
    let batcher = LookupBatcher::default();
    let server = Server::new(Duration::ZERO, |_, _| page(Vec::new()));
    let begun = Instant::now();
    assert_eq!(ids(&batcher, &server, "a").await, Ok(Vec::new()));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let later = |user, after| {
        let (batcher, server) = (&batcher, &server);
        async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            ids(batcher, server, user).await
        }
    };
    let found = tokio::join!(later("b", 10), later("c", 50), later("d", 99));
    assert_eq!(found, (Ok(Vec::new()), Ok(Vec::new()), Ok(Vec::new())));
    assert_eq!(server.asked(), 2, "three of them in one list");
    assert_eq!(begun.elapsed(), BATCH_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn rows_that_tell_no_user_are_asked_for_one_by_one() {
    let server = one_each(false);
    each_has_its_own(&look(&server, 4).await);
    assert_eq!(server.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn rows_with_another_alias_are_not_brought() {
    let server = Server::new(QUICK, |_, _| {
        let mut other = row("of-another-object", Some("user-0"));
        other["alias"] = json!("b");
        page(vec![other, row("of-user-0", Some("user-0"))])
    });
    each_has_its_own(&look(&server, 1).await);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_stopped_leaves_nobody_waiting() {
    let batcher = LookupBatcher::default();
    let server = Server::new(QUICK, |_, _| page(Vec::new()));
    let stopped = tokio::time::timeout(Duration::from_millis(10), ids(&batcher, &server, "a"));
    let (stopped, other) = tokio::join!(stopped, ids(&batcher, &server, "b"));
    assert!(stopped.is_err());
    assert_eq!(other, Ok(Vec::new()));
}

/// Two pages of two rows, of which the second begins with the last row of the first: one is left out.
fn shifted(users: &[String], cursor: Option<&str>) -> Value {
    let all: Vec<Value> = users
        .iter()
        .map(|user| row(&format!("of-{user}"), Some(user)))
        .collect();
    let (rows, next) = match (cursor, all.as_slice()) {
        (None, [first, second, _, ..]) => (vec![first, second], Some("2")),
        (None, few) => (few.iter().collect(), None),
        (Some(_), all) => (vec![&all[1], &all[2]], None),
    };
    json!({"items": rows, "next_cursor": next, "total_items": all.len()})
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_left_out_between_two_pages_is_not_taken_for_absent() {
    let server = Server::new(QUICK, |users, cursor| shifted(&users, cursor.as_deref()));
    each_has_its_own(&look(&server, 4).await);
    assert_eq!(server.asked(), 2 + 4, "each is asked for alone");
}

#[tokio::test(start_paused = true)]
async fn one_whose_list_does_not_end_keeps_the_others_from_theirs_only_once() {
    let server = Server::new(QUICK, |users, cursor| {
        let mut one = one_row_each(&users);
        if users.iter().any(|user| user == "user-1") {
            let n: u32 = cursor.map_or(0, |cursor| cursor.parse().expect("a number"));
            one["items"] = json!([row(&format!("endless-{n}"), Some("user-1"))]);
            one["next_cursor"] = json!((n + 1).to_string());
        }
        one
    });
    let batcher = LookupBatcher::default();
    for found in look_again(&batcher, &server, 3).await {
        let error = found.expect_err("it has no end");
        let words =
            "could not list accounts: the answer (200) was not understood: the list does not end";
        assert!(error.to_string().starts_with(words), "{error}");
    }
    let found = look_again(&batcher, &server, 3).await;
    assert_eq!(found[0], Ok(vec!["of-user-0".to_owned()]));
    assert!(found[1].is_err());
    assert_eq!(found[2], Ok(vec!["of-user-2".to_owned()]));
    assert_eq!(server.asked(), 100 + 100 + 2, "a hundred pages are enough");
}

fn one_row_each(users: &[String]) -> Value {
    let row = |user: &String| row(&format!("of-{user}"), Some(user));
    page(users.iter().map(row).collect())
}
