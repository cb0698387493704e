use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, future::join_all};

use super::*;
use crate::composio::{SendError, model::State};
use crate::plan::tests::build::account;

/// A project behind that transport.
fn behind(transport: Transport) -> Project {
    Project::new(
        "project",
        transport,
        RecordKeys::derive(b"the API key", "project"),
        Arc::default(),
        Clock::system(),
        SignedDuration::from_mins(10),
    )
}

/// What several objects mean is looked for by each with the alias that is its own.
#[test]
fn a_list_of_one_alias_says_nothing_of_a_duplicate_with_another() {
    let transport: Transport = Arc::new(|_| async { Err(SendError::Timeout) }.boxed());
    let project = behind(transport);
    let (kept, other) = (account("ca_1").called("one"), account("ca_2").called("one"));
    let known = || project.snapshot(|snapshot| snapshot.duplicates_of(&kept.0, "one"));
    project.snapshot(|snapshot| snapshot.note_duplicate(other.clone().is(State::Expired).0));
    project.forget_duplicates(&kept.0, "another", &[]);
    assert_eq!(known(), [other.is(State::Expired).0]);
    project.forget_duplicates(&kept.0, "one", &[]);
    assert_eq!(known(), []);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_auth_configs_that_cannot_be_read_fails_with_the_others() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let transport: Transport = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Err(SendError::Timeout)
        }
        .boxed()
    });
    let project = behind(transport);
    let begun = Instant::now();
    let found = join_all((0..50).map(|_| project.auth_configs("gmail"))).await;
    assert!(found.iter().all(Result::is_err));
    // The first was under way already when some of them asked.
    assert!(asked.load(Ordering::Relaxed) <= 2);
    assert!(begun.elapsed() <= Duration::from_secs(60));
    assert!(project.auth_configs("gmail").await.is_err());
    assert_eq!(
        asked.load(Ordering::Relaxed),
        2,
        "who comes later asks again"
    );
}
