//! The budget that a project uses: its own, or that of its organisation, which other projects use too.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::composio::{Budget, Caller, Transport};

/// A budget that projects share. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedBudget(Arc<Mutex<Budget>>);

impl SharedBudget {
    /// Whether both are the same.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The share of one project in a budget. With it the project leaves.
pub(super) struct BudgetShare(Mutex<(SharedBudget, Caller)>);

impl BudgetShare {
    /// A budget of its own.
    pub(super) fn new(label: &Arc<str>) -> Self {
        let caller = Caller {
            project: Arc::clone(label),
            is_preferred: false,
        };
        let budget = SharedBudget::default();
        budget.0.lock().join(&caller);
        Self(Mutex::new((budget, caller)))
    }

    /// Uses that budget from now on, as that caller.
    pub(super) fn move_to(&self, budget: &SharedBudget, caller: Caller) {
        let mut share = self.0.lock();
        if share.0.is(budget) && share.1 == caller {
            return;
        }
        budget.0.lock().join(&caller);
        let (former, as_caller) = std::mem::replace(&mut *share, (budget.clone(), caller));
        former.0.lock().leave(&as_caller);
    }

    /// The budget that is in use.
    pub(super) fn budget(&self) -> SharedBudget {
        self.0.lock().0.clone()
    }

    /// Works on the budget, under the name that the project has there.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Budget, &str) -> T) -> T {
        let share = self.0.lock();
        let (budget, caller) = &*share;
        work(&mut budget.0.lock(), &caller.project)
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        let (budget, caller) = self.0.get_mut();
        budget.0.lock().leave(caller);
    }
}

/// A transport that counts its calls in flight. A call that is dropped before its end counts as ended.
pub(super) fn counted(transport: Transport, share: &Arc<BudgetShare>) -> Transport {
    struct InFlight(SharedBudget);
    impl Drop for InFlight {
        fn drop(&mut self) {
            self.0.0.lock().ended();
        }
    }
    let share = Arc::clone(share);
    Arc::new(move |request| {
        share.with(Budget::sent);
        let in_flight = InFlight(share.budget());
        let answer = transport(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(in_flight);
            answer
        })
    })
}
