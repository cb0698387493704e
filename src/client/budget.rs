//! How much of the organisation's rate limit may be used, and for what. The limit is shared with everything
//! else that the organisation does, so most of it is left alone. Pure: time is an argument, that of the
//! monotonic clock.

use std::time::Duration;

use tokio::time::Instant;

use super::call::RateLimit;

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
    /// By when a window had begun, as far as was seen.
    began_by: Option<Instant>,
}

/// The budget of one organisation, as one of its callers sees it.
#[derive(Debug, Default)]
pub struct Budget {
    /// Nothing is known before the first answer, nor of a server that tells no limit.
    window: Option<Window>,
    in_flight: u64,
    /// The most calls that were under way at a time in this window: by so much may answers be out of order.
    most_in_flight: u64,
    polled_at: Option<Instant>,
    /// The edge has turned calls away: nothing but a withdrawal goes before.
    edge_throttled_until: Option<Instant>,
}

impl Budget {
    /// Whether a call may be made now; if not, when to ask again.
    ///
    /// # Guarantees
    /// - Of a window's limit nothing but a withdrawal takes the last tenth, and polling not the last half,
    ///   but for one request in 30 s.
    /// - What is under way counts as used.
    ///
    /// # Assumptions
    /// A window is as long as the answers tell; when it begins is learnt from them.
    ///
    /// # Errors
    /// The time at which what is known now is out of date.
    pub fn admit(&mut self, urgency: Urgency, now: Instant) -> Result<(), Instant> {
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
        let fits = match window.left {
            Some(left) => left.saturating_sub(self.in_flight) > reserve,
            None => self.in_flight < MAX_BEFORE_FIRST_ANSWER,
        };
        if fits || urgency == Urgency::Withdrawal {
            return Ok(());
        }
        let until = window.ends();
        if urgency != Urgency::Polling {
            return Err(until);
        }
        let floor = self.polled_at.map(|at| at + POLLING_FLOOR);
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
    pub fn polls(&mut self, now: Instant) {
        self.polled_at = Some(now);
    }

    /// Takes note of a call that is sent.
    pub fn sent(&mut self) {
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
        }
        let least = former
            .filter(|_| !began_anew)
            .and_then(|former| former.left)
            .map_or(rate_limit.remaining, |left| left.min(rate_limit.remaining));
        self.window = Some(Window {
            limit: rate_limit.limit,
            length,
            left: Some(least),
            at: now,
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
            self.most_in_flight = self.in_flight;
        }
    }
}

impl Window {
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn at(seconds: u64) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(seconds)
    }

    fn rate_limit(remaining: u64) -> RateLimit {
        RateLimit {
            limit: 1000,
            remaining,
            window: Duration::from_secs(60),
        }
    }

    fn after_answer(remaining: u64) -> Budget {
        let mut budget = Budget::default();
        budget.update(rate_limit(remaining), at(0));
        budget
    }

    #[test]
    fn each_urgency_leaves_its_part_to_others() {
        use Urgency::{Creation, Drift, Polling, Request, Withdrawal};
        struct Case {
            remaining: u64,
            admitted: &'static [Urgency],
            reason: &'static str,
        }
        let cases = [
            Case {
                remaining: 501,
                admitted: &[Withdrawal, Request, Creation, Drift, Polling],
                reason: "there is plenty",
            },
            Case {
                remaining: 500,
                admitted: &[Withdrawal, Request, Creation, Drift],
                reason: "half of it is for what people do",
            },
            Case {
                remaining: 140,
                admitted: &[Withdrawal, Request, Creation],
                reason: "an onboarding goes before a difference",
            },
            Case {
                remaining: 120,
                admitted: &[Withdrawal, Request],
                reason: "who waits goes before an onboarding",
            },
            Case {
                remaining: 100,
                admitted: &[Withdrawal],
                reason: "the last tenth is for the ends of access",
            },
            Case {
                remaining: 0,
                admitted: &[Withdrawal],
                reason: "whoever withdraws may as well be told 429",
            },
        ];
        for case in cases {
            let mut budget = after_answer(case.remaining);
            budget.polls(at(0));
            let admitted: Vec<_> = [Withdrawal, Request, Creation, Drift, Polling]
                .into_iter()
                .filter(|urgency| budget.admit(*urgency, at(1)).is_ok())
                .collect();
            assert_eq!(admitted, case.admitted, "{}", case.reason);
        }
    }

