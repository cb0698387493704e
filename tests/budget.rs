//! The organisation's rate limit under simulated time: what the operator may use it uses, and the rest it
//! leaves to the others, who are played by the emulated Composio.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use composio_operator::composio::{SendError, Transport, Urgency};
use composio_operator::metrics::Metrics;
use composio_operator::plan::Flags;
use composio_operator::project::Project;
use composio_operator::record::RecordKeys;
use composio_operator::sandbox::world::{Seed, World};
use futures::FutureExt;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::scene::gmail;
use crate::support::simulated_clock;
use crate::support::simulation::Simulation;
use crate::support::story::{condition, message};

const LIMIT: u32 = 2000;
const STEP: SignedDuration = SignedDuration::from_millis(50);

struct Office {
    world: Arc<Mutex<World>>,
    now: Arc<Mutex<Timestamp>>,
    project: Project,
}

impl Office {
    fn new(start: &str) -> Office {
        let seed = Seed {
            limit: LIMIT,
            ..Seed::default()
        };
        let world = Arc::new(Mutex::new(World::new(seed)));
        let start: Timestamp = start.parse().expect("a time");
        let now = Arc::new(Mutex::new(start));
        let transport: Transport = {
            let (world, now) = (Arc::clone(&world), Arc::clone(&now));
            Arc::new(move |mut request: Request<Bytes>| {
                let key = http::HeaderValue::from_static("sandbox");
                request.headers_mut().insert("x-api-key", key);
                let time = *now.lock().expect("a time");
                let answer = world.lock().expect("a world").exchange(&request, time);
                async move { answer.map_err(|_| SendError::Timeout) }.boxed()
            })
        };
        let clock = Arc::clone(&now);
        let project = Project::new(
            "project",
            transport,
            RecordKeys::derive(b"the API key", &Flags::default().project),
            Arc::new(Metrics::default()),
            simulated_clock(move || *clock.lock().expect("a time")),
            SignedDuration::from_mins(10),
        );
        Office {
            world,
            now,
            project,
        }
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().expect("a time")
    }

    fn step(&self) {
        *self.now.lock().expect("a time") += STEP;
    }

    fn left(&self) -> u32 {
        let world = self.world.lock().expect("a world");
        world.budget(self.now()).remaining
    }

    fn others_spend(&self, requests: u32) {
        let mut world = self.world.lock().expect("a world");
        world.spend(requests, self.now());
    }

    /// Makes a call if it may be made. Whether it was, and that it was not refused.
    async fn call(&self, urgency: Urgency) -> bool {
        if self.project.admit(urgency).is_err() {
            return false;
        }
        // What is asked does not matter.
        let answer = self.project.client.auth_config("ac_gmail").await;
        assert!(
            answer.is_ok() || urgency == Urgency::Withdrawal || self.left() == 0,
            "{urgency:?}: {answer:?}"
        );
        true
    }

    fn refused(&self) -> usize {
        let world = self.world.lock().expect("a world");
        let log = world.log_since(0);
        log.iter().filter(|entry| entry.status == Some(429)).count()
    }
}

#[tokio::test]
async fn an_onboarding_of_ten_thousand_uses_what_it_may_and_is_never_refused() {
    // However the window lies, and however slow each call is.
    for (start, calls_a_step) in [
        ("2026-01-01T00:00:00Z", 40),
        ("2026-01-01T00:00:41Z", 40),
        ("2026-01-01T00:00:07Z", 2),
    ] {
        let office = Office::new(start);
        let began = office.now();
        let mut made = 0;
        while made < 10_000 {
            for _ in 0..calls_a_step {
                if !office.call(Urgency::Creation).await {
                    break;
                }
                made += 1;
                assert!(office.left() >= LIMIT / 10, "{start}: the reserve is used");
            }
            office.step();
        }
        assert_eq!(office.refused(), 0);
        let minutes = office.now().duration_since(began).as_secs_f64() / 60.0;
        // 1760 a minute fit in, and 2400 a minute are asked for at the slowest.
        assert!(minutes < 7.0, "{start}: {minutes} minutes");
    }
}

