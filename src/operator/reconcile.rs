//! One pass over one object: observe → plan → act → report, until there is nothing left to do now.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use tokio::time::Instant;

use crate::{
    crd::{ConnectedAccount, Reason, condition},
    plan::OutcomeKind,
    report::object_event,
    store::{AllObjects, PackedObject, Summary},
    time::to_std,
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
use context::Slot;
pub use context::{Context, Decide, Emit, Report, Slots};
use error::describe;
pub use error::{Error, PassError};
pub use pace::Pace;
use pass::Pass;
pub use result::ReconcileResult;
use state::Step;

/// An object that was read so shortly before need not be read again: what has changed since, the apiserver tells
/// whoever writes.
const FRESH: Duration = Duration::from_secs(5);

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
    pass_over(packed, None, context).await
}

/// The same over an object as the watch has brought it. Where nothing is due soon, no more than the summary is kept of it
/// afterwards.
///
/// # Errors
/// As those of [`reconcile`].
pub async fn reconcile_packed(
    packed: Arc<PackedObject>,
    objects: &AllObjects,
    context: &Context,
) -> Result<ReconcileResult, PassError> {
    let passed = reconcile(Arc::clone(&packed), context).await?;
    if passed.is_at_rest() {
        objects.forget_text(&packed);
    }
    Ok(passed)
}

/// The same over an object of which there need be no more than the summary: then it is read, once a version, unless
/// nothing has changed of what it was concluded on last that nothing is to be done.
///
/// # Errors
/// As those of [`reconcile`], and when the object cannot be read.
pub async fn reconcile_known(
    known: &Summary,
    objects: &AllObjects,
    context: &Context,
) -> Result<ReconcileResult, PassError> {
    if let Some(packed) = objects.packed(&known.reference()) {
        return reconcile_packed(packed, objects, context).await;
    }
    let (policy, project) = (context.requeue_policy, &context.project_context.project);
    if let Some(conclusion) = context.project_context.conclusion(known) {
        return Ok(ReconcileResult::concluded(conclusion, project.instant()));
    }
    let attempt = Attempt::to_read(known);
    if let Some(left) = context.backoff.left(&attempt, policy, project.instant()) {
        return Ok(ReconcileResult::backing_off(left));
    }
    let read = context.project_context.read(&known.namespace, &known.name);
    let packed = match read.await {
        Ok(Some(packed)) if packed.summary().uid == known.uid => Arc::new(packed),
        // The watch brings that, too.
        Ok(Some(_) | None) => return Ok(ReconcileResult::GONE),
        Err(error) => {
            let now = project.instant();
            let next = (context.backoff).failed(&attempt, Duration::ZERO, policy, now);
            return Err(PassError {
                error: error.into(),
                requeue_after: next.after,
            });
        }
    };
    let passed = pass_over(Arc::clone(&packed), Some(Instant::now()), context).await;
    if !passed.as_ref().is_ok_and(ReconcileResult::is_at_rest) {
        objects.keep_text(&packed);
    }
    passed
}