    #[test]
    fn polling_never_stops_for_longer_than_half_a_minute() {
        let mut budget = after_answer(3);
        budget.polls(at(0));
        assert_eq!(budget.admit(Urgency::Polling, at(29)), Err(at(30)));
        assert_eq!(budget.admit(Urgency::Polling, at(30)), Ok(()));
    }

    #[test]
    fn what_is_under_way_counts_as_used() {
        let mut budget = after_answer(123);
        for _ in 0..3 {
            assert_eq!(budget.admit(Urgency::Creation, at(1)), Ok(()));
            budget.sent();
        }
        assert_eq!(budget.admit(Urgency::Creation, at(1)), Err(at(60)));
        budget.ended();
        budget.update(rate_limit(122), at(2));
        assert_eq!(
            budget.admit(Urgency::Creation, at(2)),
            Err(at(62)),
            "the other two may not be in that number"
        );
    }

    #[test]
    fn a_new_window_is_noticed_and_the_next_one_foreseen() {
        let mut budget = after_answer(100);
        assert_eq!(budget.admit(Urgency::Drift, at(1)), Err(at(60)));
        budget.update(rate_limit(999), at(20));
        assert_eq!(budget.admit(Urgency::Drift, at(20)), Ok(()));
        budget.update(rate_limit(100), at(50));
        assert_eq!(
            budget.admit(Urgency::Drift, at(51)),
            Err(at(80)),
            "sixty seconds after a window was seen to begin"
        );
        assert_eq!(budget.admit(Urgency::Drift, at(80)), Ok(()));
    }

    #[test]
    fn in_a_window_of_which_nothing_is_known_only_few_go_ahead() {
        let mut budget = after_answer(0);
        for _ in 0..MAX_BEFORE_FIRST_ANSWER {
            assert_eq!(budget.admit(Urgency::Creation, at(60)), Ok(()));
            budget.sent();
        }
        assert!(budget.admit(Urgency::Creation, at(60)).is_err());
        budget.ended();
        budget.update(rate_limit(140), at(61));
        assert_eq!(budget.admit(Urgency::Creation, at(61)), Ok(()));
    }

    #[test]
    fn answers_out_of_order_do_not_look_like_a_new_window() {
        let mut budget = after_answer(500);
        for _ in 0..3 {
            budget.sent();
        }
        budget.ended();
        budget.update(rate_limit(497), at(1));
        budget.ended();
        budget.update(rate_limit(499), at(1));
        budget.ended();
        budget.update(rate_limit(498), at(1));
        assert_eq!(budget.window.and_then(|window| window.left), Some(497));
    }

    #[test]
    fn the_edge_is_left_alone_for_seconds_and_withdrawals_go_on() {
        let mut budget = after_answer(1000);
        budget.edge_throttled(Duration::from_secs(7), at(1));
        budget.edge_throttled(Duration::from_secs(3), at(2));
        assert_eq!(budget.admit(Urgency::Polling, at(7)), Err(at(8)));
        assert_eq!(budget.admit(Urgency::Request, at(7)), Err(at(8)));
        assert_eq!(budget.admit(Urgency::Withdrawal, at(7)), Ok(()));
        assert_eq!(budget.admit(Urgency::Creation, at(8)), Ok(()));
    }

    #[test]
    fn a_server_that_tells_no_limit_has_none() {
        assert_eq!(Budget::default().admit(Urgency::Polling, at(0)), Ok(()));
    }
}
