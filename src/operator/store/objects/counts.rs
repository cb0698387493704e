//! How many objects there are of each kind, counted as they come, change and go: whoever reads the metrics asks
//! no object anything.

use std::collections::BTreeMap;

use super::{Summary, Told};
use crate::{
    composio::model::State,
    crd::{AccountCounts, ConfigMapReason, Reason},
};
use jiff::Timestamp;

mod words;

pub use words::WordCounts;

/// The states that are counted under their own word.
static STATES: [State; 7] = [
    State::Initializing,
    State::Initiated,
    State::Active,
    State::Expired,
    State::Failed,
    State::Inactive,
    State::Revoked,
];
/// The reason of an object that cannot be read: what its conditions say nobody keeps up to date.
const NOT_DECODED: &str = "NotDecoded";
/// A state that this version does not know, and no state yet.
const OTHER: &str = "other";
const NONE: &str = "none";

/// How many objects there are of each kind. The words are a closed set, and those are there of which there is an
/// object: a project with few objects takes little memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectCounts {
    /// By Composio's word for the account.
    pub by_state: WordCounts,
    /// By the reason of Ready.
    pub by_ready: WordCounts,
    /// By the reason of Synced.
    pub by_synced: WordCounts,
    /// By the reason of ConfigMapWritten, where that is false.
    pub without_config_map: WordCounts,
    /// Those of which something is to be told that nobody is told yet, by the reason of Synced.
    pub held: WordCounts,
    /// How many have been waiting for a person since when.
    waiting: BTreeMap<Timestamp, u64>,
    /// How many have a link that can be used until when.
    links: BTreeMap<Timestamp, u64>,
    /// How many are ready.
    ready: u64,
    /// How many only a change can help.
    stalled: u64,
}

/// Where one object is counted.
struct Kind {
    state: &'static str,
    ready: &'static str,
    synced: &'static str,
    no_config_map: Option<&'static str>,
    is_held: bool,
    waits_since: Option<Timestamp>,
    link_until: Option<Timestamp>,
    is_ready: bool,
    is_stalled: bool,
}

impl ObjectCounts {
    /// Since when the oldest has been waiting for a person.
    pub fn longest_waiting_since(&self) -> Option<Timestamp> {
        self.waiting.keys().next().copied()
    }

    /// Whether one of them has a link that can be used at that time.
    pub(crate) fn has_link(&self, now: Timestamp) -> bool {
        self.links
            .last_key_value()
            .is_some_and(|(until, _)| now < *until)
    }

