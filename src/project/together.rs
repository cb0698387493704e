//! Looks for accounts by their users, taken together: whoever waits for one while another is under way is
//! asked for in the next, all in one list. So an onboarding costs about one request an account.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::composio::{ListQuery, error::Error, model::Account};

/// So many users are asked for in one list: about as many rows as a page has.
const MOST_USERS: usize = 50;
/// And so many bytes of their names: a URL is only so long.
const MOST_BYTES: usize = 2000;
/// A list that is not full begins so long after the one before: who comes meanwhile is in it. The first
/// of all does not wait.
const PACE: Duration = Duration::from_millis(100);

/// Those who wait for a look, and whose turn it is to take one.
#[derive(Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    /// Told when there are enough of them for a list.
    full: Notify,
    /// Whose turn it is, and when the last list began.
    turn: tokio::sync::Mutex<Option<Instant>>,
}

struct Waiting {
    who: Who,
    answer: oneshot::Sender<Result<Found, Error>>,
}

#[derive(Clone)]
struct Who {
    user: String,
    toolkit: String,
}

/// The rows of one user and toolkit.
struct Found {
    rows: Vec<Account>,
    /// Some rows tell no user, and others were asked for in the same list.
    ambiguous: bool,
}

impl Together {
    /// The accounts of a user and toolkit, by a list that begins now or later.
    pub(super) async fn look<F>(
        &self,
        user: &str,
        toolkit: &str,
        list: impl Fn(ListQuery) -> F,
    ) -> Result<Vec<Account>, Error>
    where
        F: Future<Output = Result<Vec<Account>, Error>>,
    {
        let who = Who {
            user: user.to_owned(),
            toolkit: toolkit.to_owned(),
        };
        let found = loop {
            let (answer, mut answered) = oneshot::channel();
            self.wait(Waiting {
                who: who.clone(),
                answer,
            });
            tokio::select! {
                biased;
                answer = &mut answered => if let Ok(found) = answer {
                    break found?;
                },
                mut last = self.turn.lock() => {
                    // Whoever is ready at this moment shall be in it.
                    tokio::task::yield_now().await;
                    if let Some(last) = *last {
                        self.filled_or(last + PACE).await;
                    }
                    *last = Some(Instant::now());
                    let batch = self.take();
                    let listed = list(query(&batch)).await;
                    tell(batch, listed);
                    if let Ok(found) = answered.try_recv() {
                        break found?;
                    }
                }
            }
            // Whoever took the look for us was stopped, or there was no room for us in it.
        };
        if found.ambiguous {
            return list(query_of(
                &BTreeSet::from([user]),
                &BTreeSet::from([toolkit]),
            ))
            .await;
        }
        Ok(found.rows)
    }

    fn wait(&self, one: Waiting) {
        let mut waiting = self.waiting();
        waiting.push(one);
        if waiting.len() >= MOST_USERS {
            self.full.notify_one();
        }
    }

    async fn filled_or(&self, end: Instant) {
        let filled = async {
            while self.waiting().len() < MOST_USERS {
                self.full.notified().await;
            }
        };
        // Either is as good.
        let _ = tokio::time::timeout_at(end, filled).await;
    }

