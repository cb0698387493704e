//! That nothing is left out: every function of the client, every write to Kubernetes in the sources,
//! and every effect by its name has been crossed, on both sides.

use std::collections::BTreeMap;

use composio_operator::composio::Endpoint;
use composio_operator::plan::ChangeKind;
use strum::IntoEnumIterator;

use super::boundary::{Boundary, Kind, Server, patched};
use super::interceptor::Fault;
use super::matrix::Results;
use crate::structure::source::Source;

/// Method, path and what it changes, as in [`Kind`].
type Request = (&'static str, &'static str, &'static str);

/// The calls of the sources that write to Kubernetes, and how they look on the way. What comes in a
/// time of its own has no kind, and says what it is.
const WRITES: &[(&str, &str, &[Request], &str)] = &[
    (
        "src/operator/check/marks.rs",
        "patch_metadata",
        &[],
        "a dry run of a check, which writes nothing",
    ),
    (
        "src/operator/act/metadata.rs",
        "patch",
        &[
            ("PATCH", OBJECT, "pin"),
            ("PATCH", OBJECT, "unpin"),
            ("PATCH", OBJECT, "release"),
        ],
        "finalizer and alias",
    ),
    (
        "src/operator/kubernetes/status_subresource.rs",
        "replace_status",
        &[("PUT", STATUS, "")],
        "what is reported; and what was told, which the matrix of notifications crosses",
    ),
    (
        "src/operator/reconcile/config_map.rs",
        "create",
        &[],
        CONFIG_MAP,
    ),
    (
        "src/operator/reconcile/config_map.rs",
        "patch",
        &[],
        CONFIG_MAP,
    ),
    (
        "src/operator/reconcile/config_map.rs",
        "delete",
        &[],
        CONFIG_MAP,
    ),
    (
        "src/operator/projects/writes.rs",
        "patch",
        &[("PATCH", PROJECT, "")],
        "the finalizer of a project",
    ),
    (
        "src/operator/projects/writes.rs",
        "replace_status",
        &[],
        "what is told of a project, in a time of its own",
    ),
    (
        "src/operator/kubernetes/connect_request.rs",
        "patch_metadata",
        &[],
        REQUEST,
    ),
    (
        "src/operator/kubernetes/connect_request.rs",
        "delete",
        &[("DELETE", "connectrequests/{name}", "")],
        "what asked for a link, and was answered",
    ),
    ("src/operator/lease/attempt.rs", "create", &[], LEASE),
    ("src/operator/lease/attempt.rs", "replace", &[], LEASE),
    (
        "src/operator/check.rs",
        "create",
        &[],
        "a question about permissions, asked by another command",
    ),
    (
        "src/operator/connect/key_secret.rs",
        "create",
        &[],
        "the key of the connect page, made by another command",
    ),
    (
        "src/operator/connect/requests.rs",
        "create",
        &[],
        "what the connect page asks for, in a process of its own",
    ),
    (
        "src/operator/drain.rs",
        "delete",
        &[],
        "what a person does, done by another command",
    ),
];
const CONFIG_MAP: &str = "what others read, which tests/config_map/raced.rs crosses";
const REQUEST: &str = "what asked for a link and was handled, which tests/on_demand crosses";
const LEASE: &str = "the Leases, in a time of their own";
const OBJECT: &str = "connectedaccounts/{name}";
pub(super) const STATUS: &str = "connectedaccounts/{name}/status";
const PROJECT: &str = "composioprojects/{name}";

/// The methods of kube's `Api` that write.
const VERBS: [&str; 10] = [
    "create",
    "create_subresource",
    "delete",
    "delete_collection",
    "patch",
    "patch_metadata",
    "patch_status",
    "replace",
    "replace_status",
    "replace_subresource",
];
/// Those that have methods of the same names and are not Kubernetes.
const OTHERS: [&str; 2] = ["client", "api_key"];

const LINK: &str = "/connected_accounts/link";
const ACCOUNTS: &str = "/connected_accounts";
const ACCOUNT: &str = "/connected_accounts/{id}";
const ENABLED: &str = "/connected_accounts/{id}/status";
const REFRESH: &str = "/connected_accounts/{id}/refresh";
const COMPLETE_AUTH: &str = "/connected_accounts/complete_auth";
const REVOKE: &str = "/connected_accounts/{id}/revoke";

/// The effects as people call them: the step that is about it, and the request without which it would
/// not have taken place.
pub(super) const EFFECTS: [(&str, &str, Server, Request); 13] = {
    use Server::{Composio, Kubernetes};
    [
        ("link", "link", Composio, ("POST", LINK, "")),
        ("consent", "consent", Kubernetes, ("PUT", STATUS, "")),
        ("creation", "create", Composio, ("POST", ACCOUNTS, "")),
        ("sharing", "share", Composio, ("PATCH", ACCOUNT, "sharing")),
        ("alias", "rename", Composio, ("PATCH", ACCOUNT, "alias")),
        (
            "disable",
            "disable",
            Composio,
            ("PATCH", ENABLED, "disable"),
        ),
        ("enable", "enable", Composio, ("PATCH", ENABLED, "enable")),
        ("refresh", "refresh", Composio, ("POST", REFRESH, "")),
        (
            "completion",
            "complete",
            Composio,
            ("POST", COMPLETE_AUTH, ""),
        ),
        (
            "take-over",
            "take over",
            Kubernetes,
            ("PATCH", OBJECT, "pin"),
        ),
        (
            "rotation",
            "rotate",
            Composio,
            ("PATCH", ACCOUNT, "credentials"),
        ),
        ("revoke", "delete", Composio, ("POST", REVOKE, "")),
        ("delete", "delete", Composio, ("DELETE", ACCOUNT, "")),
    ]
};

/// How an endpoint's calls look on the way.
fn kinds_of(endpoint: Endpoint) -> Vec<Kind> {
    let changes: Vec<&str> = ChangeKind::iter().map(|kind| patched(kind).1).collect();
    let (path, whats): (&str, &[&'static str]) = match endpoint {
        Endpoint::Link => (LINK, &[""]),
        Endpoint::Create | Endpoint::List => (ACCOUNTS, &[""]),
        Endpoint::Get => (ACCOUNT, &[""]),
        Endpoint::Patch => (ACCOUNT, &changes),
        Endpoint::SetEnabled => (ENABLED, &["enable", "disable"]),
        Endpoint::Refresh => (REFRESH, &[""]),
        Endpoint::Revoke => (REVOKE, &[""]),
        Endpoint::Delete => (ACCOUNT, &["", "revoke_on_delete"]),
        Endpoint::AuthConfig => ("/auth_configs/{id}", &[""]),
        Endpoint::AuthConfigs => ("/auth_configs", &[""]),
        Endpoint::SessionInfo => ("/auth/session/info", &[""]),
        Endpoint::CompleteAuth => (COMPLETE_AUTH, &[""]),
        // Asked by kubectl composio alone.
        Endpoint::WebhookSubscriptions | Endpoint::Subscribe | Endpoint::Unsubscribe => {
            return Vec::new();
        }
    };
    let method = endpoint.method();
    let kind = |what: &&'static str| Kind::new(Server::Composio, method.as_str(), path, what);
    whats.iter().map(kind).collect()
}

/// What was not crossed on both sides, and what is not in the tables above.
pub(super) fn left_out(results: &Results) -> Vec<String> {
    let mut complaints = unknown_writes(&Source::all("src"));
    complaints.extend(results.not_reached());
    let endpoints = Endpoint::ALL.into_iter().flat_map(kinds_of);
    let writes = WRITES.iter().flat_map(|(_, _, kinds, _)| *kinds);
    let writes =
        writes.map(|(method, path, what)| Kind::new(Server::Kubernetes, method, path, what));
    complaints.extend(not_crossed(results, endpoints.chain(writes)));
    for (effect, step, server, (method, path, what)) in EFFECTS {
        let kind = Kind::new(server, method, path, what);
        let is_it =
            |(boundary, _): &&(Boundary, Fault)| boundary.step == step && boundary.kind == kind;
        if results.met.iter().filter(is_it).count() < 2 {
            complaints.push(format!(
                "{effect}: {kind} was not crossed in the step {step:?}"
            ));
        }
    }
    complaints
}

/// Those that were not crossed on both sides.
pub(super) fn not_crossed(results: &Results, kinds: impl Iterator<Item = Kind>) -> Vec<String> {
    let mut complaints = Vec::new();
    for kind in kinds {
        for side in [Fault::KillBefore, Fault::KillAfter] {
            let mut met = results.met.iter();
            if !met.any(|(boundary, fault)| boundary.kind == kind && *fault == side) {
                complaints.push(format!("{kind} was not crossed with {side:?}"));
            }
        }
    }
    complaints
}

/// The writes of the sources that [`WRITES`] lacks, and the other way round.
fn unknown_writes(sources: &[Source]) -> Vec<String> {
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut patches_of_metadata: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        if source.is_test() || !source.path.starts_with("src/operator/") {
            continue;
        }
        for call in source.calls() {
            let is_other = call.on.is_some_and(|on| OTHERS.contains(&on.as_str()));
            if call.is_method && VERBS.contains(&call.name.as_str()) && !is_other {
                *found
                    .entry((source.path.clone(), call.name.clone()))
                    .or_default() += 1;
            }
            if !call.is_method && call.name == "patch_metadata" {
                *patches_of_metadata.entry(&source.path).or_default() += 1;
            }
        }
    }
    let mut complaints = Vec::new();
    for (file, verb, kinds, _) in WRITES {
        if found.remove(&((*file).to_owned(), (*verb).to_owned())) != Some(1) {
            complaints.push(format!(
                "{file}: .{verb}() is not called once, as WRITES says"
            ));
        }
        let patches = match *verb {
            "patch" => patches_of_metadata.get(file),
            _ => None,
        };
        if let Some(patches) = patches.filter(|patches| **patches != kinds.len()) {
            complaints.push(format!(
                "{file}: {patches} patches of metadata, WRITES has {}",
                kinds.len()
            ));
        }
    }
    for ((file, verb), calls) in found {
        complaints.push(format!(
            "{file}: {calls} calls of .{verb}() are not in WRITES"
        ));
    }
    complaints
}

#[test]
fn a_write_that_is_in_no_table_is_noticed() {
    let mut sources = Source::all("src");
    assert_eq!(unknown_writes(&sources), [""; 0]);
    let new = "async fn f(api: Api<Pod>) { api.replace_status(\"a\", &p, &pod).await; }";
    sources.push(Source::new("src/operator/new.rs", new));
    let complaint = "src/operator/new.rs: 1 calls of .replace_status() are not in WRITES";
    assert_eq!(unknown_writes(&sources), [complaint]);
}