#[tokio::test]
async fn the_reserve_is_left_alone_when_others_call_too_and_withdrawals_get_through() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let office = Office::new("2026-01-01T00:00:13Z");
        let mut told = office.left();
        let mut withdrawn = 0;
        for step in 0..6000 {
            if random.u32(..40) == 0 {
                office.others_spend(random.u32(..600));
            }
            for _ in 0..random.u32(..8) {
                let before = office.left();
                let urgency =
                    [Urgency::Request, Urgency::Creation, Urgency::Drift][random.usize(..3)];
                if office.call(urgency).await {
                    // What others took since the last answer nobody could know.
                    assert!(
                        before > LIMIT / 10 || before < told.saturating_sub(1) || told == 0,
                        "seed {seed}, step {step}: {urgency:?} with {before} left"
                    );
                    told = office.left();
                }
            }
            if step % 500 == 0 {
                withdrawn += u32::from(office.call(Urgency::Withdrawal).await);
                told = office.left();
            }
            office.step();
        }
        assert_eq!(withdrawn, 12, "the end of an access waits for nobody");
    }
}

#[tokio::test]
async fn polling_yields_at_half_of_the_limit_and_never_falls_silent() {
    let office = Office::new("2026-01-01T00:00:00Z");
    let mut polled = Vec::new();
    for _ in 0..20 * 60 * 5 {
        // Others keep it at a quarter.
        if office.left() > LIMIT / 4 {
            office.others_spend(office.left() - LIMIT / 4);
        }
        if office.call(Urgency::Polling).await {
            polled.push(office.now());
        }
        office.step();
    }
    let gaps: Vec<_> = polled
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs())
        .collect();
    assert!(gaps.iter().all(|gap| *gap <= 30), "{gaps:?}");
    let calls_a_minute = polled.len() / 5;
    assert!(
        calls_a_minute <= 3,
        "{} polls in five minutes",
        polled.len()
    );
}

/// What the condition Synced of an object says; nothing, while it says nothing.
fn synced(simulation: &Simulation, name: &str) -> Option<String> {
    let object = simulation.object(name).expect("it is there");
    let synced = condition(&object, "Synced").clone();
    let current = synced["observedGeneration"] == object["metadata"]["generation"];
    let reason = synced["reason"].as_str().filter(|_| current)?;
    Some(format!("{} {reason}", synced["status"].as_str()?))
}

#[tokio::test]
async fn an_object_that_waits_for_the_rate_limit_says_so_after_five_seconds() {
    let seed = Seed {
        limit: LIMIT,
        ..Seed::default()
    };
    let mut simulation = Simulation::new(seed);
    simulation.apply("first", gmail());
    simulation.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(
        synced(&simulation, "first").as_deref(),
        Some("True AwaitingUser")
    );
    // The others use nearly all of it; the next poll is told.
    let now = simulation.now();
    simulation.world().spend(LIMIT - LIMIT / 20, now);
    simulation.advance(SignedDuration::from_secs(25)).await;
    let mut spec = gmail();
    spec["user"] = json!("another");
    simulation.apply("second", spec);
    simulation.advance(SignedDuration::from_secs(4)).await;
    assert_eq!(synced(&simulation, "second"), None);
    simulation.advance(SignedDuration::from_secs(2)).await;
    let limited = Some("False RateLimited");
    assert_eq!(synced(&simulation, "second").as_deref(), limited);
    let object = simulation.object("second").expect("it is there");
    let message = message(&object, "Synced");
    assert!(message.contains("more urgent"), "{message}");
    let version = &object["metadata"]["resourceVersion"];
    simulation.advance(SignedDuration::from_secs(10)).await;
    let later = simulation.object("second").expect("it is there");
    assert_eq!(
        &later["metadata"]["resourceVersion"], version,
        "it is said once"
    );
    simulation.advance(SignedDuration::from_secs(80)).await;
    assert_eq!(
        synced(&simulation, "second").as_deref(),
        Some("True AwaitingUser")
    );
}