/// `read`: when the object was read, if not by the watch.
async fn pass_over(
    packed: Arc<PackedObject>,
    read: Option<Instant>,
    context: &Context,
) -> Result<ReconcileResult, PassError> {
    if !packed.summary().is_readable() {
        unreadable::emit(&packed, context);
        return Ok(ReconcileResult::NOT_DECODED);
    }
    if !is_worked_on_here(&packed, context) {
        return Ok(ReconcileResult::GONE);
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
    match look_and_act(&packed, read, object, &attempt, context).await {
        Ok(passed) => {
            if passed.is_success() {
                context.backoff.succeeded(&attempt);
            }
            Ok(passed)
        }
        Err(error) => Err(failed(&packed, &attempt, error, context)),
    }
}

/// Whether the object, as it was read, belongs to the project that this pass was begun in. That was chosen by what was
/// known of the object, which may have been made anew or moved since: in the wrong project nothing may be made for it,
/// nor may it be let go. The watch brings it as it is, and then its pass begins where it belongs.
fn is_worked_on_here(packed: &PackedObject, context: &Context) -> bool {
    packed.summary().project_at_work() == context.key
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

/// How the look at what is remembered has ended.
enum Remembered {
    /// The pass has ended with it.
    Ended(ReconcileResult),
    /// Everything is to be looked at afresh, at work in this slot.
    Stale {
        slot: Slot,
        /// When the object was read, if that need not be done again.
        read: Option<Instant>,
    },
}

async fn look_and_act(
    packed: &Arc<PackedObject>,
    read: Option<Instant>,
    object: ConnectedAccount,
    attempt: &Attempt,
    context: &Context,
) -> Result<ReconcileResult, Error> {
    // One after the other on the heap, so that they are not held both.
    match Box::pin(look_at_remembered(packed, read, object, attempt, context)).await? {
        Remembered::Ended(ended) => Ok(ended),
        Remembered::Stale { slot, read } => {
            Box::pin(look_afresh(packed, read, slot, context)).await
        }
    }
}

async fn look_at_remembered(
    packed: &Arc<PackedObject>,
    read: Option<Instant>,
    object: ConnectedAccount,
    attempt: &Attempt,
    context: &Context,
) -> Result<Remembered, Error> {
    let namespace = packed.namespace().unwrap_or_default();
    let api = context.project_context.api(&namespace);
    let share = context.share(&namespace);
    let is_deleting = packed.summary().is_deleting;
    let Some(slot) = context.slots.take(share, is_deleting).await else {
        return Ok(Remembered::Ended(ReconcileResult::STOPPED));
    };
    // Before it is read: what changes meanwhile is another input.
    let rests_on = context.project_context.rests_on(packed.summary());
    let mut pass = Pass::begin(&api, context, slot, object);
    let step = pass.first_step().await;
    if let Step::End(event) = step {
        let ended = end_and_remember(&mut pass, event, packed, rests_on, context).await?;
        return Ok(Remembered::Ended(ended));
    }
    if let Some(wait) = pass.throttled(&step).or_else(|| pass.paced()) {
        let now = context.project_context.project.instant();
        let waited = context.backoff.defer(attempt, now);
        let ended = pass.wait_for_turn(wait, waited).await?;
        return Ok(Remembered::Ended(ended));
    }
    context.backoff.admitted(attempt);
    let (slot, read) = if pass.state.is_to_be_marked() {
        let ended = pass.run().await?;
        if ended != ReconcileResult::CONFLICTED {
            return Ok(Remembered::Ended(ended));
        }
        // The watch lags behind. Nobody waits for a slot who has one.
        drop(pass);
        (context.slots.take(share, is_deleting).await, None)
    } else {
        let read = read.filter(|at| at.elapsed() < FRESH);
        (pass.into_slot(), read)
    };
    Ok(match slot {
        Some(slot) => Remembered::Stale { slot, read },
        None => Remembered::Ended(ReconcileResult::STOPPED),
    })
}

async fn look_afresh(
    packed: &Arc<PackedObject>,
    read: Option<Instant>,
    slot: Slot,
    context: &Context,
) -> Result<ReconcileResult, Error> {
    let namespace = packed.namespace().unwrap_or_default();
    let api = context.project_context.api(&namespace);
    let current = match read {
        Some(_) => Some(Arc::clone(packed)),
        // The watch may lag behind our own last write, and what is being deleted may be let go at the last moment.
        None => context
            .project_context
            .read(&namespace, &packed.name_any())
            .await?
            .map(Arc::new),
    };
    match current {
        // The watch brings it too, and then it is told.
        Some(current) if !current.summary().is_readable() => Ok(ReconcileResult::NOT_DECODED),
        Some(current) if current.uid() == packed.uid() && is_worked_on_here(&current, context) => {
            let mut fresh = Pass::begin(&api, context, slot, current.unpack()?);
            fresh.run().await
        }
        Some(_) | None => Ok(ReconcileResult::GONE),
    }
}

/// Ends a pass that has nothing to do, and keeps what it came to for as long as none of its inputs changes.
async fn end_and_remember(
    pass: &mut Pass<'_>,
    event: OutcomeKind,
    packed: &PackedObject,
    rests_on: Option<u64>,
    context: &Context,
) -> Result<ReconcileResult, Error> {
    let may_be_concluded = matches!(event, OutcomeKind::Settled | OutcomeKind::Waiting(_));
    let ended = pass.end(event).await?;
    let known = &context.project_context;
    let conclusion = ended.conclusion(known.project.instant());
    if let (true, Some(conclusion), Some(rests_on)) = (may_be_concluded, conclusion, rests_on) {
        (known.objects).conclude(packed.summary(), rests_on, conclusion);
    }
    Ok(ended)
}
