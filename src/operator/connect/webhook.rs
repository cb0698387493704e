//! Composio's webhook: an event that an account has expired is a hint, upon which the operator is asked for a fresh look.
//! Nothing of it is believed, kept or logged.
//!
//! Whoever is not Composio learns nothing: each refusal is one empty answer, whether or not the project has a webhook.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Site,
    account::{Account, State},
    reply::Reply,
    requests::{Asked, Made},
    visitor::only,
};
use crate::{composio::model::Sensitive, crd::ConnectRequestKind, projects::ProjectKey};

mod event;
mod signature;

use event::{Event, Unreadable};
use signature::Signed;

/// What the path of a webhook begins with; the project follows.
pub(super) const PATH: &str = "/webhooks/";
/// The longest body.
const BODY: usize = 256 * 1024;
/// How long it may take to come.
const BODY_TIME: Duration = Duration::from_secs(10);
/// So many bodies are read at a time.
const BODIES: usize = 32;
/// So many ids of events are remembered, each for as long as its signature is good.
const REMEMBERED: usize = 10_000;
/// See [`REMEMBERED`].
const MEMORY: Duration = Duration::from_secs(2 * 5 * 60);
/// An event of which is told later than this is counted.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// An id may stand in the status of so many objects that are asked for a look; only one of them has the account.
const MOST: usize = 5;

/// Where the secrets are that sign events, and what came of late.
pub(super) struct Webhooks {
    folder: PathBuf,
    bodies: Semaphore,
    seen: Mutex<VecDeque<(Instant, String)>>,
}

/// Why a request is refused, for the metric.
type Why = &'static str;

impl Webhooks {
    /// With the secrets in that folder: a file for each project, called `ComposioProject.NAMESPACE.NAME` or
    /// `ClusterComposioProject.NAME`, with a secret on each line.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            bodies: Semaphore::new(BODIES),
            seen: Mutex::default(),
        }
    }

    /// The secrets of a project as they are now. None: it has no webhook.
    fn secrets(&self, project: &ProjectKey) -> Vec<Sensitive> {
        let name = project.to_string();
        let name = name.split('/').collect::<Vec<_>>().join(".");
        let text = fs::read_to_string(self.folder.join(name)).map(Sensitive::new);
        let text = text.unwrap_or_else(|_| Sensitive::new(""));
        let lines = text.expose().lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(Sensitive::new)
            .collect()
    }

    /// Whether an event was handled before.
    fn was_seen(&self, id: &str) -> bool {
        let mut seen = self.seen.lock();
        while seen.front().is_some_and(|(at, _)| at.elapsed() >= MEMORY) {
            seen.pop_front();
        }
        seen.iter().any(|(_, known)| known == id)
    }

    fn remember(&self, id: String) {
        let mut seen = self.seen.lock();
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back((Instant::now(), id));
    }
}

impl Site {
    /// Answers what is sent to the path behind [`PATH`].
    pub(super) async fn webhook(
        &self,
        webhooks: &Webhooks,
        method: &Method,
        headers: &HeaderMap,
        path: &str,
        body: Body,
        now: Timestamp,
    ) -> Reply {
        let (project, signed, body) =
            match verified(webhooks, method, headers, path, body, now).await {
                Ok(verified) => verified,
                Err(Some(why)) => {
                    self.metrics.refused(why);
                    return Reply::empty("webhook_refused", StatusCode::UNAUTHORIZED);
                }
                Err(None) => {
                    self.metrics.refused("webhook_busy");
                    return Reply::empty("webhook_busy", StatusCode::SERVICE_UNAVAILABLE);
                }
            };
        let event = Event::read(&body);
        drop(body);
        let result = match event {
            Err(Unreadable::Payload) => "unreadable",
            Err(Unreadable::Type) => "unknown_type",
            Ok(_) if webhooks.was_seen(&signed.id) => "repeated",
            Ok(event) => {
                if event.at.is_some_and(|at| now.duration_since(at) > LATE) {
                    self.metrics.late_event();
                }
                let result = self.look(&project, &event).await;
                if result == "failed" {
                    self.metrics.event(result);
                    return Reply::empty("webhook_failed", StatusCode::SERVICE_UNAVAILABLE);
                }
                webhooks.remember(signed.id);
                result
            }
        };
        self.metrics.event(result);
        Reply::empty("webhook", StatusCode::OK)
    }

