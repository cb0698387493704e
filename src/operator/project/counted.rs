//! Counts the calls that are under way, for the budget.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::composio::{Budget, Transport};

/// Counts what is under way, also when nobody waits for its end any more.
pub(super) fn counted(transport: Transport, budget: &Arc<Mutex<Budget>>) -> Transport {
    struct UnderWay(Arc<Mutex<Budget>>);
    impl Drop for UnderWay {
        fn drop(&mut self) {
            self.0.lock().ended();
        }
    }
    let budget = Arc::clone(budget);
    Arc::new(move |request| {
        budget.lock().sent();
        let under_way = UnderWay(Arc::clone(&budget));
        let answer = transport(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(under_way);
            answer
        })
    })
}
