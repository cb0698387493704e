//! Whether this replica leads, for all that must not act when it does not.

use std::time::Instant;

use tokio::sync::watch;
use tower::filter::FilterLayer;

use super::ScopeHolder;

/// The state of a replica in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaderState {
    /// It does not know yet, and why not.
    Unknown(String),
    /// Another one leads.
    Waiting {
        /// The identity of the leader.
        holder: String,
    },
    /// Another release works on some of the same namespaces.
    Blocked {
        /// That release, and the namespaces that both work on.
        by: ScopeHolder,
    },
    /// It leads.
    Leading {
        /// Until then, unless it renews; `None`: it is alone.
        until: Option<Instant>,
    },
    /// It leads no more, and never will again.
    Ended,
}

/// Whether this replica leads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<LeaderState>);

/// What is not done because another replica may lead by now.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

impl Leadership {
    pub(super) fn new(state: watch::Receiver<LeaderState>) -> Self {
        Self(state)
    }

    /// That of a replica that is alone and asks nobody.
    pub fn alone() -> Self {
        Self(watch::channel(LeaderState::Leading { until: None }).1)
    }

    /// Whether it leads at this moment, by the local monotonic clock alone.
    pub fn is_held(&self) -> bool {
        match &*self.0.borrow() {
            LeaderState::Leading { until } => until.is_none_or(|until| Instant::now() < until),
            LeaderState::Unknown(_)
            | LeaderState::Waiting { .. }
            | LeaderState::Blocked { .. }
            | LeaderState::Ended => false,
        }
    }

    /// Waits until it leads; for ever, if that never comes.
    pub async fn held(mut self) {
        let led = self
            .0
            .wait_for(|state| matches!(state, LeaderState::Leading { .. }));
        if led.await.is_err() {
            std::future::pending().await
        }
    }

    /// Calls `on_change` with the present state, and with each later one.
    pub async fn follow(mut self, mut on_change: impl FnMut(&LeaderState)) {
        loop {
            on_change(&self.0.borrow_and_update());
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }

    /// A layer for a client of the apiserver: it lets reads through, and writes while this replica
    /// leads. It belongs right before the network, below all retries.
    pub fn guard<B>(
        &self,
    ) -> FilterLayer<
        impl Fn(http::Request<B>) -> Result<http::Request<B>, NotLeading> + Clone + use<B>,
    > {
        let leadership = self.clone();
        FilterLayer::new(move |request: http::Request<B>| {
            if request.method().is_safe() || leadership.is_held() {
                Ok(request)
            } else {
                Err(NotLeading)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, Request};
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;

    fn leadership(state: LeaderState) -> Leadership {
        Leadership(watch::channel(state).1)
    }

    #[tokio::test]
    async fn reads_always_get_through_and_writes_only_while_it_leads() {
        struct Case {
            state: LeaderState,
            leads: bool,
            reason: &'static str,
        }
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let until = |until| LeaderState::Leading { until };
        let cases = [
            Case {
                state: LeaderState::Unknown("starting".to_owned()),
                leads: false,
                reason: "it has not been elected yet",
            },
            Case {
                state: LeaderState::Waiting {
                    holder: "a".to_owned(),
                },
                leads: false,
                reason: "another one leads",
            },
            Case {
                state: until(Some(now + minute)),
                leads: true,
                reason: "it leads",
            },
            Case {
                state: until(Some(now)),
                leads: false,
                reason: "it led, and has not renewed: nothing else has to happen for it to stop",
            },
            Case {
                state: until(None),
                leads: true,
                reason: "it is alone",
            },
            Case {
                state: LeaderState::Ended,
                leads: false,
                reason: "it has given the Lease up",
            },
        ];
        for case in cases {
            let leadership = leadership(case.state);
            assert_eq!(leadership.is_held(), case.leads, "{}", case.reason);
            for (method, is_read) in [
                (Method::GET, true),
                (Method::POST, false),
                (Method::PUT, false),
                (Method::PATCH, false),
                (Method::DELETE, false),
            ] {
                let server = service_fn(async |_: Request<()>| Ok::<_, tower::BoxError>("answer"));
                let request = Request::builder().method(&method).body(());
                let guarded = leadership.guard().layer(server);
                let answer = guarded.oneshot(request.expect("a request")).await;
                let passes = is_read || case.leads;
                assert_eq!(answer.is_ok(), passes, "{method}: {}", case.reason);
                if let Err(error) = answer {
                    assert!(error.is::<NotLeading>(), "{error}");
                }
            }
        }
    }
}
