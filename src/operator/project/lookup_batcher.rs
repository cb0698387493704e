//! Looks for accounts by their users, taken together: whoever waits for one while another is under way is
//! asked for in the next, all in one list. So an onboarding costs about one request an account. Where there is no room
//! for all, the namespaces take turns.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::composio::{Client, ListQuery, Listing, error::Error, model::Account};

/// So many users are asked for in one list: about as many rows as a page has.
const MAX_USERS: usize = 50;
/// And so many bytes of their names: a URL is only so long.
const MAX_BYTES: usize = 2000;
/// A list that is not full begins so long after the one before: who comes meanwhile is in it. The first
/// of all does not wait.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);

/// So many are remembered to be asked for alone.
const MAX_ALONE: usize = 1000;

/// Those who wait for a look, and whose turn it is to take one.
#[derive(Default)]
pub(super) struct LookupBatcher {
    waiting: Mutex<Vec<PendingLookup>>,
    /// Told when there are enough of them for a list.
    full: Notify,
    /// Whose turn it is, and when the last list began.
    turn: tokio::sync::Mutex<Option<Instant>>,
    /// Those for whom a list could not be read to its end: one user with very many accounts must not keep
    /// the others from theirs again.
    alone: Mutex<BTreeSet<LookupKey>>,
}

struct PendingLookup {
    namespace: String,
    key: LookupKey,
    answer: oneshot::Sender<Result<Found, Error>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LookupKey {
    user: String,
    toolkit: String,
    alias: String,
}

impl LookupKey {
    /// Whether the row is one of those that are looked for. One that tells no user may be.
    fn seeks(&self, row: &Account) -> bool {
        row.is_of(&self.user, &self.toolkit) && row.alias.as_deref() == Some(&self.alias)
    }
}

/// The rows of one user, toolkit and alias.
struct Found {
    rows: Vec<Account>,
    /// Some rows tell no user, and others were asked for in the same list; or the list left rows out.
    is_unsure: bool,
}

impl LookupBatcher {
    /// The accounts of a user and toolkit with that alias, by a list that begins now or later. Who asks is of that
    /// namespace.
    pub(super) async fn look(
        &self,
        client: &Client,
        namespace: &str,
        user: &str,
        toolkit: &str,
        alias: &str,
    ) -> Result<Vec<Account>, Error> {
        let key = LookupKey {
            user: user.to_owned(),
            toolkit: toolkit.to_owned(),
            alias: alias.to_owned(),
        };
        if self.alone.lock().remove(&key) {
            return self.ask_for(client, &key).await;
        }
        let found = loop {
            let (answer, mut answered) = oneshot::channel();
            self.wait(PendingLookup {
                namespace: namespace.to_owned(),
                key: key.clone(),
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
                        self.filled_or(last + BATCH_INTERVAL).await;
                    }
                    *last = Some(Instant::now());
                    let batch = self.take();
                    let listed = list(client, &batch).await;
                    self.answer(batch, listed);
                    if let Ok(found) = answered.try_recv() {
                        break found?;
                    }
                }
            }
            // Whoever took the look for us was stopped, or there was no room for us in it.
        };
        if found.is_unsure {
            return self.ask_for(client, &key).await;
        }
        Ok(found.rows)
    }

    /// Asks for one alone.
    async fn ask_for(&self, client: &Client, key: &LookupKey) -> Result<Vec<Account>, Error> {
        let query = query([key].into_iter());
        let listed = client
            .list_whole(&query, |row| key.seeks(row), usize::MAX)
            .await;
        if listed.as_ref().is_err_and(Error::is_not_understood) {
            self.leave_alone([key.clone()]);
        }
        listed
    }

    fn leave_alone(&self, keys: impl IntoIterator<Item = LookupKey>) {
        let mut alone = self.alone.lock();
        alone.extend(keys);
        // Whoever is forgotten is asked for with the others once more.
        while alone.len() > MAX_ALONE {
            alone.pop_first();
        }
    }

    fn wait(&self, one: PendingLookup) {
        let mut waiting = self.waiting.lock();
        waiting.push(one);
        if waiting.len() >= MAX_USERS {
            self.full.notify_one();
        }
    }

    async fn filled_or(&self, end: Instant) {
        let filled = async {
            while self.waiting.lock().len() < MAX_USERS {
                self.full.notified().await;
            }
        };
        // Either is as good.
        let _ = tokio::time::timeout_at(end, filled).await;
    }

    /// Those who are asked for in the next list, as many as fit: of each namespace the first, before another has its
    /// second, and of those who waited longest.
    fn take(&self) -> Vec<PendingLookup> {
        let mut waiting = self.waiting.lock();
        waiting.retain(|one| !one.answer.is_closed());
        if waiting.len() > 1 {
            let ordered = in_turn(std::mem::take(&mut *waiting));
            *waiting = ordered;
        }
        let mut bytes = 0;
        let fit = waiting
            .iter()
            .take(MAX_USERS)
            .take_while(|one| {
                let first = bytes == 0;
                bytes += one.key.user.len() + 1;
                first || bytes <= MAX_BYTES
            })
            .count();
        let taken = waiting.drain(..fit).collect();
        if waiting.is_empty() {
            *waiting = Vec::new();
        }
        taken
    }

    fn answer(&self, batch: Vec<PendingLookup>, listed: Result<Listing, Error>) {
        if listed.as_ref().is_err_and(Error::is_not_understood) {
            self.leave_alone(batch.iter().map(|one| one.key.clone()));
        }
        let alone = batch.iter().all(|one| one.key.user == batch[0].key.user);
        for one in batch {
            let answer = match &listed {
                Err(error) => Err(error.clone()),
                Ok(listing) => Ok(of(&one.key, listing, alone)),
            };
            // Who does not wait any more need not be told.
            let _ = one.answer.send(answer);
        }
    }
}

/// Those who wait, by their place within their namespace; among equals whoever waited longer comes first.
fn in_turn(waiting: Vec<PendingLookup>) -> Vec<PendingLookup> {
    let mut counts = HashMap::new();
    let places = waiting.iter().map(|one| {
        let count = counts.entry(one.namespace.clone()).or_insert(0_usize);
        *count += 1;
        *count
    });
    let places: Vec<usize> = places.collect();
    let mut placed: Vec<_> = places.into_iter().zip(waiting).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, one)| one).collect()
}

async fn list(client: &Client, batch: &[PendingLookup]) -> Result<Listing, Error> {
    let query = query(batch.iter().map(|one| &one.key));
    let is_sought = |row: &Account| batch.iter().any(|one| one.key.seeks(row));
    client.list_all(&query, is_sought, usize::MAX).await
}

fn query<'a>(keys: impl Iterator<Item = &'a LookupKey>) -> ListQuery {
    let (users, toolkits): (BTreeSet<String>, BTreeSet<String>) = keys
        .map(|key| (key.user.clone(), key.toolkit.clone()))
        .unzip();
    ListQuery {
        user_ids: users.into_iter().collect(),
        toolkit_slugs: toolkits.into_iter().collect(),
        ..ListQuery::default()
    }
}

fn of(key: &LookupKey, listing: &Listing, alone: bool) -> Found {
    let rows: Vec<Account> = listing
        .rows
        .iter()
        .filter(|row| key.seeks(row))
        .cloned()
        .collect();
    let tells_nobody = rows.iter().any(|row| row.user_id.is_none());
    Found {
        is_unsure: !listing.is_whole || (tells_nobody && !alone),
        rows,
    }
}

#[cfg(test)]
mod tests;
