//! Objects whose declaration cannot be read: nothing is decided on half a declaration.

use tracing::warn;

use super::Context;
use crate::{
    crd::{ConnectedAccount, has_finalizer},
    report::object_event,
    store::PackedObject,
};

/// Says in an event that an object is left alone. An event needs no more of it than its metadata.
pub(super) fn emit(packed: &PackedObject, context: &Context) {
    let Ok(known) = packed.unpack_partial() else {
        return;
    };
    let bare = ConnectedAccount {
        metadata: known.metadata,
        ..ConnectedAccount::default()
    };
    let is_held = bare.metadata.deletion_timestamp.is_some() && has_finalizer(&bare.metadata);
    let event = object_event::of_unreadable(&packed.summary().left_out, is_held);
    if is_held {
        warn!("{}", event.note);
    }
    (context.emit)(&bare, event);
}
