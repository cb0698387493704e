//! The end of a ConnectRequest.

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tracing::warn;

use crate::{crd::ConnectRequest, log::cause, store::StoredRequest};

/// Deletes exactly this request. What others have put on it to hold it is taken off: a request is nobody's but the
/// operator's, and one that stays would keep the next one from being made. A failure is logged; whoever looks through
/// the requests tries again.
pub(crate) async fn delete_connect_request(client: &Client, request: &StoredRequest) {
    let api = Api::<ConnectRequest>::namespaced(client.clone(), &request.namespace);
    let uid = &request.pending.uid;
    if request.is_held {
        let released = json!({"metadata": {"uid": uid, "finalizers": []}});
        let released = Patch::Merge(released);
        let params = PatchParams::default();
        let patched = api.patch_metadata(&request.name, &params, &released).await;
        report(request, patched.map(drop));
    }
    if request.is_going {
        return;
    }
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.clone()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    report(request, api.delete(&request.name, &params).await.map(drop));
}

/// One that is gone, or another by now, is as it should be.
fn report(request: &StoredRequest, result: Result<(), kube::Error>) {
    match result {
        Ok(()) => {}
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
        Err(error) => {
            let request = format!("{}/{}", request.namespace, request.name);
            warn!(%request, "the ConnectRequest could not be deleted: {}", cause(&error));
        }
    }
}
