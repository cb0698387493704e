//! Projects with the same base URL and API key are polled once: a page of changes that one of their pollers has read
//! is taken in by all of them, each for the objects that are its own.
//!
//! Whoever is due first asks. The others are woken by the answer, and their own time begins anew; so the shortest
//! interval counts, and where the one that asked stops, the next that is due goes on. An answer is to each what it
//! would be to its own call: a refusal or a rate limit is told of every project by its own conditions.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OnceCell},
    time::Instant,
};

use crate::{
    composio::{Call, ListQuery, Page, error::Error},
    project::Project,
};

/// An answer that is older is not taken in any more: whoever was busy meanwhile asks when it is due.
const FRESH: Duration = Duration::from_secs(2);

/// The pollers of one base URL and API key. Cheap to clone.
#[derive(Clone, Default)]
pub struct ScanGroup(Arc<Group>);

/// A group that is kept by its members alone.
#[derive(Clone, Default)]
pub(crate) struct WeakScanGroup(Weak<Group>);

#[derive(Default)]
struct Group {
    state: Mutex<State>,
    /// Notified when the first page of a scan was answered.
    answered: Notify,
}

#[derive(Default)]
struct State {
    /// By their number, those who joined first before the others.
    members: Vec<(u64, Arc<Project>)>,
    joined: u64,
    /// Of the scan that was begun last.
    number: u64,
    /// When its first page was answered.
    answered_at: Option<Instant>,
    /// Its pages that some member has not read yet, by their cursor.
    pages: HashMap<Option<String>, Unread>,
}

struct Unread {
    page: Arc<SharedPage>,
    /// By whom.
    by: BTreeSet<u64>,
}

/// A page of changes, as far as it was read.
pub(super) struct SharedPage {
    number: u64,
    is_first: bool,
    /// Before it was asked for.
    pub(super) began: Instant,
    /// The count of each member's snapshot, before it was asked for.
    marks: BTreeMap<u64, u64>,
    answer: OnceCell<Answer>,
}

struct Answer {
    page: Result<Page, Error>,
    /// `None`: nothing was sent.
    call: Option<Call>,
}

/// A poller in its group, which it leaves when this is dropped.
pub(super) struct ScanMember {
    group: Arc<Group>,
    project: Arc<Project>,
    id: u64,
    /// The scan of which it has read the first page, or that came while it was busy.
    seen: AtomicU64,
}

impl ScanGroup {
    /// What keeps it no longer than its members do.
    pub(crate) fn downgrade(&self) -> WeakScanGroup {
        WeakScanGroup(Arc::downgrade(&self.0))
    }

    /// Takes part in what is read from now on.
    pub(super) fn join(&self, project: &Arc<Project>) -> ScanMember {
        let mut state = self.0.state.lock();
        state.joined += 1;
        let id = state.joined;
        // Nearly always it stays alone.
        state.members.reserve_exact(1);
        state.members.push((id, Arc::clone(project)));
        ScanMember {
            group: Arc::clone(&self.0),
            project: Arc::clone(project),
            id,
            seen: AtomicU64::new(state.number),
        }
    }
}

impl WeakScanGroup {
    /// The group, if it has a member still.
    pub(crate) fn upgrade(&self) -> Option<ScanGroup> {
        self.0.upgrade().map(ScanGroup)
    }
}

impl State {
    /// The page, where it is one that this member may take: it had begun to take part when the page was asked for.
    fn page(&self, cursor: Option<&str>, member: &ScanMember) -> Option<&Arc<SharedPage>> {
        let seen = member.seen();
        let is_of_its_scan = match cursor {
            None => {
                let now = member.project.instant();
                let is_fresh = |at| now.saturating_duration_since(at) <= FRESH;
                self.number > seen && self.answered_at.is_none_or(is_fresh)
            }
            Some(_) => self.number == seen,
        };
        let unread = self.pages.get(&cursor.map(str::to_owned))?;
        (is_of_its_scan && unread.by.contains(&member.id)).then_some(&unread.page)
    }

