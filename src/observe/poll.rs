//! The poller: lists the project's accounts now and then, and tells which objects to look at.

use std::{collections::HashSet, sync::Arc, time::Duration};

use kube::runtime::reflector::{ObjectRef, Store};

use crate::{
    composio::{ListQuery, error::Error},
    crd::ConnectedAccount,
    project::{Changes, Project},
};

/// The poller of one project.
pub struct Poll {
    project: Arc<Project>,
    objects: Store<ConnectedAccount>,
    failing: bool,
}

/// How often accounts are listed.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// While nobody is expected.
    pub interval: Duration,
    /// While a link waits for a person.
    pub waiting: Duration,
}

/// How a poll ended.
#[derive(Debug)]
pub enum PollEvent {
    /// Everything was listed. The objects whose account changed; after an outage, all objects.
    Listed(Vec<ObjectRef<ConnectedAccount>>),
    /// Composio did not answer.
    Failed(Error),
}

impl Poll {
    /// A poller that has not polled yet.
    pub fn new(project: Arc<Project>, objects: Store<ConnectedAccount>) -> Self {
        Self {
            project,
            objects,
            failing: false,
        }
    }

    /// Polls for ever: once at once, then in that rhythm. Each result goes to `tell`.
    pub async fn run(mut self, rhythm: Rhythm, mut tell: impl AsyncFnMut(PollEvent)) {
        loop {
            let event = self.tick().await;
            tell(event).await;
            self.pause(rhythm).await;
            self.obey_rate_limit().await;
        }
    }

    /// Polls once.
    pub async fn tick(&mut self) -> PollEvent {
        let scanned = self.scan().await;
        let failed_before = std::mem::replace(&mut self.failing, scanned.is_err());
        match scanned {
            Ok(_) if failed_before => PollEvent::Listed(self.refs(|_| true)),
            Ok(changes) => PollEvent::Listed(self.affected(changes)),
            Err(error) => PollEvent::Failed(error),
        }
    }

    async fn scan(&self) -> Result<Changes, Error> {
        let began = self.project.snapshot(|snapshot| snapshot.begin_scan());
        let accounts = self.project.list_all(ListQuery::default()).await?;
        Ok(self
            .project
            .snapshot(|snapshot| snapshot.scanned(began, accounts)))
    }

    /// A link that is issued while the long pause goes on cuts it to the short one.
    async fn pause(&self, rhythm: Rhythm) {
        // During an outage there is nothing to be quick for.
        if self.somebody_is_expected() && !self.failing {
            tokio::time::sleep(rhythm.waiting).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(rhythm.interval) => {}
            () = self.project.person_expected() => tokio::time::sleep(rhythm.waiting).await,
        }
    }

    async fn obey_rate_limit(&self) {
        while let Some(until) = self.project.closed().paused_until {
            let left = until.duration_since(self.project.now());
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
    }

    /// Whether a link waits for a person.
    pub fn somebody_is_expected(&self) -> bool {
        let now = self.project.now();
        self.objects.state().iter().any(|object| {
            let link = object
                .status
                .as_ref()
                .and_then(|status| status.link.as_ref());
            link.is_some_and(|link| now < link.expires_at.0)
        })
    }

    fn affected(&self, changes: Changes) -> Vec<ObjectRef<ConnectedAccount>> {
        if changes.is_empty() {
            return Vec::new();
        }
        let changed: HashSet<String> = changes.into_iter().collect();
        self.refs(|object| {
            let id = object
                .status
                .as_ref()
                .and_then(|status| status.connected_account_id.as_ref());
            id.is_some_and(|id| changed.contains(id))
        })
    }

    fn refs(&self, which: impl Fn(&ConnectedAccount) -> bool) -> Vec<ObjectRef<ConnectedAccount>> {
        self.objects
            .state()
            .iter()
            .filter(|object| which(object))
            .map(|object| ObjectRef::from_obj(&**object))
            .collect()
    }
}
