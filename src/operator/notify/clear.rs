//! Takes what was told out of a status.

use kube::{Api, Client};

use super::outbox::Object;
use crate::{
    kubernetes::StatusSubresource,
    store::{AllObjects, PackedObject},
};

/// So often the object is read again, where somebody else was quicker.
const TRIES: usize = 5;

/// Takes the notification of that id out of the status, if it is there.
///
/// # Errors
/// When the apiserver does not answer, or not in time.
pub(super) async fn clear(
    (client, statuses): (&Client, &StatusSubresource),
    objects: &AllObjects,
    object: &Object,
    id: &str,
) -> Result<(), String> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let read = Api::<PackedObject>::namespaced(client.clone(), namespace);
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
        let of_project = objects.of_project(&packed.summary().project());
        let written = statuses.write(&of_project, &packed, status).await;
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
