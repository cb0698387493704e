//! How many objects there are of each kind, for whoever reads the metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    composio::model::State,
    crd::{Reason, condition},
    metrics::Census,
    observe::Summary,
};

/// The states that are counted under their own word.
const STATES: [State; 7] = [
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

/// What is waited for as long as it is the reason of Ready: that a person opens a link, or asks for one.
const WAITING: [Reason; 5] = [
    Reason::AwaitingUser,
    Reason::LinkIssued,
    Reason::LinkExpired,
    Reason::ReauthorizationRequired,
    Reason::Revoked,
];

/// Counts the objects by their state and by the reason of Ready. Every word is there, with zero too.
pub(super) fn census(objects: impl IntoIterator<Item = Summary>, now: Timestamp) -> Census {
    let mut by_state: BTreeMap<String, u64> = STATES
        .iter()
        .map(State::as_str)
        .chain([OTHER, NONE])
        .map(|word| (word.to_owned(), 0))
        .collect();
    let mut by_reason: BTreeMap<&'static str, u64> = Reason::all()
        .map(Reason::as_str)
        .chain([NONE, NOT_DECODED])
        .map(|word| (word, 0))
        .collect();
    let mut oldest = None;
    for object in objects {
        let status = &object.status;
        let state = match status.state.as_deref() {
            Some(word) if by_state.contains_key(word) => word,
            Some(_) => OTHER,
            None => NONE,
        };
        if let Some(count) = by_state.get_mut(state) {
            *count += 1;
        }
        if !object.is_readable {
            *by_reason.entry(NOT_DECODED).or_default() += 1;
            continue;
        }
        let ready = status.condition(condition::READY);
        let reason =
            ready.and_then(|ready| Reason::all().find(|known| known.as_str() == ready.reason));
        *by_reason
            .entry(reason.map_or(NONE, Reason::as_str))
            .or_default() += 1;
        if let (Some(ready), Some(reason)) = (ready, reason)
            && WAITING.contains(&reason)
        {
            let since = ready.last_transition_time.0;
            oldest = Some(oldest.map_or(since, |oldest: Timestamp| oldest.min(since)));
        }
    }
    Census {
        by_state,
        by_reason,
        longest_wait: oldest.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        }),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;
    use crate::{
        crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus},
        observe::Kept,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn object(state: Option<&str>, reason: Option<&str>, since: i64) -> Summary {
        let mut object = ConnectedAccount::new("a", ConnectedAccountSpec::default());
        let ready = reason.map(|reason| Condition {
            type_: condition::READY.to_owned(),
            status: "False".to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(at(since)),
        });
        object.status = Some(ConnectedAccountStatus {
            state: state.map(str::to_owned),
            conditions: ready.into_iter().collect(),
            ..ConnectedAccountStatus::default()
        });
        let kept = Kept::pack(object).expect("JSON");
        kept.summary().expect("JSON")
    }

    #[test]
    fn each_object_is_counted_once_by_state_and_once_by_reason() {
        let objects = [
            object(Some("ACTIVE"), Some("Connected"), 0),
            object(Some("ACTIVE"), Some("Connected"), 0),
            object(Some("a word of tomorrow"), Some("UnknownState"), 0),
            object(None, Some("a reason of another version"), 0),
            object(None, None, 0),
            Summary {
                is_readable: false,
                ..object(Some("ACTIVE"), Some("Connected"), 0)
            },
        ];
        let census = census(objects.clone(), at(100));
        assert_eq!(census.by_state["ACTIVE"], 3);
        assert_eq!(census.by_state["EXPIRED"], 0);
        assert_eq!(census.by_state[OTHER], 1);
        assert_eq!(census.by_state[NONE], 2);
        assert_eq!(census.by_reason["Connected"], 2);
        assert_eq!(census.by_reason[NOT_DECODED], 1);
        assert_eq!(census.by_reason["UnknownState"], 1);
        assert_eq!(census.by_reason[NONE], 2);
        assert_eq!(census.by_state.values().sum::<u64>(), 6);
        assert_eq!(census.by_reason.values().sum::<u64>(), 6);
    }

    #[test]
    fn the_longest_wait_is_of_those_who_wait_for_a_person() {
        let objects = [
            object(None, Some("AwaitingUser"), 90),
            object(None, Some("ReauthorizationRequired"), 40),
            object(None, Some("Connected"), 1),
            object(None, Some("Conflict"), 2),
        ];
        assert_eq!(census(objects.clone(), at(100)).longest_wait, 60.0);
        assert_eq!(census(objects[2..].to_vec(), at(100)).longest_wait, 0.0);
        assert_eq!(
            census(objects, at(10)).longest_wait,
            0.0,
            "a clock that was put back"
        );
    }
}
