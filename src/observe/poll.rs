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
    /// The project.
    pub project: Arc<Project>,
    /// The objects.
    pub objects: Store<ConnectedAccount>,
    /// How often while nobody is expected.
    pub interval: Duration,
    /// How often while a link waits for a person.
    pub interval_waiting: Duration,
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
    /// Polls for ever: once at once, then at the interval. Each result goes to `tell`, which is not
    /// called twice at a time.
    pub async fn run(self, mut tell: impl AsyncFnMut(PollEvent)) {
        let mut failing = false;
        loop {
            let event = match self.scan().await {
                Ok(_) if failing => PollEvent::Listed(self.all()),
                Ok(changes) => PollEvent::Listed(self.affected(changes)),
                Err(error) => PollEvent::Failed(error),
            };
            failing = matches!(event, PollEvent::Failed(_));
            tell(event).await;
            self.pause().await;
        }
    }

    async fn scan(&self) -> Result<Changes, Error> {
        let began = self.project.snapshot(|snapshot| snapshot.begin_scan());
        let mut query = ListQuery::default();
        let mut accounts = Vec::new();
        loop {
            let page = self.project.client.list(&query).await?;
            accounts.extend(page.items);
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        Ok(self
            .project
            .snapshot(|snapshot| snapshot.scanned(began, accounts)))
    }

    /// A link that is issued while the long pause goes on cuts it to the short one.
    async fn pause(&self) {
        if self.somebody_is_expected() {
            tokio::time::sleep(self.interval_waiting).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(self.interval) => {}
            () = self.project.person_expected() => tokio::time::sleep(self.interval_waiting).await,
        }
    }

    fn somebody_is_expected(&self) -> bool {
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

    fn all(&self) -> Vec<ObjectRef<ConnectedAccount>> {
        self.refs(|_| true)
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
