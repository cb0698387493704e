//! Lists of several pages: read to their end or not at all.

use super::{super::model::MAX_FOREIGN_TEXT, *};
use serde_json::{Value, json};

fn row(id: &str, updated: &str) -> Value {
    json!({
        "id": id, "status": "ACTIVE", "updated_at": updated,
        "toolkit": {"slug": "gmail"}, "auth_config": {"id": "ac_1"},
    })
}

const OLD: &str = "2026-09-01T08:00:00.000Z";
const NEW: &str = "2026-09-01T09:00:00.000Z";

fn rows(ids: &[&str]) -> Vec<Value> {
    ids.iter().map(|id| row(id, OLD)).collect()
}

fn page(items: Vec<Value>, next: Option<&str>, total: Option<u64>) -> String {
    json!({"items": items, "next_cursor": next, "total_items": total}).to_string()
}

/// A list of these pages, and the same pages again when it is read again.
fn list(pages: &[String]) -> Fake {
    Fake::answering(pages.iter().map(|page| answer(200, page)))
}

async fn whole(fake: &Fake) -> Result<Vec<String>, Error> {
    let query = ListQuery::default();
    let found = fake.client.list_whole(&query, |_| true, usize::MAX).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

fn count(fake: &Fake) -> usize {
    fake.asked.lock().unwrap().len()
}

#[rstest]
#[case::the_second_is_newer(OLD, NEW, "second")]
#[case::the_first_is_newer(NEW, OLD, "first")]
#[case::both_are_as_old(OLD, OLD, "second")]
#[tokio::test]
async fn a_row_that_stands_on_two_pages_is_one_account_as_its_newest_row_shows_it(
    #[case] first: &str,
    #[case] second: &str,
    #[case] state: &str,
) {
    let named = |at, alias: &str| {
        let mut row = row("ca_1", at);
        row["alias"] = json!(alias);
        row
    };
    let fake = list(&[
        page(
            vec![named(first, "first"), row("ca_2", OLD)],
            Some("2"),
            Some(3),
        ),
        page(
            vec![named(second, "second"), row("ca_3", OLD)],
            None,
            Some(3),
        ),
    ]);
    let listing = fake
        .client
        .list_all(&ListQuery::default(), |_| true, usize::MAX)
        .await
        .unwrap();
    let ids: Vec<&str> = listing.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["ca_1", "ca_2", "ca_3"]);
    assert_eq!(listing.rows[0].alias.as_deref(), Some(state));
    assert!(listing.is_whole);
}

#[tokio::test]
async fn a_list_in_which_rows_are_missing_is_read_again() {
    let fake = list(&[
        page(rows(&["ca_1", "ca_2"]), Some("2"), Some(4)),
        page(rows(&["ca_2", "ca_3"]), None, Some(4)),
        page(rows(&["ca_1", "ca_2"]), Some("2"), Some(4)),
        page(rows(&["ca_3", "ca_4"]), None, Some(4)),
    ]);
    assert_eq!(
        whole(&fake).await,
        Ok(["ca_1", "ca_2", "ca_3", "ca_4"].map(str::to_owned).into())
    );
    assert_eq!(count(&fake), 4);
}

#[tokio::test]
async fn what_was_seen_before_the_count_changed_does_not_fill_a_gap() {
    let fake = list(&[
        page(rows(&["ca_1", "ca_2"]), Some("2"), Some(4)),
        page(rows(&["ca_4"]), None, Some(3)),
        page(rows(&["ca_2", "ca_3"]), Some("2"), Some(3)),
        page(rows(&["ca_4"]), None, Some(3)),
    ]);
    let found = whole(&fake).await;
    assert_eq!(
        found,
        Ok(["ca_2", "ca_3", "ca_4"].map(str::to_owned).into())
    );
}

