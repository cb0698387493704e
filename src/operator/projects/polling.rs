//! The poller of a project that is at work: what its polls come to, and whom they trigger.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::sleep};

use super::{
    Entry, Shared,
    report::{PollEnd, Polled},
};
use crate::{
    composio::error::{Error as ComposioError, Retry},
    poll::{Poll, PollEvent, Polling, ScanGroup},
    project::ProjectIdentity,
};

/// For so long passes wait for the first poll, which answers for all objects at once.
const FIRST_POLL: Duration = Duration::from_secs(10);

/// Polls on a task of its own. The first poll lets the passes begin, however it ends, or the time for it.
/// With the group it shares base URL and key.
pub(super) fn poll(
    entry: &Arc<Entry>,
    shared: &Arc<Shared>,
    (polling, group): (Polling, &ScanGroup),
    polled: &Arc<Mutex<Polled>>,
) -> AbortHandle {
    let (project, objects) = (Arc::clone(entry.project()), entry.objects().clone());
    let (metrics, trigger) = (
        Arc::clone(&shared.parts.metrics),
        shared.parts.trigger.clone(),
    );
    let of_all = Arc::clone(shared);
    let polled = Arc::clone(polled);
    let entry = Arc::downgrade(entry);
    let mut poll = Poll::of_group(Arc::clone(&project), objects, polling, group);
    shared.spawn(async move {
        let report = |event| {
            let closed = project.closed();
            metrics.gates(
                project.label(),
                closed.read_until.is_some(),
                closed.write_until.is_some(),
                closed.identity == ProjectIdentity::Foreign,
            );
            if !matches!(event, PollEvent::Failed(_)) {
                let now = project.now().as_microsecond() as f64 / 1e6;
                metrics.polled(project.label(), now);
            }
            polled.lock().ended(end_of(event));
            if let Some(entry) = entry.upgrade() {
                of_all.prove(&entry);
                of_all.release(&entry);
                entry.wake();
            }
        };
        let triggered = |object| {
            // Until the passes may begin it would be for nothing: then all objects are looked at.
            if !entry.upgrade().is_some_and(|entry| entry.awaits_poll()) {
                trigger.send(&object);
            }
        };
        let patience = async {
            // On the heap, for as long as it is waited for.
            Box::pin(sleep(FIRST_POLL)).await;
            if let Some(entry) = entry.upgrade() {
                of_all.release(&entry);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = poll.run(triggered, report) => {}
            () = patience => {}
        }
    })
}

fn end_of(event: PollEvent) -> PollEnd {
    match event {
        PollEvent::Listed => PollEnd::Listed,
        PollEvent::Foreign => PollEnd::Foreign,
        PollEvent::Failed(error) if is_rejection(&error) => PollEnd::Rejected(error.to_string()),
        PollEvent::Failed(error) if matches!(error.retry(), Retry::After(_)) => {
            PollEnd::RateLimited
        }
        PollEvent::Failed(error) => PollEnd::Failed(error.to_string()),
    }
}

fn is_rejection(error: &ComposioError) -> bool {
    error.is_unauthorized() || error.refuses_project()
}
