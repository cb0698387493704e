//! One stream of changes, from one watch or from one for each of several namespaces.
//!
//! Whoever may see some namespaces only cannot watch all at once. Of several watches each has a beginning
//! of its own, and the first to be through would tell that all objects are known: so they are made one.
//!
//! A namespace that the server refuses to show holds up no other: its Role may be missing, or gone with it.
//! Only an answer that says so counts. After a failure that may pass (no answer, a server error) it is waited
//! for: the objects there may hold accounts that another object would take for free.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream, stream::BoxStream};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    kubernetes::{refusal, watch},
    store::{AllObjects, PackedObject},
};

mod access;
mod merge;

pub(super) use access::NamespaceAccess;
use merge::Merge;

/// A namespace is not listed again sooner than this because something in it was refused.
const RECHECK: Duration = Duration::from_secs(10);

type Change = Event<PackedObject>;
type Changes = BoxStream<'static, Result<Change, watcher::Error>>;

/// What happens in these namespaces, or in all if none is named. `objects` are those that the stream feeds.
///
/// # Guarantees
/// The first list is told once each namespace is listed, or refused for certain, and one at least is listed.
pub(super) fn changes(
    client: &Client,
    namespaces: &[String],
    objects: AllObjects,
    access: &NamespaceAccess,
) -> Changes {
    if namespaces.is_empty() {
        return watch(Api::all(client.clone())).default_backoff().boxed();
    }
    let watches = namespaces.iter().map(|namespace| {
        let api = Api::namespaced(client.clone(), namespace);
        let from = namespace.clone();
        let begin = move || watch(api.clone());
        Watch::begin(begin, access.rechecks(namespace))
            .events()
            .default_backoff()
            .map(move |event| (from.clone(), event))
            .boxed()
    });
    let (mut merge, access) = (Merge::of(namespaces), access.clone());
    stream::select_all(watches)
        .flat_map(move |(from, event)| {
            let known = || objects.of_namespace(&from);
            stream::iter(match event {
                Ok(event) => {
                    let listed = matches!(event, Event::InitDone);
                    let again = listed && !merge.is_awaited();
                    let events = merge.apply_event(&from, event, known);
                    if listed {
                        access.readable(&from);
                    }
                    if again {
                        access.listed_again();
                    }
                    events.into_iter().map(Ok).collect()
                }
                Err(error) => match refusal(&error) {
                    Some(why) => {
                        access.refused(&from, &why);
                        let events = merge.refuse(&from).into_iter().map(Ok);
                        // Readiness tells why nothing at all is known.
                        let error = merge.is_awaited().then_some(Err(error));
                        events.chain(error).collect()
                    }
                    None => vec![Err(error)],
                },
            })
        })
        .boxed()
}

/// The watch of one namespace. After a refusal it begins with a list: nothing else would tell that it is
/// allowed again, before something happens.
struct Watch {
    begin: Box<dyn Fn() -> Changes + Send>,
    events: Changes,
    since: Instant,
    recheck: Arc<Notify>,
}

impl Watch {
    fn begin(begin: impl Fn() -> Changes + Send + 'static, recheck: Arc<Notify>) -> Self {
        Self {
            events: begin(),
            begin: Box::new(begin),
            since: Instant::now(),
            recheck,
        }
    }

    fn events(self) -> Changes {
        let next = async |mut watch: Self| {
            let event = watch.next().await?;
            Some((event, watch))
        };
        stream::unfold(self, next).boxed()
    }

    async fn next(&mut self) -> Option<Result<Change, watcher::Error>> {
        loop {
            let recheck = async {
                self.recheck.notified().await;
                sleep_until(self.since + RECHECK).await;
            };
            tokio::select! {
                event = self.events.next() => {
                    if let Some(Err(error)) = &event && refusal(error).is_some() {
                        self.begin_anew();
                    }
                    return event;
                }
                () = recheck => self.begin_anew(),
            }
        }
    }

    fn begin_anew(&mut self) {
        self.events = (self.begin)();
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn only_an_answer_that_says_so_is_a_refusal() {
        let status = |code, reason: &str| {
            let status = Status::failure("a message", reason).with_code(code);
            kube::Error::Api(status.boxed())
        };
        let list = watcher::Error::InitialListFailed;
        let cases = [
            (list(status(403, "Forbidden")), true, "no right to it"),
            (
                watcher::Error::WatchStartFailed(status(403, "Forbidden")),
                true,
                "no right to it any more",
            ),
            (list(status(404, "NotFound")), true, "no such namespace"),
            (
                list(status(404, "Failed to parse error data")),
                false,
                "the definition is missing",
            ),
            (list(status(500, "InternalError")), false, "it may pass"),
            (
                list(status(401, "Unauthorized")),
                false,
                "a token may be old",
            ),
            (list(status(429, "TooManyRequests")), false, "it will pass"),
            (
                watcher::Error::WatchError(
                    Status::failure("gone", "Expired").with_code(410).boxed(),
                ),
                false,
                "the watch is too old",
            ),
            (
                watcher::Error::NoResourceVersion,
                false,
                "no answer that is known",
            ),
        ];
        for (error, expected, reason) in cases {
            assert_eq!(refusal(&error).is_some(), expected, "{reason}: {error:?}");
        }
    }
}
