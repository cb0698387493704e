//! What 10,000 accounts cost the sandbox's world in memory, and how long a list takes among them.
//!
//! `cargo bench --bench sandbox`; it fails above 20 MB, and above 1 ms for a list.

#[allow(dead_code, reason = "each binary uses its part of it")]
#[path = "support/memory.rs"]
mod memory;

use std::hint::black_box;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use composio_operator::sandbox::world::{Seed, World};
use http::Request;
use jiff::Timestamp;

const ACCOUNTS: usize = 10_000;
const ROUNDS: u32 = 300;
const MOST_MEMORY: f64 = 20.0;
const MOST_TIME: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn measure() -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let mut world = World::new(Seed {
        limit: u32::MAX,
        ..Seed::default()
    });
    let now = Timestamp::UNIX_EPOCH;
    let before = resident()?;
    for n in 0..ACCOUNTS {
        let config = ["ac_gmail", "ac_slack", "ac_github"][n % 3];
        let body = format!(
            r#"{{"auth_config_id":"{config}","user_id":"user-{n}@acme.com","alias":"team-a.account-{n}",
                "callback_url":"https://app.acme.com/connected"}}"#
        );
        let answer = call(&mut world, "POST", "/connected_accounts/link", body, now);
        if n % 2 == 0 {
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let id = answer["connected_account_id"].as_str().unwrap_or_default();
            world.consent(id, now).map_err(io::Error::other)?;
        }
        // What the log holds is a cost of the requests, not of the accounts.
        world.clear_log();
    }
    let memory = (resident()? - before) / 1e6;
    writeln!(
        out,
        "{ACCOUNTS} accounts: {memory:.1} MB, at most {MOST_MEMORY} MB"
    )?;
    let mut fits = memory <= MOST_MEMORY;
    for query in [
        "user_ids=user-5000@acme.com&toolkit_slugs=gmail",
        "statuses=ACTIVE",
        "toolkit_slugs=slack&statuses=INITIALIZING&order_by=updated_at",
        "auth_config_ids=ac_github&limit=1000",
        "statuses=REVOKED&account_type=ALL",
    ] {
        let path = format!("/connected_accounts?{query}");
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(call(&mut world, "GET", &path, String::new(), now));
        }
        let each = start.elapsed() / ROUNDS;
        writeln!(out, "list {query}: {each:.1?}, at most {MOST_TIME:?}")?;
        fits &= each <= MOST_TIME;
    }
    Ok(fits)
}

fn call(world: &mut World, method: &str, path: &str, body: String, now: Timestamp) -> Bytes {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method.parse().expect("a method");
    *request.uri_mut() = format!("/api/v3.1{path}").parse().expect("a path");
    let key = http::HeaderValue::from_static("sandbox");
    request.headers_mut().insert("x-api-key", key);
    let answer = world.handle(&request, now);
    assert!(answer.status().is_success(), "{path}: {:?}", answer.body());
    answer.into_body()
}

/// Bytes of this process in memory.
fn resident() -> io::Result<f64> {
    memory::kilobytes("self", memory::RESIDENT)
        .map(|kilobytes| kilobytes as f64 * 1024.0)
        .ok_or_else(|| io::Error::other("/proc/self/status does not tell VmRSS"))
}
