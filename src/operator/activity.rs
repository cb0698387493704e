//! When something last happened, for whoever does less while nothing does.

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

/// When something last happened; at first, when this was made.
pub struct Activity {
    last: Mutex<Instant>,
    happened: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            happened: Notify::new(),
        }
    }
}

impl Activity {
    /// Something happens.
    pub fn note(&self) {
        *self.last.lock() = Instant::now();
        self.happened.notify_one();
    }

    /// When that was last.
    pub fn last(&self) -> Instant {
        *self.last.lock()
    }

    /// Waits until something happens, or has since this was asked last. One may wait at a time.
    pub async fn happened(&self) {
        self.happened.notified().await;
    }
}
