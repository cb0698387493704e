//! Operators that are broken on purpose. What a broken build would send is made of what the real one
//! sends, on its way through the proxies: there is no switch in the program.

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::boundary::Kind;
use super::neighbour::key_beside;
use super::neighbour::release;
use super::test_bed::World;
use crate::support::proxy::{Fate, Seen};

/// Takes our finalizer off the object.
pub(super) type Release = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What is wrong with the operator.
pub(super) enum Broken {
    /// It makes accounts without an alias.
    NoAlias,
    /// It lets the object go before it deletes the account.
    ReleasedFirst(Release),
    /// It makes the accounts of one project with the API key of another.
    KeyOfAnother {
        /// The project's own.
        key: String,
        /// Which is sent instead.
        another: String,
    },
    /// It reports new credentials as sent before it sends them. The sender lets them go.
    ReportedFirst(Mutex<Option<oneshot::Sender<()>>>),
}

impl Broken {
    /// What the broken operator does before it sends the request, and what it sends instead.
    pub(super) async fn change(&self, kind: &Kind, mut seen: Seen) -> Seen {
        match self {
            Broken::NoAlias if kind.method == "POST" => {
                let mut body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                for place in ["", "/connection"] {
                    let fields = body.pointer_mut(place).and_then(Value::as_object_mut);
                    fields.map(|fields| fields.remove("alias"));
                }
                if !body.is_null() {
                    seen.body = body.to_string().into();
                }
            }
            Broken::ReleasedFirst(release) if kind.method == "DELETE" => release().await,
            Broken::KeyOfAnother { key, another } if kind.method == "POST" => {
                seen.replace_header("x-api-key", key, another);
            }
            Broken::NoAlias
            | Broken::ReleasedFirst(_)
            | Broken::ReportedFirst(_)
            | Broken::KeyOfAnother { .. } => {}
        }
        seen
    }

    /// Whether such a request is a boundary. A report is one only while there is something that it says too
    /// early: a late report of the step before would be taken for it.
    pub(super) fn counts(&self, kind: &Kind) -> bool {
        match self {
            Broken::ReportedFirst(waiting) if is_report(kind) => waiting.lock().is_some(),
            Broken::NoAlias
            | Broken::ReleasedFirst(_)
            | Broken::ReportedFirst(_)
            | Broken::KeyOfAnother { .. } => true,
        }
    }

    /// What it had still to send is lost with it.
    pub(super) fn die(&self) {
        if let Broken::ReportedFirst(waiting) = self {
            *waiting.lock() = None;
        }
    }

    /// What becomes of a request that nothing else happens to.
    pub(super) fn fate(&self, kind: &Kind) -> Fate {
        let Broken::ReportedFirst(waiting) = self else {
            return Fate::Forwarded;
        };
        let mut waiting = waiting.lock();
        if kind.what == "credentials" {
            let (go, may_go) = oneshot::channel();
            *waiting = Some(go);
            let answer = json!({"id": "ca", "status": "ACTIVE", "success": true});
            return Fate::AnsweredFirst(answer.to_string(), may_go);
        }
        if is_report(kind) {
            // Without one that waits there is nothing to send.
            let _ = waiting.take().map(|go| go.send(()));
        }
        Fate::Forwarded
    }
}

fn is_report(kind: &Kind) -> bool {
    kind.path.ends_with("/status") && kind.method == "PUT"
}

/// Makes accounts without an alias.
pub(super) fn no_alias(_: &World<'_>) -> Broken {
    Broken::NoAlias
}

/// Lets the object go before it deletes the account.
pub(super) fn released_first(world: &World<'_>) -> Broken {
    let (objects, name) = (world.test_bed.objects.clone(), world.name.clone());
    Broken::ReleasedFirst(Box::new(move || {
        let (objects, name) = (objects.clone(), name.clone());
        Box::pin(async move { release(&objects, &name).await })
    }))
}

/// Makes the neighbour's account with the key of the other project.
pub(super) fn key_of_another(world: &World<'_>) -> Broken {
    Broken::KeyOfAnother {
        key: key_beside(&world.key),
        another: world.key.clone(),
    }
}

/// Reports new credentials as sent before it sends them.
pub(super) fn reported_first(_: &World<'_>) -> Broken {
    Broken::ReportedFirst(Mutex::default())
}
