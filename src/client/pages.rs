//! All pages of a list. A list is read to its end or not at all: what ends too early would make a row that
//! is there look absent.
//!
//! Pages shift while rows come and go, so one list may repeat a row and leave out another. The first is put
//! right here; the second shows where the rows are fewer than the list counts, and is read again.

use std::{collections::HashSet, time::Duration};

use http::StatusCode;
use tokio::time::Instant;

use super::{
    Client,
    call::Endpoint,
    connected_accounts::{ListQuery, Page},
    error::{Error, Kind},
    http::MAX_BODY,
    model::{Account, each_once},
};

/// The most pages of one list: 5,000 rows, a hundred for each of the fifty users that are asked for together.
const MOST_PAGES: usize = 100;
/// The most bytes of all pages of one list: as many as of a single answer.
const MOST_BYTES: usize = MAX_BODY;
/// A list that takes longer is given up between two pages, so that nobody waits for it for ever: with the
/// default time limit of a request it ends within 90 s.
const LONGEST: Duration = Duration::from_secs(60);
/// So many pages in a row may bring no row that was not there before: rows that came in meanwhile push the
/// others on to the next pages.
const MOST_IDLE: usize = 10;
/// How often a list is read in which rows are missing.
const MOST_READS: usize = 4;

/// What all pages of a list hold.
pub struct Listing {
    /// Each account once, as its newest row shows it.
    pub rows: Vec<Account>,
    /// Whether no row was left out between two pages, as far as the list's own count tells.
    pub is_whole: bool,
}

/// The way through the pages of one list, which ends whatever the server does.
pub struct Pages {
    endpoint: Endpoint,
    began: Instant,
    read: usize,
    bytes: usize,
    idle: usize,
    cursors: HashSet<String>,
}

impl Pages {
    /// Before the first page.
    pub fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            began: Instant::now(),
            read: 0,
            bytes: 0,
            idle: 0,
            cursors: HashSet::new(),
        }
    }

    /// Whether it takes too long.
    pub fn is_late(&self) -> bool {
        self.began.elapsed() >= LONGEST
    }

    /// Takes note of the cursor of the next page.
    ///
    /// # Errors
    /// When it leads back to a page that was read.
    pub fn follow(&mut self, cursor: &str) -> Result<(), Error> {
        if self.cursors.insert(cursor.to_owned()) {
            return Ok(());
        }
        Err(self.endless("its cursor leads back to a page that was read"))
    }

    /// Takes note of a page of that many bytes.
    ///
    /// # Errors
    /// When the list may not go on after it.
    pub(super) fn take(
        &mut self,
        bytes: usize,
        brings_rows: bool,
        goes_on: bool,
    ) -> Result<(), Error> {
        self.read += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.idle = if brings_rows { 0 } else { self.idle + 1 };
        if !goes_on {
            return Ok(());
        }
        let wrong = if self.idle >= MOST_IDLE {
            format!("{MOST_IDLE} pages in a row bring nothing new")
        } else if self.read >= MOST_PAGES {
            format!("it goes on after {MOST_PAGES} pages")
        } else if self.bytes >= MOST_BYTES {
            format!("it goes on after {MOST_BYTES} bytes")
        } else if self.is_late() {
            format!("it goes on after {} s", LONGEST.as_secs())
        } else {
            return Ok(());
        };
        Err(self.endless(&wrong))
    }

    /// The same list from its first page on. Pages and time count on.
    fn begin_again(&mut self) {
        self.cursors.clear();
        self.idle = 0;
    }

    fn endless(&self, why: &str) -> Error {
        self.error(format!("the list does not end: {why}"))
    }

    fn error(&self, what: String) -> Error {
        Error {
            endpoint: self.endpoint,
            kind: Kind::NotUnderstood {
                status: StatusCode::OK.as_u16(),
                what,
            },
            request_id: None,
            carried_credentials: false,
        }
    }
}

