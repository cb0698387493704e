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
        SignInSession,
    },
    log::cause,
};

/// One request of a kind for an object in that time: more would only be refused by the apiserver.
const PAUSE: Duration = Duration::from_secs(1);
/// The same where one is in the way that was not made here: whoever makes those tries as often as they like.
pub(super) const RETRY: Duration = Duration::from_millis(200);
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

/// When one was asked for last, and what came of it, as far as is known.
struct Last {
    at: Instant,
    /// For so long none is asked for again.
    pause: Duration,
    has_failed: bool,
    /// The last that was made here.
    own: Option<Own>,
}

/// A request that was made here.
struct Own {
    uid: String,
    spec: ConnectRequestSpec,
}

/// What is asked for, and by whom.
pub(super) struct Asked<'a> {
    pub(super) kind: ConnectRequestKind,
    /// Who comes, as the proxy says.
    pub(super) user: Option<&'a str>,
    pub(super) browser: Option<String>,
    /// That the page asks, for that user in that browser.
    pub(super) proof: Option<String>,
    pub(super) returned: Option<Returned>,
    pub(super) session: Option<SignInSession>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there, with that uid.
    New(String),
    /// The very same was made here before, with that uid, and no answer to it is known.
    Pending(String),
    /// Another one of its kind is there, whoever has made it and for what, or was asked for a moment ago. Nothing comes of
    /// this one until that one is gone.
    InTheWay,
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
        let request = request(account, asked);
        if let Some(made) = self.too_soon(account, &request.spec) {
            metrics.request(kind.as_str(), "too_soon");
            return made;
        }
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
                let own = Own {
                    uid: uid.clone(),
                    spec: request.spec,
                };
                self.note(account, kind, |last| last.own = Some(own));
                Made::New(uid)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                metrics.request(kind.as_str(), "pending");
                let mut made = Made::InTheWay;
                self.note(account, kind, |last| match last.own_unanswered(account) {
                    Some(own) => made = own.as_asked_for(&request.spec),
                    None if kind != ConnectRequestKind::Look => last.pause = RETRY,
                    None => {}
                });
                made
            }
            Err(error) => {
                self.note(account, kind, |last| {
                    last.at = Instant::now();
                    (last.pause, last.has_failed) = (PAUSE, true);
                });
                metrics.request(kind.as_str(), "failed");
                warn!(object, %kind, "a ConnectRequest cannot be made: {}", cause(&error));
                Made::Failed
            }
        }
    }

    /// What is answered without asking, if it is too soon to ask again. From now on this one is the last.
    fn too_soon(&self, account: &Account, spec: &ConnectRequestSpec) -> Option<Made> {
        let mut all = self.last.lock();
        let now = Instant::now();
        if all.len() >= MANY {
            all.retain(|_, last| last.is_recent(now));
        }
        let pause = match spec.kind {
            ConnectRequestKind::Look => LOOK_PAUSE,
            ConnectRequestKind::Link
            | ConnectRequestKind::StartOver
            | ConnectRequestKind::Returned
            | ConnectRequestKind::CompleteAuth => PAUSE,
        };
        let key = (account.uid().to_owned(), spec.kind);
        let former = all.remove(&key);
        let (last, made) = match former {
            Some(last) if last.is_recent(now) => {
                let own = last.own_unanswered(account);
                let made = match own {
                    _ if last.has_failed => Made::Failed,
                    Some(own) => own.as_asked_for(spec),
                    None => Made::InTheWay,
                };
                (last, Some(made))
            }
            former => {
                let last = Last {
                    at: now,
                    pause,
                    has_failed: false,
                    own: former.and_then(|last| last.own),
                };
                (last, None)
            }
        };
        all.insert(key, last);
        made
    }

    fn note(&self, account: &Account, kind: ConnectRequestKind, change: impl FnOnce(&mut Last)) {
        let key = (account.uid().to_owned(), kind);
        if let Some(last) = self.last.lock().get_mut(&key) {
            change(last);
        }
    }
}

impl Last {
    fn is_recent(&self, now: Instant) -> bool {
        now.duration_since(self.at) < self.pause
    }

    fn own_unanswered(&self, account: &Account) -> Option<&Own> {
        let own = self.own.as_ref();
        own.filter(|own| account.outcome_of(&own.uid).is_none())
    }
}

impl Own {
    fn as_asked_for(&self, spec: &ConnectRequestSpec) -> Made {
        match self.spec == *spec {
            true => Made::Pending(self.uid.clone()),
            false => Made::InTheWay,
        }
    }
}

fn request(account: &Account, asked: &Asked<'_>) -> ConnectRequest {
    let Asked {
        kind,
        user,
        browser,
        proof,
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
    let spec = ConnectRequestSpec {
        account_name: account.name().to_owned(),
        account_uid: account.uid().to_owned(),
        kind: *kind,
        requested_by: user.map(|user| user.chars().take(LONGEST).collect()),
        browser: browser.clone(),
        proof: proof.clone(),
        returned: returned.clone(),
        session: session.clone(),
    };
    ConnectRequest {
        metadata: ObjectMeta {
            name: Some(spec.object_name()),
            namespace: Some(account.namespace().to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec,
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
            proof: None,
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
        assert_eq!(make().await, (Made::Pending(String::new()), 2));
        advance(LOOK_PAUSE).await;
        assert_eq!(make().await, (Made::New(String::new()), 3));
    }
}
