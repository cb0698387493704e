//! How much of the organisation's rate limit may be used, for what, and by which of its projects. The limit is shared
//! with everything else that the organisation does, so most of it is left alone. Pure: time is an argument, that of
//! the monotonic clock.

use std::time::Duration;

use tokio::time::Instant;

use super::call::RateLimit;

mod shares;
#[cfg(test)]
mod tests;

pub use shares::Caller;
use shares::Shares;

/// What a call is for: the first comes first. A look has the urgency of the effect that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// An end of access: a deletion, a disabling, users taken off a list.
    Withdrawal,
    /// What a person asked for and waits for.
    Request,
    /// A new account.
    Creation,
    /// Something is not as declared.
    Drift,
    /// Finding out what changed.
    Polling,
}

impl Urgency {
    /// The label `urgency` of the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawal => "withdrawal",
            Self::Request => "request",
            Self::Creation => "creation",
            Self::Drift => "drift",
            Self::Polling => "polling",
        }
    }

    /// How much of the limit it leaves to others, in percent. The steps between the middle three let what
    /// is more urgent through when what is less has used all that it may.
    fn leaves(self) -> u64 {
        match self {
            Self::Withdrawal => 0,
            Self::Request => 10,
            Self::Creation => 12,
            Self::Drift => 14,
            Self::Polling => 50,
        }
    }
}

/// Polling goes on so often whatever is left, or nothing would be noticed any more.
const POLLING_FLOOR: Duration = Duration::from_secs(30);
/// Whoever has used up its share asks again after this part of a window: more of what others leave is free by then.
const STEPS_OF_A_WINDOW: u32 = 10;
/// The most calls in flight before the first answer in a window has shown what others have used.
const MAX_BEFORE_FIRST_ANSWER: u64 = 8;

/// What is known of the current window.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    length: Duration,
    /// The least that an answer has told; nothing, when the window is taken to have begun anew.
    left: Option<u64>,
    /// When that was told or taken.
    at: Instant,
    /// Since when it is known that this window goes on.
    since: Instant,
    /// By when a window had begun, as far as was seen.
    began_by: Option<Instant>,
}

/// The budget of one organisation, which its callers share.
#[derive(Debug, Default)]
pub struct Budget {
    /// Nothing is known before the first answer, nor of a server that tells no limit.
    window: Option<Window>,
    in_flight: u64,
    /// The most calls that were under way at a time in this window: by so much may answers be out of order.
    most_in_flight: u64,
    shares: Shares,
    /// The edge has turned calls away: nothing but a withdrawal goes before.
    edge_throttled_until: Option<Instant>,
}

impl Budget {
    /// A caller shares the budget from now on.
    pub fn join(&mut self, caller: &Caller) {
        self.shares.join(caller);
    }

    /// A caller that has joined leaves.
    pub fn leave(&mut self, caller: &Caller) {
        self.shares.leave(caller);
    }

    /// Whether a call may be made now; if not, when to ask again.
    ///
    /// # Guarantees
    /// - Of a window's limit nothing but a withdrawal takes the last tenth, and polling not the last half,
    ///   but for one request in 30 s of each caller.
    /// - What is under way counts as used.
    /// - What is left is divided: each caller has its share, of which the others use nothing at the beginning of a
    ///   window, and in the end all that is not used.
    ///
    /// # Assumptions
    /// A window is as long as the answers tell; when it begins is learnt from them.
    ///
    /// # Errors
    /// The time at which what is known now is out of date.
    pub fn admit(&mut self, caller: &str, urgency: Urgency, now: Instant) -> Result<(), Instant> {
        self.renew(now);
        if let Some(until) = self.edge_throttled_until.filter(|until| now < *until)
            && urgency != Urgency::Withdrawal
        {
            return Err(until);
        }
        let Some(window) = &self.window else {
            return Ok(());
        };
        let reserve = window.limit.saturating_mul(urgency.leaves()).div_ceil(100);
        let free = window
            .left
            .map(|left| left.saturating_sub(self.in_flight).saturating_sub(reserve));
        let fits = match free {
            Some(free) => free > 0,
            None => self.in_flight < MAX_BEFORE_FIRST_ANSWER,
        };
        let others = || {
            let usable = window.limit.saturating_sub(reserve);
            self.shares
                .left_for_others(caller, usable, window.part_left(now))
        };
        let is_fair = free.is_none_or(|free| free > others());
        if (fits && is_fair) || urgency == Urgency::Withdrawal {
            return Ok(());
        }
        let until = match fits {
            true => window.ends().min(now + window.length / STEPS_OF_A_WINDOW),
            false => window.ends(),
        };
        if urgency != Urgency::Polling {
            return Err(until);
        }
        let floor = self.shares.polled_at(caller).map(|at| at + POLLING_FLOOR);
        match floor {
            Some(floor) if now < floor => Err(until.min(floor)),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes note that the edge has turned a call away, and leaves it alone for that long: it says nothing of
    /// the limit.
    pub fn edge_throttled(&mut self, wait: Duration, now: Instant) {
        let until = now + wait;
        self.edge_throttled_until = self.edge_throttled_until.max(Some(until));
    }

    /// Takes note that a poll was admitted.
    pub fn polls(&mut self, caller: &str, now: Instant) {
        self.shares.polls(caller, now);
    }

    /// Takes note of a call that is sent.
    pub fn sent(&mut self, caller: &str) {
        self.shares.sent(caller);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// Takes note of a call that has ended, however it did.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Takes note of what an answer tells, after its call has ended.
    pub fn update(&mut self, rate_limit: RateLimit, now: Instant) {
        self.renew(now);
        let length = rate_limit.window.max(Duration::from_secs(1));
        let former = self.window;
        let began_anew = former.is_some_and(|former| {
            former
                .left
                .is_some_and(|left| rate_limit.remaining > left.saturating_add(self.most_in_flight))
        });
        if began_anew {
            self.most_in_flight = self.in_flight;
            self.shares.begin();
        }
        let since = former
            .filter(|_| !began_anew)
            .map_or(now, |former| former.since);
        let least = former
            .filter(|_| !began_anew)
            .and_then(|former| former.left)
            .map_or(rate_limit.remaining, |left| left.min(rate_limit.remaining));
        self.window = Some(Window {
            limit: rate_limit.limit,
            length,
            left: Some(least),
            at: now,
            since,
            began_by: if began_anew {
                Some(now)
            } else {
                former.and_then(|former| former.began_by)
            },
        });
    }

    /// When the window that an answer told of must be over, nothing is known of the next one.
    fn renew(&mut self, now: Instant) {
        if let Some(window) = &mut self.window
            && window.left.is_some()
            && window.ends() <= now
        {
            window.left = None;
            window.at = now;
            window.since = now;
            self.shares.begin();
            self.most_in_flight = self.in_flight;
        }
    }
}

impl Window {
    /// How much of its time is left, in thousandths.
    fn part_left(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.since).as_millis();
        let past = since.saturating_mul(1000) / self.length.as_millis().max(1);
        1000_u64.saturating_sub(u64::try_from(past).unwrap_or(u64::MAX))
    }

    /// When at the latest the window of the last answer is over.
    fn ends(&self) -> Instant {
        let latest = self.at + self.length;
        let Some(began_by) = self.began_by else {
            return latest;
        };
        let since = self.at.saturating_duration_since(began_by).as_millis();
        let windows = since / self.length.as_millis().max(1) + 1;
        let length = self
            .length
            .saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX));
        began_by
            .checked_add(length)
            .map_or(latest, |end| end.min(latest))
    }
}
