//! The end of a ConnectRequest.

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tracing::warn;

use crate::{
    crd::ConnectRequest,
    log::cause,
    store::{ConnectRequests, StoredRequest},
};

/// Deletes exactly this request. What others have put on it to hold it is taken off: a request is nobody's but the
/// operator's, and one that stays would keep the next one from being made. What is gone is taken out of `requests`: a
/// watch that was broken meanwhile may never tell of it. A failure is logged; whoever looks through the requests tries
/// again. Whether it is gone.
pub(crate) async fn delete_connect_request(
    client: &Client,
    requests: &ConnectRequests,
    request: &StoredRequest,
) -> bool {
    let api = Api::<ConnectRequest>::namespaced(client.clone(), &request.namespace);
    let uid = &request.pending.uid;
    if request.is_held {
        let released = json!({"metadata": {"uid": uid, "finalizers": []}});
        let released = Patch::Merge(released);
        let params = PatchParams::default();
        let patched = api.patch_metadata(&request.name, &params, &released).await;
        if !is_done(request, patched.map(drop)) {
            return false;
        }
    }
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.clone()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let deleted = api.delete(&request.name, &params).await.map(drop);
    let is_gone = is_done(request, deleted);
    if is_gone {
        requests.forget(request);
    }
    is_gone
}

/// Whether it was done. With one that is gone, or another by now, there is nothing to do.
fn is_done(request: &StoredRequest, result: Result<(), kube::Error>) -> bool {
    match result {
        Ok(()) => true,
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => true,
        Err(error) => {
            let request = format!("{}/{}", request.namespace, request.name);
            warn!(%request, "the ConnectRequest could not be deleted: {}", cause(&error));
            false
        }
    }
}
