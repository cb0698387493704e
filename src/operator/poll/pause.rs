//! How long a poller waits for its next poll.

use std::time::Duration;

use tokio::time::Instant;

use super::{Poll, Polling};

/// A project in which nothing has happened for so long is polled less often.
const IDLE_AFTER: Duration = Duration::from_secs(60 * 60);

impl Poll {
    /// Until the next poll is due, or a poller with the same key has read what is new: the next poll is then free.
    pub(super) async fn pause(&self, began: Instant) {
        tokio::select! {
            () = self.rest(began) => {}
            () = self.scans.read_by_another() => {}
        }
    }

    /// A link that is issued while the long pause goes on cuts it to the short one, and whatever happens cuts that of
    /// an idle project to the usual one. What the poll itself has taken is a part of the pause, or it would be slowest
    /// when there is most to be seen.
    async fn rest(&self, began: Instant) {
        let waiting = self.polling.waiting;
        let least = Instant::now() + waiting / 4;
        // During an outage there is nothing to be quick for.
        let began = if self.failing { Instant::now() } else { began };
        if self.somebody_is_expected() && !self.failing {
            return tokio::time::sleep_until(least.max(began + waiting)).await;
        }
        loop {
            let (project, objects) = (self.project.activity(), self.objects.activity());
            let last = project.last().max(objects.last());
            let is_calm = self.objects.are_ready() && !self.failing;
            let interval = interval(self.polling, is_calm, last, Instant::now());
            tokio::select! {
                () = tokio::time::sleep_until(least.max(began + interval)) => return,
                () = self.project.person_expected() => return tokio::time::sleep(waiting).await,
                () = project.happened() => {}
                () = objects.happened() => {}
            }
        }
    }

    pub(super) async fn obey_rate_limit(&self) {
        loop {
            match self.project.pause_left() {
                Duration::ZERO => return,
                left => tokio::time::sleep(left).await,
            }
        }
    }

    /// Whether a link waits for a person. A status alone is not believed for longer than a link lasts: whoever may write
    /// one could have the project polled ever so often, on everybody's budget.
    pub fn somebody_is_expected(&self) -> bool {
        self.project.may_have_link_out(self.began)
            && self.objects.wait_for_a_person(self.project.now())
    }
}

/// The time between two polls while nobody is expected. `is_calm` says that everything is as declared, and `last` when
/// something happened. Pure.
fn interval(polling: Polling, is_calm: bool, last: Instant, now: Instant) -> Duration {
    match polling.idle {
        Some(idle) if is_calm && now.saturating_duration_since(last) >= IDLE_AFTER => {
            idle.max(polling.interval)
        }
        Some(_) | None => polling.interval,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use kube::runtime::watcher::Event;
    use serde_json::json;
    use tokio::time::advance;

    use super::*;
    use crate::{
        act::LINK_LIFETIME,
        composio::{SendError, Transport},
        plan::Flags,
        project::{Clock, Project},
        record::RecordKeys,
        store::{AllObjects, PackedObject},
        time::to_std,
    };

    #[tokio::test(start_paused = true)]
    async fn a_status_alone_makes_polls_quick_for_no_longer_than_a_link_lasts() {
        let transport: Transport = Arc::new(|_| async { Err(SendError::Timeout) }.boxed());
        let project = Arc::new(Project::new(
            "project",
            transport,
            RecordKeys::derive(b"the API key", "project"),
            Arc::default(),
            Clock::system(),
            jiff::SignedDuration::from_mins(10),
        ));
        let all = AllObjects::new(Flags::default());
        let link =
            json!({"url": "https://connect.example/lk_1", "expiresAt": "2999-01-01T00:00:00Z"});
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"namespace": "a", "name": "mail", "uid": "1"},
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": {"link": link},
        });
        let object: PackedObject = serde_json::from_value(object).expect("it decodes");
        let objects = all.of_project(&object.summary().project());
        all.apply_event(Event::Apply(object));
        let poll = Poll::new(Arc::clone(&project), objects, POLLING);
        // Whoever led before may have issued it just now.
        assert!(poll.somebody_is_expected());
        let moment = Duration::from_secs(1);
        advance(to_std(LINK_LIFETIME) - moment).await;
        assert!(poll.somebody_is_expected());
        advance(moment).await;
        assert!(!poll.somebody_is_expected());
        // One that is issued here is waited for.
        project.expect_person();
        assert!(poll.somebody_is_expected());
        advance(to_std(LINK_LIFETIME)).await;
        assert!(!poll.somebody_is_expected());
    }

    const POLLING: Polling = Polling {
        interval: Duration::from_secs(30),
        idle: Some(Duration::from_secs(300)),
        waiting: Duration::from_secs(2),
        resync: Duration::from_secs(600),
        unseen: Duration::from_secs(60),
        accept_missing: false,
    };

    #[test]
    fn only_where_nothing_happens_for_an_hour_and_all_is_as_declared_a_poll_is_rarer() {
        let (usual, idle) = (POLLING.interval, Duration::from_secs(300));
        let polling = POLLING;
        let said = Polling {
            idle: None,
            ..polling
        };
        let rare = Polling {
            interval: 2 * idle,
            ..polling
        };
        let last = Instant::now();
        let hour = Duration::from_secs(3600);
        let (before, after) = (hour - Duration::from_secs(1), hour);
        for (polling, is_calm, since, expected) in [
            (polling, true, before, usual),
            (polling, true, after, idle),
            (polling, false, after, usual),
            (said, true, after, usual),
            (rare, true, after, 2 * idle),
        ] {
            assert_eq!(interval(polling, is_calm, last, last + since), expected);
        }
        assert_eq!(interval(polling, true, last + hour, last), usual);
    }
}
