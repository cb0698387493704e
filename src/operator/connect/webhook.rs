//! Composio's webhook: an event that an account has expired is a hint, upon which the operator is asked for a fresh look.
//! Nothing of it is believed, kept or logged.
//!
//! Whoever is not Composio learns nothing: each refusal is one empty answer, whether or not the project has a webhook.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use futures::future::join_all;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::{
    Site,
    account::{Account, State},
    bodies::{Bodies, NoBody},
    reply::Reply,
    requests::{Asked, Made},
    visitor::only,
};
use crate::{crd::ConnectRequestKind, projects::ProjectKey};

mod event;
mod secrets;
mod signature;

use event::{Event, Unreadable};
use secrets::Secrets;
use signature::Signed;

/// What the path of a webhook begins with; the project follows.
pub(super) const PATH: &str = "/webhooks/";
/// The longest body, in bytes.
const LONGEST: usize = 256 * 1024;
/// So many ids of events are remembered, each for as long as its signature is good.
const REMEMBERED: usize = 10_000;
/// See [`REMEMBERED`].
const MEMORY: Duration = Duration::from_secs(2 * 5 * 60);
/// An event of which is told later than this is counted.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// So many objects are looked at for one event. An id may stand in the status of many, of which one has the account.
const MOST: usize = 64;

/// Where the secrets are that sign events, and what came of late.
pub(super) struct Webhooks {
    secrets: Secrets,
    bodies: Bodies,
    seen: Mutex<VecDeque<Seen>>,
}

/// An event that was handled.
struct Seen {
    at: Instant,
    project: ProjectKey,
    id: String,
}

/// Why a request is refused, for the metric.
type Why = &'static str;
/// Of these the sender is told, since it may be Composio: the event comes again.
const BUSY: Why = "webhook_busy";

impl Webhooks {
    /// With the secrets in that folder: a file for each project, called `ComposioProject.NAMESPACE.NAME` or
    /// `ClusterComposioProject.NAME`, with a secret on each line.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            secrets: Secrets::new(folder),
            bodies: Bodies::new(LONGEST),
            seen: Mutex::default(),
        }
    }

    /// Whether an event of that project was handled before. Another project may have one of the same id.
    fn was_seen(&self, project: &ProjectKey, id: &str) -> bool {
        let mut seen = self.seen.lock();
        while seen.front().is_some_and(|one| one.at.elapsed() >= MEMORY) {
            seen.pop_front();
        }
        seen.iter()
            .any(|one| one.id == id && one.project == *project)
    }

    fn remember(&self, project: ProjectKey, id: String) {
        let mut seen = self.seen.lock();
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(Seen {
            at: Instant::now(),
            project,
            id,
        });
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
                Err(why) => {
                    self.metrics.refused(why);
                    return match why {
                        BUSY => Reply::empty(BUSY, StatusCode::SERVICE_UNAVAILABLE),
                        _ => Reply::empty("webhook_refused", StatusCode::UNAUTHORIZED),
                    };
                }
            };
        let event = Event::read(&body);
        drop(body);
        let result = match event {
            Err(Unreadable::Payload) => "unreadable",
            Err(Unreadable::Type) => "unknown_type",
            Ok(_) if webhooks.was_seen(&project, &signed.id) => "repeated",
            Ok(event) => {
                if event.at.is_some_and(|at| now.duration_since(at) > LATE) {
                    self.metrics.late_event();
                }
                let result = self.look(&project, &event).await;
                if result == "failed" {
                    self.metrics.event(result);
                    return Reply::empty("webhook_failed", StatusCode::SERVICE_UNAVAILABLE);
                }
                webhooks.remember(project, signed.id);
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
        // A replay, at another replica or after a restart, tells nothing that a look has not shown since.
        let is_known = |account: &&Arc<Account>| account.state() == State::Over;
        let concerned = accounts.iter().filter(is_of_it);
        let (known, concerned): (Vec<_>, Vec<_>) = concerned.partition(is_known);
        if concerned.is_empty() {
            return match (known.is_empty(), accounts.is_empty()) {
                (false, _) => "known",
                (true, true) => "unknown_account",
                (true, false) => "another_project",
            };
        }
        let asked = Asked {
            kind: ConnectRequestKind::Look,
            user: None,
            browser: None,
            proof: None,
            returned: None,
            session: None,
        };
        let concerned = in_turn(&concerned).into_iter().take(MOST);
        let made = concerned.map(|account| self.requests.make(account, &asked, &self.metrics));
        let made = join_all(made).await;
        if made.contains(&Made::Failed) {
            return "failed";
        }
        let is_new = |made: &Made| matches!(made, Made::New(_));
        if made.iter().any(is_new) {
            "asked"
        } else {
            "pending"
        }
    }
}

