//! The table of all control calls, and what is said about one that is not in it.

use http::StatusCode;
use serde_json::json;

use super::Mistake;

/// Method, path, body, and what it does: all of them, as help and answers tell them.
pub(crate) const ROUTES: &[(&str, &str, &str, &str)] = &[
    (
        "GET",
        "/_sandbox/accounts",
        "",
        "all accounts, the deleted too",
    ),
    (
        "GET",
        "/_sandbox/accounts/{id}",
        "",
        "one, with what clients are not told",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/consent",
        "{display_name?, other_browser?}",
        "the person finishes the sign-in",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/cancel",
        "",
        "the person declines",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/expire",
        "",
        "the sign-in runs out, or the grant dies",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/end-grant",
        "",
        "the grant dies, and Composio notices",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/revoke-at-provider",
        "",
        "the person takes the grant back; Composio does not notice",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/disable",
        "",
        "in the dashboard",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/enable",
        "",
        "in the dashboard",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/delete",
        "",
        "in the dashboard",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/alias",
        "{alias}",
        "somebody renames it",
    ),
    (
        "POST",
        "/_sandbox/accounts/{id}/state",
        "{state, reason?}",
        "any status, also unknown ones",
    ),
    (
        "POST",
        "/_sandbox/auth-configs",
        "{id, toolkit, scheme?, managed?, enabled?, can_revoke?, requires?}",
        "adds or replaces; requires: connection fields",
    ),
    (
        "GET",
        "/_sandbox/project",
        "",
        "its ids, and how sign-ins are verified",
    ),
    (
        "POST",
        "/_sandbox/project",
        "{id?, organisation_id?, verifier_url?, same_browser?}",
        "changes it; what is absent stays",
    ),
    (
        "GET",
        "/_sandbox/deliveries",
        "",
        "webhooks, and what became of each attempt",
    ),
    ("GET", "/_sandbox/clock", "", "the world's time"),
    (
        "POST",
        "/_sandbox/clock",
        "{advance_seconds | set}",
        "moves it",
    ),
    ("GET", "/_sandbox/log", "", "the API's requests; ?since=SEQ"),
    ("DELETE", "/_sandbox/log", "", "forgets them"),
    (
        "GET",
        "/_sandbox/fault",
        "",
        "failures that wait for a call",
    ),
    (
        "POST",
        "/_sandbox/fault",
        "{status, method?, path? | path_prefix?, times?, after_commit?, body?, headers?}",
        "status: a number, cut_before, cut_after, half_body, not_json, edge_limit, address_refused, malformed_rows",
    ),
    ("DELETE", "/_sandbox/fault", "", "forgets them"),
    (
        "GET",
        "/_sandbox/grants",
        "",
        "the provider's side: which grants are alive",
    ),
    ("POST", "/_sandbox/limit", "{limit}", "requests per minute"),
    ("GET", "/_sandbox/budget", "", "what is left of this minute"),
    (
        "POST",
        "/_sandbox/budget",
        "{spend?, others_per_minute?}",
        "other callers use it up: once, or in every minute",
    ),
    (
        "GET",
        "/_sandbox/latency",
        "",
        "how long answers are held back",
    ),
    (
        "POST",
        "/_sandbox/latency",
        "{milliseconds, times?}",
        "a number, or a list to draw from; times: only the next so many",
    ),
    (
        "POST",
        "/_sandbox/api-key",
        "{api_key, keep?}",
        "the only key that is let in; keep: the former ones are too",
    ),
    (
        "GET",
        "/_sandbox/switches",
        "",
        "how the API's open questions are answered",
    ),
    (
        "POST",
        "/_sandbox/switches",
        "{...}",
        "answers them; what is absent gets its default",
    ),
    ("POST", "/_sandbox/reset", "", "back to the seed"),
    ("GET", "/_sandbox/worlds", "", "all worlds"),
    (
        "POST",
        "/_sandbox/worlds",
        "{api_key, ...}",
        "adds one: what a seed file can say, as JSON",
    ),
    (
        "DELETE",
        "/_sandbox/worlds",
        "",
        "removes the one named by ?key=",
    ),
];

/// What is to be said about a call that is not in the table: with a 405 where only the method is
/// wrong, and with all routes otherwise.
pub(super) fn no_such_route(method: &str, path: &str) -> Mistake {
    let of_path: Vec<&str> = ROUTES
        .iter()
        .filter(|(_, route, _, _)| same_route(route, path))
        .map(|(method, _, _, _)| *method)
        .collect();
    if !of_path.is_empty() {
        let text = format!("{path} takes {}, not {method}", of_path.join(" and "));
        return Mistake::new(StatusCode::METHOD_NOT_ALLOWED, text);
    }
    let routes: Vec<String> = ROUTES
        .iter()
        .map(|(method, route, _, _)| format!("{method} {route}"))
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
