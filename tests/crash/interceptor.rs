//! Requests on their way through the two proxies of a world: counted and named, and stopped at the one boundary
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
use crate::support::proxy::{Fate, Intercept, Seen};

/// What happens at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The operator is killed just before the request is forwarded.
    KillBefore,
    /// The operator is killed when the answer is there, just before it is delivered.
    KillAfter,
    /// The connection is cut instead of the answer.
    DropAnswer,
    /// The connection is cut in the middle of the answer.
    CutAnswer,
    /// The request has its effect when nobody waits for the answer any more.
    Delay(Duration),
    /// The request has its effect, and the answer is Composio's own 500.
    Answer500,
    /// The request has its effect, and the answer is a gateway's 502.
    Answer502,
}

impl Fault {
    pub(super) fn is_a_crash(self) -> bool {
        matches!(self, Fault::KillBefore | Fault::KillAfter)
    }
}

const FAILURE: &str = r#"{"error": {"message": "Internal server error", "code": 10, "slug": "InternalServerError", "status": 500, "request_id": "req-of-the-failure"}}"#;
const GATEWAY: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

/// What has gone through, and what is to be stopped.
#[derive(Default)]
pub(super) struct Interceptor(Mutex<InterceptorState>);

#[derive(Default)]
struct InterceptorState {
    step: &'static str,
    counts: HashMap<(&'static str, Kind), usize>,
    crossed: Vec<Boundary>,
    last: Option<Instant>,
    trap: Option<Trap>,
    broken: Option<Arc<Broken>>,
}

struct Trap {
    boundary: Boundary,
    fault: Fault,
    /// Told when it is done.
    done: oneshot::Sender<()>,
}

impl Interceptor {
    /// Forgets everything, for a new run.
    pub(super) fn begin(&self, broken: Option<Arc<Broken>>) {
        *self.0.lock() = InterceptorState {
            broken,
            ..InterceptorState::default()
        };
    }

    /// From now on requests are counted as those of that step.
    pub(super) fn enter(&self, step: &'static str) {
        self.0.lock().step = step;
    }

    /// Sets a trap; the receiver hears when something was caught and done to.
    pub(super) fn trap(&self, boundary: Boundary, fault: Fault) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        self.0.lock().trap = Some(Trap {
            boundary,
            fault,
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

    /// The decision of the proxy before that server.
    pub(super) fn intercept(self: &Arc<Self>, server: Server) -> Intercept {
        let interceptor = Arc::clone(self);
        Arc::new(move |seen| {
            let interceptor = Arc::clone(&interceptor);
            Box::pin(async move { interceptor.decide(server, seen).await })
        })
    }

    async fn decide(&self, server: Server, seen: Seen) -> (Seen, Fate) {
        let Some(kind) = Kind::of(server, &seen) else {
            return (seen, Fate::Forwarded);
        };
        let broken = self.0.lock().broken.clone();
        let seen = match &broken {
            Some(broken) => broken.change(&kind, seen).await,
            None => seen,
        };
        if broken.as_ref().is_some_and(|broken| !broken.counts(&kind)) {
            return (seen, Fate::Forwarded);
        }
        let fate = match (self.cross(&kind), &broken) {
            (Fate::Forwarded, Some(broken)) => broken.fate(&kind),
            (fate, Some(broken)) => {
                broken.die();
                fate
            }
            (fate, None) => fate,
        };
        (seen, fate)
    }

    fn cross(&self, kind: &Kind) -> Fate {
        let mut state = self.0.lock();
        // Of two projects each asks in a time of its own, and together they are never quiet.
        if !kind.is_routine() {
            state.last = Some(Instant::now());
        }
        let step = state.step;
        let count = state.counts.entry((step, kind.clone())).or_default();
        *count += 1;
        let boundary = Boundary {
            step,
            kind: kind.clone(),
            nth: *count,
        };
        state.crossed.push(boundary.clone());
        match state.trap.take_if(|trap| trap.boundary == boundary) {
            None => Fate::Forwarded,
            Some(Trap { fault, done, .. }) => fate(fault, done),
        }
    }
}

fn fate(fault: Fault, done: oneshot::Sender<()>) -> Fate {
    let fate = match fault {
        Fault::KillBefore => return Fate::HeldBefore(done),
        Fault::KillAfter => return Fate::HeldAfter(done),
        Fault::Delay(wait) => return Fate::Delayed(wait, done),
        Fault::DropAnswer => Fate::AnswerDropped,
        Fault::CutAnswer => Fate::AnswerCut,
        Fault::Answer500 => Fate::AnswerReplaced(StatusCode::INTERNAL_SERVER_ERROR, FAILURE),
        Fault::Answer502 => Fate::AnswerReplaced(StatusCode::BAD_GATEWAY, GATEWAY),
    };
    // Nobody waits for it any more when the run has failed.
    let _ = done.send(());
    fate
}
