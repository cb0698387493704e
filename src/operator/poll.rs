//! The poller of a project: scans for changes, now and then asks for every account on record (the resync), and
//! tells which objects to look at. What it costs follows from what changes and from what is ours,
//! and not from what else the project holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use crate::{
    composio::error::{Error, Retry},
    project::{Changes, Project, ProjectIdentity},
    proof::ProjectProof,
    store::{Objects, PackedObject},
};

mod change_scan;
mod pause;
mod recorded_ids;
mod resync;
mod scan_group;

use change_scan::{End, Watermark};
use resync::Resync;
pub use scan_group::ScanGroup;
use scan_group::ScanMember;
pub(crate) use scan_group::WeakScanGroup;

/// Rows a page, and ids a request. Composio allows no larger page, and not every proxy a longer URL.
const PAGE: usize = 50;
/// The most pages that a change scan reads in one tick.
const MOST_NEW_PAGES: usize = 30;
/// The most pages of our own accounts in one tick, a full resync apart.
const MOST_OWN_PAGES: usize = 20;
/// While more changes than can be read, our own accounts are asked for no more often than this.
const BETWEEN_OVERFLOWS: Duration = Duration::from_secs(60);

/// The poller of one project.
pub struct Poll {
    project: Arc<Project>,
    objects: Objects,
    polling: Polling,
    /// With whom it reads changes.
    scans: ScanMember,
    /// What was read of the newest changes.
    watermark: Option<Watermark>,
    /// A resync that is not at its end.
    resync: Option<Resync>,
    /// When the next full resync is due.
    resync_at: Option<Instant>,
    /// A change scan did not come to its end: our own accounts must be asked for.
    overflowed: bool,
    /// Before then no change scan that overflows starts a resync, unless what is new was not read.
    overflow_at: Option<Instant>,
    failing: bool,
    /// Since when there is this poller: a link may be out that was issued before.
    began: Instant,
    /// The id of the project became another one, and no object was told.
    has_new_id: bool,
}

/// How the project is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// The time between two change scans while nobody is expected.
    pub interval: Duration,
    /// The same where nothing has happened for an hour; `None`: as ever.
    pub idle: Option<Duration>,
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
    /// Everything was listed that was due.
    Listed,
    /// The project seems to be another one.
    Foreign,
    /// Composio did not answer.
    Failed(Error),
}

impl Poll {
    /// A poller that has not polled yet, and that shares no key with another one.
    pub fn new(project: Arc<Project>, objects: Objects, polling: Polling) -> Self {
        Self::of_group(project, objects, polling, &ScanGroup::default())
    }

    /// The same of a group: those with the same base URL and API key.
    pub fn of_group(
        project: Arc<Project>,
        objects: Objects,
        polling: Polling,
        group: &ScanGroup,
    ) -> Self {
        Self {
            scans: group.join(&project),
            began: project.instant(),
            project,
            objects,
            polling,
            watermark: None,
            resync: None,
            resync_at: None,
            overflowed: false,
            overflow_at: None,
            failing: false,
            has_new_id: false,
        }
    }

    /// Polls for ever: once at once, then in its rhythm. Objects go to `trigger`, the result of each
    /// poll to `on_event`.
    pub async fn run(
        &mut self,
        mut trigger: impl FnMut(ObjectRef<PackedObject>),
        mut on_event: impl FnMut(PollEvent),
    ) {
        loop {
            let began = Instant::now();
            // On the heap: of what a poll needs nothing is to be held until the next one.
            on_event(Box::pin(self.tick(&mut trigger)).await);
            self.pause(began).await;
            self.obey_rate_limit().await;
        }
    }

    /// Polls once, and triggers the objects whose account changed; after an outage, and once the project
    /// is proved to be ours, all objects.
    ///
    /// # Guarantees
    /// - A change of a recorded account is told at the next tick if Composio moves its `updated_at` and
    ///   shows it at once; ten seconds later, or a minute while very much changes, if it shows it within
    ///   ten seconds; else, and if the account vanished, at the next resync.
    /// - The requests of a tick are bounded. Only a full resync takes one for each page of our own ids.
    ///
    /// # Assumptions
    /// None of clocks: Composio's stamps may differ from its answers' dates, and both from our time.
    ///
    /// # Errors
    /// Told as [`PollEvent::Failed`]; the next tick goes on where this one failed.
    pub async fn tick(&mut self, mut trigger: impl FnMut(ObjectRef<PackedObject>)) -> PollEvent {
        let before = self.project.closed().identity;
        let held_before = self.project.unproved_namespaces();
        let polled = self.poll(&mut trigger).await;
        let has_new_id = std::mem::take(&mut self.has_new_id);
        let failed_before = std::mem::replace(&mut self.failing, polled.is_err());
        if let Err(error) = polled {
            // That is not an outage: what answers so may not be Composio, or not ours.
            if matches!(error.retry(), Retry::Never | Retry::Gone) && !error.is_unauthorized() {
                self.project.forget_identity();
            }
            return PollEvent::Failed(error);
        }
        match self.project.closed().identity {
            ProjectIdentity::Foreign => return PollEvent::Foreign,
            ProjectIdentity::Ours
                if failed_before || has_new_id || before != ProjectIdentity::Ours =>
            {
                self.objects.readable().for_each(trigger);
            }
            // Nobody was held.
            ProjectIdentity::Ours | ProjectIdentity::Unproved if held_before.is_empty() => {}
            ProjectIdentity::Ours | ProjectIdentity::Unproved => {
                let held = self.project.unproved_namespaces();
                let is_free = |namespace: Option<&String>| {
                    namespace.is_some_and(|one| held_before.contains(one) && !held.contains(one))
                };
                let objects = self.objects.refs();
                objects
                    .filter(|object| is_free(object.namespace.as_ref()))
                    .for_each(trigger);
            }
        }
        PollEvent::Listed
    }

