//! The poller: asks for what is newest in the project, now and then for every account that is recorded,
//! and tells which objects to look at. What it costs follows from what changes and from what is ours,
//! and not from what else the project holds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use super::{Objects, proof};
use crate::{
    composio::error::{Error, Retry},
    crd::{ConnectedAccount, ConnectedAccountStatus},
    project::{Changes, Project, Standing},
};

mod newest;
mod sweep;

use newest::{End, Watermark};
use sweep::Sweep;

/// Rows a page, and ids a request. Composio allows no larger page, and not every proxy a longer URL.
const PAGE: usize = 50;
/// The most pages of one tick, a resync apart.
const MOST_PAGES: usize = 20;

/// The poller of one project.
pub struct Poll {
    project: Arc<Project>,
    objects: Objects,
    polling: Polling,
    /// What was read of the newest changes.
    watermark: Option<Watermark>,
    /// A look at all recorded accounts that is not at its end.
    sweep: Option<Sweep>,
    resync_at: Option<Timestamp>,
    failing: bool,
}

/// How the project is polled.
#[derive(Clone, Copy, Debug)]
pub struct Polling {
    /// How often what is newest is listed while nobody is expected.
    pub interval: Duration,
    /// The same while a link waits for a person.
    pub waiting: Duration,
    /// How often every recorded account is asked for.
    pub resync: Duration,
    /// For how long a new account may be in no list.
    pub unseen: Duration,
    /// Whether recorded accounts may be missing, however many they are.
    pub accept_missing: bool,
}

/// How a poll ended.
#[derive(Debug)]
pub enum PollEvent {
    /// Everything was listed that was due. The objects whose account changed; after an outage, and once
    /// the project is proved to be ours, all objects.
    Listed(Vec<ObjectRef<ConnectedAccount>>),
    /// The project seems to be another one. The objects whose account is not there.
    Foreign(Vec<ObjectRef<ConnectedAccount>>),
    /// Composio did not answer.
    Failed(Error),
}

impl Poll {
    /// A poller that has not polled yet.
    pub fn new(project: Arc<Project>, objects: Objects, polling: Polling) -> Self {
        Self {
            project,
            objects,
            polling,
            watermark: None,
            sweep: None,
            resync_at: None,
            failing: false,
        }
    }

    /// Polls for ever: once at once, then in its rhythm. Each result goes to `tell`.
    pub async fn run(mut self, mut tell: impl AsyncFnMut(PollEvent)) {
        loop {
            let event = self.tick().await;
            tell(event).await;
            self.pause().await;
            self.obey_rate_limit().await;
        }
    }

    /// Polls once.
    ///
    /// # Guarantees
    /// - A change of a recorded account is told at the next tick if Composio moves its `updated_at` and
    ///   shows it within ten seconds; else, and if the account vanished, at the next resync.
    /// - The requests of a tick are bounded. Only a resync takes one for each page of our own ids.
    ///
    /// # Assumptions
    /// None of clocks: Composio's stamps may differ from its answers' dates, and both from our time.
    ///
    /// # Errors
    /// Told as [`PollEvent::Failed`]; the next tick goes on where this one failed.
    pub async fn tick(&mut self) -> PollEvent {
        let before = self.project.closed().standing;
        let polled = self.poll().await;
        let failed_before = std::mem::replace(&mut self.failing, polled.is_err());
        let changes = match polled {
            Ok(changes) => changes,
            Err(error) => {
                // That is not an outage: what answers so may not be Composio, or not ours.
                if matches!(error.retry(), Retry::Never | Retry::Gone) && !error.is_unauthorized() {
                    self.project.doubt();
                }
                return PollEvent::Failed(error);
            }
        };
        match self.project.closed().standing {
            Standing::Foreign => PollEvent::Foreign(self.affected(&changes)),
            Standing::Ours if failed_before || before != Standing::Ours => {
                PollEvent::Listed(refs(self.objects.all()))
            }
            Standing::Ours | Standing::Unproved => PollEvent::Listed(self.affected(&changes)),
        }
    }

