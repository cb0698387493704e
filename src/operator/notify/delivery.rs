//! Sends messages, and knows how their receiver fares.

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    NOTIFICATIONS,
    backoff::wait,
    outbox::{Rejections, Waiting},
    sink::{Answer, Receive},
};
use crate::{http::Health, metrics::Metrics};

/// What the receiver rejects so often, for what is in it, is not sent again.
const MOST_REJECTIONS: u32 = 3;

/// How a message was taken.
#[derive(Clone, Copy)]
pub(super) enum Sent {
    Taken,
    /// For what is in it.
    Rejected,
    Failed,
}

/// How the receiver fares.
#[derive(Default)]
pub(super) struct Delivery {
    /// How often in a row it has not worked.
    failures: u32,
    /// How often in a row it has rejected a message, whichever.
    rejections: u32,
    /// How many messages it has taken.
    taken: u64,
    paused_until: Option<Instant>,
}

impl Delivery {
    /// Until when nothing is to be sent, if so; asked once.
    pub(super) fn take_pause(&mut self) -> Option<Instant> {
        self.paused_until.take()
    }

    /// Sends a message once. Where the receiver does not work, or takes nothing, nothing is sent to it for a while.
    pub(super) async fn send(
        &mut self,
        sink: &dyn Receive,
        (content_type, body): (&'static str, String),
        (metrics, health): (&Metrics, &Health),
    ) -> Sent {
        match sink.send(content_type, body).await {
            Answer::Taken => {
                metrics.notification_requested("success");
                if self.failures > 0 {
                    info!("notifications are taken again");
                }
                self.failures = 0;
                self.rejections = 0;
                self.taken += 1;
                health.ready(NOTIFICATIONS);
                Sent::Taken
            }
            Answer::Rejected { status } => {
                metrics.notification_requested("rejected");
                let status = status.as_u16();
                warn!(status, "the receiver of notifications rejects a message");
                self.failures = 0;
                self.rejections = self.rejections.saturating_add(1);
                if let Some(beyond @ 1..) = self.rejections.checked_sub(MOST_REJECTIONS - 1) {
                    let why = format!("the receiver rejects each message ({status})");
                    health.degraded(NOTIFICATIONS, why);
                    self.paused_until = Some(Instant::now() + wait(beyond, fastrand::f64()));
                }
                Sent::Rejected
            }
            Answer::Failed {
                result,
                why,
                retry_after,
            } => {
                metrics.notification_requested(result);
                if self.failures == 0 {
                    warn!("notifications are not taken, and are sent again later: {why}");
                } else {
                    debug!("notifications are not taken: {why}");
                }
                health.degraded(NOTIFICATIONS, why);
                self.failures = self.failures.saturating_add(1);
                let wait = wait(self.failures, fastrand::f64());
                let wait = wait.max(retry_after.unwrap_or_default());
                self.paused_until = Some(Instant::now() + wait);
                Sent::Failed
            }
        }
    }

    /// Notes that the message of that object was rejected. Whether it is given up: that is so once it was rejected three
    /// times, and another one taken since the first of them. A receiver that rejects them all, as Argo Events does with
    /// 400 while its endpoint is not active, does not mean what is in them.
    pub(super) fn gives_up(&self, waiting: &mut Waiting) -> bool {
        let rejections = waiting.rejections.get_or_insert(Rejections {
            times: 0,
            taken_before: self.taken,
        });
        rejections.times += 1;
        rejections.times >= MOST_REJECTIONS && self.taken > rejections.taken_before
    }
}