    /// Those who are asked for in the next list: who waited longest, as many as fit.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.answer.is_closed());
        let mut bytes = 0;
        let fit = waiting
            .iter()
            .take(MOST_USERS)
            .take_while(|one| {
                let first = bytes == 0;
                bytes += one.who.user.len() + 1;
                first || bytes <= MOST_BYTES
            })
            .count();
        waiting.drain(..fit).collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn query(batch: &[Waiting]) -> ListQuery {
    let users = batch.iter().map(|one| one.who.user.as_str()).collect();
    let toolkits = batch.iter().map(|one| one.who.toolkit.as_str()).collect();
    query_of(&users, &toolkits)
}

fn query_of(users: &BTreeSet<&str>, toolkits: &BTreeSet<&str>) -> ListQuery {
    let owned = |set: &BTreeSet<&str>| set.iter().map(|one| (*one).to_owned()).collect();
    ListQuery {
        user_ids: owned(users),
        toolkit_slugs: owned(toolkits),
        ..ListQuery::default()
    }
}

fn tell(batch: Vec<Waiting>, listed: Result<Vec<Account>, Error>) {
    let alone = batch.iter().all(|one| one.who.user == batch[0].who.user);
    for one in batch {
        let answer = match &listed {
            Err(error) => Err(error.clone()),
            Ok(rows) => Ok(of(&one.who, rows, alone)),
        };
        // Who does not wait any more need not be told.
        let _ = one.answer.send(answer);
    }
}

fn of(who: &Who, rows: &[Account], alone: bool) -> Found {
    let mut ambiguous = false;
    let rows = rows
        .iter()
        .filter(|row| row.toolkit == who.toolkit)
        .filter(|row| match &row.user_id {
            Some(user) => *user == who.user,
            None => {
                ambiguous |= !alone;
                alone
            }
        })
        .cloned()
        .collect();
    Found { rows, ambiguous }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures::future::join_all;

    use super::*;
    use crate::composio::model::{State, Visibility};

    fn row(id: &str, user: Option<&str>) -> Account {
        Account {
            id: id.to_owned(),
            alias: None,
            user_id: user.map(str::to_owned),
            toolkit: "gmail".to_owned(),
            auth_config: "ac_1".to_owned(),
            state: State::Active,
            state_reason: None,
            visibility: Visibility::Private,
            sharing: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// A server with one row for each user that is asked for, and how many lists it was asked.
    async fn looks(users: usize, tells_users: bool) -> (Vec<Vec<Account>>, usize) {
        let together = Together::default();
        let lists = AtomicUsize::new(0);
        let list = |query: ListQuery| {
            lists.fetch_add(1, Ordering::Relaxed);
            let row = |user: &String| row(&format!("of-{user}"), tells_users.then_some(user));
            let rows = query.user_ids.iter().map(row).collect();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(rows)
            }
        };
        let names: Vec<String> = (0..users).map(|n| format!("user-{n}")).collect();
        let looks = names.iter().map(|user| together.look(user, "gmail", list));
        let found = join_all(looks).await;
        let found = found.into_iter().map(|found| found.expect("an answer"));
        (found.collect(), lists.load(Ordering::Relaxed))
    }

    fn each_has_its_own(found: &[Vec<Account>]) {
        for (n, rows) in found.iter().enumerate() {
            let ids: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids, [format!("of-user-{n}")]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_the_same_moment_is_asked_for_in_one_list() {
        let (found, lists) = looks(120, true).await;
        each_has_its_own(&found);
        assert_eq!(lists, 3, "fifty users fit into a list");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_alone_waits_for_nobody_and_who_comes_soon_after_is_joined() {
        let together = Together::default();
        let lists = AtomicUsize::new(0);
        let list = |_| {
            lists.fetch_add(1, Ordering::Relaxed);
            async { Ok(Vec::new()) }
        };
        let begun = Instant::now();
        assert_eq!(together.look("a", "gmail", list).await, Ok(Vec::new()));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let later = |user, after| {
            let (together, list) = (&together, &list);
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                together.look(user, "gmail", list).await
            }
        };
        let found = tokio::join!(later("b", 10), later("c", 50), later("d", 99));
        assert_eq!(found, (Ok(Vec::new()), Ok(Vec::new()), Ok(Vec::new())));
        assert_eq!(
            lists.load(Ordering::Relaxed),
            2,
            "three of them in one list"
        );
        assert_eq!(begun.elapsed(), PACE);
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_tell_no_user_are_asked_for_one_by_one() {
        let (found, lists) = looks(4, false).await;
        each_has_its_own(&found);
        assert_eq!(lists, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_stopped_leaves_nobody_waiting() {
        let together = Together::default();
        let list = |_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Vec::new())
        };
        let stopped =
            tokio::time::timeout(Duration::from_millis(10), together.look("a", "gmail", list));
        let (stopped, other) = tokio::join!(stopped, together.look("b", "gmail", list));
        assert!(stopped.is_err());
        assert_eq!(other, Ok(Vec::new()));
    }
}
