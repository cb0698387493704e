//! One pass over one object: observe → plan → act → report, until there is nothing left to do now.

use std::sync::Arc;

use kube::ResourceExt;

use crate::{
    crd::{ConnectedAccount, Reason, condition},
    report::object_event,
    store::PackedObject,
    time::to_std,
    turns::Share,
};

mod backoff;
mod config_map;
mod context;
mod error;
mod pace;
mod pass;
mod result;
mod state;
mod status_writer;
mod unreadable;
use backoff::Attempt;
pub use backoff::Backoff;
pub use context::{Context, Decide, Emit, Report, Slots};
use error::describe;
pub use error::{Error, PassError};
pub use pace::Pace;
use pass::Pass;
pub use result::ReconcileResult;
use state::Step;

/// Makes one object's account as declared, as far as that is possible now.
///
/// # Guarantees
/// - What is remembered may only conclude that there is nothing to do. Every effect is planned on the
///   object and the account as they were read in this pass. The first mark of an object is planned on the
///   object as the watch has brought it: the apiserver refuses it for any other version.
/// - The id and link of an effect's answer are written, or being written, before another effect.
/// - A status that says the same is not written.
/// - An object whose declaration cannot be read is not acted on, nor let go: it is told.
/// - What the apiserver has refused is told, in the status or else by an event. Until a wait that grows is over
///   nothing is asked for the object, of Composio neither, whoever triggers it.
///
/// # Assumptions
/// No other pass over the same object runs at the same time.
///
/// # Errors
/// When the apiserver fails, or this program has kept what it cannot read. Nothing is lost by it: the
/// alias that was pinned before the first POST finds the account again.
pub async fn reconcile(
    packed: Arc<PackedObject>,
    context: &Context,
) -> Result<ReconcileResult, PassError> {
    if packed.is_unreadable() {
        unreadable::emit(&packed, context);
        return Ok(ReconcileResult::NOT_DECODED);
    }
    let object = packed.unpack().map_err(|error| PassError {
        error: error.into(),
        requeue_after: context.requeue_policy.max,
    })?;
    let attempt = Attempt::of(&object);
    let now = context.project_context.project.instant();
    if let Some(left) = context.backoff.left(&attempt, context.requeue_policy, now) {
        return Ok(ReconcileResult::backing_off(left));
    }
    // On the heap: it is tens of kilobytes, and whoever holds a pass would hold them too.
    match Box::pin(look_and_act(&packed, object, &attempt, context)).await {
        Ok(passed) => {
            if passed.is_success() {
                context.backoff.succeeded(&attempt);
            }
            Ok(passed)
        }
        Err(error) => Err(failed(&packed, &attempt, error, context)),
    }
}

/// How long to leave an object alone whose pass failed. What the apiserver has refused is told once: where the
/// status does not say it, it could not be written either.
fn failed(packed: &PackedObject, attempt: &Attempt, error: Error, context: &Context) -> PassError {
    let object = packed.unpack().unwrap_or_default();
    let project = &context.project_context.project;
    let status = object.status.as_ref();
    let since = status
        .filter(|status| status.says(condition::SYNCED, &[Reason::KubernetesRefused]))
        .and_then(|status| status.condition(condition::SYNCED))
        .map(|synced| synced.last_transition_time.0);
    let lasted = since.map(|since| to_std(project.now().duration_since(since)));
    let lasted = lasted.unwrap_or_default();
    let next = (context.backoff).failed(attempt, lasted, context.requeue_policy, project.instant());
    if next.is_first
        && since.is_none()
        && let Some(refusal) = error.refusal()
    {
        (context.emit)(&object, object_event::of_refusal(&refusal));
    }
    PassError {
        error,
        requeue_after: next.after,
    }
}

async fn look_and_act(
    packed: &PackedObject,
    object: ConnectedAccount,
    attempt: &Attempt,
    context: &Context,
) -> Result<ReconcileResult, Error> {
    let namespace = packed.namespace().unwrap_or_default();
    let api = context.project_context.api(&namespace);
    let share = Share::of(&context.key, &namespace);
    let is_deleting = packed.is_deleting();
    let Some(slot) = context.slots.take(share, is_deleting).await else {
        return Ok(ReconcileResult::STOPPED);
    };
    let mut remembered = Pass::begin(&api, context, slot, object);
    let step = remembered.first_step().await;
    if let Step::End(event) = step {
        return remembered.end(event).await;
    }
    if let Some(wait) = remembered.throttled(&step).or_else(|| remembered.paced()) {
        let now = context.project_context.project.instant();
        let waited = context.backoff.defer(attempt, now);
        return remembered.wait_for_turn(wait, waited).await;
    }
    context.backoff.admitted(attempt);
    let slot = if remembered.state.is_to_be_marked() {
        match remembered.run().await? {
            // The watch lags behind.
            ReconcileResult::CONFLICTED => context.slots.take(share, is_deleting).await,
            ended => return Ok(ended),
        }
    } else {
        remembered.into_slot()
    };
    let Some(slot) = slot else {
        return Ok(ReconcileResult::STOPPED);
    };
    // The watch may lag behind our own last write.
    let current = context
        .project_context
        .read(&namespace, &packed.name_any())
        .await?;
    match current {
        // The watch brings it too, and then it is told.
        Some(current) if current.is_unreadable() => Ok(ReconcileResult::NOT_DECODED),
        Some(current) if current.uid() == packed.uid() => {
            let fresh = Pass::begin(&api, context, slot, current.unpack()?);
            fresh.run().await
        }
        Some(_) | None => Ok(ReconcileResult::GONE),
    }
}
