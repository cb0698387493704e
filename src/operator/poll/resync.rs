//! All our accounts, asked for by their ids: a page of them a request, so that the cost follows what is
//! ours and not what else the project holds.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use futures::{StreamExt, TryStreamExt, future::ready, stream};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    MOST_OWN_PAGES, PAGE, Polling,
    recorded_ids::{Builder, RecordedId, RecordedIds, Witness},
};
use crate::{
    composio::{ListQuery, Urgency, error::Error, model::Account},
    plan::Flags,
    project::{Changes, Project},
    proof::{MissingTally, WitnessTally},
    record::{Proven, RecordKeys},
    store::{Objects, Summary},
    time::to_signed,
};

/// Requests at the same time: after a restart everything waits for them.
const AT_A_TIME: usize = 4;

/// A look at all recorded accounts, in pieces.
pub(super) struct Resync {
    extent: Extent,
    generation: u64,
    /// Of the snapshot.
    mark: u64,
    began: Instant,
    asked: RecordedIds,
    /// Up to here it has come.
    done: usize,
    found: usize,
    missed: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// To the end in one tick; what is missing then counts as proof.
    Full,
    /// A bounded part a tick: the changes were too many for a scan.
    Bounded,
}

/// What one request has brought. It is taken in where its changes are told, in one go: of what a poller that is ended
/// in between had taken in, nobody would be told.
struct Batch {
    /// Of the snapshot, when the request began.
    mark: u64,
    rows: Vec<Account>,
    found: usize,
    missed: Vec<usize>,
}

impl Resync {
    /// Over everything, and at its end it is known what is missing.
    pub(super) fn full(project: &Project, objects: &Objects, polling: Polling) -> Self {
        Self::begin(Extent::Full, project, objects, polling)
    }

    /// Over everything, a bounded part a tick.
    pub(super) fn after_overflow(project: &Project, objects: &Objects, polling: Polling) -> Self {
        Self::begin(Extent::Bounded, project, objects, polling)
    }