    /// Asks for a look at the objects that have the account, and says what came of it.
    async fn look(&self, project: &ProjectKey, event: &Event) -> &'static str {
        let accounts = self
            .objects
            .with_account(&event.account, |account| account.project_key() == *project);
        let is_of_it = |account: &&Arc<Account>| {
            let proved = account.project_id();
            proved.is_none_or(|id| event.project_id.as_deref() == Some(id))
        };
        let concerned = accounts.iter().filter(is_of_it);
        // A replay, at another replica or after a restart, tells nothing that a look has not shown since.
        let is_known = |account: &&Arc<Account>| account.state() == State::Over;
        let (known, concerned): (Vec<_>, Vec<_>) = concerned.take(MOST).partition(is_known);
        if concerned.is_empty() && !known.is_empty() {
            return "known";
        }
        if concerned.is_empty() {
            return match accounts.is_empty() {
                true => "unknown_account",
                false => "another_project",
            };
        }
        let mut result = "pending";
        for account in concerned {
            let asked = Asked {
                kind: ConnectRequestKind::Look,
                user: None,
                browser: None,
                returned: None,
            };
            match self.requests.make(account, &asked, &self.metrics).await {
                Made::New(_) => result = "asked",
                Made::Pending => {}
                Made::Failed => return "failed",
            }
        }
        result
    }
}

/// What was signed with a secret of the project of the path: project, headers and body. `Err(None)`: there is no room to
/// read another body now.
async fn verified(
    webhooks: &Webhooks,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    body: Body,
    now: Timestamp,
) -> Result<(ProjectKey, Signed, axum::body::Bytes), Option<Why>> {
    if *method != Method::POST {
        return Err(Some("webhook_method"));
    }
    let project = project(path).ok_or(Some("webhook_path"))?;
    let signed = Signed::of(headers).ok_or(Some("webhook_headers"))?;
    if !signed.is_fresh(now) {
        return Err(Some("webhook_timestamp"));
    }
    let length = only(headers, &header::CONTENT_LENGTH);
    let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > BODY) {
        return Err(Some("webhook_body"));
    }
    let Ok(_room) = webhooks.bodies.try_acquire() else {
        return Err(None);
    };
    let body = timeout(BODY_TIME, to_bytes(body, BODY)).await;
    let Ok(Ok(body)) = body else {
        return Err(Some("webhook_body"));
    };
    // Without a secret it takes as long.
    let secrets = webhooks.secrets(&project);
    match signed.verify(&secrets, &body) {
        true => Ok((project, signed, body)),
        false => Err(Some("webhook_signature")),
    }
}

/// The project of a path, of which each part is a name and nothing else: it becomes the name of a file.
fn project(path: &str) -> Option<ProjectKey> {
    const MAX: usize = 253;
    let is_name = |text: &str| {
        let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        text.len() <= MAX
            && text.bytes().all(is_letter)
            && text.split('.').all(|part| !part.is_empty())
    };
    let key: ProjectKey = path.parse().ok()?;
    let is_namespace = |namespace: &str| is_name(namespace) && !namespace.contains('.');
    (is_name(&key.name) && key.namespace.as_deref().is_none_or(is_namespace)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_project_and_no_file_elsewhere() {
        for (path, name) in [
            (
                "ComposioProject/agents/default",
                "ComposioProject/agents/default",
            ),
            ("ClusterComposioProject/a.b", "ClusterComposioProject/a.b"),
        ] {
            assert_eq!(project(path).expect(path).to_string(), name);
        }
        for path in [
            "",
            "p",
            "ComposioProject/default",
            "ClusterComposioProject/../x",
            "ClusterComposioProject/..",
            "ClusterComposioProject/a/b",
            "ComposioProject/a.b/c",
            "ComposioProject/%2e%2e/c",
            "ClusterComposioProject/A",
            "ClusterComposioProject/a\0",
            "Secret/a",
        ] {
            assert!(project(path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let webhooks = Webhooks::new(PathBuf::new());
        for n in 0..REMEMBERED + 10 {
            webhooks.remember(n.to_string());
        }
        assert_eq!(webhooks.seen.lock().len(), REMEMBERED);
        assert!(webhooks.was_seen("10") && !webhooks.was_seen("9"));
    }
}
