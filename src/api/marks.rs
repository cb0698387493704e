//! What an object carries beside its declaration: the finalizer, and the annotations of the operator and of people.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Keeps an object until its account is dealt with.
pub const FINALIZER: &str = "composio.dev/connected-account";
/// Says for which object an account was, or may have been, asked for under which alias. JSON, written by
/// the operator before it asks; a copy of the object carries it along, and it counts for the named one alone.
pub const ALIAS_ANNOTATION: &str = "composio.dev/alias";
/// A person gives an account to the object by writing the account's id here: one that was found by its
/// declared alias, or whose alias was changed.
pub const OWN_ACCOUNT_ANNOTATION: &str = "composio.dev/own-account";
/// On a Secret: `true` says that it may be sent to Composio.
pub const CREDENTIALS_ANNOTATION: &str = "composio.dev/credentials";
/// A person lets an object go without its account by writing the account's id here, or the alias that it was asked
/// for under: it is being deleted, and its project, or the key of it, is gone.
pub const ABANDON_ANNOTATION: &str = "composio.dev/abandon";
/// Annotation by which a person has an object go on in another project than its pin names: `kind/name` of that one,
/// which the object refers to.
pub const MOVE_TO_PROJECT_ANNOTATION: &str = "composio.dev/move-to-project";
/// A person asks for a new link by giving this annotation a new value.
pub const LINK_REQUESTED_ANNOTATION: &str = "composio.dev/link-requested-at";
/// A person or a GitOps tool asks for a fresh look by giving this annotation a new value.
pub const RECONCILE_REQUESTED_ANNOTATION: &str = "composio.dev/reconcile-requested-at";
/// A copy of the object as somebody applied it, written by `kubectl apply`.
pub const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether the object carries [`FINALIZER`].
pub fn has_finalizer(metadata: &ObjectMeta) -> bool {
    let mut finalizers = metadata.finalizers.iter().flatten();
    finalizers.any(|finalizer| finalizer == FINALIZER)
}

/// Whether a request by annotation has not been handled: `handled` is the value that the status holds.
pub fn is_unanswered(request: Option<&str>, handled: Option<&str>) -> bool {
    request.is_some() && request != handled
}
