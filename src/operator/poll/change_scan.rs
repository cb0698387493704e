//! The change scan: pages of the project's list, newest change first, up to what an earlier scan has read.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{MOST_NEW_PAGES, PAGE, ScanMember};
use crate::{
    composio::{Account, Endpoint, ListQuery, Pages, Urgency, error::Error},
    project::{Changes, Project},
};

/// A change may be seen so long after the time with which it is stamped: because it was committed late,
/// or because the clocks of Composio's servers differ.
const LATE: Duration = Duration::from_secs(10);

/// Up to where the newest changes were read. Pure: times are arguments.
///
/// Every scan reads what is stamped later than all that was read. What may have come late is read by a
/// recheck, one in [`LATE`]: while much changes, every scan would else read the same pages again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    /// The newest stamp when the last scan began.
    stamp: Timestamp,
    /// When, by our clock, the scan began that was the first to see it.
    seen_at: Instant,
    /// The newest stamp when the last recheck began.
    recheck_stamp: Timestamp,
    /// When, by our clock, that was.
    recheck_at: Instant,
    /// Whether everything has been read since that was stamped before and may have come late.
    settled: bool,
}

/// Down to where a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// To what was read before.
    New,
    /// Further: to what cannot have come later than it was read.
    Recheck,
}

/// How a scan went.
pub(super) struct Scan {
    /// For the next one.
    pub(super) watermark: Option<Watermark>,
    pub(super) end: End,
}

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To what was read before.
    Complete,
    /// More is new than is read in a tick.
    TooManyNew,
    /// What is new was read, but not all that may have come late.
    TooManyLate,
    /// The rate limit is to be left to others for now.
    Throttled,
}

impl Watermark {
    /// After all our accounts were asked for, what changed before is known.
    pub(super) fn after_resync(began: Instant, project: &Project) -> Option<Self> {
        let since = project.instant().saturating_duration_since(began);
        let since = SignedDuration::try_from(since).ok()?;
        let stamp = project.composio_now()?.saturating_sub(since).ok()?;
        Some(Self::new(stamp, began))
    }

    fn new(stamp: Timestamp, began: Instant) -> Self {
        Self {
            stamp,
            seen_at: began,
            recheck_stamp: stamp,
            recheck_at: began,
            settled: false,
        }
    }

    /// The newest stamp when the last scan began.
    pub(super) fn stamp(self) -> Timestamp {
        self.stamp
    }

    /// What a scan that begins at that time has to be.
    fn depth(&self, began: Instant) -> Depth {
        if began.saturating_duration_since(self.recheck_at) < LATE {
            Depth::New
        } else {
            Depth::Recheck
        }
    }

    /// Whether a row of that stamp, and all that come after it in the list, were read before.
    fn is_known(&self, stamp: Timestamp, depth: Depth) -> bool {
        if self.settled {
            return stamp <= self.stamp;
        }
        match depth {
            Depth::New => stamp < self.stamp,
            Depth::Recheck => {
                let latest = self.recheck_stamp.saturating_sub(LATE);
                stamp < latest.unwrap_or(Timestamp::MIN)
            }
        }
    }

    /// The mark after a scan that began at that time and saw `newest` on its first page.
    fn next(former: Option<Self>, newest: Option<Timestamp>, began: Instant) -> Option<Self> {
        let Some(newest) = newest else {
            return former;
        };
        let Some(former) = former else {
            return Some(Self::new(newest, began));
        };
        let depth = former.depth(began);
        let (recheck_stamp, recheck_at) = match depth {
            Depth::New => (former.recheck_stamp, former.recheck_at),
            Depth::Recheck => (newest, began),
        };
        // Older than the former where the newest row vanished: then more is read, not less.
        let is_same = former.stamp == newest;
        let has_waited = began.saturating_duration_since(former.seen_at) >= LATE;
        Some(Self {
            stamp: newest,
            seen_at: if is_same { former.seen_at } else { began },
            recheck_stamp,
            recheck_at,
            settled: is_same && (former.settled || (has_waited && depth == Depth::Recheck)),
        })
    }
}

