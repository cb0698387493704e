//! Makes ConnectRequests: the one thing that the page writes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PostParams},
};
use parking_lot::Mutex;
use tracing::{info, warn};

use super::{account::Account, page_metrics::PageMetrics};
use crate::{
    crd::{
        ConnectRequest, ConnectRequestKind, ConnectRequestSpec, ConnectedAccount, Returned,
        connect_request_name,
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
    last: Mutex<HashMap<(String, ConnectRequestKind), Instant>>,
}

/// What is asked for, and by whom.
pub(super) struct Asked<'a> {
    pub(super) kind: ConnectRequestKind,
    /// Who comes, as the proxy says.
    pub(super) user: Option<&'a str>,
    pub(super) browser: Option<String>,
    pub(super) returned: Option<Returned>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there, with that uid.
    New(String),
    /// One of its kind is pending, or was made a moment ago.
    Pending,
    /// The apiserver does not take it, or cannot be reached.
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
        if !self.is_due(account.uid(), kind) {
            metrics.request(kind.as_str(), "too_soon");
            return Made::Pending;
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
                    | ConnectRequestKind::Returned => "whoever has the address",
                });
                info!(object, %kind, by, request = uid, "a ConnectRequest was made");
                Made::New(uid)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                metrics.request(kind.as_str(), "pending");
                Made::Pending
            }
            Err(error) => {
                metrics.request(kind.as_str(), "failed");
                warn!(object, %kind, "a ConnectRequest cannot be made: {}", cause(&error));
                Made::Failed
            }
        }
    }

    fn is_due(&self, uid: &str, kind: ConnectRequestKind) -> bool {
        let mut last = self.last.lock();
        let now = Instant::now();
        let is_recent = |kind: ConnectRequestKind, at: &Instant| {
            let pause = match kind {
                ConnectRequestKind::Look => LOOK_PAUSE,
                ConnectRequestKind::Link
                | ConnectRequestKind::StartOver
                | ConnectRequestKind::Returned => PAUSE,
            };
            now.duration_since(*at) < pause
        };
        if last.len() >= MANY {
            last.retain(|(_, kind), at| is_recent(*kind, at));
        }
        let key = (uid.to_owned(), kind);
        if last.get(&key).is_some_and(|at| is_recent(kind, at)) {
            return false;
        }
        last.insert(key, now);
        true
    }
}

fn request(account: &Account, asked: &Asked<'_>) -> ConnectRequest {
    let Asked {
        kind,
        user,
        browser,
        returned,
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
        },
    }
}