    /// Counts those of another project too.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.by_state, &other.by_state),
            (&mut self.by_ready, &other.by_ready),
            (&mut self.by_synced, &other.by_synced),
            (&mut self.without_config_map, &other.without_config_map),
            (&mut self.held, &other.held),
        ] {
            theirs
                .iter()
                .for_each(|(word, count)| ours.add(word, count));
        }
        for (ours, theirs) in [
            (&mut self.waiting, &other.waiting),
            (&mut self.links, &other.links),
        ] {
            for (time, count) in theirs {
                *ours.entry(*time).or_default() += count;
            }
        }
        self.ready += other.ready;
        self.stalled += other.stalled;
    }

    /// Whether all are ready.
    pub(crate) fn are_ready(&self) -> bool {
        self.ready == self.by_ready.total()
    }

    /// How many there are, for the status of their project.
    pub fn of_project(&self) -> AccountCounts {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        AccountCounts {
            total: count(self.by_ready.total()),
            ready: count(self.ready),
            waiting_for_user: count(self.waiting.values().sum()),
            stalled: count(self.stalled),
        }
    }

    pub(super) fn add(&mut self, object: &Summary) {
        let kind = Kind::of(object);
        self.ready += u64::from(kind.is_ready);
        self.stalled += u64::from(kind.is_stalled);
        for (counts, word) in self.counts_of(&kind) {
            counts.add(word, 1);
        }
        for (counts, time) in self.times_of(&kind) {
            *counts.entry(time).or_default() += 1;
        }
    }

    /// Takes out an object as it was added.
    pub(super) fn remove(&mut self, object: &Summary) {
        let kind = Kind::of(object);
        self.ready = self.ready.saturating_sub(u64::from(kind.is_ready));
        self.stalled = self.stalled.saturating_sub(u64::from(kind.is_stalled));
        for (counts, word) in self.counts_of(&kind) {
            counts.subtract(word);
        }
        for (counts, time) in self.times_of(&kind) {
            if let Some(count) = counts.get_mut(&time) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&time);
                }
            }
        }
    }

    fn times_of(
        &mut self,
        kind: &Kind,
    ) -> impl Iterator<Item = (&mut BTreeMap<Timestamp, u64>, Timestamp)> {
        let waiting = (kind.waits_since).map(|since| (&mut self.waiting, since));
        let links = (kind.link_until).map(|until| (&mut self.links, until));
        waiting.into_iter().chain(links)
    }

    fn counts_of(&mut self, kind: &Kind) -> impl Iterator<Item = (&mut WordCounts, &'static str)> {
        let not_written = (kind.no_config_map).map(|reason| (&mut self.without_config_map, reason));
        let held = kind.is_held.then_some((&mut self.held, kind.synced));
        let counts = [
            (&mut self.by_state, kind.state),
            (&mut self.by_ready, kind.ready),
            (&mut self.by_synced, kind.synced),
        ];
        counts.into_iter().chain(not_written).chain(held)
    }
}

