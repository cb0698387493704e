//! Requests to the operator: annotations with a new value.

use composio_api::RECONCILE_REQUESTED_ANNOTATION;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::failure::Failure;

/// A value that was not there before, far shorter than the longest that the operator takes.
pub(crate) fn new_token() -> String {
    Timestamp::now().to_string()
}

/// The patch that sets an annotation, or takes it off.
pub(crate) fn set_annotation(name: &str, value: Option<&str>) -> Value {
    json!({"metadata": {"annotations": {name: value}}})
}

/// Asks for a fresh look; returns what it was asked by, and the object.
pub(crate) async fn request_reconcile(
    cluster: &Cluster,
    name: &str,
) -> Result<(String, Value), Failure> {
    let token = new_token();
    let change = set_annotation(RECONCILE_REQUESTED_ANNOTATION, Some(&token));
    let object = cluster.patch(name, change).await?;
    Ok((token, object))
}
