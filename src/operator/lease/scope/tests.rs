use rstest::rstest;

use super::*;

const LEASE: Duration = Duration::from_secs(15);
const CLAIM: Duration = Duration::from_secs(30);
const RENEW: Duration = Duration::from_secs(10);

fn some(names: &[&str]) -> Scope {
    Scope::of(
        &names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>(),
    )
}

fn release(name: &str, scope: Scope) -> Scopes {
    Scopes::new(name.to_owned(), format!("{name}-pod"), scope, LEASE)
}

fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn claim(by: &Scopes, now: Instant, at: i64) -> Lease {
    match by.next(now, wall(at)) {
        ClaimStep::Claim(lease) => *lease,
        ClaimStep::Held { by, .. } => panic!("{by}"),
    }
}

/// Who keeps it from claiming, and for how long.
fn held(by: &Scopes, now: Instant) -> Option<(String, Duration)> {
    match by.next(now, wall(0)) {
        ClaimStep::Claim(_) => None,
        ClaimStep::Held { by, until } => Some((by.to_string(), until - now)),
    }
}

#[rstest]
#[case::two_namespaces(&["a"], &["b"], None)]
#[case::one_of_several(&["a", "b"], &["b", "c"], Some("namespace b"))]
#[case::all_and_one(&[], &["a"], Some("namespace a"))]
#[case::many_and_all(&["a", "b", "c", "d", "e"], &[], Some("namespaces a, b, c and 2 more"))]
#[case::all_and_all(&[], &[], Some("all namespaces"))]
fn scopes_overlap_where_one_namespace_is_in_both(
    #[case] ours: &[&str],
    #[case] theirs: &[&str],
    #[case] expected: Option<&str>,
) {
    let (ours, theirs) = (some(ours), some(theirs));
    for overlap in [ours.overlap(&theirs), theirs.overlap(&ours)] {
        let words = overlap.map(|overlap| overlap.to_string());
        assert_eq!(words.as_deref(), expected, "{ours} and {theirs}");
    }
}

#[test]
fn disjoint_releases_stand_in_one_lease() {
    let now = Instant::now();
    let (a, mut b) = (release("a", some(&["x"])), release("b", some(&["y"])));
    b.see(Some(claim(&a, now, 0)), now);
    let both = claim(&b, now, 0);
    let spec = both.spec.clone().expect("a spec");
    assert_eq!(spec.holder_identity.as_deref(), Some("a,b"));
    let names: Vec<_> = claims(Some(&both)).into_keys().collect();
    assert_eq!(names, ["a", "b"]);
}

#[rstest]
#[case::all_and_one(some(&[]), some(&["x"]))]
#[case::one_and_all(some(&["x"]), some(&[]))]
#[case::all_and_all(some(&[]), some(&[]))]
#[case::two_that_share_one(some(&["x", "y"]), some(&["y", "z"]))]
fn all_namespaces_and_some_exclude_each_other_whichever_comes_first(
    #[case] first: Scope,
    #[case] second: Scope,
) {
    let now = Instant::now();
    let (a, mut b) = (release("a", first), release("b", second));
    let mut lease = claim(&a, now, 0);
    b.see(Some(lease.clone()), now);
    let (why, wait) = held(&b, now).expect("it overlaps");
    assert!(why.starts_with("release a (a-pod) works on "), "{why}");
    assert_eq!(wait, CLAIM, "another replica of a's has its turn first");

    let later = now + Duration::from_secs(29);
    b.see(Some(lease.clone()), later);
    assert_eq!(
        held(&b, later).map(|(_, wait)| wait),
        Some(Duration::from_secs(1))
    );
    lease = claim(&a, later, 29);
    b.see(Some(lease), later);
    assert_eq!(
        held(&b, later).map(|(_, wait)| wait),
        Some(CLAIM),
        "it was renewed"
    );

    let over = later + CLAIM;
    let names: Vec<_> = claims(Some(&claim(&b, over, 59))).into_keys().collect();
    assert_eq!(names, ["b"], "what is over is left out");
}

#[test]
fn another_replica_of_the_release_takes_its_claim_at_once_also_with_another_scope() {
    let now = Instant::now();
    let before = release("a", some(&["x"]));
    let mut after = Scopes::new(
        "a".to_owned(),
        "new-pod".to_owned(),
        some(&["x", "y"]),
        LEASE,
    );
    after.see(Some(claim(&before, now, 0)), now);
    let mut other = release("b", some(&["y"]));
    other.see(Some(claim(&after, now, 1)), now);
    let (why, _) = held(&other, now).expect("it overlaps");
    assert_eq!(why, "release a (new-pod) works on namespace y");
}

#[test]
fn a_lease_that_was_deleted_frees_nothing_that_was_seen_and_its_holder_writes_it_again() {
    let now = Instant::now();
    let (mut a, mut b) = (release("a", some(&[])), release("b", some(&["x"])));
    let lease = claim(&a, now, 0);
    a.hold(lease.clone(), now);
    b.see(Some(lease), now);
    for one in [&mut a, &mut b] {
        one.see(None, now);
    }
    assert!(held(&b, now).is_some());
    let again = claim(&a, now, 2);
    assert_eq!(again.metadata.resource_version, None, "it is made anew");
    b.see(Some(again), now);
    assert!(held(&b, now).is_some());
    b.see(None, now);
    assert_eq!(held(&b, now + CLAIM), None);
}