    /// A page that nobody has asked for yet.
    fn begin_page(&mut self, cursor: Option<&str>, member: &ScanMember) -> Arc<SharedPage> {
        let is_first = cursor.is_none();
        if is_first {
            self.number += 1;
            self.answered_at = None;
            self.pages.clear();
        }
        let is_current = is_first || self.number == member.seen();
        let readers = self.members.iter();
        let readers = readers.filter(|(id, _)| is_current || *id == member.id);
        let marks = readers.map(|(id, project)| {
            let mark = project.snapshot(|snapshot| snapshot.begin_scan());
            (*id, mark)
        });
        let marks: BTreeMap<u64, u64> = marks.collect();
        let by: BTreeSet<u64> = marks.keys().copied().collect();
        let page = Arc::new(SharedPage {
            number: self.number,
            is_first,
            began: member.project.instant(),
            marks,
            answer: OnceCell::new(),
        });
        if by.len() > 1 {
            let unread = Unread {
                page: Arc::clone(&page),
                by,
            };
            self.pages.insert(cursor.map(str::to_owned), unread);
        }
        page
    }

    /// That member reads none of these pages any more.
    fn forget(&mut self, member: u64, is_read: impl Fn(&SharedPage) -> bool) {
        self.pages.retain(|_, unread| {
            if is_read(&unread.page) {
                unread.by.remove(&member);
            }
            !unread.by.is_empty()
        });
    }
}

impl SharedPage {
    /// What was seen after this mark is newer than the page.
    pub(super) fn mark(&self, member: &ScanMember) -> u64 {
        self.marks.get(&member.id).copied().unwrap_or_default()
    }
}

impl ScanMember {
    fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Whether another one has asked for that page, so that nothing is sent for it.
    pub(super) fn is_asked_for(&self, cursor: Option<&str>) -> bool {
        let state = self.group.state.lock();
        state.page(cursor, self).is_some()
    }

    /// The page that another one has asked for, or else one to ask for. `cursor` is that of the page before; without
    /// one a scan begins.
    pub(super) fn page(&self, cursor: Option<&str>) -> Arc<SharedPage> {
        let mut state = self.group.state.lock();
        let known = state.page(cursor, self).cloned();
        let page = known.unwrap_or_else(|| state.begin_page(cursor, self));
        if page.is_first {
            self.seen.store(page.number, Ordering::Release);
        }
        page
    }

    /// Reads a page. Who asks for it tells the others; where that one stops before the answer, the next one asks.
    pub(super) async fn read(
        &self,
        page: &Arc<SharedPage>,
        query: &ListQuery,
    ) -> Result<Page, Error> {
        if page.marks.len() == 1 {
            return self.project.client.list(query).await;
        }
        let is_sender = AtomicBool::new(false);
        let ask = async || {
            is_sender.store(true, Ordering::Release);
            let (answer, call) = self.project.list_and_tell(query).await;
            self.group.answered(page, self.project.instant());
            Answer { page: answer, call }
        };
        let answer = page.answer.get_or_init(ask).await;
        let mut state = self.group.state.lock();
        state.forget(self.id, |read| std::ptr::eq(read, Arc::as_ptr(page)));
        drop(state);
        if !is_sender.load(Ordering::Acquire)
            && let Some(call) = &answer.call
        {
            self.project.learn_from(call);
        }
        answer.page.clone()
    }

    /// Waits until another one has begun a scan and read its first page.
    pub(super) async fn read_by_another(&self) {
        loop {
            let mut answered = pin!(self.group.answered.notified());
            // From here on none is missed.
            answered.as_mut().enable();
            if self.has_answer() {
                return;
            }
            answered.await;
        }
    }

    /// Whether there is a first page to take. One that came while this one was busy is left, or two that are slow
    /// would wake each other without a pause.
    fn has_answer(&self) -> bool {
        let mut state = self.group.state.lock();
        if state.answered_at.is_none() {
            return false;
        }
        if state.page(None, self).is_some() {
            return true;
        }
        let number = state.number;
        self.seen.fetch_max(number, Ordering::AcqRel);
        state.forget(self.id, |page| page.number == number);
        false
    }
}

impl Drop for ScanMember {
    fn drop(&mut self) {
        let mut state = self.group.state.lock();
        state.members.retain(|(id, _)| *id != self.id);
        state.forget(self.id, |_| true);
    }
}

impl Group {
    fn answered(&self, page: &SharedPage, now: Instant) {
        if !page.is_first {
            return;
        }
        let mut state = self.state.lock();
        if state.number == page.number {
            state.answered_at = Some(now);
            self.answered.notify_waiters();
        }
    }
}
