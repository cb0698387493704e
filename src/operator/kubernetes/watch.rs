//! The watch of the objects of a kind: all that are there first, and each change after them.
//!
//! All that are there come as a stream (`sendInitialEvents`), one by one. In a list they would come by pages, and a
//! page is in memory as a whole: who may write large objects would decide how much memory that takes.

use std::{fmt::Debug, sync::Once, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{Request, Uri};
use kube::{
    Api, Error as ClientError, Resource,
    core::Status,
    runtime::watcher::{self, Error, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::info;

use crate::log::cause;

#[cfg(test)]
mod tests;

/// Objects a page, where there is no stream. With smaller ones a start takes longer: the apiserver counts what is left
/// for each.
const PAGE: u32 = 200;
/// An apiserver, or a proxy before it, that has begun a stream and then says nothing for so long does not go on.
const SILENCE: Duration = Duration::from_secs(30);
/// That there is no stream is told once: it is so for each kind, and each time.
static TOLD: Once = Once::new();

type Events<K> = BoxStream<'static, Result<Event<K>, Error>>;

/// Watches objects for ever. There is no pause after an error: that is up to the caller.
///
/// # Guarantees
/// - What is there is no older than the request for it, and is told to be all once nothing of it is missing.
/// - An error before all that is there is known is a [`Error::InitialListFailed`], and none after it is.
/// - Where a stream is refused (Kubernetes 1.33), or breaks, what is there is read by pages, and the next time a stream is
///   tried again.
pub(crate) fn watch<K>(api: Api<K>) -> Events<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let watch = ObjectWatch {
        events: streamed(&api),
        api,
        is_streamed: true,
        progress: Progress::Begun,
    };
    let next = async |mut watch: ObjectWatch<K>| {
        let event = watch.next().await?;
        Some((event, watch))
    };
    stream::unfold(watch, next).boxed()
}

fn streamed<K>(api: &Api<K>) -> Events<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().streaming_lists();
    watcher(api.clone(), config).boxed()
}

/// All objects that are there now, and no older than the request, one after the other. An object may come twice.
///
/// # Errors
/// The last one is an error when the apiserver does not answer, or refuses.
pub(crate) fn all<K>(api: Api<K>) -> BoxStream<'static, Result<K, ClientError>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let next = async |events: Option<Events<K>>| {
        let mut events = events?;
        loop {
            match events.next().await? {
                Ok(Event::InitApply(object)) => return Some((Ok(object), Some(events))),
                Ok(Event::InitDone) => return None,
                Ok(Event::Init | Event::Apply(_) | Event::Delete(_)) => {}
                Err(error) => return Some((Err(of_client(error)), None)),
            }
        }
    };
    stream::unfold(Some(watch(api)), next).boxed()
}

fn of_client(error: Error) -> ClientError {
    match error {
        Error::InitialListFailed(error)
        | Error::WatchStartFailed(error)
        | Error::WatchFailed(error) => error,
        Error::WatchError(status) => ClientError::Api(status),
        Error::NoResourceVersion => {
            let status = Status::failure("the list has no resourceVersion", "InternalError");
            ClientError::Api(status.with_code(500).boxed())
        }
    }
}

struct ObjectWatch<K> {
    events: Events<K>,
    api: Api<K>,
    /// Whether what is there is read as a stream, and not by pages.
    is_streamed: bool,
    progress: Progress,
}

/// How much of what is there is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing: it is asked for.
    Begun,
    /// Some of it: the apiserver has begun to answer.
    Listing,
    /// All of it.
    Listed,
}

impl<K> ObjectWatch<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn next(&mut self) -> Option<Result<Event<K>, Error>> {
        loop {
            let is_in_stream = self.is_streamed && self.progress == Progress::Listing;
            let next = self.events.next();
            let event = match is_in_stream {
                true => match timeout(SILENCE, next).await {
                    Ok(event) => event?,
                    Err(_) => {
                        self.ask_for_pages("it has begun and says nothing");
                        continue;
                    }
                },
                false => next.await?,
            };
            match event {
                // kube begins anew, at once and as often as it ends.
                Ok(Event::Init) if is_in_stream => self.ask_for_pages("it ends in the middle"),
                Ok(event) => {
                    match event {
                        Event::Init => self.progress = Progress::Listing,
                        Event::InitDone => self.progress = Progress::Listed,
                        Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => {}
                    }
                    return Some(Ok(event));
                }
                Err(error) if self.progress == Progress::Listed => {
                    if is_to_be_listed_again(&error) {
                        self.is_streamed = true;
                        self.events = streamed(&self.api);
                        self.progress = Progress::Begun;
                    }
                    return Some(Err(error));
                }
                // kube would go on behind an object that cannot be read, and tell that all is known.
                Err(error) if is_in_stream || (self.is_streamed && is_refused(&error)) => {
                    self.ask_for_pages(&cause(&error));
                }
                Err(error) => {
                    self.progress = Progress::Begun;
                    return Some(Err(of_list(error)));
                }
            }
        }
    }

    fn ask_for_pages(&mut self, why: &str) {
        TOLD.call_once(|| info!("the apiserver streams no list, and is asked for pages: {why}"));
        let config = watcher::Config::default().page_size(PAGE);
        self.events = watcher(self.api.clone(), config).boxed();
        self.is_streamed = false;
        self.progress = Progress::Begun;
    }
}

/// Whether the apiserver says of the request that it does not understand it.
fn is_refused(error: &Error) -> bool {
    let Error::WatchStartFailed(ClientError::Api(status)) = error else {
        return false;
    };
    matches!(status.code, 400 | 422)
}

/// Whether the watcher begins from nothing after it.
fn is_to_be_listed_again(error: &Error) -> bool {
    match error {
        // kube would ask for the same version for ever.
        Error::WatchStartFailed(ClientError::Api(status)) | Error::WatchError(status) => {
            status.code == 410
        }
        Error::NoResourceVersion => true,
        Error::InitialListFailed(_) | Error::WatchStartFailed(_) | Error::WatchFailed(_) => false,
    }
}

fn of_list(error: Error) -> Error {
    match error {
        Error::NoResourceVersion => error,
        other => Error::InitialListFailed(of_client(other)),
    }
}

/// A request for a stream of what is there, so that it is no older than the request. kube asks for version `0`, which
/// is any: an apiserver that is behind would show objects as they were, and not those that are new.
pub(super) fn up_to_date<B>(mut request: Request<B>) -> Request<B> {
    const ANY_VERSION: &str = "&resourceVersion=0";
    let query = request.uri().query().unwrap_or_default();
    if query.contains("sendInitialEvents=true")
        && let Some(rest) = query.strip_suffix(ANY_VERSION)
    {
        let path = format!("{}?{rest}", request.uri().path());
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = path.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
