//! The standard input. It is read by a thread of its own: a read cannot be given up, and whoever waits for it must still
//! see Ctrl-C and the end of the time.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::oneshot;

/// A line that somebody types.
pub(crate) async fn line() -> io::Result<String> {
    read(|text| io::stdin().lock().read_line(text)).await
}

/// All of it.
pub(crate) async fn all() -> io::Result<String> {
    read(|text| io::stdin().lock().read_to_string(text)).await
}

async fn read(
    read: impl FnOnce(&mut String) -> io::Result<usize> + Send + 'static,
) -> io::Result<String> {
    let (sender, receiver) = oneshot::channel();
    // It ends with the process, and not with the runtime, which would wait for it.
    thread::spawn(move || {
        let mut text = String::new();
        let outcome = read(&mut text).map(|_| text);
        // Nobody waits any more.
        let _ = sender.send(outcome);
    });
    let outcome = receiver.await;
    outcome.unwrap_or_else(|_| Err(io::Error::other("the reading thread has ended")))
}
