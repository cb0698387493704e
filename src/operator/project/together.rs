//! Looks for accounts by their users, taken together: whoever waits for one while another is under way is
//! asked for in the next, all in one list. So an onboarding costs about one request an account.

use std::{collections::BTreeSet, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::composio::{Client, ListQuery, Listing, error::Error, model::Account};

/// So many users are asked for in one list: about as many rows as a page has.
const MOST_USERS: usize = 50;
/// And so many bytes of their names: a URL is only so long.
const MOST_BYTES: usize = 2000;
/// A list that is not full begins so long after the one before: who comes meanwhile is in it. The first
/// of all does not wait.
const PACE: Duration = Duration::from_millis(100);

/// So many are remembered to be asked for alone.
const MOST_ALONE: usize = 1000;

/// Those who wait for a look, and whose turn it is to take one.
#[derive(Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    /// Told when there are enough of them for a list.
    full: Notify,
    /// Whose turn it is, and when the last list began.
    turn: tokio::sync::Mutex<Option<Instant>>,
    /// Those for whom a list could not be read to its end: one user with very many accounts must not keep
    /// the others from theirs again.
    alone: Mutex<BTreeSet<Who>>,
}

struct Waiting {
    who: Who,
    answer: oneshot::Sender<Result<Found, Error>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    user: String,
    toolkit: String,
    alias: String,
}

impl Who {
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

impl Together {
    /// The accounts of a user and toolkit with that alias, by a list that begins now or later.
    pub(super) async fn look(
        &self,
        client: &Client,
        user: &str,
        toolkit: &str,
        alias: &str,
    ) -> Result<Vec<Account>, Error> {
        let who = Who {
            user: user.to_owned(),
            toolkit: toolkit.to_owned(),
            alias: alias.to_owned(),
        };
        if self.alone.lock().remove(&who) {
            return self.ask_for(client, &who).await;
        }
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
                    let listed = list(client, &batch).await;
                    self.tell(batch, listed);
                    if let Ok(found) = answered.try_recv() {
                        break found?;
                    }
                }
            }
            // Whoever took the look for us was stopped, or there was no room for us in it.
        };
        if found.is_unsure {
            return self.ask_for(client, &who).await;
        }
        Ok(found.rows)
    }

    /// Asks for one alone.
    async fn ask_for(&self, client: &Client, who: &Who) -> Result<Vec<Account>, Error> {
        let query = query([who].into_iter());
        let listed = client
            .list_whole(&query, |row| who.seeks(row), usize::MAX)
            .await;
        if listed.as_ref().is_err_and(Error::is_not_understood) {
            self.leave_alone([who.clone()]);
        }
        listed
    }

    fn leave_alone(&self, who: impl IntoIterator<Item = Who>) {
        let mut alone = self.alone.lock();
        alone.extend(who);
        // Whoever is forgotten is asked for with the others once more.
        while alone.len() > MOST_ALONE {
            alone.pop_first();
        }
    }

    fn wait(&self, one: Waiting) {
        let mut waiting = self.waiting.lock();
        waiting.push(one);
        if waiting.len() >= MOST_USERS {
            self.full.notify_one();
        }
    }

    async fn filled_or(&self, end: Instant) {
        let filled = async {
            while self.waiting.lock().len() < MOST_USERS {
                self.full.notified().await;
            }
        };
        // Either is as good.
        let _ = tokio::time::timeout_at(end, filled).await;
    }

    /// Those who are asked for in the next list: who waited longest, as many as fit.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock();
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

    fn tell(&self, batch: Vec<Waiting>, listed: Result<Listing, Error>) {
        if listed.as_ref().is_err_and(Error::is_not_understood) {
            self.leave_alone(batch.iter().map(|one| one.who.clone()));
        }
        let alone = batch.iter().all(|one| one.who.user == batch[0].who.user);
        for one in batch {
            let answer = match &listed {
                Err(error) => Err(error.clone()),
                Ok(listing) => Ok(of(&one.who, listing, alone)),
            };
            // Who does not wait any more need not be told.
            let _ = one.answer.send(answer);
        }
    }
}

async fn list(client: &Client, batch: &[Waiting]) -> Result<Listing, Error> {
    let query = query(batch.iter().map(|one| &one.who));
    let is_sought = |row: &Account| batch.iter().any(|one| one.who.seeks(row));
    client.list_all(&query, is_sought, usize::MAX).await
}

fn query<'a>(who: impl Iterator<Item = &'a Who>) -> ListQuery {
    let (users, toolkits): (BTreeSet<String>, BTreeSet<String>) = who
        .map(|who| (who.user.clone(), who.toolkit.clone()))
        .unzip();
    ListQuery {
        user_ids: users.into_iter().collect(),
        toolkit_slugs: toolkits.into_iter().collect(),
        ..ListQuery::default()
    }
}

fn of(who: &Who, listing: &Listing, alone: bool) -> Found {
    let rows: Vec<Account> = listing
        .rows
        .iter()
        .filter(|row| who.seeks(row))
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
