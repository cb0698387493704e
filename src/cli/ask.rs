//! Asking for a link: by a ConnectRequest, which takes the right to make one and no other, else by annotation.

use std::pin::pin;
use std::time::Duration;

use composio_api::{
    ConnectRequest, ConnectRequestKind, ConnectRequestSpec, LINK_REQUESTED_ANNOTATION,
    connect_request_name,
};
use kube::Api;
use kube::api::{DeleteParams, PostParams, Preconditions};
use serde_json::Value;
use tokio::time::timeout;

use crate::cluster::{Cluster, MANAGER};
use crate::failure::{self, Failure, Right};
use crate::interrupt::Stop;
use crate::print::Out;
use crate::view::View;
use crate::{annotate, strict};

/// How long it may take to take a request back.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// Asks for a link. Whoever is stopped while it asks takes back what may have come of it, or is told that something may.
pub(crate) async fn ask(
    cluster: &Cluster,
    view: &View<'_>,
    stop: &mut Stop,
    out: &Out,
) -> Result<Asked, Failure> {
    let mut asking = pin!(Asked::new(cluster, view));
    tokio::select! {
        asked = &mut asking => asked,
        why = stop.next() => {
            let undo = async {
                let is_undone = match timeout(GRACE, asking).await {
                    Ok(Ok(asked)) => {
                        let withdrawn = asked.withdraw(cluster, view.name());
                        timeout(GRACE, withdrawn).await.is_ok()
                    }
                    Ok(Err(_)) => true,
                    Err(_) => false,
                };
                Ok(is_undone)
            };
            if !stop.signals.or(undo).await.unwrap_or(false) {
                out.note(MAY_BE_ASKED);
            }
            Err(why)
        }
    }
}

const MAY_BE_ASKED: &str =
    "warning: the cluster has not answered, and a link may have been asked for";

/// A request that was made here.
pub(crate) enum Asked {
    Annotation {
        token: String,
        before: Option<String>,
        version: Value,
    },
    /// By whoever may make requests, and not change the object.
    Request(Request),
}

/// By what the status tells that a request for a link was handled.
pub(crate) enum Answer<'a> {
    /// None was made.
    None,
    /// To the annotation of that value.
    ToAnnotation(&'a str),
    /// To the request of that uid.
    ToRequest(&'a str),
    /// To a request that somebody else made: to any but this one, which was handled before.
    ToAnotherThan(Option<String>),
}

impl Answer<'_> {
    /// Whether the status tells it.
    pub(crate) fn is_in(&self, view: &View<'_>) -> bool {
        let annotation = view.status.last_handled_link_request.as_deref();
        let request = handled_request(view);
        match self {
            Self::None => false,
            Self::ToAnnotation(token) => annotation == Some(token),
            Self::ToRequest(uid) => request == Some(uid),
            Self::ToAnotherThan(before) => request != before.as_deref(),
        }
    }
}

/// The uid of the request that was handled last.
fn handled_request<'a>(view: &'a View<'_>) -> Option<&'a str> {
    let handled = view.status.last_connect_request.as_ref();
    handled.map(|handled| handled.uid.as_str())
}

impl Asked {
    async fn new(cluster: &Cluster, view: &View<'_>) -> Result<Self, Failure> {
        if let Some(request) = cluster.request_link(view).await? {
            return Ok(Self::Request(request));
        }
        let token = annotate::new_token();
        let change = annotate::set_annotation(LINK_REQUESTED_ANNOTATION, Some(&token));
        let object = cluster.patch(view.name(), change).await?;
        Ok(Self::Annotation {
            token,
            before: view
                .annotation(LINK_REQUESTED_ANNOTATION)
                .map(str::to_owned),
            version: object["metadata"]["resourceVersion"].clone(),
        })
    }

    /// By what it is seen that it was handled; `before`: the object when it was made.
    pub(crate) fn answer(&self, before: &View<'_>) -> Answer<'_> {
        match self {
            Self::Annotation { token, .. } => Answer::ToAnnotation(token),
            Self::Request(request) => match &request.uid {
                Some(uid) => Answer::ToRequest(uid),
                None => Answer::ToAnotherThan(handled_request(before).map(str::to_owned)),
            },
        }
    }

    /// Takes the request back, if nobody has seen it yet: the object is as it was made, or it stays.
    pub(crate) async fn withdraw(self, cluster: &Cluster, name: &str) {
        match self {
            Self::Annotation {
                before, version, ..
            } => {
                let mut change =
                    annotate::set_annotation(LINK_REQUESTED_ANNOTATION, before.as_deref());
                change["metadata"]["resourceVersion"] = version;
                // Refused: the operator was faster, and there will be a link.
                let _ = cluster.patch(name, change).await;
            }
            // Who may not delete it leaves it to the operator.
            Self::Request(request) => cluster.withdraw_request(&request).await,
        }
    }
}

/// A ConnectRequest that asks for a link.
pub(crate) struct Request {
    name: String,
    /// `None`: somebody else made it, and the caller may not read it.
    pub(crate) uid: Option<String>,
    is_ours: bool,
}

impl Cluster {
    /// Asks for a link; `None`: the caller may not, or this cluster has no such requests. One that somebody made before
    /// is waited for as well, and stays.
    pub(crate) async fn request_link(&self, view: &View<'_>) -> Result<Option<Request>, Failure> {
        let Some(uid) = view.object["metadata"]["uid"].as_str() else {
            return Ok(None);
        };
        let kind = ConnectRequestKind::Link;
        let name = connect_request_name(uid, kind);
        let spec = ConnectRequestSpec {
            account_name: view.name().to_owned(),
            account_uid: uid.to_owned(),
            kind,
            requested_by: None,
            browser: None,
            proof: None,
            returned: None,
            session: None,
        };
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request = ConnectRequest::new(&name, spec);
        let requests = self.requests();
        match strict::create(&self.client, &requests, &parameters, &request).await {
            Ok(made) => Ok(Some(Request {
                name,
                uid: made.metadata.uid,
                is_ours: true,
            })),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let theirs = requests.get_opt(&name).await.ok().flatten();
                Ok(Some(Request {
                    name,
                    uid: theirs.and_then(|theirs| theirs.metadata.uid),
                    is_ours: false,
                }))
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_not_found() => {
                Ok(None)
            }
            Err(error) => {
                let right = Right {
                    resource: "connectrequests",
                    ..Right::on_accounts("create", Some(&self.namespace))
                };
                Err(failure::of(error, right))
            }
        }
    }

    /// Takes a request back that nobody has handled yet.
    pub(crate) async fn withdraw_request(&self, request: &Request) {
        if !request.is_ours {
            return;
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: request.uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        // Refused: the operator was faster, or deletes it when it is over.
        let _ = self.requests().delete(&request.name, &parameters).await;
    }

    fn requests(&self) -> Api<ConnectRequest> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}
