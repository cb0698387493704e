//! Control calls under `/_sandbox`: JSON in, JSON out, no API key, not in the request log.
//!
//! A mistake is a 4xx with `{"error": "…"}` that names it: 404 for a path or an account that is not
//! there, 405 for a method, 400 for a body, 409 for an account in no state for it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sandbox::world::{AuthConfig, ControlError, Fault, Switches, World};

/// All of them, as the answer to a wrong path tells them.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/_sandbox/accounts"),
    ("GET", "/_sandbox/accounts/{id}"),
    ("POST", "/_sandbox/accounts/{id}/consent"),
    ("POST", "/_sandbox/accounts/{id}/cancel"),
    ("POST", "/_sandbox/accounts/{id}/expire"),
    ("POST", "/_sandbox/accounts/{id}/state"),
    ("POST", "/_sandbox/accounts/{id}/revoke-at-provider"),
    ("POST", "/_sandbox/auth-configs"),
    ("GET", "/_sandbox/clock"),
    ("POST", "/_sandbox/clock"),
    ("GET", "/_sandbox/log"),
    ("DELETE", "/_sandbox/log"),
    ("GET", "/_sandbox/fault"),
    ("POST", "/_sandbox/fault"),
    ("DELETE", "/_sandbox/fault"),
    ("GET", "/_sandbox/grants"),
    ("POST", "/_sandbox/limit"),
    ("POST", "/_sandbox/latency"),
    ("POST", "/_sandbox/api-key"),
    ("GET", "/_sandbox/switches"),
    ("POST", "/_sandbox/switches"),
    ("POST", "/_sandbox/reset"),
];

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
struct LatencyBody {
    milliseconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    api_key: String,
}

/// Answers a control call.
pub(super) fn answer(
    world: &mut World,
    request: &Request<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let (status, body) = match call(world, request, now) {
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

fn call(world: &mut World, request: &Request<Bytes>, now: Timestamp) -> Result<Value, Mistake> {
    let path = request.uri().path();
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    match (request.method().as_str(), segments.as_slice()) {
        ("GET", ["accounts"]) => Ok(json!({"accounts": world.accounts(now)})),
        ("GET", ["accounts", id]) => account(world, id, now),
        ("POST", ["accounts", id, "consent"]) => {
            let finished = world.consent(id, now)?;
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
        ("POST", ["latency"]) => {
            let LatencyBody { milliseconds } = body(request)?;
            world.set_latency(Duration::from_millis(milliseconds.into()));
            Ok(json!({"milliseconds": milliseconds}))
        }
        ("POST", ["api-key"]) => {
            let KeyBody { api_key } = body(request)?;
            world.set_api_key(api_key);
            Ok(json!({}))
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
        (method, _) => Err(no_such_route(method, path)),
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
        let number = (name == "since").then(|| value.parse().ok()).flatten();
        since = number.ok_or_else(|| {
            let text = format!("{name}={value}: only since=<seq> can be given");
            Mistake::new(StatusCode::BAD_REQUEST, text)
        })?;
    }
    Ok(since)
}

fn body<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Mistake> {
    serde_json::from_slice(request.body()).map_err(|error| {
        Mistake::new(
            StatusCode::BAD_REQUEST,
            format!("the body of {} is wrong: {error}", request.uri().path()),
        )
    })
}

fn no_such_route(method: &str, path: &str) -> Mistake {
    let of_path: Vec<&str> = ROUTES
        .iter()
        .filter(|(_, route)| same_route(route, path))
        .map(|(method, _)| *method)
        .collect();
    if !of_path.is_empty() {
        let text = format!("{path} takes {}, not {method}", of_path.join(" and "));
        return Mistake::new(StatusCode::METHOD_NOT_ALLOWED, text);
    }
    let routes: Vec<String> = ROUTES
        .iter()
        .map(|(method, route)| format!("{method} {route}"))
        .collect();
    Mistake {
        status: StatusCode::NOT_FOUND,
        body: json!({"error": format!("there is no {path}"), "routes": routes}),
    }
}

fn same_route(route: &str, path: &str) -> bool {
    route.split('/').count() == path.split('/').count()
        && route
            .split('/')
            .zip(path.split('/'))
            .all(|(wanted, seen)| wanted == "{id}" || wanted == seen)
}