/// What was read of a list of accounts, maybe more than once.
#[derive(Default)]
struct Reading {
    accounts: Vec<Account>,
    ids: HashSet<String>,
    /// Rows that cannot be told apart: they have no id, or lack something else.
    nameless: usize,
    /// What the first page has counted.
    total: Option<u64>,
    /// Whether every page has counted the same.
    is_steady: bool,
    pages: usize,
}

impl Reading {
    /// Another read. What was seen counts, unless the list changed under the former one.
    fn begin(&mut self) {
        if self.is_steady {
            (self.nameless, self.pages) = (0, 0);
        } else {
            *self = Self {
                is_steady: true,
                ..Self::default()
            };
        }
    }

    /// Whether the page brings a row that was not there before.
    fn take(&mut self, page: Page, keep: impl Fn(&Account) -> bool) -> bool {
        if self.pages == 0 && self.ids.is_empty() {
            self.total = page.total;
        }
        self.pages += 1;
        self.is_steady &= self.total == page.total;
        let before = self.ids.len() + self.nameless;
        self.nameless += page.left_out;
        self.ids.extend(page.items.iter().map(|row| row.id.clone()));
        self.accounts.extend(page.items.into_iter().filter(keep));
        self.ids.len() + self.nameless > before
    }

    /// A list of one page has no borders at which a row could be left out, and one that tells no count
    /// is believed.
    fn is_whole(&self) -> bool {
        let Some(total) = self.total.filter(|_| self.pages > 1) else {
            return self.pages <= 1 || self.is_steady;
        };
        let seen = u64::try_from(self.ids.len() + self.nameless).unwrap_or(u64::MAX);
        self.is_steady && seen >= total
    }

    /// How many rows are kept, each account once.
    fn rows(&mut self) -> &mut Vec<Account> {
        self.accounts = each_once(std::mem::take(&mut self.accounts));
        &mut self.accounts
    }
}

impl Client {
    /// The accounts of a list that `keep` takes, read once from its first page to its last, or until `most`
    /// of them were found.
    ///
    /// # Errors
    /// When Composio does not answer, and when the list does not end.
    pub async fn list_all(
        &self,
        query: &ListQuery,
        keep: impl Fn(&Account) -> bool,
        most: usize,
    ) -> Result<Listing, Error> {
        let mut reading = Reading::default();
        let mut pages = Pages::of(Endpoint::List);
        let found = self
            .read(query, &keep, most, &mut reading, &mut pages)
            .await?;
        Ok(Listing {
            is_whole: found || reading.is_whole(),
            rows: reading.accounts,
        })
    }

    /// The same, read again while rows were left out.
    ///
    /// # Errors
    /// When Composio does not answer, when the list does not end, and when rows are missing still.
    pub async fn list_whole(
        &self,
        query: &ListQuery,
        keep: impl Fn(&Account) -> bool,
        most: usize,
    ) -> Result<Vec<Account>, Error> {
        let mut reading = Reading::default();
        let mut pages = Pages::of(Endpoint::List);
        for _ in 0..MOST_READS {
            let found = self
                .read(query, &keep, most, &mut reading, &mut pages)
                .await?;
            if found || reading.is_whole() {
                return Ok(reading.accounts);
            }
            pages.begin_again();
        }
        Err(pages.error(format!(
            "rows were left out between its pages each of {MOST_READS} times that the list was read"
        )))
    }

    /// Reads it once. Whether `most` rows were found.
    async fn read(
        &self,
        query: &ListQuery,
        keep: &impl Fn(&Account) -> bool,
        most: usize,
        reading: &mut Reading,
        pages: &mut Pages,
    ) -> Result<bool, Error> {
        let mut query = query.clone();
        reading.begin();
        loop {
            let mut page = self.list(&query).await?;
            let (next, bytes) = (page.next_cursor.take(), page.bytes);
            let brings_rows = reading.take(page, keep);
            if reading.rows().len() >= most {
                return Ok(true);
            }
            pages.take(bytes, brings_rows, next.is_some())?;
            let Some(cursor) = next else {
                return Ok(false);
            };
            pages.follow(&cursor)?;
            query.cursor = Some(cursor);
        }
    }
}
