//! What there is to know of the API, paragraph by paragraph, and what shows that the sandbox knows it.

use std::collections::BTreeSet;

use super::documented::{DOCUMENTED, case};
use super::{Place, Served, facts};
use crate::routes::ROUTES;
use crate::world::Switches;

/// What shows it.
enum By {
    /// A case of its own.
    Case,
    /// An answer of an endpoint.
    Answer(&'static str, &'static str, u16),
    /// Both positions of a switch.
    Switch(&'static str),
    /// A control call.
    Call(&'static str, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}

use By::{Answer, Call, Case, Nothing, Switch};

const ACCOUNTS: &str = "/connected_accounts";
const LINK: &str = "/connected_accounts/link";
const ACCOUNT: &str = "/connected_accounts/{id}";
const STATUS: &str = "/connected_accounts/{id}/status";
const REFRESH: &str = "/connected_accounts/{id}/refresh";
const REVOKE: &str = "/connected_accounts/{id}/revoke";

/// Each paragraph once.
const COVERS: &[(&str, &[By])] = &[
    (
        "about.sources",
        &[Nothing(
            "where the facts are from; the wire does not show it",
        )],
    ),
    ("base.address", &[Case]),
    ("base.path", &[Case]),
    ("keys.scoped", &[Case, Call("POST", "fault")]),
    ("keys.kinds", &[Case]),
    (
        "keys.project",
        &[
            Case,
            Answer("GET", "/auth/session/info", 200),
            Switch("session_info_refused"),
        ],
    ),
    ("ids.issued", &[Case]),
    ("errors.form", &[Case]),
    (
        "errors.deprecated",
        &[Case, Switch("refresh_is_deprecated")],
    ),
    (
        "limit.organisation",
        &[Call("POST", "budget"), Call("POST", "limit")],
    ),
    ("limit.edge", &[Case, Call("POST", "fault")]),
    ("status.life", &[Case]),
    (
        "status.no_proof",
        &[Call("POST", "accounts/{id}/revoke-at-provider")],
    ),
    ("status.timeout", &[Case]),
    ("status.reasons", &[Case, Switch("declines_are_named")]),
    (
        "status.dead_grant",
        &[Call("POST", "accounts/{id}/end-grant")],
    ),
    ("link.request", &[Case, Answer("POST", LINK, 201)]),
    ("link.new_row", &[Case]),
    (
        "link.errors",
        &[
            Answer("POST", LINK, 400),
            Answer("POST", LINK, 404),
            Answer("POST", LINK, 422),
        ],
    ),
    ("link.callback", &[Case]),
    ("create.request", &[Answer("POST", ACCOUNTS, 201)]),
    ("create.fields", &[Case]),
    ("create.validation", &[Case]),
    ("create.nobody_needed", &[Case]),
    ("create.answer", &[Answer("POST", ACCOUNTS, 201)]),
    (
        "create.managed_oauth",
        &[Case, Answer("POST", ACCOUNTS, 400)],
    ),
    (
        "create.errors",
        &[Answer("POST", ACCOUNTS, 404), Answer("POST", ACCOUNTS, 501)],
    ),
    ("list.query", &[Case, Answer("GET", ACCOUNTS, 400)]),
    ("list.answer", &[Case, Answer("GET", ACCOUNTS, 200)]),
    ("list.page_size", &[Case, Switch("max_page")]),
    ("list.pages_shift", &[Switch("shifting_pages")]),
    ("list.row_twice", &[Switch("shifting_pages")]),
    ("list.deleted", &[Case]),
    ("item.fields", &[Case]),
    ("item.who_signed_in", &[Case]),
    (
        "item.config_disabled",
        &[
            Switch("disabled_config_disables_accounts"),
            Call("POST", "auth-configs"),
        ],
    ),
    ("item.word_id", &[Case]),
    (
        "get.detail",
        &[
            Answer("GET", ACCOUNT, 200),
            Answer("GET", ACCOUNT, 403),
            Answer("GET", ACCOUNT, 404),
        ],
    ),
    (
        "patch.fields",
        &[
            Case,
            Switch("patch_knows_its_fields"),
            Answer("PATCH", ACCOUNT, 200),
        ],
    ),
    (
        "patch.alias",
        &[Case, Switch("alias_not_unique"), Switch("narrow_aliases")],
    ),
    ("patch.fixed", &[Case, Answer("PATCH", ACCOUNT, 400)]),
    ("patch.sharing", &[Case]),
    (
        "sharing.rule",
        &[Nothing(
            "nobody calls tools here, so nobody is let in or kept out",
        )],
    ),
    (
        "status.set",
        &[
            Switch("status_sets_anything"),
            Answer("PATCH", STATUS, 200),
            Answer("PATCH", STATUS, 400),
        ],
    ),
    ("refresh.answer", &[Case, Answer("POST", REFRESH, 200)]),
    (
        "refresh.errors",
        &[Answer("POST", REFRESH, 400), Answer("POST", REFRESH, 501)],
    ),
    ("refresh.deprecated", &[Switch("refresh_is_deprecated")]),
    ("refresh.active", &[Switch("refresh_reopens_active")]),
    ("revoke.answer", &[Case, Answer("POST", REVOKE, 200)]),
    (
        "revoke.errors",
        &[
            Answer("POST", REVOKE, 400),
            Answer("POST", REVOKE, 404),
            Answer("POST", REVOKE, 409),
            Answer("POST", REVOKE, 500),
        ],
    ),
    ("revoke.disabled", &[Case, Answer("POST", REVOKE, 409)]),
    (
        "delete.soft",
        &[
            Case,
            Answer("DELETE", ACCOUNT, 200),
            Answer("DELETE", ACCOUNT, 404),
        ],
    ),
    (
        "configs.list",
        &[
            Case,
            Answer("GET", "/auth_configs", 200),
            Answer("GET", "/auth_configs/{id}", 404),
        ],
    ),
    ("webhook.signed", &[Case]),
    ("webhook.again", &[Case]),
    (
        "webhook.subscriptions",
        &[
            Case,
            Answer("POST", "/webhook_subscriptions", 409),
            Answer("POST", "/webhook_subscriptions/{id}/rotate_secret", 200),
        ],
    ),
    (
        "sign_in.verified",
        &[
            Case,
            Answer("POST", "/connected_accounts/complete_auth", 200),
            Call("POST", "project"),
        ],
    ),
    ("sign_in.same_browser", &[Case, Call("POST", "project")]),
    (
        "agents.choose",
        &[Nothing(
            "which account a session takes is decided by the tool router, which is not emulated",
        )],
    ),
    (
        "agents.ids",
        &[Nothing(
            "an advice: it follows from what agents do, not from an answer",
        )],
    ),
    (
        "open.refresh",
        &[
            Switch("refresh_leaves_expired"),
            Switch("refresh_reopens_active"),
            Switch("refresh_keeps_deadline"),
        ],
    ),
    ("open.credentials", &[Switch("patch_does_not_revive")]),
    ("open.enabling", &[Switch("status_sets_anything")]),
    (
        "open.revoke_on_delete",
        &[Switch("revoke_on_delete_needs_active")],
    ),
    (
        "open.lag",
        &[
            Switch("list_lag_seconds"),
            Switch("get_lag_seconds"),
            Switch("quiet_metadata"),
            Switch("max_page"),
        ],
    ),
    (
        "open.alias",
        &[Switch("deleted_holds_alias"), Switch("narrow_aliases")],
    ),
    (
        "open.disabled_config",
        &[Switch("disabled_config_disables_accounts")],
    ),
    ("so.alias_finds_it", &[Case]),
    ("so.links_cost_rows", &[Case]),
    ("so.newest_first", &[Case]),
    ("so.revoked_on_deletion", &[Case]),
    ("so.silent_failures", &[Case]),
];

#[test]
fn what_covers_a_paragraph_is_there() {
    let ids: BTreeSet<&str> = COVERS.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), COVERS.len(), "an id stands twice");
    let mut without = Vec::new();
    for (id, by) in COVERS {
        assert!(!by.is_empty(), "{id}");
        for by in *by {
            let there = match by {
                Case => true,
                Answer(method, path, status) => {
                    let documented = |row: &&(&str, &str, &[u16])| {
                        (row.0, row.1) == (*method, *path) && row.2.contains(status)
                    };
                    DOCUMENTED.iter().any(|row| documented(&row))
                        && case(method, path, *status).is_some()
                }
                Switch(name) => Switches::HELP.iter().any(|(known, _)| known == name),
                Call(method, path) => ROUTES.iter().any(|(verb, route, _, _)| {
                    verb == method && route.strip_prefix("/_sandbox/") == Some(path)
                }),
                Nothing(why) => {
                    without.push(format!("{id}: {why}"));
                    true
                }
            };
            assert!(there, "{id} is covered by nothing that is there");
        }
    }
    assert!(without.len() <= 5, "\n{}", without.join("\n"));
}

#[test]
fn every_switch_is_the_reading_of_a_paragraph() {
    let named: BTreeSet<&str> = COVERS
        .iter()
        .flat_map(|(_, by)| by.iter())
        .filter_map(|by| match by {
            Switch(name) => Some(*name),
            Case | Answer(..) | Call(..) | Nothing(_) => None,
        })
        .collect();
    let all: BTreeSet<&str> = Switches::HELP.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, all);
}

#[tokio::test]
async fn every_paragraph_with_a_case_of_its_own() {
    let served = Served::start().await;
    for (id, by) in COVERS {
        if by.iter().any(|by| matches!(by, Case)) {
            facts::check(&Place::new(&served).await, id).await;
        }
    }
}
