//! The poller: asks for what is newest in the project, now and then for every account that is recorded,
//! and tells which objects to look at. What it costs follows from what changes and from what is ours,
//! and not from what else the project holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use tokio::time::Instant;

use super::{
    Kept, Objects,
    proof::{self, Missing},
};
use crate::{
    composio::error::{Error, Retry},
    crd::ConnectedAccountStatus,
    project::{Changes, Project, Standing},
};

mod newest;
mod sweep;

use newest::{End, Watermark};
use sweep::Sweep;

/// Rows a page, and ids a request. Composio allows no larger page, and not every proxy a longer URL.
const PAGE: usize = 50;
/// The most pages of what is newest in one tick.
const MOST_NEW_PAGES: usize = 30;
/// The most pages of our own accounts in one tick, a resync apart.
const MOST_OWN_PAGES: usize = 20;
/// While more changes than can be read, our own accounts are asked for no more often than this.
const BETWEEN_OVERFLOWS: Duration = Duration::from_secs(60);

/// The poller of one project.
pub struct Poll {
    project: Arc<Project>,
    objects: Objects,
    polling: Polling,
    /// What was read of the newest changes.
    watermark: Option<Watermark>,
    /// A look at all recorded accounts that is not at its end.
    sweep: Option<Sweep>,
    resync_at: Option<Instant>,
    /// What is newest was not read to its end: our own accounts must be asked for.
    overflowed: bool,
    /// Not before.
    overflow_at: Option<Instant>,
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
    /// Everything was listed that was due.
    Listed,
    /// The project seems to be another one.
    Foreign,
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
            overflowed: false,
            overflow_at: None,
            failing: false,
        }
    }

    /// Polls for ever: once at once, then in its rhythm. Objects go to `trigger`, the result of each
    /// poll to `tell`.
    pub async fn run(
        mut self,
        mut trigger: impl FnMut(ObjectRef<Kept>),
        mut tell: impl FnMut(PollEvent),
    ) {
        loop {
            let began = Instant::now();
            tell(self.tick(&mut trigger).await);
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
    /// - The requests of a tick are bounded. Only a resync takes one for each page of our own ids.
    ///
    /// # Assumptions
    /// None of clocks: Composio's stamps may differ from its answers' dates, and both from our time.
    ///
    /// # Errors
    /// Told as [`PollEvent::Failed`]; the next tick goes on where this one failed.
    pub async fn tick(&mut self, mut trigger: impl FnMut(ObjectRef<Kept>)) -> PollEvent {
        let before = self.project.closed().standing;
        let held_before = self.project.held_up();
        let polled = self.poll(&mut trigger).await;
        let failed_before = std::mem::replace(&mut self.failing, polled.is_err());
        if let Err(error) = polled {
            // That is not an outage: what answers so may not be Composio, or not ours.
            if matches!(error.retry(), Retry::Never | Retry::Gone) && !error.is_unauthorized() {
                self.project.doubt();
            }
            return PollEvent::Failed(error);
        }
        match self.project.closed().standing {
            Standing::Foreign => return PollEvent::Foreign,
            Standing::Ours if failed_before || before != Standing::Ours => {
                self.objects.readable().for_each(trigger);
            }
            Standing::Ours | Standing::Unproved => {
                let held = self.project.held_up();
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

    async fn poll(&mut self, mut trigger: impl FnMut(ObjectRef<Kept>)) -> Result<(), Error> {
        let (project, objects) = (Arc::clone(&self.project), self.objects.clone());
        // Each page at once: whoever is on the first does not wait for the last. But nobody is told before
        // it is known whose project this is.
        let mut untold = Changes::new();
        let mut tell = |changes: Changes| {
            untold.extend(changes);
            if project.closed().standing != Standing::Unproved {
                affected(&project, &objects, &untold).for_each(&mut trigger);
                untold.clear();
            }
        };
        let began = self.project.instant();
        self.begin_resync_if_due(began);
        // A resync reads all that is ours anyway, and proves whose project this is before anything is told.
        if self
            .sweep
            .as_ref()
            .is_none_or(|sweep| sweep.is_empty() || !sweep.is_resync())
        {
            self.read_newest(began, &mut tell).await?;
        }
        tell(self.project.snapshot(|snapshot| snapshot.take_untold()));
        self.forget_twins();
        let Some(sweep) = &mut self.sweep else {
            return Ok(());
        };
        sweep.go_on(&self.project, &mut tell).await?;
        if !sweep.is_done() {
            return Ok(());
        }
        if sweep.is_resync() {
            let (standing, held_up) = match self.polling.accept_missing {
                true => (Standing::Ours, BTreeSet::new()),
                false => prove(sweep, &self.project, &self.objects).await?,
            };
            self.project.stands(sweep.generation(), standing);
            self.project.hold_up(sweep.generation(), held_up);
            tell(sweep.end(&self.project));
            self.resync_at = began.checked_add(self.polling.resync);
            let of_sweep = Watermark::of_sweep(sweep.began(), &self.project);
            self.watermark = self.watermark.or(of_sweep);
        }
        self.sweep = None;
        Ok(())
    }

    /// Forgets the duplicates whose object is gone, or has no other account on record any more.
    fn forget_twins(&self) {
        let twins = self.project.snapshot(|snapshot| snapshot.all_twins());
        for twin in twins.iter().filter(|one| !self.objects.have_another(one)) {
            self.project
                .snapshot(|snapshot| snapshot.forget_twin(&twin.id));
        }
    }

    fn begin_resync_if_due(&mut self, now: Instant) {
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

    async fn read_newest(&mut self, now: Instant, tell: impl FnMut(Changes)) -> Result<(), Error> {
        let is_twin = |account: &_| self.objects.have_another(account);
        let scan = newest::scan(&self.project, self.watermark, is_twin, tell).await?;
        self.watermark = scan.watermark;
        // What is new and could not be read is waited for. What may have come late is seldom anything.
        let is_urgent = scan.end == End::TooManyNew;
        self.overflowed |= is_urgent || scan.end == End::TooManyLate;
        let is_due = is_urgent || self.overflow_at.is_none_or(|at| at <= now);
        if self.overflowed && is_due && self.sweep.is_none() {
            self.overflowed = false;
            self.overflow_at = Some(now + BETWEEN_OVERFLOWS);
            self.sweep = Some(Sweep::after_overflow(
                &self.project,
                &self.objects,
                self.polling,
            ));
        }
        Ok(())
    }

    /// A link that is issued while the long pause goes on cuts it to the short one, and a doubt whether
    /// the project is ours ends it. What the poll itself has taken is a part of the pause, or it would be
    /// slowest when there is most to be seen.
    async fn pause(&self, began: Instant) {
        let Polling {
            interval, waiting, ..
        } = self.polling;
        let least = Instant::now() + waiting / 4;
        // During an outage there is nothing to be quick for.
        let began = if self.failing { Instant::now() } else { began };
        let is_quick = self.somebody_is_expected() && !self.failing;
        let pause = async {
            if is_quick {
                return tokio::time::sleep_until(least.max(began + waiting)).await;
            }
            tokio::select! {
                () = tokio::time::sleep_until(least.max(began + interval)) => {}
                () = self.project.person_expected() => tokio::time::sleep(waiting).await,
            }
        };
        tokio::select! {
            () = pause => {}
            () = self.project.doubted() => {}
        }
    }

    async fn obey_rate_limit(&self) {
        loop {
            match self.project.pause_left() {
                Duration::ZERO => return,
                left => tokio::time::sleep(left).await,
            }
        }
    }

    /// Whether a link waits for a person.
    pub fn somebody_is_expected(&self) -> bool {
        self.objects.wait_for_a_person(self.project.now())
    }
}

/// The objects that one of these changes may mean something to. A change that means something to none is
/// kept for whoever records its account next: a pass makes an account known here before the watch shows whose
/// it is.
fn affected(
    project: &Project,
    objects: &Objects,
    changes: &[String],
) -> impl Iterator<Item = ObjectRef<Kept>> {
    let twins_of = |id| {
        let twin = project.snapshot(|snapshot| snapshot.noticed(id));
        twin.map(|twin| objects.with_alias_of(&twin))
    };
    let of_changes = changes.iter().flat_map(|id| {
        let with_alias = twins_of(id);
        let with_id = objects.with_id(id);
        if with_id.is_empty() && with_alias.is_none() {
            project.snapshot(|snapshot| snapshot.owe(id));
        }
        with_id.into_iter().chain(with_alias.unwrap_or_default())
    });
    let by_uid: BTreeMap<_, _> = of_changes
        .filter(|object| !object.is_unreadable())
        .map(|object| (object.uid(), ObjectRef::from_obj(&*object)))
        .collect();
    by_uid.into_values()
}

/// Whether the accounts of a sweep, or else the recorded auth configs, prove the project to be ours, and in
/// which namespaces nothing is to be concluded from what is missing.
async fn prove(
    sweep: &Sweep,
    project: &Project,
    objects: &Objects,
) -> Result<(Standing, BTreeSet<String>), Error> {
    let count = sweep.count(project);
    let nobody = ConnectedAccountStatus::default();
    let standing = count
        .prove(
            project.closed().standing,
            proof::auth_configs(project, objects, &nobody),
        )
        .await?;
    let Missing { expected, missed } = count.total();
    if standing == Standing::Foreign {
        tracing::error!(
            missed,
            expected,
            found = count.found,
            "accounts on record are not in this project"
        );
        return Ok((standing, BTreeSet::new()));
    }
    let held_up = count.held_up();
    for namespace in &held_up {
        tracing::error!(
            namespace,
            "too many accounts on record of this namespace are not in the project: its objects wait"
        );
    }
    Ok((standing, held_up))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
