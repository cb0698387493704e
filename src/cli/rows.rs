//! The accounts of a project, read to the end of the list.

use std::collections::HashSet;

use composio_operator::composio::model::each_once;
use composio_operator::composio::{Account, ListQuery, OrderBy, State};

use crate::composio::Composio;
use crate::failure::Failure;
use crate::print::Out;

/// So many pages in a row may bring nothing new: rows that come in push the others on to the next pages.
const MOST_IDLE: usize = 10;
/// So often a list is read that changes under the reader.
const MOST_READS: usize = 3;
/// The most bytes of text that are held: far more than a hundred thousand accounts have.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Which accounts are meant; an empty list means all.
#[derive(Default)]
pub(crate) struct Filter {
    /// Composio's user ids.
    pub(crate) users: Vec<String>,
    /// Slugs.
    pub(crate) toolkits: Vec<String>,
    /// Ids.
    pub(crate) auth_configs: Vec<String>,
    /// Composio's words.
    pub(crate) states: Vec<State>,
}

impl Filter {
    /// A server may know no filter, and send all.
    fn takes(&self, account: &Account) -> bool {
        let has = |list: &[String], one: &str| list.is_empty() || list.iter().any(|it| it == one);
        has(&self.users, account.user_id.as_deref().unwrap_or_default())
            && has(&self.toolkits, &account.toolkit)
            && has(&self.auth_configs, &account.auth_config)
            && (self.states.is_empty() || self.states.contains(&account.state))
    }

    fn query(&self) -> ListQuery {
        ListQuery {
            user_ids: self.users.clone(),
            toolkit_slugs: self.toolkits.clone(),
            auth_config_ids: self.auth_configs.clone(),
            statuses: self.states.clone(),
            // What comes in meanwhile shows rows twice, and leaves none out.
            order_by: OrderBy::Created,
            ..ListQuery::default()
        }
    }
}

/// The accounts of a project.
pub(crate) struct Rows {
    /// Each once, by id.
    pub(crate) accounts: Vec<Account>,
    /// Whether none was left out between two pages, as far as the list's own count tells.
    pub(crate) is_whole: bool,
    /// Rows that could not be read.
    pub(crate) odd: usize,
}

impl Rows {
    /// Says on the side what is not there to be seen.
    pub(crate) fn note(&self, out: &Out) {
        if !self.is_whole {
            out.note("warning: accounts were made or deleted while they were listed, and some may be missing here: run it again");
        }
        if self.odd > 0 {
            let odd = self.odd;
            out.note(&format!(
                "warning: {odd} of the listed accounts lack id, toolkit, auth config or status, and are left out"
            ));
        }
    }
}

/// All of them.
pub(crate) async fn all(
    composio: &Composio,
    filter: &Filter,
    out: &mut Out,
) -> Result<Rows, Failure> {
    let mut reading = Reading::default();
    let mut is_whole = false;
    for _ in 0..MOST_READS {
        is_whole = read(composio, filter, &mut reading, out).await?;
        if is_whole {
            break;
        }
    }
    out.end_count();
    let mut accounts = each_once(reading.accounts);
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Rows {
        accounts,
        is_whole,
        odd: reading.odd,
    })
}

/// What was read of a list, maybe more than once.
#[derive(Default)]
struct Reading {
    accounts: Vec<Account>,
    ids: HashSet<String>,
    odd: usize,
    bytes: usize,
}

/// Reads the list once. Whether it has shown as many rows as it counts, and the same count all the time.
async fn read(
    composio: &Composio,
    filter: &Filter,
    reading: &mut Reading,
    out: &mut Out,
) -> Result<bool, Failure> {
    let endless = |why: &str| Failure::Failed(format!("the list of accounts does not end: {why}"));
    let mut query = filter.query();
    let mut cursors = HashSet::new();
    let mut seen: HashSet<String> = HashSet::new();
    let (mut total, mut is_steady, mut idle) = (None, true, 0);
    reading.odd = 0;
    loop {
        let page = composio.page(&query).await?;
        match total {
            None => total = Some(page.total),
            Some(before) => is_steady &= before == page.total,
        }
        let before = seen.len() + reading.odd;
        reading.odd += page.left_out;
        for account in page.items {
            seen.insert(account.id.clone());
            if !filter.takes(&account) {
                continue;
            }
            if reading.ids.insert(account.id.clone()) {
                reading.bytes += bytes(&account);
            }
            reading.accounts.push(account);
        }
        if reading.bytes > MOST_BYTES {
            return Err(Failure::Failed(
                "there are too many accounts for one run: name users or toolkits".to_owned(),
            ));
        }
        out.count("accounts read", reading.ids.len(), total.flatten());
        let rows = seen.len() + reading.odd;
        idle = if rows > before { 0 } else { idle + 1 };
        let Some(cursor) = page.next_cursor else {
            let counted = total
                .flatten()
                .and_then(|total| usize::try_from(total).ok());
            return Ok(is_steady && counted.is_none_or(|counted| rows >= counted));
        };
        if idle >= MOST_IDLE {
            return Err(endless("page after page brings nothing new"));
        }
        if !cursors.insert(cursor.clone()) {
            return Err(endless("its cursor leads back to a page that was read"));
        }
        query.cursor = Some(cursor);
    }
}

/// How much text an account has.
fn bytes(account: &Account) -> usize {
    let sharing = account.sharing.iter();
    let users = sharing.flat_map(|list| list.allowed.iter().chain(&list.denied));
    let texts = [
        &account.alias,
        &account.user_id,
        &account.state_reason,
        &account.identity,
    ];
    let texts = texts.into_iter().flatten().chain(users);
    size_of::<Account>() + texts.map(String::len).sum::<usize>()
}
