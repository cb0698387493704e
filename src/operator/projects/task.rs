//! A task whose panic is not lost. There are two for each project, so no second task waits for the end of one.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
};

use futures::FutureExt;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinError},
};

/// Runs on a task of its own. `died` takes what it panics with.
pub(super) fn spawn(
    work: impl Future<Output = ()> + Send + 'static,
    died: &mpsc::UnboundedSender<JoinError>,
) -> AbortHandle {
    let died = died.clone();
    let work = AssertUnwindSafe(work).catch_unwind();
    let work = work.then(move |ended| async move {
        if let Err(panic) = ended {
            // On the heap: it hardly ever happens, and the room for it would be held by each task.
            Box::pin(tell(panic, died)).await;
        }
    });
    tokio::spawn(work).abort_handle()
}

/// Tells a panic as whoever waits for the end of a task has it.
async fn tell(panic: Box<dyn Any + Send>, died: mpsc::UnboundedSender<JoinError>) {
    let again = tokio::spawn(async move { resume_unwind(panic) });
    let Err(error) = again.await;
    // With the receiver the process has ended anyway.
    let _ = died.send(error);
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::runtime::Handle;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_its_words() {
        let (died, mut deaths) = mpsc::unbounded_channel();
        spawn(async { panic!("an arm came off") }, &died);
        let error = deaths.recv().await.expect("it is told");
        assert!(error.is_panic());
        let words = error.into_panic();
        assert_eq!(
            words.downcast_ref::<&str>().copied(),
            Some("an arm came off")
        );
    }

    #[tokio::test]
    async fn an_end_without_panic_is_not_told_and_there_is_one_task_for_each() {
        let (died, mut deaths) = mpsc::unbounded_channel();
        let tasks = Handle::current().metrics();
        let before = tasks.num_alive_tasks();
        let all: Vec<_> = (0..10).map(|_| spawn(pending(), &died)).collect();
        assert_eq!(tasks.num_alive_tasks() - before, all.len());
        all.iter().for_each(AbortHandle::abort);
        spawn(async {}, &died);
        drop(died);
        // With the last task the last sender goes.
        assert!(deaths.recv().await.is_none());
    }
}