    async fn poll(&mut self) -> Result<Changes, Error> {
        let began = self.project.now();
        self.begin_resync_if_due(began);
        let mut changes = Changes::new();
        if self.sweep.as_ref().is_none_or(Sweep::is_empty) {
            changes = self.read_newest().await?;
        }
        changes.extend(self.project.snapshot(|snapshot| snapshot.take_overheard()));
        let Some(sweep) = &mut self.sweep else {
            return Ok(changes);
        };
        changes.extend(sweep.go_on(&self.project).await?);
        if !sweep.is_done() {
            return Ok(changes);
        }
        if sweep.is_resync() {
            let standing = match self.polling.accept_missing {
                true => Standing::Ours,
                false => prove(sweep, &self.project, &self.objects).await?,
            };
            self.project.stands(sweep.generation(), standing);
            changes.extend(sweep.end(&self.project));
            self.resync_at = began.saturating_add(signed(self.polling.resync)).ok();
            let of_sweep = Watermark::of_sweep(sweep.began(), &self.project);
            self.watermark = self.watermark.or(of_sweep);
        }
        self.sweep = None;
        Ok(changes)
    }

    fn begin_resync_if_due(&mut self, now: Timestamp) {
        let unproved = self.project.closed().standing == Standing::Unproved;
        let generation = self.project.generation();
        let goes_on = self
            .sweep
            .as_ref()
            .is_some_and(|sweep| sweep.is_resync() && sweep.generation() == generation);
        if goes_on || !(unproved || self.resync_at.is_none_or(|at| at <= now)) {
            return;
        }
        if unproved {
            // That of another project says nothing.
            self.watermark = None;
        }
        self.sweep = Some(Sweep::resync(&self.project, &self.objects, self.polling));
    }

    async fn read_newest(&mut self) -> Result<Changes, Error> {
        let scan = newest::scan(&self.project, self.watermark, |account| {
            self.objects.have_another(account)
        })
        .await?;
        self.watermark = scan.watermark;
        if scan.end == End::TooMany && self.sweep.is_none() {
            self.sweep = Some(Sweep::after_overflow(
                &self.project,
                &self.objects,
                self.polling,
            ));
        }
        Ok(scan.changes)
    }

    /// A link that is issued while the long pause goes on cuts it to the short one, and a doubt whether
    /// the project is ours ends it.
    async fn pause(&self) {
        // During an outage there is nothing to be quick for.
        let waiting = self.somebody_is_expected() && !self.failing;
        let pause = async {
            if !waiting {
                tokio::select! {
                    () = tokio::time::sleep(self.polling.interval) => return,
                    () = self.project.person_expected() => {}
                }
            }
            tokio::time::sleep(self.polling.waiting).await;
        };
        tokio::select! {
            () = pause => {}
            () = self.project.doubted() => {}
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
        self.objects.all().iter().any(|object| {
            let link = object
                .status
                .as_ref()
                .and_then(|status| status.link.as_ref());
            link.is_some_and(|link| now < link.expires_at.0)
        })
    }

    fn affected(&self, changes: &[String]) -> Vec<ObjectRef<ConnectedAccount>> {
        let twins_of = |id| {
            let twin = self.project.snapshot(|snapshot| snapshot.noticed(id));
            twin.map(|twin| self.objects.with_alias_of(&twin))
        };
        let objects = changes.iter().flat_map(|id| {
            let with_alias = twins_of(id).unwrap_or_default();
            self.objects.with_id(id).into_iter().chain(with_alias)
        });
        let by_uid: BTreeMap<_, _> = objects.map(|object| (object.uid(), object)).collect();
        refs(by_uid.into_values())
    }
}

/// Whether the accounts of a sweep, or else the recorded auth configs, prove the project to be ours.
async fn prove(sweep: &Sweep, project: &Project, objects: &Objects) -> Result<Standing, Error> {
    let count = sweep.count(project);
    let nobody = ConnectedAccountStatus::default();
    let standing = count
        .prove(
            project.closed().standing,
            proof::auth_configs(project, objects, &nobody),
        )
        .await?;
    if standing == Standing::Foreign {
        tracing::error!(
            missed = count.missed,
            expected = count.expected,
            found = count.found,
            "accounts on record are not in this project"
        );
    }
    Ok(standing)
}

fn refs(
    objects: impl IntoIterator<Item = Arc<ConnectedAccount>>,
) -> Vec<ObjectRef<ConnectedAccount>> {
    let objects = objects.into_iter();
    objects
        .map(|object| ObjectRef::from_obj(&*object))
        .collect()
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
