//! What is newest in the project: pages of the list, newest change first, up to what was read before.

use jiff::{SignedDuration, Timestamp};

use super::{MOST_PAGES, PAGE};
use crate::{
    composio::{Account, ListQuery, Urgency, error::Error},
    project::{Changes, Project},
};

/// A change may be seen so long after the time with which it is stamped: because it was committed late,
/// or because the clocks of Composio's servers differ.
const LATE: SignedDuration = SignedDuration::from_secs(10);

/// Up to where the newest changes were read. Pure: times are arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    /// The newest stamp when the last scan began.
    stamp: Timestamp,
    /// When, by our clock, the scan began that was the first to see it.
    seen_at: Timestamp,
    /// Whether everything has been read since that was stamped before and may have come late.
    settled: bool,
}

/// What a scan has found.
pub(super) struct Scan {
    pub(super) changes: Changes,
    /// For the next one.
    pub(super) watermark: Option<Watermark>,
    pub(super) end: End,
}

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To what was read before.
    Complete,
    /// There is more than is read in a tick.
    TooMany,
    /// The rate limit is to be left to others for now.
    Throttled,
}

impl Watermark {
    /// After all our accounts were asked for, what changed before is known.
    pub(super) fn of_sweep(began: Timestamp, project: &Project) -> Option<Self> {
        let now = project.now();
        Some(Self {
            stamp: project
                .composio_now()?
                .saturating_sub(now.duration_since(began))
                .ok()?,
            seen_at: began,
            settled: false,
        })
    }

    /// Whether a row of that stamp, and all that come after it in the list, were read before.
    fn is_known(&self, stamp: Timestamp) -> bool {
        if self.settled {
            return stamp <= self.stamp;
        }
        stamp < self.stamp.saturating_sub(LATE).unwrap_or(Timestamp::MIN)
    }

    /// The mark after a scan that began at that time and saw `newest` on its first page.
    fn next(former: Option<Self>, newest: Option<Timestamp>, began: Timestamp) -> Option<Self> {
        let Some(stamp) = newest else {
            return former;
        };
        match former {
            Some(former) if former.stamp == stamp => Some(Self {
                settled: former.settled || began.duration_since(former.seen_at) >= LATE,
                ..former
            }),
            // Older than the former where the newest row vanished: then more is read, not less.
            Some(_) | None => Some(Self {
                stamp,
                seen_at: began,
                settled: false,
            }),
        }
    }
}

/// Reads the newest changes. `is_twin` tells an account that carries the alias of an object which has
/// another one on record.
pub(super) async fn scan(
    project: &Project,
    former: Option<Watermark>,
    is_twin: impl Fn(&Account) -> bool,
) -> Result<Scan, Error> {
    let began = project.now();
    let ours = project.snapshot(|snapshot| snapshot.size());
    let most_pages = ours.div_ceil(PAGE).clamp(1, MOST_PAGES);
    let mut query = ListQuery {
        limit: u32::try_from(PAGE).ok(),
        ..ListQuery::default()
    };
    let mut watermark = former;
    let mut changes = Changes::new();
    let mut end = End::TooMany;
    for page_number in 0..most_pages {
        if project.admit(Urgency::Polling).is_err() {
            // The next scan begins where this one did.
            (watermark, end) = (former, End::Throttled);
            break;
        }
        let mark = project.snapshot(|snapshot| snapshot.begin_scan());
        let page = project.client.list(&query).await?;
        let stamps = || page.items.iter().filter_map(|row| row.updated_at);
        if page_number == 0 {
            // A stamp of the future would hide everything until it has come.
            let newest = stamps().max();
            let newest =
                newest.map(|newest| project.composio_now().map_or(newest, |now| now.min(newest)));
            watermark = Watermark::next(former, newest, began);
        }
        let is_complete = page.next_cursor.is_none()
            || former.is_some_and(|former| stamps().any(|stamp| former.is_known(stamp)));
        for twin in page.items.iter().filter(|row| is_twin(row)) {
            changes.push(twin.id.clone());
            project.snapshot(|snapshot| snapshot.twin(twin.clone()));
        }
        changes.extend(project.snapshot(|snapshot| snapshot.newest(mark, page.items)));
        if is_complete {
            end = End::Complete;
            break;
        }
        query.cursor = page.next_cursor;
    }
    Ok(Scan {
        changes,
        watermark,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// The mark after scans that began at these times and saw these newest stamps.
    fn after(scans: &[(i64, i64)]) -> Watermark {
        scans
            .iter()
            .fold(None, |mark, (began, newest)| {
                Watermark::next(mark, Some(at(*newest)), at(*began))
            })
            .expect("there was a row")
    }

    #[test]
    fn what_may_come_late_is_read_again_for_as_long_as_it_may() {
        let fresh = after(&[(1000, 1000)]);
        assert!(!fresh.is_known(at(1000)), "equal stamps may be new");
        assert!(!fresh.is_known(at(990)), "committed ten seconds late");
        assert!(fresh.is_known(at(989)));
        let soon = after(&[(1000, 1000), (1009, 1000)]);
        assert!(!soon.is_known(at(995)), "it may still come");
        let later = after(&[(1000, 1000), (1009, 1000), (1010, 1000)]);
        assert!(
            later.is_known(at(1000)),
            "nothing that was stamped before can come any more"
        );
        assert!(!later.is_known(at(1001)));
        let moved = after(&[(1000, 1000), (1010, 1000), (1012, 1012)]);
        assert!(!moved.is_known(at(1005)));
    }

    #[test]
    fn clocks_that_differ_from_ours_change_nothing() {
        // Composio's stamps are an hour ahead.
        let mark = after(&[(1000, 4600), (1010, 4600)]);
        assert!(mark.is_known(at(4600)) && !mark.is_known(at(4601)));
    }

    #[test]
    fn the_newest_row_may_vanish() {
        let mark = after(&[(1000, 1000), (1020, 1000), (1030, 500)]);
        assert!(!mark.is_known(at(500)), "more is read, not less");
    }
}