/// A claim that can be read, but for its time.
const GOOD: &str =
    r#"{"holderIdentity":"p","namespaces":["y"],"leaseDurationSeconds":30,"renewTime":""}"#;

#[rstest]
#[case::empty("")]
#[case::a_list("[]")]
#[case::null("null")]
#[case::cut_off(r#"{"c":"#)]
#[case::null_within(r#"{"c": null}"#)]
#[case::without_namespaces(r#"{"c": {"holderIdentity": ""}}"#)]
#[case::a_negative_time(&GOOD.replace("30", "-1"))]
#[case::a_time_that_is_too_long(&format!(r#"{{"c": {}}}"#, GOOD.replace("30", "99999999999999999999")))]
#[case::namespaces_that_are_no_list(&format!(r#"{{"c": {}}}"#, GOOD.replace(r#"["y"]"#, r#""y""#)))]
fn claims_that_cannot_be_read_hold_up_newcomers_for_their_time_and_no_holder(#[case] text: &str) {
    let now = Instant::now();
    let (mut a, mut b) = (release("a", some(&["x"])), release("b", some(&["x"])));
    let mut lease = claim(&a, now, 0);
    a.hold(lease.clone(), now);
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(CLAIMS.to_owned(), text.to_owned());
    a.see(Some(lease.clone()), now);
    b.see(Some(lease.clone()), now);
    let (why, wait) = held(&b, now).expect(text);
    assert!(why.contains("cannot be read"), "{text}: {why}");
    assert_eq!(wait, CLAIM, "{text}");
    let healed = claim(&a, now, 2);
    assert!(claims(Some(&healed)).contains_key("a"), "{text}");
    assert!(!claims(Some(&healed)).contains_key(BROKEN), "{text}");
    let alone = claim(&b, now + CLAIM, 30);
    let names: Vec<_> = claims(Some(&alone)).into_keys().collect();
    assert_eq!(names, ["b"], "{text}");
}

#[test]
fn what_others_wrote_into_the_lease_stays() {
    let now = Instant::now();
    let (a, mut b) = (release("a", some(&["x"])), release("b", some(&["y"])));
    let mut lease = claim(&a, now, 0);
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert("team".to_owned(), "agents".to_owned());
    lease.metadata.resource_version = Some("12".to_owned());
    b.see(Some(lease), now);
    let both = claim(&b, now, 0).metadata;
    assert_eq!(both.resource_version.as_deref(), Some("12"));
    assert_eq!(both.annotations.expect("it has some")["team"], "agents");
}

/// One release in the game below: its claims, what it read and has not written yet, and until when it works.
struct Player {
    scopes: Scopes,
    began: Instant,
    writes: Option<Lease>,
    works_until: Option<Instant>,
}

/// Releases that read, pause for any time, write, are frozen and come back as a new process, in any order.
/// The server takes a write only in the version that was read.
#[test]
fn of_releases_that_overlap_two_never_work_at_once_and_somebody_does() {
    let scopes = [
        some(&[]),
        some(&["x"]),
        some(&["x", "y"]),
        some(&["y"]),
        some(&["z"]),
    ];
    let new = |at: usize, now| Player {
        scopes: release(&format!("r{at}"), scopes[at].clone()),
        began: now,
        writes: None,
        works_until: None,
    };
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut now = Instant::now();
        let (mut stored, mut version): (Option<Lease>, u64) = (None, 0);
        let mut players: Vec<_> = (0..scopes.len()).map(|at| new(at, now)).collect();
        let mut claimed = 0;
        for step in 0..400 {
            now += Duration::from_millis(random.u64(0..3000));
            let at = random.usize(0..players.len());
            let player = &mut players[at];
            match player.writes.take() {
                _ if random.u8(..) < 4 => *player = new(at, now),
                Some(mut lease) => {
                    let read = lease.metadata.resource_version.take();
                    let there = stored.is_some().then(|| version.to_string());
                    if read == there {
                        version += 1;
                        lease.metadata.resource_version = Some(version.to_string());
                        stored = Some(lease.clone());
                        player.scopes.hold(lease, now);
                        player.works_until = Some(player.began + RENEW);
                        claimed += 1;
                    }
                }
                None => {
                    player.began = now;
                    player.scopes.see(stored.clone(), now);
                    player.writes = match player.scopes.next(now, wall(step)) {
                        ClaimStep::Claim(lease) => Some(*lease),
                        ClaimStep::Held { .. } if player.scopes.holds => {
                            // The process ends.
                            *player = new(at, now);
                            None
                        }
                        ClaimStep::Held { .. } => None,
                    };
                }
            }
            let works = |player: &&Player| player.works_until.is_some_and(|until| now < until);
            let working: Vec<_> = players.iter().filter(works).collect();
            for (at, one) in working.iter().enumerate() {
                for other in &working[at + 1..] {
                    let overlap = one.scopes.scope.overlap(&other.scopes.scope);
                    assert_eq!(overlap, None, "seed {seed}, step {step}: two work on it");
                }
            }
        }
        assert!(claimed > 0, "seed {seed}: nobody ever worked");
    }
}
