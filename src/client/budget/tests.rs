//! The budget under simulated time.

use std::sync::LazyLock;

use rstest::rstest;

use super::*;
use Urgency::{Creation, Drift, Polling, Request, Withdrawal};

/// The only caller.
const ME: &str = "pr_me";

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
    let mut budget = shared_by(&[(ME, false)]);
    budget.update(rate_limit(remaining), at(0));
    budget
}

#[rstest]
#[case::there_is_plenty(501, &[Withdrawal, Request, Creation, Drift, Polling])]
#[case::half_of_it_is_for_what_people_do(500, &[Withdrawal, Request, Creation, Drift])]
#[case::an_onboarding_goes_before_a_difference(140, &[Withdrawal, Request, Creation])]
#[case::who_waits_goes_before_an_onboarding(120, &[Withdrawal, Request])]
#[case::the_last_tenth_is_for_the_ends_of_access(100, &[Withdrawal])]
#[case::whoever_withdraws_may_as_well_be_told_429(0, &[Withdrawal])]
fn each_urgency_leaves_its_part_to_others(#[case] remaining: u64, #[case] expected: &[Urgency]) {
    let mut budget = after_answer(remaining);
    budget.polls(ME, at(0));
    let admitted: Vec<_> = [Withdrawal, Request, Creation, Drift, Polling]
        .into_iter()
        .filter(|urgency| budget.admit(ME, *urgency, at(1)).is_ok())
        .collect();
    assert_eq!(admitted, expected);
}

#[test]
fn polling_never_stops_for_longer_than_half_a_minute() {
    let mut budget = after_answer(3);
    budget.polls(ME, at(0));
    assert_eq!(budget.admit(ME, Urgency::Polling, at(29)), Err(at(30)));
    assert_eq!(budget.admit(ME, Urgency::Polling, at(30)), Ok(()));
}

#[test]
fn what_is_under_way_counts_as_used() {
    let mut budget = after_answer(123);
    for _ in 0..3 {
        assert_eq!(budget.admit(ME, Urgency::Creation, at(1)), Ok(()));
        budget.sent(ME);
    }
    assert_eq!(budget.admit(ME, Urgency::Creation, at(1)), Err(at(60)));
    budget.ended();
    budget.update(rate_limit(122), at(2));
    assert_eq!(
        budget.admit(ME, Urgency::Creation, at(2)),
        Err(at(62)),
        "the other two may not be in that number"
    );
}

#[test]
fn a_new_window_is_noticed_and_the_next_one_foreseen() {
    let mut budget = after_answer(100);
    assert_eq!(budget.admit(ME, Urgency::Drift, at(1)), Err(at(60)));
    budget.update(rate_limit(999), at(20));
    assert_eq!(budget.admit(ME, Urgency::Drift, at(20)), Ok(()));
    budget.update(rate_limit(100), at(50));
    assert_eq!(
        budget.admit(ME, Urgency::Drift, at(51)),
        Err(at(80)),
        "sixty seconds after a window was seen to begin"
    );
    assert_eq!(budget.admit(ME, Urgency::Drift, at(80)), Ok(()));
}

#[test]
fn in_a_window_of_which_nothing_is_known_only_few_go_ahead() {
    let mut budget = after_answer(0);
    for _ in 0..MAX_BEFORE_FIRST_ANSWER {
        assert_eq!(budget.admit(ME, Urgency::Creation, at(60)), Ok(()));
        budget.sent(ME);
    }
    assert!(budget.admit(ME, Urgency::Creation, at(60)).is_err());
    budget.ended();
    budget.update(rate_limit(140), at(61));
    assert_eq!(budget.admit(ME, Urgency::Creation, at(61)), Ok(()));
}

