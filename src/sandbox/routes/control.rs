//! Control calls under `/_sandbox`: JSON in, JSON out, no API key, not in the request log.
//!
//! A mistake is a 4xx with `{"error": "…"}` that names it: 404 for a path or an account that is not
//! there, 405 for a method, 400 for a body, 409 for an account in no state for it.

mod table;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::worlds::Worlds;
use crate::world::{AuthConfig, ControlError, Fault, Seed, Switches, World};

pub(crate) use table::ROUTES;

/// A mistake of the caller.
struct Mistake {
    status: StatusCode,
    body: Value,
}

impl Mistake {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            status,
            body: json!({"error": message}),
        }
    }
}

impl From<ControlError> for Mistake {
    fn from(error: ControlError) -> Self {
        let status = match &error {
            ControlError::NoSuchAccount(_) => StatusCode::NOT_FOUND,
            ControlError::NotPossible(_) => StatusCode::CONFLICT,
            ControlError::Invalid(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    state: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance_seconds: Option<i64>,
    set: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasBody {
    alias: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetBody {
    spend: Option<u32>,
    others_per_minute: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    api_key: String,
    /// Whether the former ones are let in too.
    #[serde(default)]
    keep: bool,
}

/// Answers a control call.
pub(super) fn answer(
    worlds: &mut Worlds,
    request: &Request<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let (status, body) = match choose(worlds, request, now) {
        Ok(body) => (StatusCode::OK, body),
        Err(mistake) => (mistake.status, mistake.body),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// The calls about worlds as such, and else the world it is about.
fn choose(worlds: &mut Worlds, request: &Request<Bytes>, now: Timestamp) -> Result<Value, Mistake> {
    let not_found = |text| Mistake::new(StatusCode::NOT_FOUND, text);
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/_sandbox/worlds") => {}
        ("POST", "/_sandbox/worlds") => {
            let seed: Seed = body(request)?;
            seed.check()
                .map_err(|text| Mistake::new(StatusCode::BAD_REQUEST, text))?;
            let key = seed.api_key.clone();
            if !worlds.add(seed) {
                let text = format!("there is a world of the API key {key:?} already");
                return Err(Mistake::new(StatusCode::CONFLICT, text));
            }
        }
        ("DELETE", "/_sandbox/worlds") => {
            let n = worlds.named(request).map_err(not_found)?;
            if !worlds.remove(n) {
                let text = "the first world cannot be removed; name another by ?key=";
                return Err(Mistake::new(StatusCode::CONFLICT, text));
            }
        }
        ("POST", "/_sandbox/api-key") => {
            let n = worlds.named(request).map_err(not_found)?;
            let KeyBody { api_key, keep } = body(request)?;
            let keys: Vec<(&str, &str)> = worlds.keys().collect();
            let taken = |(other, (_, key)): (usize, &(&str, &str))| other != n && *key == api_key;
            if keys.iter().enumerate().any(taken) {
                let text = format!("another world has the API key {api_key:?}");
                return Err(Mistake::new(StatusCode::CONFLICT, text));
            }
            worlds.at(n).set_api_key(api_key, keep);
            return Ok(json!({}));
        }
        (_, _) => {
            let n = worlds.named(request).map_err(not_found)?;
            let answer = call(worlds.at(n), request, now);
            // It may be of another one by now, or as it was in the beginning.
            worlds.join_organisation(n);
            return answer;
        }
    }
    let list: Vec<Value> = worlds
        .keys()
        .map(|(name, key)| json!({"name": name, "api_key": key}))
        .collect();
    Ok(json!({"worlds": list}))
}

fn call(world: &mut World, request: &Request<Bytes>, now: Timestamp) -> Result<Value, Mistake> {
    let path = request.uri().path();
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    match (request.method().as_str(), segments.as_slice()) {
        ("GET", ["accounts"]) => Ok(json!({"accounts": world.accounts(now)})),
        ("GET", ["accounts", id]) => account(world, id, now),
        ("POST", ["accounts", id, "consent"]) => {
            let finished = world.consent_as(id, body_or_default(request)?, now)?;
            Ok(json!({"finished": finished, "account": account(world, id, now)?}))
        }
        ("POST", ["accounts", id, "cancel"]) => {
            let finished = world.cancel(id, now)?;
            Ok(json!({"finished": finished, "account": account(world, id, now)?}))
        }
        ("POST", ["accounts", id, "expire"]) => {
            world.expire(id, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "end-grant"]) => {
            world.end_grant(id, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "disable"]) => {
            world.set_enabled(id, false, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "enable"]) => {
            world.set_enabled(id, true, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "delete"]) => {
            world.delete_by_hand(id, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "alias"]) => {
            let AliasBody { alias } = body(request)?;
            world.rename_by_hand(id, &alias, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "state"]) => {
            let StateBody { state, reason } = body(request)?;
            world.force_state(id, &state, reason, now)?;
            account(world, id, now)
        }
        ("POST", ["accounts", id, "revoke-at-provider"]) => {
            world.revoke_at_provider(id, now)?;
            account(world, id, now)
        }
        ("POST", ["auth-configs"]) => {
            let config: AuthConfig = body(request)?;
            world.put_auth_config(config.clone())?;
            Ok(json!(config))
        }
        ("GET", ["project"]) => Ok(json!(world.project())),
        ("POST", ["project"]) => {
            world.change_project(body(request)?)?;
            Ok(json!(world.project()))
        }
        ("GET", ["deliveries"]) => Ok(json!({"deliveries": world.deliveries()})),
        ("GET", ["clock"]) => Ok(clock(world, now)),
        ("POST", ["clock"]) => {
            set_clock(world, &body(request)?, now)?;
            Ok(clock(world, now))
        }
        ("GET", ["log"]) => Ok(json!({"entries": world.log_since(since(request)?)})),
        ("DELETE", ["log"]) => {
            world.clear_log();
            Ok(json!({}))
        }
        ("GET", ["fault"]) => Ok(json!({"faults": world.faults()})),
        ("POST", ["fault"]) => {
            let fault: Fault = body(request)?;
            world.add_fault(fault)?;
            Ok(json!({"faults": world.faults()}))
        }
        ("DELETE", ["fault"]) => {
            world.clear_faults();
            Ok(json!({}))
        }
        ("GET", ["grants"]) => Ok(json!({"grants": world.grants()})),
        ("POST", ["limit"]) => {
            let LimitBody { limit } = body(request)?;
            world.set_limit(limit);
            Ok(json!({"limit": limit}))
        }
        ("GET", ["budget"]) => Ok(json!(world.budget(now))),
        ("POST", ["budget"]) => {
            let asked: BudgetBody = body(request)?;
            if let Some(requests) = asked.others_per_minute {
                world.set_others(requests, now);
            }
            world.spend(asked.spend.unwrap_or(0), now);
            Ok(json!(world.budget(now)))
        }
        ("GET", ["latency"]) => Ok(json!(world.latency())),
        ("POST", ["latency"]) => {
            world.set_latency(body(request)?)?;
            Ok(json!(world.latency()))
        }
        ("GET", ["switches"]) => Ok(json!(world.switches())),
        ("POST", ["switches"]) => {
            let switches: Switches = body(request)?;
            world.set_switches(switches);
            Ok(json!(switches))
        }
        ("POST", ["reset"]) => {
            world.reset();
            Ok(json!({}))
        }
        (method, _) => Err(table::no_such_route(method, path)),
    }
}

fn account(world: &mut World, id: &str, now: Timestamp) -> Result<Value, Mistake> {
    Ok(json!(world.account(id, now)?))
}

fn clock(world: &World, now: Timestamp) -> Value {
    json!({"now": world.time(now)})
}

fn set_clock(world: &mut World, body: &ClockBody, now: Timestamp) -> Result<(), Mistake> {
    match (body.advance_seconds, body.set) {
        (Some(seconds), None) => world.advance(SignedDuration::from_secs(seconds))?,
        (None, Some(time)) => world.set_time(time, now)?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(Mistake::new(
                StatusCode::BAD_REQUEST,
                "give one of advance_seconds and set",
            ));
        }
    }
    Ok(())
}

fn since(request: &Request<Bytes>) -> Result<u64, Mistake> {
    let query = request.uri().query().unwrap_or("");
    let mut since = 0;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "key" {
            continue;
        }
        let number = (name == "since").then(|| value.parse().ok()).flatten();
        since = number.ok_or_else(|| {
            let text = format!("{name}={value}: only since=<seq> can be given");
            Mistake::new(StatusCode::BAD_REQUEST, text)
        })?;
    }
    Ok(since)
}

/// As [`body`], but there may be none.
fn body_or_default<T: DeserializeOwned + Default>(request: &Request<Bytes>) -> Result<T, Mistake> {
    if request.body().is_empty() {
        return Ok(T::default());
    }
    body(request)
}

fn body<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Mistake> {
    serde_json::from_slice(request.body()).map_err(|error| {
        Mistake::new(
            StatusCode::BAD_REQUEST,
            format!("the body of {} is wrong: {error}", request.uri().path()),
        )
    })
}
