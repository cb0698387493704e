//! Sends what is pending, one message at a time, for as long as this replica leads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::SignedDuration;
use kube::Client;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Notifier,
    backoff::wait,
    clear::clear,
    delivery::{Delivery, Sent},
    digest::Digest,
    limits::Limits,
    notice::Notice,
    outbox::{Next, Object, Outbox, Waiting},
};
use crate::{
    http::Health, kubernetes::StatusSubresource, lease::Leadership, metrics::Metrics,
    store::AllObjects,
};

/// What is older and could not be told is not told any more: three days, which a weekend fits in. What was not tried is,
/// however old: it was held, or this process did not run.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(72);
/// Counts of what was not told one by one are told so long after the first of them.
const OMITTED_AFTER: Duration = Duration::from_secs(60 * 60);
/// So many statuses are written at a time after a digest.
const WRITES: usize = 4;

/// What the sender works with.
pub(crate) struct Parts {
    pub(crate) outbox: Outbox,
    pub(crate) objects: AllObjects,
    pub(crate) client: Client,
    pub(crate) statuses: StatusSubresource,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) leadership: Leadership,
    pub(crate) stop: CancellationToken,
}

/// Sends what is pending.
pub(super) struct Sender {
    notifier: Notifier,
    parts: Parts,
    limits: Limits,
    delivery: Delivery,
    /// How many of each namespace were not told one by one.
    omitted: BTreeMap<String, usize>,
    omitted_due: Option<Instant>,
}

/// What is to be done now.
enum Due {
    Object(Waiting),
    /// How many were not told one by one.
    Omitted,
}

impl Sender {
    pub(super) fn new(notifier: Notifier, parts: Parts) -> Self {
        Self {
            notifier,
            parts,
            limits: Limits::default(),
            delivery: Delivery::default(),
            omitted: BTreeMap::new(),
            omitted_due: None,
        }
    }

    /// Sends until it is told to stop. What is being sent then is waited for.
    pub(super) async fn run(mut self) {
        self.refill();
        while let Some(due) = self.next().await {
            match (due, self.notifier.digest) {
                (Due::Omitted, _) => self.tell_omitted().await,
                (Due::Object(waiting), None) => self.tell(waiting).await,
                (Due::Object(waiting), Some(window)) => {
                    if !self.sleep_until(Instant::now() + window).await {
                        return;
                    }
                    let mut all = vec![waiting];
                    all.extend(self.parts.outbox.all(Instant::now()));
                    self.tell_together(all).await;
                }
            }
        }
    }

    /// Offers all objects: which of them wait is known by their status alone.
    fn refill(&self) {
        for known in self.parts.objects.all() {
            if known.is_to_be_told() {
                self.parts.outbox.offer(&known);
            }
        }
    }

