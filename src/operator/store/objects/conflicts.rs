//! The objects that lost an account to another one.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use super::{Index, Objects, is_in_conflict};
use crate::store::{StoredSummary, Summary};

/// The keys of the objects that lost an account to another object, and can have it: with one that cannot be read nothing
/// is done. Whoever writes objects decides how many there are.
#[derive(Default)]
pub(super) struct Losers {
    all: BTreeSet<u64>,
    /// Pairs of the hash of a [`Claimed`] and an object key.
    by_claim: BTreeSet<(u64, u64)>,
}

/// By what a loser and another object may mean one account: see [`Summary::may_mean_the_same`].
#[derive(Hash)]
enum Claimed<'a> {
    /// The id, recorded or declared.
    Id(&'a str),
    /// The user and the toolkit.
    Of(&'a str, &'a str),
}

impl Losers {
    /// Takes in an object, if it is one of them.
    pub(super) fn put(&mut self, hasher: &RandomState, object_key: u64, object: &Summary) {
        if is_in_conflict(object) && object.is_readable() {
            self.all.insert(object_key);
            let claims = claims(object).map(|claim| (hasher.hash_one(claim), object_key));
            self.by_claim.extend(claims);
        }
    }

    /// Takes out an object, as it was put in.
    pub(super) fn take_out(&mut self, hasher: &RandomState, object_key: u64, object: &Summary) {
        if self.all.remove(&object_key) {
            for claim in claims(object) {
                self.by_claim.remove(&(hasher.hash_one(claim), object_key));
            }
        }
    }

    /// Those that may have lost an account to that other object. An entry is a hint. Of what cannot be read of the other
    /// one nobody can tell, so that it may be any of them.
    fn that_may_mean(&self, hasher: &RandomState, other: &Summary) -> BTreeSet<u64> {
        if other.user.is_none() || other.toolkit.is_none() {
            return self.all.clone();
        }
        let hashes = claims(other).map(|claim| hasher.hash_one(claim));
        let with = hashes.flat_map(|hash| self.by_claim.range((hash, u64::MIN)..=(hash, u64::MAX)));
        with.map(|(_, object_key)| *object_key).collect()
    }
}

fn claims(object: &Summary) -> impl Iterator<Item = Claimed<'_>> {
    let declared = object.connected_account_id.as_deref();
    let ids = object.recorded_id().into_iter().chain(declared);
    let of = object.user.as_deref().zip(object.toolkit.as_deref());
    let of = of.map(|(user, toolkit)| Claimed::Of(user, toolkit));
    ids.map(Claimed::Id).chain(of)
}

impl Objects {
    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<StoredSummary> {
        let index = self.index.lock();
        index.of_keys(&index.losers.all)
    }

    /// Those of them that may have lost it to that other one, as it was.
    pub(in crate::store) fn in_conflict_with(&self, other: &Summary) -> Vec<StoredSummary> {
        let index = self.index.lock();
        let keys = index.losers.that_may_mean(&index.hasher, other);
        let mut losers = index.of_keys(&keys);
        // Each is read without the lock.
        drop(index);
        losers.retain(|loser| loser.summary().may_mean_the_same(other));
        losers
    }
}

impl Index {
    fn of_keys<'a>(&self, keys: impl IntoIterator<Item = &'a u64>) -> Vec<StoredSummary> {
        let objects = keys.into_iter().filter_map(|key| self.objects.get(key));
        objects.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::super::tests::after;
    use crate::{
        plan::Flags,
        store::{AllObjects, PackedObject},
    };

    /// One of that user, with that id declared, and with these members of its status.
    fn object(name: &str, user: &Value, declared: Option<&str>, status: &Value) -> PackedObject {
        let object = json!({
            "metadata": {"name": name, "namespace": "agents", "uid": name},
            "spec": {"user": user, "toolkit": "gmail", "connectedAccountId": declared},
            "status": status,
        });
        serde_json::from_str(&object.to_string()).expect("an object")
    }

    fn lost(recorded: Option<&str>) -> Value {
        json!({"connectedAccountId": recorded, "conditions": [{
            "type": "Ready", "status": "False", "reason": "Conflict", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]})
    }

    #[test]
    fn who_goes_has_no_more_losers_read_however_many_claim_something_else() {
        let reads = [10, 1_000].map(|losers| {
            let all = AllObjects::new(Flags::default());
            for n in 0..losers {
                let user = json!(format!("user-{n}"));
                let loser = object(&format!("loser-{n}"), &user, None, &lost(None));
                all.apply_event(Event::Apply(loser));
            }
            let loser = object("loser-7", &json!("user-7"), None, &lost(None));
            let (triggered, read_at_end) = after(&all, Event::Delete(loser));
            assert_eq!(triggered, [""; 0]);
            let has = json!({"connectedAccountId": "ca_1"});
            let holder = |declared| object("holder", &json!("user-8"), declared, &has);
            all.apply_event(Event::Apply(holder(Some("ca_2"))));
            let (triggered, read_at_change) = after(&all, Event::Apply(holder(None)));
            assert_eq!(triggered, ["loser-8"], "it claims less");
            (read_at_end, read_at_change)
        });
        assert_eq!(reads[0], reads[1]);
    }

    #[test]
    fn losers_are_found_by_all_that_they_may_have_lost() {
        let losers = || {
            let all = AllObjects::new(Flags::default());
            for (name, user, declared, recorded) in [
                ("of-user", "u", None, None),
                ("by-declared", "v", Some("ca_1"), None),
                ("by-recorded", "w", None, Some("ca_1")),
                ("other", "x", Some("ca_2"), Some("ca_3")),
            ] {
                let loser = object(name, &json!(user), declared, &lost(recorded));
                all.apply_event(Event::Apply(loser));
            }
            // Nothing is done with what cannot be read.
            let unreadable = object("unreadable", &json!(7), Some("ca_1"), &lost(None));
            all.apply_event(Event::Apply(unreadable));
            let free = object("free", &json!("u"), Some("ca_1"), &json!({}));
            all.apply_event(Event::Apply(free));
            all
        };
        let triggered_by = |gone: PackedObject| {
            let mut triggered = after(&losers(), Event::Delete(gone)).0;
            triggered.sort();
            triggered
        };
        let none = json!({});
        let recorded = json!({"connectedAccountId": "ca_1"});
        for gone in [
            object("gone", &json!("u"), Some("ca_1"), &none),
            object("gone", &json!("u"), None, &recorded),
        ] {
            let expected = ["by-declared", "by-recorded", "of-user"];
            assert_eq!(triggered_by(gone), expected);
        }
        let of_user = object("gone", &json!("u"), None, &none);
        assert_eq!(triggered_by(of_user), ["of-user"]);
        let of_nobody = object("gone", &json!("y"), Some("ca_9"), &none);
        assert_eq!(triggered_by(of_nobody), [""; 0]);
        let of_somebody = object("gone", &json!(7), None, &none);
        let all = ["by-declared", "by-recorded", "of-user", "other"];
        assert_eq!(triggered_by(of_somebody), all, "it may have been theirs");
        // One that has lost nothing any more is not found.
        let all = losers();
        let settled = object("of-user", &json!("u"), None, &none);
        all.apply_event(Event::Apply(settled));
        let gone = object("gone", &json!("u"), None, &none);
        assert_eq!(after(&all, Event::Delete(gone)).0, [""; 0]);
        assert_eq!(all.in_conflict().len(), 3);
    }
}
