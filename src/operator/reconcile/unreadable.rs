//! Objects whose declaration cannot be read: nothing is decided on half a declaration.

use kube::ResourceExt;
use tracing::warn;

use super::Context;
use crate::{
    crd::{ConnectedAccount, FINALIZER},
    report::news,
    store::{PackedObject, Summary},
};

/// Tells that an object is left alone. An event needs no more of it than its metadata.
pub(super) fn tell(kept: &PackedObject, context: &Context) {
    let Ok(Summary { metadata, .. }) = kept.summary() else {
        return;
    };
    let bare = ConnectedAccount {
        metadata,
        ..ConnectedAccount::default()
    };
    let is_held = bare.metadata.deletion_timestamp.is_some()
        && bare.finalizers().iter().any(|mark| mark == FINALIZER);
    let told = news::of_unreadable(kept.left_out(), is_held);
    if is_held {
        let object = format!(
            "{}/{}",
            bare.namespace().unwrap_or_default(),
            bare.name_any()
        );
        warn!(%object, "{}", told.note);
    }
    (context.tell)(&bare, told);
}