impl Kind {
    fn of(object: &Summary) -> Self {
        let recorded = &object.recorded;
        let state = recorded.state.as_ref().map_or(NONE, |state| {
            let mut known = STATES.iter();
            known
                .find(|known| *known == state)
                .map_or(OTHER, State::as_str)
        });
        let no_config_map = recorded.no_config_map.map(ConfigMapReason::as_str);
        let is_held = object.is_to_be_told() && !object.may_be_told();
        if !object.is_readable() {
            return Self {
                state,
                ready: NOT_DECODED,
                synced: NOT_DECODED,
                no_config_map,
                is_held,
                waits_since: None,
                link_until: recorded.link_until,
                is_ready: false,
                is_stalled: false,
            };
        }
        let (ready, synced) = (recorded.ready, recorded.synced);
        let waits = ready.filter(|told| told.reason.is_some_and(Reason::waits_for_person));
        let word = |told: Option<Told>| {
            let reason = told.and_then(|told| told.reason);
            reason.map_or(NONE, Reason::as_str)
        };
        Self {
            state,
            ready: word(ready),
            synced: word(synced),
            no_config_map,
            is_held,
            waits_since: waits.map(|ready| ready.since),
            link_until: recorded.link_until,
            is_ready: ready.is_some_and(|ready| ready.is_true),
            is_stalled: recorded.is_stalled,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;
    use crate::{
        crd::{
            ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus, NotificationType,
            PendingNotification, condition,
        },
        store::PackedObject,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn counted<'a>(objects: impl IntoIterator<Item = &'a Summary>) -> ObjectCounts {
        let mut counts = ObjectCounts::default();
        objects.into_iter().for_each(|object| counts.add(object));
        counts
    }

    fn object(state: Option<&str>, reason: Option<&str>, since: i64) -> Summary {
        let mut object = ConnectedAccount::new("a", ConnectedAccountSpec::default());
        let condition = |type_: &str, reason: &str| Condition {
            type_: type_.to_owned(),
            status: "False".to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(at(since)),
        };
        let ready = reason.map(|reason| condition(condition::READY, reason));
        // As it is where what was seen last of Ready stays.
        let synced = reason.map(|_| condition(condition::SYNCED, "SecretMissing"));
        let written = state.map(|_| condition(condition::CONFIG_MAP_WRITTEN, "Forbidden"));
        object.status = Some(ConnectedAccountStatus {
            state: state.map(str::to_owned),
            pending_notification: state
                .map(|_| PendingNotification::new("u", NotificationType::Connected, at(0))),
            conditions: ready.into_iter().chain(synced).chain(written).collect(),
            ..ConnectedAccountStatus::default()
        });
        let packed = PackedObject::pack(object).expect("JSON");
        Summary::clone(packed.summary())
    }

    #[test]
    fn each_object_is_counted_once_by_state_and_once_by_each_reason() {
        let objects = [
            object(Some("ACTIVE"), Some("Connected"), 0),
            object(Some("ACTIVE"), Some("Connected"), 0),
            object(Some("a word of tomorrow"), Some("UnknownState"), 0),
            object(None, Some("a reason of another version"), 0),
            object(None, None, 0),
            Summary {
                left_out: ["spec".into()].into(),
                ..object(Some("ACTIVE"), Some("Connected"), 0)
            },
        ];
        let mut counts = counted(&objects);
        assert_eq!(counts.by_state["ACTIVE"], 3);
        assert_eq!(counts.by_state.get("EXPIRED"), None, "there is none");
        assert_eq!(counts.by_state[OTHER], 1);
        assert_eq!(counts.by_state[NONE], 2);
        assert_eq!(counts.by_ready["Connected"], 2);
        assert_eq!(counts.by_ready[NOT_DECODED], 1);
        assert_eq!(counts.by_ready["UnknownState"], 1);
        assert_eq!(counts.by_ready[NONE], 2);
        assert_eq!(counts.by_synced["SecretMissing"], 4);
        assert_eq!(counts.by_synced[NOT_DECODED], 1);
        assert_eq!(counts.by_synced[NONE], 1);
        assert_eq!(counts.without_config_map["Forbidden"], 4);
        assert_eq!(counts.without_config_map.get("NotOurs"), None);
        assert_eq!(counts.held["SecretMissing"], 3, "by what stands in the way");
        assert_eq!(counts.held[NOT_DECODED], 1);
        for counts in [&counts.by_state, &counts.by_ready, &counts.by_synced] {
            assert_eq!(counts.total(), 6);
        }
        objects.iter().for_each(|object| counts.remove(object));
        assert_eq!(counts, ObjectCounts::default());
    }

    #[test]
    fn the_longest_wait_is_of_those_who_wait_for_a_person() {
        let objects = [
            object(None, Some("AwaitingUser"), 90),
            object(None, Some("ReauthorizationRequired"), 40),
            object(None, Some("WrongIdentity"), 40),
            object(None, Some("Connected"), 1),
            object(None, Some("Conflict"), 2),
        ];
        let mut counts = counted(&objects);
        for longest in [Some(40), Some(40), Some(90)] {
            assert_eq!(counts.longest_waiting_since(), longest.map(at));
            let next = if longest == Some(40) { 1 } else { 0 };
            counts.remove(&objects[next]);
        }
        assert_eq!(counts.longest_waiting_since(), None);
    }

    #[test]
    fn a_link_counts_until_it_ends_or_its_object_has_it_no_more() {
        let objects = [Some(40), Some(90), Some(90), None].map(|until| {
            let mut object = object(None, Some("LinkIssued"), 0);
            object.recorded.link_until = until.map(at);
            object
        });
        let mut counts = ObjectCounts::default();
        assert!(!counts.has_link(at(0)), "there is no object");
        counts.merge(&counted(&objects));
        assert!(counts.has_link(at(89)));
        assert!(!counts.has_link(at(90)), "the last has ended");
        for (gone, has_link) in [(1, true), (3, true), (2, false)] {
            counts.remove(&objects[gone]);
            assert_eq!(counts.has_link(at(40)), has_link, "{gone}");
        }
        assert!(counts.has_link(at(39)));
    }
}