    async fn poll(
        &mut self,
        mut trigger: impl FnMut(ObjectRef<PackedObject>),
    ) -> Result<(), Error> {
        let (project, objects) = (Arc::clone(&self.project), self.objects.clone());
        // Each page at once: whoever is on the first does not wait for the last. But nobody is told before
        // it is known whose project this is.
        let mut held_back = Changes::new();
        let mut on_changes = |changes: Changes| {
            if !changes.is_empty() {
                project.activity().note();
            }
            held_back.extend(changes);
            if project.closed().identity != ProjectIdentity::Unproved {
                // After a start these are all accounts: whom they concern is told a page at a time.
                for changes in held_back.chunks(PAGE) {
                    affected(&project, &objects, changes).for_each(&mut trigger);
                }
                held_back = Changes::new();
            }
        };
        let began = self.project.instant();
        self.begin_resync_if_due(began);
        // A full resync reads all that is ours anyway, and proves whose project this is before anything is told.
        if self
            .resync
            .as_ref()
            .is_none_or(|resync| resync.is_empty() || !resync.is_full())
        {
            self.scan_changes(began, &mut on_changes).await?;
        }
        on_changes(
            self.project
                .snapshot(|snapshot| snapshot.take_unowned_changes()),
        );
        self.forget_duplicates();
        let Some(resync) = &mut self.resync else {
            return Ok(());
        };
        if resync.is_full() {
            self.project.ask_session().await;
        }
        resync.run(&self.project, &mut on_changes).await?;
        if !resync.is_done() {
            return Ok(());
        }
        if resync.is_full() {
            let (identity, unproved_namespaces) = match self.polling.accept_missing {
                true => (ProjectIdentity::Ours, BTreeSet::new()),
                false => {
                    let proof = ProjectProof::new(&self.project, &self.objects);
                    proof.evaluate(&resync.tally(&self.project)).await?
                }
            };
            self.project.identify(resync.generation(), identity);
            self.has_new_id |= self.objects.set_project_id(self.project.proved_id());
            self.project
                .set_unproved_namespaces(resync.generation(), unproved_namespaces);
            on_changes(resync.end(&self.project));
            self.resync_at = began.checked_add(self.polling.resync);
            let after_resync = Watermark::after_resync(resync.began(), &self.project);
            self.watermark = self.watermark.or(after_resync);
        }
        self.resync = None;
        Ok(())
    }

    /// Forgets the duplicates whose object is gone, or has no other account on record any more.
    fn forget_duplicates(&self) {
        let duplicates = self.project.snapshot(|snapshot| snapshot.all_duplicates());
        for duplicate in duplicates
            .iter()
            .filter(|one| !self.objects.have_another(one))
        {
            self.project
                .snapshot(|snapshot| snapshot.forget_duplicate(&duplicate.id));
        }
    }

    fn begin_resync_if_due(&mut self, now: Instant) {
        let unproved = self.project.closed().identity == ProjectIdentity::Unproved;
        let generation = self.project.generation();
        let goes_on = self
            .resync
            .as_ref()
            .is_some_and(|resync| resync.is_full() && resync.generation() == generation);
        if goes_on || !(unproved || self.resync_at.is_none_or(|at| at <= now)) {
            return;
        }
        if unproved {
            // That of another project says nothing.
            self.watermark = None;
        }
        self.resync = Some(Resync::full(&self.project, &self.objects, self.polling));
    }

    async fn scan_changes(
        &mut self,
        now: Instant,
        on_changes: impl FnMut(Changes),
    ) -> Result<(), Error> {
        let is_duplicate = |account: &_| self.objects.have_another(account);
        let scan = change_scan::scan(
            &self.project,
            &self.scans,
            self.watermark,
            is_duplicate,
            on_changes,
        )
        .await?;
        if scan.watermark.map(Watermark::stamp) != self.watermark.map(Watermark::stamp) {
            self.project.activity().note();
        }
        self.watermark = scan.watermark;
        // What is new and could not be read is waited for. What may have come late is seldom anything.
        let is_urgent = scan.end == End::TooManyNew;
        self.overflowed |= is_urgent || scan.end == End::TooManyLate;
        let is_due = is_urgent || self.overflow_at.is_none_or(|at| at <= now);
        if self.overflowed && is_due && self.resync.is_none() {
            self.overflowed = false;
            self.overflow_at = Some(now + BETWEEN_OVERFLOWS);
            self.resync = Some(Resync::after_overflow(
                &self.project,
                &self.objects,
                self.polling,
            ));
        }
        Ok(())
    }
}

/// The objects that one of these changes may mean something to. A change that means something to none is
/// kept for whoever records its account next: a pass makes an account known here before the watch shows whose
/// it is.
fn affected(
    project: &Project,
    objects: &Objects,
    changes: &[String],
) -> impl Iterator<Item = ObjectRef<PackedObject>> {
    let with_alias_of_duplicate = |id| {
        let duplicate = project.snapshot(|snapshot| snapshot.duplicate(id));
        duplicate.map(|duplicate| objects.with_alias_of(&duplicate))
    };
    let of_changes = changes.iter().flat_map(|id| {
        let with_alias = with_alias_of_duplicate(id);
        let with_id = objects.with_id(id);
        if with_id.is_empty() && with_alias.is_none() {
            project.snapshot(|snapshot| snapshot.keep_unowned_change(id));
        }
        with_id.into_iter().chain(with_alias.unwrap_or_default())
    });
    let by_uid: BTreeMap<_, _> = of_changes
        .filter(|object| object.is_readable())
        .map(|object| (object.uid.clone(), object.reference()))
        .collect();
    by_uid.into_values()
}
