//! One Composio project: its client, its gates, its auth configs and the snapshot of its accounts.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    act::LINK_LIFETIME,
    activity::Activity,
    composio::{Call, Caller, Client, Transport, Urgency, error::Error, model::Account},
    log,
    metrics::Metrics,
    plan::{Failure, ProjectState},
    record::RecordKeys,
    time::to_std,
};

mod auth_configs;
mod budget_share;
mod cache;
mod clock;
mod connection;
mod deprecations;
mod disablings;
mod gates;
mod lessons;
mod lookup_batcher;
mod session;
mod snapshot;
#[cfg(test)]
mod tests;

use auth_configs::AuthConfigs;
pub use budget_share::SharedBudget;
use budget_share::{BudgetShare, counted};
pub use clock::Clock;
pub use connection::Connection;
use deprecations::Deprecations;
use disablings::{Disablings, MOST_DISABLINGS};
use gates::AccessGates;
pub use gates::{ClosedGates, ProjectIdentity};
use lessons::Lessons;
use lookup_batcher::LookupBatcher;
use session::Session;
pub use session::ToldProject;
pub use snapshot::{CachedAccount, Changes, Snapshot};

/// The shortest wait of a call that was not admitted.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Everything that talks to Composio, for one API key.
pub struct Project {
    /// The client. Every call through it is counted, and opens or closes the gates.
    pub client: Client,
    /// The accounts as they were seen last.
    snapshot: Mutex<Snapshot>,
    gates: Arc<Mutex<AccessGates>>,
    budget: Arc<BudgetShare>,
    metrics: Arc<Metrics>,
    auth_configs: AuthConfigs,
    lookups: LookupBatcher,
    session: Session,
    activity: Activity,
    /// Notified when somebody was given a link, so that the poll becomes quick.
    person_expected: Notify,
    /// When that was last.
    last_link: Mutex<Option<Instant>>,
    /// Notified when Composio has rejected the key, so that it is read again at once.
    key_rejected: Arc<Notify>,
    /// What answers say of key, limit and clock.
    lessons: Arc<Lessons>,
    /// Whether there is a project to ask.
    state: Mutex<ProjectState>,
    /// Its name in metrics.
    label: Arc<str>,
    /// Composio's clock less ours, by the last answer with a date.
    offset: Arc<Mutex<Option<SignedDuration>>>,
    /// By which records in statuses are signed. Derived from the API key.
    record_keys: Mutex<RecordKeys>,
    /// Accounts that were disabled because of who had signed in.
    disablings: Disablings,
    clock: Clock,
}

impl Project {
    /// A project behind a transport. Auth configs are read again when older than the given lifetime.
    pub fn new(
        label: &str,
        transport: Transport,
        record_keys: RecordKeys,
        metrics: Arc<Metrics>,
        clock: Clock,
        auth_config_lifetime: SignedDuration,
    ) -> Self {
        let gates = Arc::new(Mutex::new(AccessGates::default()));
        let offset = Arc::new(Mutex::new(None));
        let key_rejected = Arc::new(Notify::new());
        let label: Arc<str> = label.into();
        let budget = Arc::new(BudgetShare::new(&label));
        let lessons = Arc::new(Lessons {
            gates: Arc::clone(&gates),
            budget: Arc::clone(&budget),
            offset: Arc::clone(&offset),
            key_rejected: Arc::clone(&key_rejected),
            deprecations: Deprecations::default(),
            clock: clock.clone(),
        });
        let observer = {
            let (lessons, metrics) = (Arc::clone(&lessons), Arc::clone(&metrics));
            let label = Arc::clone(&label);
            Arc::new(move |call: &Call| {
                if let Some(id) = &call.request_id {
                    log::record_request(id);
                }
                metrics.composio_call(
                    &label,
                    call.endpoint.as_str(),
                    call.class.as_str(),
                    call.duration,
                    call.rate_limit.map(|limit| limit.remaining),
                );
                if call.deprecation.is_some() {
                    metrics.deprecated(call.endpoint.as_str());
                }
                lessons.take(call);
            })
        };
        Self {
            client: Client::new(counted(transport, &budget), observer),
            snapshot: Mutex::default(),
            gates,
            budget,
            metrics,
            auth_configs: AuthConfigs::new(auth_config_lifetime),
            lookups: LookupBatcher::default(),
            session: Session::default(),
            activity: Activity::default(),
            person_expected: Notify::new(),
            last_link: Mutex::default(),
            key_rejected,
            lessons,
            state: Mutex::default(),
            label,
            offset,
            record_keys: Mutex::new(record_keys),
            disablings: Disablings::default(),
            clock,
        }
    }

    /// By which records in statuses are signed and verified now.
    pub fn record_keys(&self) -> RecordKeys {
        self.record_keys.lock().clone()
    }

    /// The time by the wall clock: for what is written down.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes one of the few disablings in a minute because of who has signed in, that accounts of a namespace have.
    ///
    /// # Errors
    /// When there were enough of them.
    pub fn take_disabling(&self, namespace: &str) -> Result<(), Failure> {
        let taken = self.disablings.take(namespace, self.clock.instant());
        taken.map_err(|after| Failure::put_off(MOST_DISABLINGS, after))
    }

    /// The time by the monotonic clock: for waits.
    pub fn instant(&self) -> Instant {
        self.clock.instant()
    }

    /// The time by Composio's clock, if an answer told it.
    pub fn composio_now(&self) -> Option<Timestamp> {
        let offset = (*self.offset.lock())?;
        self.now().saturating_add(offset).ok()
    }

    /// A time of Composio's by our clock; as it is, where no answer has told Composio's clock.
    pub fn by_our_clock(&self, composios: Timestamp) -> Timestamp {
        let offset = (*self.offset.lock()).unwrap_or_default();
        composios.saturating_sub(offset).unwrap_or(composios)
    }