#[tokio::test]
async fn a_list_in_which_rows_are_missing_each_time_is_no_list() {
    let fake = list(&[
        page(rows(&["ca_1"]), Some("2"), Some(3)),
        page(rows(&["ca_2"]), None, Some(3)),
    ]);
    // The last page for ever: from the second read on it is the whole list, and has one page.
    assert!(whole(&fake).await.is_ok());
    let pages: Vec<String> = (0..4)
        .flat_map(|_| {
            [
                page(rows(&["ca_1"]), Some("2"), Some(3)),
                page(rows(&["ca_2"]), None, Some(3)),
            ]
        })
        .collect();
    let fake = list(&pages);
    let error = whole(&fake).await.unwrap_err();
    assert!(error.to_string().contains("rows were left out"), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    assert_eq!(count(&fake), 8);
}

#[tokio::test]
async fn a_list_that_tells_no_count_and_rows_that_cannot_be_read_are_believed() {
    let fake = list(&[
        page(rows(&["ca_1"]), Some("2"), None),
        page(rows(&["ca_2"]), None, None),
    ]);
    assert_eq!(whole(&fake).await.unwrap().len(), 2);
    let fake = list(&[
        page(
            vec![row("ca_1", OLD), json!({"id": "ca_2"})],
            Some("2"),
            Some(3),
        ),
        page(rows(&["ca_3"]), None, Some(3)),
    ]);
    assert_eq!(whole(&fake).await.unwrap().len(), 2);
    assert_eq!(count(&fake), 2, "the odd row counts");
}

#[tokio::test]
async fn a_cursor_that_leads_back_ends_the_list_with_an_error() {
    // A proxy that gives the first page for every other, the page itself again, and a longer circle.
    for cursors in [
        &["a"][..],
        &["a", "a"],
        &["a", "b", "a"],
        &["a", "b", "c", "b"],
    ] {
        let pages: Vec<String> = cursors
            .iter()
            .enumerate()
            .map(|(n, cursor)| page(rows(&[&format!("ca_{n}")]), Some(cursor), None))
            .collect();
        let fake = list(&pages);
        let error = whole(&fake).await.unwrap_err();
        let words = "its cursor leads back to a page that was read";
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(count(&fake), cursors.len().max(2), "{cursors:?}");
        let configs = fail(&list(&pages), Endpoint::AuthConfigs).await;
        assert!(configs.to_string().contains(words), "{configs}");
    }
}

/// A server that always has another page.
fn endless(page: impl Fn(usize) -> String + Send + Sync + 'static) -> Fake {
    let mut fake = Fake::saying(200, "");
    let asked = fake.asked.clone();
    let transport: Transport = Arc::new(move |request: Request<Bytes>| {
        let mut asked = asked.lock().unwrap();
        let body = page(asked.len());
        asked.push((String::new(), request.uri().to_string(), String::new()));
        async move { answer(200, &body) }.boxed()
    });
    fake.client = Client::new(transport, Arc::new(|_| {}));
    fake
}

#[tokio::test]
async fn a_list_that_always_goes_on_is_given_up() {
    let cursor = |n: usize| n.to_string();
    let new = move |n: usize| page(rows(&[&format!("ca_{n}")]), Some(&cursor(n)), None);
    let same = move |n: usize| page(rows(&["ca_1"]), Some(&cursor(n)), None);
    let empty = move |n: usize| page(Vec::new(), Some(&cursor(n)), None);
    let large = move |n: usize| {
        let mut page: Value = serde_json::from_str(&new(n)).unwrap();
        page["padding"] = json!("x".repeat(3 * 1024 * 1024));
        page.to_string()
    };
    for (fake, words, pages) in [
        (endless(new), "it goes on after 100 pages", 100),
        (endless(same), "10 pages in a row bring nothing new", 11),
        (endless(empty), "10 pages in a row bring nothing new", 10),
        (endless(large), "it goes on after 16777216 bytes", 6),
    ] {
        let error = whole(&fake).await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("the list does not end"), "{told}");
        assert!(told.contains(words), "{told}");
        assert_eq!(count(&fake), pages, "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_too_long_is_given_up_between_two_pages() {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let transport: Transport = Arc::new(move |_| {
        let n = {
            let mut asked = counted.lock().unwrap();
            *asked += 1;
            *asked
        };
        let body = page(rows(&[&format!("ca_{n}")]), Some(&n.to_string()), None);
        async move {
            tokio::time::sleep(25 * SECOND).await;
            answer(200, &body)
        }
        .boxed()
    });
    let client = Client::new(transport, Arc::new(|_| {}));
    let query = ListQuery::default();
    let error = client.list_whole(&query, |_| true, usize::MAX).await;
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains("it goes on after 60 s"),
        "{error}"
    );
    assert_eq!(*asked.lock().unwrap(), 3);
}

