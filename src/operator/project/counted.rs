//! Counts the calls in flight, for the budget.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::composio::{Budget, Transport};

/// A transport that counts its calls in flight. A call that is dropped before its end counts as ended.
pub(super) fn counted(transport: Transport, budget: &Arc<Mutex<Budget>>) -> Transport {
    struct InFlight(Arc<Mutex<Budget>>);
    impl Drop for InFlight {
        fn drop(&mut self) {
            self.0.lock().ended();
        }
    }
    let budget = Arc::clone(budget);
    Arc::new(move |request| {
        budget.lock().sent();
        let in_flight = InFlight(Arc::clone(&budget));
        let answer = transport(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(in_flight);
            answer
        })
    })
}
