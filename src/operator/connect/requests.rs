//! Makes ConnectRequests: the one thing that the page writes.

use std::{collections::HashMap, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PostParams},
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{account::Account, page_metrics::PageMetrics};
use crate::{
    crd::{
        ConnectRequest, ConnectRequestKind, ConnectRequestSpec, ConnectedAccount, Returned,
        SignInSession, connect_request_name,
    },
    log::cause,
};

/// One request of a kind for an object in that time: more would only be refused by the apiserver.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// The same of looks, which nobody waits for: the operator takes none sooner after another.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// Of so many objects the times are kept, before those that are over are dropped.
const MANY: usize = 1024;
/// The longest name of somebody in a ConnectRequest.
const LONGEST: usize = 320;

/// The way to ask for something.
pub(super) struct Requests {
    client: Client,
    last: Mutex<HashMap<(String, ConnectRequestKind), Last>>,
}

/// When one was asked for last, and whether it could be made, as far as is known.
#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    has_failed: bool,
}

/// What is asked for, and by whom.
pub(super) struct Asked<'a> {
    pub(super) kind: ConnectRequestKind,
    /// Who comes, as the proxy says.
    pub(super) user: Option<&'a str>,
    pub(super) browser: Option<String>,
    pub(super) returned: Option<Returned>,
    pub(super) session: Option<SignInSession>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there, with that uid.
    New(String),
    /// One of its kind is pending, or was made a moment ago.
    Pending,
    /// The apiserver does not take it, or cannot be reached, now or a moment ago.
    Failed,
}

impl Requests {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            last: Mutex::default(),
        }
    }

    /// Makes one, and tells the log who asked for what.
    pub(super) async fn make(
        &self,
        account: &Account,
        asked: &Asked<'_>,
        metrics: &PageMetrics,
    ) -> Made {
        let kind = asked.kind;
        if let Some(last) = self.too_soon_after(account.uid(), kind) {
            metrics.request(kind.as_str(), "too_soon");
            return match last.has_failed {
                true => Made::Failed,
                false => Made::Pending,
            };
        }
        let request = request(account, asked);
        let api = Api::<ConnectRequest>::namespaced(self.client.clone(), account.namespace());
        let object = account.key();
        match api.create(&PostParams::default(), &request).await {
            Ok(made) => {
                let uid = made.metadata.uid.unwrap_or_default();
                metrics.request(kind.as_str(), "made");
                let by = asked.user.unwrap_or(match kind {
                    ConnectRequestKind::Look => "Composio's webhook",
                    ConnectRequestKind::Link
                    | ConnectRequestKind::StartOver
                    | ConnectRequestKind::Returned
                    | ConnectRequestKind::CompleteAuth => "whoever has the address",
                });
                info!(object, %kind, by, request = uid, "a ConnectRequest was made");
                Made::New(uid)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                metrics.request(kind.as_str(), "pending");
                Made::Pending
            }
            Err(error) => {
                let failed = Last {
                    at: Instant::now(),
                    has_failed: true,
                };
                let key = (account.uid().to_owned(), kind);
                self.last.lock().insert(key, failed);
                metrics.request(kind.as_str(), "failed");
                warn!(object, %kind, "a ConnectRequest cannot be made: {}", cause(&error));
                Made::Failed
            }
        }
    }

    /// The last one, if it is too soon for another. From now on this one is the last.
    fn too_soon_after(&self, uid: &str, kind: ConnectRequestKind) -> Option<Last> {
        let mut last = self.last.lock();
        let now = Instant::now();
        if last.len() >= MANY {
            last.retain(|(_, kind), last| now.duration_since(last.at) < last.pause(*kind));
        }
        let key = (uid.to_owned(), kind);
        let former = last.get(&key).copied();
        let former = former.filter(|last| now.duration_since(last.at) < last.pause(kind));
        if former.is_none() {
            let this = Last {
                at: now,
                has_failed: false,
            };
            last.insert(key, this);
        }
        former
    }
}

impl Last {
    fn pause(self, kind: ConnectRequestKind) -> Duration {
        match kind {
            ConnectRequestKind::Look if !self.has_failed => LOOK_PAUSE,
            ConnectRequestKind::Look
            | ConnectRequestKind::Link
            | ConnectRequestKind::StartOver
            | ConnectRequestKind::Returned
            | ConnectRequestKind::CompleteAuth => PAUSE,
        }
    }
}

fn request(account: &Account, asked: &Asked<'_>) -> ConnectRequest {
    let Asked {
        kind,
        user,
        browser,
        returned,
        session,
    } = asked;
    let owner = OwnerReference {
        api_version: ConnectedAccount::api_version(&()).into_owned(),
        kind: ConnectedAccount::kind(&()).into_owned(),
        name: account.name().to_owned(),
        uid: account.uid().to_owned(),
        ..OwnerReference::default()
    };
    ConnectRequest {
        metadata: ObjectMeta {
            name: Some(connect_request_name(account.uid(), *kind)),
            namespace: Some(account.namespace().to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: ConnectRequestSpec {
            account_name: account.name().to_owned(),
            account_uid: account.uid().to_owned(),
            kind: *kind,
            requested_by: user.map(|user| user.chars().take(LONGEST).collect()),
            browser: browser.clone(),
            returned: returned.clone(),
            session: session.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::json;
    use tokio::time::advance;
    use tower::service_fn;

    use super::*;
    use crate::connect::account::PageObject;

    /// An apiserver that refuses the first requests, and counts all of them.
    fn apiserver(refused: usize) -> (Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = service_fn(move |request: Request<Body>| {
            let is_refused = count.fetch_add(1, Ordering::Relaxed) < refused;
            async move {
                let body = match is_refused {
                    true => {
                        json!({"kind": "Status", "status": "Failure", "code": 500, "reason": "InternalError"})
                            .to_string()
                            .into_bytes()
                    }
                    false => request.into_body().collect_bytes().await.unwrap_or_default().to_vec(),
                };
                let mut response = Response::new(Body::from(body));
                if is_refused {
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
                Ok::<_, Infallible>(response)
            }
        });
        (Client::new(server, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_made_may_soon_be_tried_again_and_what_was_made_later() {
        let (client, asked) = apiserver(1);
        let (requests, metrics) = (Requests::new(client), PageMetrics::default());
        let object =
            json!({"metadata": {"namespace": "team", "name": "mail", "uid": "1"}, "spec": {}});
        let object: PageObject = serde_json::from_value(object).expect("it is read");
        let account = object.account();
        let look = Asked {
            kind: ConnectRequestKind::Look,
            user: None,
            browser: None,
            returned: None,
            session: None,
        };
        let make = async || {
            let made = requests.make(&account, &look, &metrics).await;
            (made, asked.load(Ordering::Relaxed))
        };
        assert_eq!(make().await, (Made::Failed, 1));
        assert_eq!(make().await, (Made::Failed, 1), "it would fail again");
        advance(PAUSE).await;
        assert_eq!(make().await, (Made::New(String::new()), 2));
        advance(PAUSE).await;
        assert_eq!(make().await, (Made::Pending, 2));
        advance(LOOK_PAUSE).await;
        assert_eq!(make().await, (Made::New(String::new()), 3));
    }
}