#[tokio::test]
async fn a_page_longer_than_any_and_a_cursor_longer_than_any_are_refused() {
    let ids: Vec<String> = (0..2_001).map(|n| format!("ca_{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(
        whole(&list(&[page(rows(&ids[..2_000]), None, None)]))
            .await
            .unwrap()
            .len(),
        2_000
    );
    let error = whole(&list(&[page(rows(&ids), None, None)]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("it has no items"), "{error}");
    let cursor = "c".repeat(4097);
    let error = whole(&list(&[page(rows(&["ca_1"]), Some(&cursor), None)]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("its cursor is longer"),
        "{error}"
    );
}

#[tokio::test]
async fn of_what_others_wrote_no_more_is_kept_than_is_shown() {
    let long = "word ".repeat(1024 * 1024);
    let mut odd = row("ca_1", OLD);
    odd["status_reason"] = json!(long);
    odd["user_id"] = json!("u".repeat(1024 * 1024));
    odd["experimental"] = json!({"acl_config_for_shared": {"allowed_user_ids": [long]}});
    let fake = list(&[page(vec![odd], None, None)]);
    let found = fake
        .client
        .list_whole(&ListQuery::default(), |_| true, usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        found[0].state_reason.as_ref().unwrap().len(),
        MAX_FOREIGN_TEXT
    );
    let user = found[0].user_id.as_deref().unwrap();
    assert_eq!(user.len(), 257, "longer than any that can be declared");
    assert!(!found[0].is_of(&user[..256], "gmail"));
    let allowed = &found[0].sharing.as_ref().unwrap().allowed;
    assert!(allowed.iter().all(|user| user.len() <= 257));

    let refusal = json!({"error": {
        "message": long, "slug": "x".repeat(10_000), "request_id": long, "suggested_fix": long,
        "errors": [long, long],
    }});
    let error = fail(&Fake::saying(500, &refusal.to_string()), Endpoint::List).await;
    let held = format!("{:?}", error.for_user(Some(&[])));
    assert!(held.len() < 2 * MAX_FOREIGN_TEXT, "{}", held.len());
    let Kind::Api(refusal) = &error.kind else {
        panic!("{error:?}");
    };
    assert!(refusal.message.length() <= MAX_FOREIGN_TEXT);
    assert!(refusal.suggested_fix.as_ref().unwrap().length() <= MAX_FOREIGN_TEXT);
    assert_eq!(refusal.slug.as_ref().unwrap().chars().count(), 128);
    assert_eq!(error.request_id.unwrap().chars().count(), 128);
}

#[tokio::test]
async fn a_secret_of_which_only_the_beginning_was_kept_is_not_shown() {
    let secret: String = (0..3_000).map(|n| ["ab ", "cd-", "ef. "][n % 3]).collect();
    // Without its first copies the text is short enough to be shown to its end.
    for copies in 1..4 {
        let message = secret.repeat(copies) + " was refused";
        let body = json!({"error": {"message": message, "request_id": "r"}}).to_string();
        let error = fail(&Fake::saying(500, &body), Endpoint::List).await;
        let told = error.for_user(Some(&[Sensitive::new(secret.as_str())]));
        assert!(!told.contains("ab cd"), "{told}");
    }
    let short = "s3cret value";
    for before in MAX_FOREIGN_TEXT - short.len() - 2..MAX_FOREIGN_TEXT {
        let message = short.repeat(before / short.len());
        let message = format!("{message}{}{short}", "-".repeat(before % short.len()));
        let body = json!({"error": {"message": message, "request_id": "r"}}).to_string();
        let error = fail(&Fake::saying(500, &body), Endpoint::List).await;
        let told = error.for_user(Some(&[Sensitive::new(short)]));
        assert!(!told.contains("s3c"), "{before}: {told}");
    }
}