    /// Whether the organisation's rate limit leaves room for a call; if not, how long to wait.
    ///
    /// # Errors
    /// How long to wait.
    pub fn admit(&self, urgency: Urgency) -> Result<(), Duration> {
        let now = self.instant();
        let admitted: Result<(), Instant> = self.budget.with(|budget, caller| {
            budget.admit(caller, urgency, now)?;
            if urgency == Urgency::Polling {
                budget.polls(caller, now);
            } else {
                self.activity.note();
            }
            Ok(())
        });
        match admitted {
            Ok(()) => Ok(()),
            Err(until) => {
                let wait = until.saturating_duration_since(now).max(SHORTEST_WAIT);
                self.metrics.throttled(urgency.as_str(), wait.as_secs_f64());
                Err(wait)
            }
        }
    }

    /// The budget that it uses.
    pub fn budget(&self) -> SharedBudget {
        self.budget.budget()
    }

    /// Uses that budget from now on, as that caller.
    pub fn share_budget(&self, budget: &SharedBudget, caller: Caller) {
        self.budget.move_to(budget, caller);
    }

    /// Until when reading and writing are closed, if they are.
    pub fn closed(&self) -> ClosedGates {
        self.gates.lock().closed(self.instant(), self.now())
    }

    /// For how long nothing is to be asked, because the rate limit is used up.
    pub fn pause_left(&self) -> Duration {
        self.gates.lock().pause_left(self.instant())
    }

    /// Works on the snapshot. The closure must not block.
    pub fn snapshot<T>(&self, work: impl FnOnce(&mut Snapshot) -> T) -> T {
        work(&mut self.snapshot.lock())
    }

    /// Forgets the duplicates of an account that the list of that alias does not show any more. That proves
    /// nothing: one that is there is noticed again when it changes. Of another alias the list says nothing.
    pub fn forget_duplicates(&self, account: &Account, alias: &str, listed: &[Account]) {
        self.snapshot(|snapshot| {
            for duplicate in snapshot.duplicates_of(account, alias) {
                if listed.iter().all(|other| other.id != duplicate.id) {
                    snapshot.forget_duplicate(&duplicate.id);
                }
            }
        });
    }

    /// When a pass last asked Composio for something, or a poll saw a change.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Says that somebody was given a link.
    pub fn expect_person(&self) {
        *self.last_link.lock() = Some(self.clock.instant());
        self.person_expected.notify_one();
    }

    /// Whether a link may be out that can still be used: one that was issued here, or before `began` by whoever worked
    /// then.
    pub fn may_have_link_out(&self, began: Instant) -> bool {
        let last = self.last_link.lock().map_or(began, |last| last.max(began));
        self.clock.instant().saturating_duration_since(last) < to_std(LINK_LIFETIME)
    }

    /// Waits until somebody was given a link.
    pub async fn person_expected(&self) {
        self.person_expected.notified().await;
    }

    /// The accounts of a user and toolkit with that alias, for an object of that namespace. Who asks while another such list is under way, or
    /// a moment after one, is asked for together with all others that do.
    ///
    /// # Errors
    /// When Composio does not answer, and when its list does not end or leaves rows out: nothing is concluded
    /// from a part of it.
    pub async fn accounts_of(
        &self,
        namespace: &str,
        user: &str,
        toolkit: &str,
        alias: &str,
    ) -> Result<Vec<Account>, Error> {
        let client = &self.client;
        (self.lookups)
            .look(client, namespace, user, toolkit, alias)
            .await
    }

    /// Forgets what the former API key was refused, or found, and which project it was of. What it signed
    /// stays good.
    pub fn key_changed(&self, keys: impl FnOnce(&RecordKeys) -> RecordKeys) {
        let mut record_keys = self.record_keys.lock();
        *record_keys = keys(&record_keys);
        drop(record_keys);
        self.gates.lock().key_changed();
        self.forget_auth_configs();
    }

    /// Which key is in use. To be asked before what is told to [`Project::identify`] is found out.
    pub fn generation(&self) -> u64 {
        self.gates.lock().generation()
    }

    /// Says whether the project of that key is the one in which the recorded accounts were made.
    pub fn identify(&self, generation: u64, identity: ProjectIdentity) {
        let former = self.closed().identity;
        self.gates.lock().identify(generation, identity);
        if former != identity {
            // What another server said of them says nothing of ours.
            self.forget_auth_configs();
        }
    }

    /// Says for which namespaces nothing is to be concluded from an account not being there: so many of
    /// theirs are missing that it may be another project, and what others have says that it is not.
    pub fn set_unproved_namespaces(&self, generation: u64, namespaces: BTreeSet<String>) {
        self.gates
            .lock()
            .set_unproved_namespaces(generation, namespaces);
    }

    /// The namespaces that [`Project::set_unproved_namespaces`] was given last.
    pub fn unproved_namespaces(&self) -> Arc<BTreeSet<String>> {
        self.gates.lock().unproved_namespaces()
    }

    /// Takes back that the project is ours: it answers as if it were not.
    pub fn forget_identity(&self) {
        let mut gates = self.gates.lock();
        let generation = gates.generation();
        gates.identify(generation, ProjectIdentity::Unproved);
    }

    /// Its name in metrics.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether there is a project to ask.
    pub fn state(&self) -> ProjectState {
        *self.state.lock()
    }

    /// Says whether there is a project to ask. Tells whether that is new.
    pub fn set_state(&self, state: ProjectState) -> bool {
        std::mem::replace(&mut *self.state.lock(), state) != state
    }

    /// Waits until Composio has rejected the key.
    pub async fn key_rejected(&self) {
        self.key_rejected.notified().await;
    }
}
