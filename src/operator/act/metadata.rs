//! What is written to the object itself: the finalizer, and the annotations that say what it owns.

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    crd::{
        ALIAS_ANNOTATION, ConnectedAccount, FINALIZER, MOVE_TO_PROJECT_ANNOTATION,
        OWN_ACCOUNT_ANNOTATION, has_finalizer,
    },
    plan::{Applied, Desired, Observed, Pin},
};

use super::{Call, CallError};

impl Call<'_> {
    /// The finalizer, and the alias under which the account is to be found.
    pub(super) async fn pin(&mut self, alias: Option<&str>) -> Result<Applied, CallError> {
        let marks = pinned(self.object, self.desired, &self.observed, alias);
        self.write_marks(marks).await?;
        Ok(Applied::Marked)
    }

    pub(super) async fn unpin(&mut self) -> Result<Applied, CallError> {
        let unpinned = json!({"annotations": {ALIAS_ANNOTATION: Value::Null}});
        self.write_marks(unpinned).await?;
        Ok(Applied::Marked)
    }

    /// The finalizer goes, and with it the object.
    pub(super) async fn release(&mut self) -> Result<Applied, CallError> {
        self.write_marks(released(self.object)).await?;
        Ok(Applied::Released)
    }

    /// Patches the metadata of exactly this object as it was read: a change by somebody else in between is
    /// a 409 and means another look.
    async fn write_marks(&mut self, mut metadata: Value) -> Result<(), CallError> {
        let object = self.object;
        metadata["uid"] = json!(object.uid());
        metadata["resourceVersion"] = json!(object.resource_version());
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let params = PatchParams::default();
        let patched = self.api.patch(&object.name_any(), &params, &patch).await?;
        self.patched = Some(patched);
        Ok(())
    }
}

fn pinned(
    object: &ConnectedAccount,
    desired: &Desired,
    observed: &Observed,
    alias: Option<&str>,
) -> Value {
    let mut finalizers = object.finalizers().to_vec();
    if !has_finalizer(&object.metadata) {
        finalizers.push(FINALIZER.to_owned());
    }
    let pin = Pin::annotation(&desired.flags, &desired.namespace, &desired.name, alias);
    let mut annotations = json!({ALIAS_ANNOTATION: pin});
    // It came along with the copy. A person has given the account to the other object.
    let is_copied = matches!(desired.pin, Pin::Foreign { .. });
    // From here on the pin says the same, and a backup that is restored elsewhere is no word of a person.
    let given = observed.account.account();
    let given = given.filter(|account| desired.own_account.as_ref() == Some(&account.id));
    let is_used_up =
        given.is_some_and(|account| alias.is_some() && account.alias.as_deref() == alias);
    if is_copied || is_used_up {
        annotations[OWN_ACCOUNT_ANNOTATION] = Value::Null;
    }
    if desired.leaves().is_some() {
        annotations[MOVE_TO_PROJECT_ANNOTATION] = Value::Null;
    }
    json!({"finalizers": finalizers, "annotations": annotations})
}

fn released(object: &ConnectedAccount) -> Value {
    let others: Vec<_> = object
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != FINALIZER)
        .collect();
    json!({"finalizers": others})
}