/// Reads the newest changes. `is_duplicate` tells an account that carries the alias of an object which has
/// another one on record. The changes of each page go to `on_changes`. What another poller of the same key has read is
/// not asked for again.
pub(super) async fn scan(
    project: &Project,
    scans: &ScanMember,
    former: Option<Watermark>,
    is_duplicate: impl Fn(&Account) -> bool,
    mut on_changes: impl FnMut(Changes),
) -> Result<Scan, Error> {
    let ours = project.snapshot(|snapshot| snapshot.size());
    // In rows: Composio may allow smaller pages than are asked for.
    let most_rows = ours.div_ceil(PAGE).max(1) * PAGE;
    let mut rows = 0;
    let mut query = ListQuery {
        limit: u32::try_from(PAGE).ok(),
        ..ListQuery::default()
    };
    let mut watermark = former;
    let mut depth = Depth::New;
    let is_known = |stamp, depth| former.is_some_and(|former| former.is_known(stamp, depth));
    let mut end = End::TooManyNew;
    let mut pages = Pages::of(Endpoint::List);
    for page_number in 0..MOST_NEW_PAGES {
        let cursor = query.cursor.as_deref();
        if !scans.is_asked_for(cursor) && project.admit(Urgency::Polling).is_err() {
            // The next scan begins where this one did.
            (watermark, end) = (former, End::Throttled);
            break;
        }
        let shared = scans.page(cursor);
        let (began, mark) = (shared.began, shared.mark(scans));
        let mut page = scans.read(&shared, &query).await?;
        drop(shared);
        let next = page.next_cursor.take();
        rows += page.items.len() + page.left_out;
        let stamps = || page.items.iter().filter_map(|row| row.updated_at);
        if page_number == 0 {
            depth = former.map_or(Depth::New, |former| former.depth(began));
            // A stamp of the future would hide everything until it has come.
            let newest = stamps().max();
            let newest =
                newest.map(|newest| project.composio_now().map_or(newest, |now| now.min(newest)));
            watermark = Watermark::next(former, newest, began);
        }
        let is_complete = next.is_none() || stamps().any(|stamp| is_known(stamp, depth));
        if stamps().any(|stamp| is_known(stamp, Depth::New)) {
            end = End::TooManyLate;
        }
        let mut changes = Changes::new();
        for row in &page.items {
            if is_duplicate(row) {
                changes.push(row.id.clone());
                project.snapshot(|snapshot| snapshot.note_duplicate(row.clone()));
            } else {
                project.snapshot(|snapshot| snapshot.forget_duplicate(&row.id));
            }
        }
        changes.extend(project.snapshot(|snapshot| snapshot.scanned(mark, page.items)));
        on_changes(changes);
        if is_complete {
            end = End::Complete;
            break;
        }
        // What is left is asked for as what is too much is.
        if rows >= most_rows || pages.is_late() {
            break;
        }
        if let Some(cursor) = &next {
            pages.follow(cursor)?;
        }
        query.cursor = next;
    }
    Ok(Scan { watermark, end })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// That second by our clock.
    fn our(seconds: u64) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(seconds)
    }

    /// The mark after scans that began at these times and saw these newest stamps.
    fn after(scans: &[(u64, i64)]) -> Watermark {
        scans
            .iter()
            .fold(None, |mark, (began, newest)| {
                Watermark::next(mark, Some(at(*newest)), our(*began))
            })
            .expect("there was a row")
    }

    /// Whether the next scan, which begins at that time, reads no further than to a row of that stamp.
    fn ends(mark: Watermark, began: u64, stamp: i64) -> bool {
        mark.is_known(at(stamp), mark.depth(our(began)))
    }

    #[test]
    fn what_is_new_is_read_by_every_scan() {
        let mark = after(&[(1000, 1000), (1002, 1001)]);
        assert!(!ends(mark, 1004, 1002));
        assert!(!ends(mark, 1004, 1001), "equal stamps may be new");
        assert!(ends(mark, 1004, 1000), "and the rest is for later");
    }

    #[test]
    fn what_may_come_late_is_read_again_by_a_recheck() {
        let busy = after(&[(1000, 1000), (1004, 1004), (1008, 1008)]);
        assert!(ends(busy, 1009, 1007));
        assert!(!ends(busy, 1010, 990), "committed ten seconds late");
        assert!(ends(busy, 1010, 989));
        let read = after(&[(1000, 1000), (1004, 1004), (1010, 1009)]);
        assert!(ends(read, 1019, 1008), "once in ten seconds is enough");
        assert!(!ends(read, 1020, 999) && ends(read, 1020, 998));
    }

    #[test]
    fn when_nothing_can_come_any_more_one_row_is_enough() {
        let soon = after(&[(1000, 1000), (1009, 1000)]);
        assert!(!ends(soon, 1010, 995), "it may still come");
        let later = after(&[(1000, 1000), (1010, 1000)]);
        assert!(ends(later, 1012, 1000) && ends(later, 1030, 1000));
        assert!(!ends(later, 1012, 1001));
        let moved = after(&[(1000, 1000), (1010, 1000), (1012, 1012)]);
        assert!(!ends(moved, 1020, 1005));
    }

    #[test]
    fn clocks_that_differ_from_ours_change_nothing() {
        // Composio's stamps are an hour ahead.
        let mark = after(&[(1000, 4600), (1010, 4600)]);
        assert!(ends(mark, 1040, 4600) && !ends(mark, 1040, 4601));
    }

    #[test]
    fn the_newest_row_may_vanish() {
        let mark = after(&[(1000, 1000), (1020, 1000), (1050, 500)]);
        assert!(!ends(mark, 1052, 500), "more is read, not less");
    }
}
