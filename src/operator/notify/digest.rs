//! Many notices as one message. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::notice::Notice;
use crate::crd::NotificationType;

/// The most notices that are told one by one, of all namespaces and of one. The others are counted.
const MOST: usize = 100;
const MOST_OF_NAMESPACE: usize = 20;
/// The most namespaces that are counted by name.
const MOST_NAMESPACES: usize = 100;

/// Many notices as one message.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Digest {
    /// Made of the ids of all notices: the same notices are the same message.
    pub(super) id: String,
    /// How many there are.
    pub(super) total: usize,
    /// How many there are of each type.
    pub(super) by_type: BTreeMap<NotificationType, usize>,
    /// How many there are of each namespace, for the first hundred of them.
    pub(super) by_namespace: BTreeMap<String, usize>,
    /// The first of them, no more than twenty of one namespace, so that a noisy one hides no other.
    pub(super) first: Vec<Notice>,
    /// How many were not told one by one before, because a namespace or a person had enough.
    pub(super) omitted: BTreeMap<String, usize>,
}

impl Digest {
    /// A digest of these notices, and of so many of each namespace that were not told.
    pub(super) fn of(notices: &[Notice], omitted: &BTreeMap<String, usize>) -> Self {
        let mut ids: Vec<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
        ids.sort_unstable();
        let mut hash = Sha256::new();
        for id in ids {
            hash.update(id);
            hash.update([0]);
        }
        for (namespace, count) in omitted {
            hash.update(format!("{namespace} {count}\0"));
        }
        let id: String = (hash.finalize().iter().take(16))
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (mut by_type, mut by_namespace) = (BTreeMap::new(), BTreeMap::<_, usize>::new());
        let mut first = Vec::new();
        for notice in notices {
            *by_type.entry(notice.type_).or_default() += 1;
            let of_namespace = by_namespace.entry(notice.namespace.clone()).or_default();
            *of_namespace += 1;
            if *of_namespace <= MOST_OF_NAMESPACE && first.len() < MOST {
                first.push(notice.clone());
            }
        }
        Self {
            id,
            total: notices.len(),
            by_type,
            by_namespace: bounded(by_namespace),
            first,
            omitted: bounded(omitted.clone()),
        }
    }
}

/// The namespaces with the highest counts.
fn bounded(counts: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(MOST_NAMESPACES).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::{super::notice::tests::notice, *};

    /// So many notices of that namespace.
    pub(crate) fn notices(namespace: &str, count: usize) -> Vec<Notice> {
        let one = notice(&json!({}));
        let each = (0..count).map(|n| Notice {
            id: format!("{namespace}-{n}"),
            namespace: namespace.to_owned(),
            ..one.clone()
        });
        each.collect()
    }

    #[test]
    fn a_noisy_namespace_hides_no_other_and_all_are_counted() {
        let mut all = notices("noisy", 5000);
        all.extend(notices("quiet", 2));
        let digest = Digest::of(&all, &BTreeMap::new());
        assert_eq!(digest.total, 5002);
        assert_eq!(
            digest.by_type,
            [(NotificationType::AwaitingUser, 5002)].into()
        );
        assert_eq!(digest.by_namespace["noisy"], 5000);
        let told = |namespace: &str| {
            let of_it = digest.first.iter().filter(|one| one.namespace == namespace);
            of_it.count()
        };
        assert_eq!((told("noisy"), told("quiet")), (20, 2));
    }

    #[test]
    fn the_same_notices_are_the_same_message_in_whatever_order() {
        let mut all = notices("a", 3);
        let first = Digest::of(&all, &BTreeMap::new());
        all.reverse();
        assert_eq!(Digest::of(&all, &BTreeMap::new()).id, first.id);
        all.pop();
        assert_ne!(Digest::of(&all, &BTreeMap::new()).id, first.id);
    }
}
