//! The ConnectRequests that wait for an answer, which change what comes next.

use composio_api::ConnectRequest;
use composio_operator::plan::{Desired, PendingRequest};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::cluster::Cluster;
use crate::failure::{Failure, Right, of};
use crate::pages;

/// The requests of a namespace.
pub(super) enum Requests {
    /// All of them.
    Known(Vec<ConnectRequest>),
    /// The caller may not read them, or the cluster has none.
    Unknown(String),
}

impl Requests {
    /// Reads them.
    pub(super) async fn of(cluster: &Cluster, namespace: &str) -> Result<Self, Failure> {
        let api: Api<ConnectRequest> = Api::namespaced(cluster.client.clone(), namespace);
        let right = Right {
            resource: "connectrequests",
            ..Right::on_accounts("list", Some(namespace))
        };
        let mut all = Vec::new();
        let listed = pages::each(&api, &ListParams::default(), |one| all.push(one)).await;
        match listed {
            Ok(()) => Ok(Self::Known(all)),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                Ok(Self::Unknown(format!("you may not {right}")))
            }
            // Of a release that had none.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Self::Known(Vec::new())),
            Err(error) => Err(of(error, right)),
        }
    }

    /// Those of the object that count now, as the operator has it.
    pub(super) fn of_object(&self, desired: &Desired, now: Timestamp) -> Vec<PendingRequest> {
        let Self::Known(all) = self else {
            return Vec::new();
        };
        let is_of_object = |request: &&ConnectRequest| {
            let spec = &request.spec;
            spec.account_uid == desired.uid
                && spec.account_name == desired.name
                && request.name_any() == spec.object_name()
        };
        let is_young = |request: &&ConnectRequest| {
            let created = request.creation_timestamp().map(|time| time.0);
            request.metadata.deletion_timestamp.is_none()
                && created.is_some_and(|at| now.duration_since(at) <= PendingRequest::LIFETIME)
        };
        let counting = all.iter().filter(is_of_object).filter(is_young);
        counting.map(PendingRequest::of).collect()
    }
}
