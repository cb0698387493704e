//! What goes through the two proxies of a world: counted and named, and stopped at the one boundary
//! that a run is about.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::boundary::{Boundary, Kind, Server};
use super::broken::Broken;
use crate::support::proxy::{Fate, Judge, Seen};

/// What happens at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// The operator is killed just before the request is forwarded.
    KillBefore,
    /// The operator is killed when the answer is there, just before it is delivered.
    KillAfter,
    /// The connection is cut instead of the answer.
    LeadershipLost,
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The request has its effect when nobody waits for the answer any more.
    Late(Duration),
    /// The request has its effect, and the answer is Composio's own 500.
    Fails,
    /// The request has its effect, and the answer is a gateway's 502.
    Gateway,
}

impl Deed {
    pub(super) fn is_a_crash(self) -> bool {
        matches!(self, Deed::KillBefore | Deed::KillAfter)
    }
}

const FAILURE: &str = r#"{"error": {"message": "Internal server error", "code": 10, "slug": "InternalServerError", "status": 500, "request_id": "req-of-the-failure"}}"#;
const GATEWAY: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

/// What has gone through, and what is to be stopped.
#[derive(Default)]
pub(super) struct Passage(Mutex<Passing>);

#[derive(Default)]
struct Passing {
    step: &'static str,
    counts: HashMap<(&'static str, Kind), usize>,
    crossed: Vec<Boundary>,
    last: Option<Instant>,
    trap: Option<Trap>,
    broken: Option<Arc<Broken>>,
}

struct Trap {
    boundary: Boundary,
    deed: Deed,
    /// Told when it is done.
    done: oneshot::Sender<()>,
}

impl Passage {
    /// Forgets everything, for a new run.
    pub(super) fn begin(&self, broken: Option<Arc<Broken>>) {
        *self.0.lock() = Passing {
            broken,
            ..Passing::default()
        };
    }

    /// From now on requests are counted as those of that step.
    pub(super) fn enter(&self, step: &'static str) {
        self.0.lock().step = step;
    }

    /// Sets a trap; the receiver hears when something was caught and done to.
    pub(super) fn trap(&self, boundary: Boundary, deed: Deed) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        self.0.lock().trap = Some(Trap {
            boundary,
            deed,
            done,
        });
        is_done
    }

    /// Whether nothing has come to the trap yet.
    pub(super) fn is_set(&self) -> bool {
        self.0.lock().trap.is_some()
    }

    /// All boundaries that were crossed, in order.
    pub(super) fn crossed(&self) -> Vec<Boundary> {
        self.0.lock().crossed.clone()
    }

    /// How long nothing has been asked.
    pub(super) fn quiet(&self) -> Duration {
        self.0
            .lock()
            .last
            .map_or(Duration::MAX, |last| last.elapsed())
    }

    /// What the proxy before that server asks.
    pub(super) fn judge(self: &Arc<Self>, server: Server) -> Judge {
        let passage = Arc::clone(self);
        Arc::new(move |seen| {
            let passage = Arc::clone(&passage);
            Box::pin(async move { passage.decide(server, seen).await })
        })
    }

    async fn decide(&self, server: Server, seen: Seen) -> (Seen, Fate) {
        let Some(kind) = Kind::of(server, &seen) else {
            return (seen, Fate::Pass);
        };
        let broken = self.0.lock().broken.clone();
        let seen = match &broken {
            Some(broken) => broken.change(&kind, seen).await,
            None => seen,
        };
        let fate = match (self.cross(&kind), &broken) {
            (Fate::Pass, Some(broken)) => broken.fate(&kind),
            (fate, Some(broken)) => {
                broken.die();
                fate
            }
            (fate, None) => fate,
        };
        (seen, fate)
    }

    fn cross(&self, kind: &Kind) -> Fate {
        let mut passing = self.0.lock();
        passing.last = Some(Instant::now());
        let step = passing.step;
        let count = passing.counts.entry((step, kind.clone())).or_default();
        *count += 1;
        let boundary = Boundary {
            step,
            kind: kind.clone(),
            nth: *count,
        };
        passing.crossed.push(boundary.clone());
        match passing.trap.take_if(|trap| trap.boundary == boundary) {
            None => Fate::Pass,
            Some(Trap { deed, done, .. }) => fate(deed, done),
        }
    }
}

fn fate(deed: Deed, done: oneshot::Sender<()>) -> Fate {
    let fate = match deed {
        Deed::KillBefore => return Fate::HeldBefore(done),
        Deed::KillAfter => return Fate::HeldAfter(done),
        Deed::Late(wait) => return Fate::Late(wait, done),
        Deed::LeadershipLost => Fate::LeadershipLost,
        Deed::Cut => Fate::Half,
        Deed::Fails => Fate::Replaced(StatusCode::INTERNAL_SERVER_ERROR, FAILURE),
        Deed::Gateway => Fate::Replaced(StatusCode::BAD_GATEWAY, GATEWAY),
    };
    // Nobody waits for it any more when the run has failed.
    let _ = done.send(());
    fate
}