/// One of each namespace after another, and those first that are used: whoever writes an account's id into the status of
/// many objects keeps no other namespace's from being looked at.
fn in_turn<'a>(accounts: &[&'a Arc<Account>]) -> Vec<&'a Account> {
    let mut accounts: Vec<&Account> = accounts.iter().map(|account| &***account).collect();
    accounts.sort_by_key(|account| (account.state() != State::Active, account.key()));
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut accounts: Vec<(usize, &Account)> = accounts
        .into_iter()
        .map(|account| {
            let turn = turns.entry(account.namespace()).or_default();
            *turn += 1;
            (*turn, account)
        })
        .collect();
    accounts.sort_by_key(|(turn, _)| *turn);
    accounts.into_iter().map(|(_, account)| account).collect()
}

/// What was signed with a secret of the project of the path: project, headers and body.
async fn verified(
    webhooks: &Webhooks,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    body: Body,
    now: Timestamp,
) -> Result<(ProjectKey, Signed, Bytes), Why> {
    if *method != Method::POST {
        return Err("webhook_method");
    }
    let project = project(path).ok_or("webhook_path")?;
    let signed = Signed::of(headers).ok_or("webhook_headers")?;
    if !signed.is_fresh(now) {
        return Err("webhook_timestamp");
    }
    let length = only(headers, &header::CONTENT_LENGTH);
    let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > LONGEST) {
        return Err("webhook_body");
    }
    let body = webhooks.bodies.read(body).await;
    let body = body.map_err(|error| match error {
        NoBody::GaveWay => BUSY,
        NoBody::Wrong => "webhook_body",
    })?;
    let keys = webhooks.secrets.of(&project);
    match signed.verify(&keys, &body) {
        true => Ok((project, signed, body)),
        false => Err("webhook_signature"),
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
    (is_name(key.name()) && key.namespace().is_none_or(is_namespace)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::account::PageObject;

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
    fn what_is_remembered_is_bounded_and_of_its_own_project() {
        let webhooks = Webhooks::new(PathBuf::new());
        let [own, other] = ["ClusterComposioProject/a", "ClusterComposioProject/b"]
            .map(|key| project(key).expect("a project"));
        for n in 0..REMEMBERED + 10 {
            webhooks.remember(own.clone(), n.to_string());
        }
        assert_eq!(webhooks.seen.lock().len(), REMEMBERED);
        assert!(webhooks.was_seen(&own, "10") && !webhooks.was_seen(&own, "9"));
        assert!(!webhooks.was_seen(&other, "10"));
    }

    #[test]
    fn one_namespace_with_many_objects_keeps_no_other_one_waiting() {
        let account = |key: String, state: &str| {
            let (namespace, name) = key.split_once('/').expect("a key");
            let object = serde_json::json!({
                "metadata": {"namespace": namespace, "name": name}, "spec": {}, "status": {"state": state},
            });
            let object: PageObject = serde_json::from_value(object).expect("it is read");
            object.account()
        };
        let forged = (0..100).map(|n| account(format!("forger/{n:03}"), "ACTIVE"));
        let honest = [
            ("team/spare", "INACTIVE"),
            ("team/used", "ACTIVE"),
            ("yard/mail", "INACTIVE"),
        ];
        let honest = honest.map(|(key, state)| account(key.to_owned(), state));
        let all: Vec<_> = forged.chain(honest).collect();
        let all: Vec<_> = all.iter().collect();
        let turns = in_turn(&all);
        let first = turns.iter().take(5).map(|account| account.key());
        let first: Vec<_> = first.collect();
        let expected = [
            "forger/000",
            "team/used",
            "yard/mail",
            "forger/001",
            "team/spare",
        ];
        assert_eq!(first, expected);
        assert_eq!(turns.len(), all.len());
    }
}