#[test]
fn answers_out_of_order_do_not_look_like_a_new_window() {
    let mut budget = after_answer(500);
    for _ in 0..3 {
        budget.sent(ME);
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
    assert_eq!(budget.admit(ME, Urgency::Polling, at(7)), Err(at(8)));
    assert_eq!(budget.admit(ME, Urgency::Request, at(7)), Err(at(8)));
    assert_eq!(budget.admit(ME, Urgency::Withdrawal, at(7)), Ok(()));
    assert_eq!(budget.admit(ME, Urgency::Creation, at(8)), Ok(()));
}

#[test]
fn a_server_that_tells_no_limit_has_none() {
    assert_eq!(Budget::default().admit(ME, Urgency::Polling, at(0)), Ok(()));
}

fn caller(name: &str, is_preferred: bool) -> Caller {
    Caller {
        project: name.into(),
        is_preferred,
    }
}

/// How many calls of that urgency are admitted at that time, one after the other, each of which is answered.
fn admitted(budget: &mut Budget, name: &str, left: &mut u64, now: Instant) -> u64 {
    let mut calls = 0;
    while budget.admit(name, Urgency::Creation, now).is_ok() {
        budget.sent(name);
        budget.ended();
        *left -= 1;
        budget.update(rate_limit(*left), now);
        calls += 1;
    }
    calls
}

fn shared_by(callers: &[(&str, bool)]) -> Budget {
    let mut budget = Budget::default();
    budget.update(rate_limit(1000), at(0));
    for (name, is_preferred) in callers {
        budget.join(&caller(name, *is_preferred));
    }
    budget
}

#[test]
fn who_asks_first_leaves_the_others_their_share() {
    let mut budget = shared_by(&[("a", false), ("b", false)]);
    let mut left = 1000;
    assert_eq!(admitted(&mut budget, "a", &mut left, at(0)), 440, "half");
    assert_eq!(admitted(&mut budget, "b", &mut left, at(0)), 440);
    assert_eq!(left, 120, "the reserve");
}

#[test]
fn what_others_do_not_use_is_free_in_the_end() {
    let mut budget = shared_by(&[("a", false), ("b", false)]);
    let mut left = 1000;
    assert_eq!(admitted(&mut budget, "a", &mut left, at(30)), 660);
    assert_eq!(
        budget.admit("a", Urgency::Creation, at(30)),
        Err(at(36)),
        "a part of the window later more is free"
    );
    assert_eq!(admitted(&mut budget, "a", &mut left, at(59)), 213);
    assert!(budget.admit("b", Urgency::Creation, at(59)).is_ok());
}

#[test]
fn the_projects_of_the_cluster_keep_half_however_many_others_there_are() {
    let many: Vec<String> = (0..100).map(|n| format!("tenant-{n}")).collect();
    let mut callers: Vec<(&str, bool)> = many.iter().map(|name| (name.as_str(), false)).collect();
    callers.push(("platform", true));
    let mut budget = shared_by(&callers);
    let mut left = 1000;
    for name in &many {
        admitted(&mut budget, name, &mut left, at(0));
    }
    assert!(admitted(&mut budget, "platform", &mut left, at(0)) >= 440);
    assert_eq!(left, 120);
}

#[test]
fn a_project_has_one_share_however_many_declare_it() {
    let mut budget = shared_by(&[("a", false), ("a", false), ("a", false), ("b", false)]);
    let mut left = 1000;
    assert_eq!(admitted(&mut budget, "a", &mut left, at(0)), 440);
    for _ in 0..3 {
        budget.leave(&caller("a", false));
    }
    assert_eq!(admitted(&mut budget, "b", &mut left, at(0)), 440);
}

#[test]
fn two_projects_that_ask_at_once_keep_the_reserve_together() {
    let mut budget = shared_by(&[("a", false), ("b", false)]);
    budget.update(rate_limit(123), at(59));
    let mut calls = 0;
    while ["a", "b"]
        .iter()
        .any(|name| budget.admit(name, Urgency::Creation, at(59)).is_ok())
    {
        budget.sent("a");
        calls += 1;
    }
    assert_eq!(calls, 3);
}

#[test]
fn each_project_polls_now_and_then_whatever_is_left() {
    let mut budget = shared_by(&[("a", false), ("b", false)]);
    budget.update(rate_limit(3), at(0));
    budget.polls("a", at(0));
    assert!(budget.admit("a", Urgency::Polling, at(1)).is_err());
    assert_eq!(budget.admit("b", Urgency::Polling, at(1)), Ok(()));
}