    /// Waits until something is due. `None`: nothing is to be begun any more.
    async fn next(&mut self) -> Option<Due> {
        loop {
            if !self.parts.leadership.is_held() {
                self.parts.stop.cancelled().await;
            }
            if self.parts.stop.is_cancelled() {
                return None;
            }
            if let Some(until) = self.delivery.take_pause() {
                self.sleep_until(until).await;
                continue;
            }
            let now = Instant::now();
            if self.omitted_due.is_some_and(|at| at <= now) {
                return Some(Due::Omitted);
            }
            let at = match self.parts.outbox.next(now) {
                Next::Turn(waiting) => return Some(Due::Object(waiting)),
                Next::At(_) | Next::Nothing if self.parts.outbox.take_overflow() => {
                    self.refill();
                    continue;
                }
                Next::At(at) => Some(at),
                Next::Nothing => None,
            };
            let at = at.into_iter().chain(self.omitted_due).min();
            let is_time = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.parts.stop.cancelled() => {}
                () = self.parts.outbox.changed() => {}
                () = is_time => {}
            }
        }
    }

    /// Waits, but not beyond the end. Whether it came to the time.
    async fn sleep_until(&self, at: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.parts.stop.cancelled() => false,
            () = sleep_until(at) => true,
        }
    }

    /// What is to be told of an object now; `None`: nothing, or no more.
    async fn notice(&mut self, waiting: &Waiting) -> Option<Notice> {
        let (object, outbox) = (&waiting.object, &self.parts.outbox);
        let objects = &self.parts.objects;
        if objects.get(object).is_none() {
            self.parts.metrics.notification_dropped("object_gone");
            outbox.done(object);
            return None;
        }
        let packed = objects.packed(object);
        if let Some(packed) = &packed
            && packed.summary().is_to_be_told()
            && !packed.summary().may_be_told()
        {
            // Once it is judged, the watch offers it again.
            self.finish(object);
            return None;
        }
        let read = packed.and_then(|packed| packed.unpack().ok());
        let notice = read.and_then(|object| self.notifier.notice(&object));
        let notice = notice.filter(|notice| self.notifier.may_tell(notice));
        let Some(notice) = notice else {
            outbox.done(object);
            return None;
        };
        if outbox.is_settled(object, &notice.id) {
            self.settle(waiting.clone(), &notice.id).await;
            return None;
        }
        let age = self.notifier.clock.now().duration_since(notice.time);
        if age > MAX_AGE && waiting.failures > 0 {
            self.drop_one(waiting.clone(), &notice, "expired").await;
            return None;
        }
        Some(notice)
    }

    /// Those of them that may be told. The others are counted.
    async fn admit(&mut self, all: Vec<(Waiting, Notice)>) -> Vec<(Waiting, Notice)> {
        let now = Instant::now();
        let (admitted, limited) = self.limits.admit_each(all, now);
        for (_, notice) in &limited {
            *self.omitted.entry(notice.namespace.clone()).or_default() += 1;
            self.omitted_due.get_or_insert(now + OMITTED_AFTER);
        }
        let this = &*self;
        let each =
            stream::iter(limited).for_each_concurrent(WRITES, |(waiting, notice)| async move {
                this.drop_one(waiting, &notice, "limited").await;
            });
        each.await;
        admitted
    }

    async fn tell(&mut self, waiting: Waiting) {
        let Some(notice) = self.notice(&waiting).await else {
            return;
        };
        let Some((waiting, notice)) = self.admit(vec![(waiting, notice)]).await.pop() else {
            return;
        };
        if waiting.failures > 0 {
            self.parts.metrics.notification_repeated();
        }
        let body = self.notifier.format.message(&notice);
        let sent = self.send(body).await;
        self.conclude(sent, waiting, &notice).await;
    }

    /// Tells of all of them in one message.
    async fn tell_together(&mut self, all: Vec<Waiting>) {
        let mut told = Vec::new();
        for waiting in all {
            if let Some(notice) = self.notice(&waiting).await {
                told.push((waiting, notice));
            }
        }
        let told = self.admit(told).await;
        if told.len() < 2 {
            for (waiting, _) in told {
                self.tell(waiting).await;
            }
            return;
        }
        for (waiting, _) in &told {
            if waiting.failures > 0 {
                self.parts.metrics.notification_repeated();
            }
        }
        let notices: Vec<Notice> = told.iter().map(|(_, notice)| notice.clone()).collect();
        let digest = Digest::of(&notices, &self.omitted);
        let body = self
            .notifier
            .format
            .digest(&digest, self.notifier.clock.now());
        let sent = self.send(body).await;
        if matches!(sent, Sent::Taken) {
            self.omitted.clear();
            self.omitted_due = None;
        }
        let this = &*self;
        let each = stream::iter(told).for_each_concurrent(WRITES, |(waiting, notice)| async move {
            this.conclude(sent, waiting, &notice).await;
        });
        each.await;
    }

    /// Tells how many were not told one by one. What is not taken is told with the next of them.
    async fn tell_omitted(&mut self) {
        self.omitted_due = None;
        let digest = Digest::of(&[], &self.omitted);
        let body = self
            .notifier
            .format
            .digest(&digest, self.notifier.clock.now());
        match self.send(body).await {
            Sent::Taken | Sent::Rejected => self.omitted.clear(),
            Sent::Failed => self.omitted_due = Some(Instant::now() + OMITTED_AFTER),
        }
    }

    async fn send(&mut self, body: String) -> Sent {
        let message = (self.notifier.format.content_type(), body);
        let Parts {
            metrics, health, ..
        } = &self.parts;
        let sink = &*self.notifier.sink;
        self.delivery.send(sink, message, (metrics, health)).await
    }

    /// What comes of a message that tells of an object, alone or among others.
    async fn conclude(&self, sent: Sent, mut waiting: Waiting, notice: &Notice) {
        match sent {
            Sent::Taken => self.taken(waiting, notice).await,
            Sent::Rejected if self.delivery.gives_up(&mut waiting) => {
                self.drop_one(waiting, notice, "rejected").await;
            }
            Sent::Rejected | Sent::Failed => self.put_back(waiting),
        }
    }

    fn put_back(&self, waiting: Waiting) {
        let wait = wait(waiting.failures.saturating_add(1), fastrand::f64());
        self.parts.outbox.put_back(waiting, Instant::now() + wait);
    }

    async fn taken(&self, waiting: Waiting, notice: &Notice) {
        self.parts.metrics.notification_sent(notice.type_);
        self.settle(waiting, &notice.id).await;
    }

    async fn drop_one(&self, waiting: Waiting, notice: &Notice, cause: &'static str) {
        debug!(namespace = %notice.namespace, object = %notice.name, cause, "a notification is dropped");
        self.parts.metrics.notification_dropped(cause);
        self.settle(waiting, &notice.id).await;
    }

    /// What has this id is not to be told any more, and the status is to say so.
    async fn settle(&self, waiting: Waiting, id: &str) {
        let Parts {
            outbox,
            objects,
            client,
            statuses,
            ..
        } = &self.parts;
        let object = &waiting.object;
        outbox.settle(object, id);
        match clear((client, statuses), objects, object, id).await {
            Ok(()) => self.finish(object),
            Err(why) => {
                let (namespace, name) = (object.namespace.as_deref(), &object.name);
                warn!(namespace, object = %name, "its status still says that a notification is pending: {why}");
                self.put_back(waiting);
            }
        }
    }

    /// The turn of an object is over. What has come meanwhile is still to be told.
    fn finish(&self, object: &Object) {
        let Parts {
            outbox, objects, ..
        } = &self.parts;
        outbox.done(object);
        let packed = objects.packed(object);
        let Some(packed) = packed.filter(|one| one.summary().is_to_be_told()) else {
            return;
        };
        let read = packed.unpack_partial().ok();
        let pending = read.and_then(|object| object.status?.pending_notification);
        if pending.is_some_and(|pending| !outbox.is_settled(object, &pending.id)) {
            outbox.offer(packed.summary());
        }
    }
}

#[cfg(test)]
mod tests;
