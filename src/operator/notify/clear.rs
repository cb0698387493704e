//! Takes what was told out of a status.

use kube::{Api, Client, ResourceExt, api::PostParams};

use super::outbox::Object;
use crate::{
    crd::{ConnectedAccount, ConnectedAccountSpec},
    kubernetes::StatusMetadata,
    store::{AllObjects, PackedObject},
};

/// So often the object is read again, where somebody else was quicker.
const TRIES: usize = 5;

/// Takes the notification of that id out of the status, if it is there.
///
/// # Errors
/// When the apiserver does not answer, or not in time.
pub(super) async fn clear(
    (client, metadata): (&Client, &StatusMetadata),
    objects: &AllObjects,
    object: &Object,
    id: &str,
) -> Result<(), String> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let read = Api::<PackedObject>::namespaced(client.clone(), namespace);
    let write = Api::<ConnectedAccount>::namespaced(client.clone(), namespace);
    let mut refused = String::new();
    for _ in 0..TRIES {
        let packed = read.get_opt(&object.name).await;
        let Some(packed) = packed.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let read = packed.unpack_partial();
        let read = read.map_err(|error| error.to_string())?;
        let mut status = read.status.unwrap_or_default();
        let pending = status.pending_notification.take();
        if pending.is_none_or(|pending| pending.id != id) {
            return Ok(());
        }
        // A write of the status leaves the declaration as it is.
        let mut body = ConnectedAccount::new(&object.name, ConnectedAccountSpec::default());
        body.metadata.namespace = object.namespace.clone();
        body.metadata.uid = packed.uid();
        body.metadata.resource_version = packed.resource_version();
        let completed = metadata.complete(client, &write, &mut body.metadata).await;
        completed.map_err(|error| error.to_string())?;
        body.status = Some(status);
        let of_project = objects.of_project(&packed.summary().project());
        of_project.begin_write(&packed);
        let written = write
            .replace_status(&object.name, &PostParams::default(), &body)
            .await;
        let version = written.as_ref().ok();
        let version = version.and_then(|object| object.resource_version());
        of_project.end_write(&packed, version);
        match written {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                refused = status.message.clone();
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(refused)
}