    fn begin(extent: Extent, project: &Project, objects: &Objects, polling: Polling) -> Self {
        let began = project.instant();
        let mark = project.snapshot(|snapshot| snapshot.begin_scan());
        let young_since = project
            .now()
            .saturating_sub(to_signed(polling.unseen))
            .unwrap_or(Timestamp::MIN);
        let (keys, flags) = (project.record_keys(), objects.flags());
        let mut asked = Builder::default();
        for object in objects.all() {
            let Some(id) = object.recorded_id() else {
                continue;
            };
            if object.is_pinned_elsewhere(&flags) {
                continue;
            }
            let witness = if object.is_deleting || is_young(&object, young_since) {
                Witness::No
            } else {
                witness(&object, &flags, &keys, id)
            };
            asked.add(id, &object.namespace, witness);
        }
        let asked = asked.build();
        Self {
            extent,
            generation: project.generation(),
            mark,
            began,
            asked,
            done: 0,
            found: 0,
            missed: Vec::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.extent == Extent::Full
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    pub(super) fn is_done(&self) -> bool {
        self.done == self.asked.len()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Asks for what is left, or for as much of it as a tick may ask for.
    /// The changes of each page go to `on_changes`.
    pub(super) async fn run(
        &mut self,
        project: &Project,
        mut on_changes: impl FnMut(Changes),
    ) -> Result<(), Error> {
        let most = match self.extent {
            Extent::Full => usize::MAX,
            Extent::Bounded => MOST_OWN_PAGES,
        };
        let end = most.saturating_mul(PAGE).saturating_add(self.done);
        let ranges = pieces(self.done, end.min(self.asked.len()));
        let asked = &self.asked;
        // Those after one that must wait wait, too: what is done is done from the beginning on.
        let mut pieces = stream::iter(ranges)
            .take_while(|_| ready(project.admit(Urgency::Polling).is_ok()))
            .map(|range| async move {
                let piece = ask(project, asked, range.clone()).await?;
                Ok::<_, Error>((range.end, piece))
            })
            .buffered(AT_A_TIME);
        while let Some((end, piece)) = pieces.try_next().await? {
            self.done = end;
            self.found += piece.found;
            self.missed.extend(piece.missed);
            on_changes(project.snapshot(|snapshot| snapshot.listed(piece.mark, piece.rows)));
        }
        Ok(())
    }

    /// What was there and what was not. What was seen since it began is left out.
    pub(super) fn tally(&self, project: &Project) -> WitnessTally {
        let has_valid = self.asked.iter().any(|asked| asked.witness == Witness::Yes);
        let is_witness = |asked: &RecordedId<'_>| match asked.witness {
            Witness::Yes => true,
            Witness::OfAnotherKey => !has_valid,
            Witness::No => false,
        };
        let mut missing = BTreeMap::<String, MissingTally>::new();
        project.snapshot(|snapshot| {
            let counted =
                |asked: &RecordedId<'_>| is_witness(asked) && !snapshot.is_deleted(asked.id);
            for asked in self.asked.iter().filter(counted) {
                missing
                    .entry(asked.namespace.to_owned())
                    .or_default()
                    .expected += 1;
            }
            let missed = self.missed.iter().map(|at| self.asked.get(*at));
            for asked in missed
                .filter(counted)
                .filter(|asked| !snapshot.is_alive_since(self.mark, asked.id))
            {
                missing
                    .entry(asked.namespace.to_owned())
                    .or_default()
                    .missed += 1;
            }
        });
        WitnessTally {
            asked: self.asked.len(),
            found: self.found,
            missing,
        }
    }

    /// Drops what was not there, and what is nobody's any more.
    pub(super) fn end(&mut self, project: &Project) -> Changes {
        let missed = self.missed.drain(..);
        let missed = missed.map(|at| self.asked.get(at).id.to_owned()).collect();
        project.snapshot(|snapshot| {
            let changes = snapshot.missed(self.mark, missed);
            snapshot.keep(self.mark, |id| self.asked.contains(id));
            changes
        })
    }
}

fn pieces(from: usize, to: usize) -> Vec<Range<usize>> {
    (from..to)
        .step_by(PAGE)
        .map(|start| start..(start + PAGE).min(to))
        .collect()
}

/// Asks for a page of ids.
async fn ask(project: &Project, asked: &RecordedIds, range: Range<usize>) -> Result<Batch, Error> {
    let mark = project.snapshot(|snapshot| snapshot.begin_scan());
    let ids = range.clone().map(|at| asked.get(at).id.to_owned());
    let ids = ids.collect();
    let rows = list(project, ids).await?;
    let there: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let missed: Vec<usize> = range
        .clone()
        .filter(|at| !there.contains(asked.get(*at).id))
        .collect();
    let found = range.len() - missed.len();
    Ok(Batch {
        mark,
        rows,
        found,
        missed,
    })
}

/// The rows of these ids. A server that does not know the filter sends all there is.
async fn list(project: &Project, ids: Vec<String>) -> Result<Vec<Account>, Error> {
    let wanted: HashSet<String> = ids.iter().cloned().collect();
    let query = ListQuery {
        limit: u32::try_from(PAGE).ok(),
        ids,
        ..ListQuery::default()
    };
    let is_wanted = |row: &Account| wanted.contains(&row.id);
    project
        .client
        .list_whole(&query, is_wanted, wanted.len())
        .await
}

fn witness(object: &Summary, flags: &Flags, keys: &RecordKeys, id: &str) -> Witness {
    let own_alias = object.own_alias(flags);
    match object.proven(keys, &own_alias, id) {
        Proven::Valid => Witness::Yes,
        Proven::UnknownKey => Witness::OfAnotherKey,
        Proven::Invalid => Witness::No,
    }
}

/// Whether the account was made, or came to life, a moment ago.
fn is_young(object: &Summary, since: Timestamp) -> bool {
    object
        .recorded
        .last_sign_in
        .is_some_and(|time| since < time)
}
