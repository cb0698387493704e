//! Who shares the limit of an organisation, and what each has used of it in this window.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

/// Who shares a budget: a project of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Its name: who has the same one shares one share.
    pub project: Arc<str>,
    /// Those who are preferred have half of the limit together.
    pub is_preferred: bool,
}

/// Of the project of each caller.
#[derive(Debug, Default)]
pub(super) struct Shares(HashMap<Arc<str>, Share>);

#[derive(Debug, Default)]
struct Share {
    /// How many have joined under this name, and as what.
    preferred: u32,
    others: u32,
    /// The calls in this window.
    used: u64,
    polled_at: Option<Instant>,
}

impl Share {
    fn is_preferred(&self) -> bool {
        self.preferred > 0
    }

    fn members(&mut self, caller: &Caller) -> &mut u32 {
        match caller.is_preferred {
            true => &mut self.preferred,
            false => &mut self.others,
        }
    }
}

impl Shares {
    pub(super) fn join(&mut self, caller: &Caller) {
        let share = self.0.entry(Arc::clone(&caller.project)).or_default();
        *share.members(caller) += 1;
    }

    pub(super) fn leave(&mut self, caller: &Caller) {
        let Some(share) = self.0.get_mut(&caller.project) else {
            return;
        };
        let members = share.members(caller);
        *members = members.saturating_sub(1);
        if share.preferred + share.others == 0 {
            self.0.remove(&caller.project);
        }
    }

    /// Another window has begun.
    pub(super) fn begin(&mut self) {
        self.0.values_mut().for_each(|share| share.used = 0);
    }

    pub(super) fn sent(&mut self, caller: &str) {
        if let Some(share) = self.0.get_mut(caller) {
            share.used += 1;
        }
    }

    pub(super) fn polls(&mut self, caller: &str, now: Instant) {
        if let Some(share) = self.0.get_mut(caller) {
            share.polled_at = Some(now);
        }
    }

    /// When the caller polled last.
    pub(super) fn polled_at(&self, caller: &str) -> Option<Instant> {
        self.0.get(caller)?.polled_at
    }

    /// How much of what is usable in a window is kept for others, of which that part, in thousandths, is left:
    /// nothing, while the caller has not used its own share.
    pub(super) fn left_for_others(&self, caller: &str, usable: u64, part_left: u64) -> u64 {
        let preferred = self.0.values().filter(|share| share.is_preferred()).count();
        let others = self.0.len() - preferred;
        let share = |is_preferred: bool| {
            let (of, classes) = match (is_preferred, preferred, others) {
                (true, of, 0) | (false, 0, of) => (of, 1),
                (true, of, _) | (false, _, of) => (of, 2),
            };
            let of = u64::try_from(of).unwrap_or(u64::MAX).max(1);
            usable / classes / of
        };
        let (of_preferred, of_others) = (share(true), share(false));
        let share = |one: &Share| match one.is_preferred() {
            true => of_preferred,
            false => of_others,
        };
        if self.0.get(caller).is_some_and(|one| one.used < share(one)) {
            return 0;
        }
        let rest = self
            .0
            .iter()
            .filter(|(name, _)| &***name != caller)
            .map(|(_, one)| share(one).saturating_sub(one.used));
        rest.sum::<u64>().saturating_mul(part_left) / 1000
    }
}
