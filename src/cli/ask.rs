//! Asking for a link by a ConnectRequest, which takes the right to make one and no other.

use composio_api::{ConnectRequest, ConnectRequestKind, ConnectRequestSpec, connect_request_name};
use kube::Api;
use kube::api::{DeleteParams, PostParams, Preconditions};

use crate::cluster::{Cluster, MANAGER};
use crate::failure::{self, Failure, Right};
use crate::view::View;

impl Cluster {
    /// Asks for a link, and returns the name and uid of the request; `None`: the caller may not, or this cluster has no
    /// such requests. One that somebody made before is waited for as well.
    pub(crate) async fn request_link(
        &self,
        view: &View<'_>,
    ) -> Result<Option<(String, String)>, Failure> {
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
            returned: None,
        };
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request = ConnectRequest::new(&name, spec);
        match self.requests().create(&parameters, &request).await {
            Ok(made) => Ok(Some((name, made.metadata.uid.unwrap_or_default()))),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                Ok(Some((name, String::new())))
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
    pub(crate) async fn withdraw_request(&self, name: &str, uid: &str) {
        if uid.is_empty() {
            return;
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        // Refused: the operator was faster, or deletes it when it is over.
        let _ = self.requests().delete(name, &parameters).await;
    }

    fn requests(&self) -> Api<ConnectRequest> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}
