//! The API's open questions, and which of their readings holds.

use serde::{Deserialize, Serialize};

/// The documentation's open questions. The default of each is the sandbox's own reading.
/// Setting them by a control call sets all of them: one that is absent gets its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// After a refresh the row is EXPIRED until the person is done; else it is INITIATED again.
    pub refresh_leaves_expired: bool,
    /// A PATCH of credentials leaves EXPIRED, FAILED and unfinished rows as they are; else working
    /// credentials make them ACTIVE.
    pub patch_does_not_revive: bool,
    /// Enabling makes any row ACTIVE, and disabling makes any row INACTIVE; else only INACTIVE rows
    /// that had been connected can be enabled, only ACTIVE ones disabled, and the rest is a 400.
    pub status_sets_anything: bool,
    /// `revoke_on_delete` revokes for ACTIVE rows only; else for every live grant.
    pub revoke_on_delete_needs_active: bool,
    /// A deleted row holds its alias; else it is free at once.
    pub deleted_holds_alias: bool,
    /// An unfinished row's refresh has only what is left of its ten minutes; else ten of its own.
    pub refresh_keeps_deadline: bool,
    /// Alias and sharing do not move `updated_at`; else every change does.
    pub quiet_metadata: bool,
    /// For so many seconds after its POST a row is in no list.
    pub list_lag_seconds: u32,
    /// For so many seconds after its POST a GET of a row is a 404.
    pub get_lag_seconds: u32,
    /// Nothing stops two rows from having one alias.
    pub alias_not_unique: bool,
    /// The largest page of a list, which is also the page size when none is asked for. When absent, a
    /// page of accounts is as large as the sandbox was started with, and one of auth configs has 20
    /// rows, 200 if so many are asked for.
    pub max_page: Option<usize>,
    /// A refresh makes an ACTIVE row INITIATED, and it works again when the person is done; else it
    /// stays ACTIVE meanwhile.
    pub refresh_reopens_active: bool,
    /// Answers of refresh carry `Deprecation`, `Sunset` and `Link`.
    pub refresh_is_deprecated: bool,
    /// Disabling an auth config makes its ACTIVE rows INACTIVE, and they stay so until somebody
    /// enables them; else they live on, and only `auth_config.is_disabled` tells.
    pub disabled_config_disables_accounts: bool,
    /// A PATCH of credentials takes the fields that the clients' types name, and any other is a 400;
    /// else whatever is sent is merged.
    pub patch_knows_its_fields: bool,
    /// An alias may hold letters, digits and `-`, and any other is a 400; else it may hold anything.
    pub narrow_aliases: bool,
    /// The key may not ask which project it is of, as one with few permissions: a 401.
    pub session_info_refused: bool,
    /// The reason of a sign-in that the person declined names the provider's `access_denied`; else it reads as
    /// that of any other that failed.
    pub declines_are_named: bool,
    /// Rows shift while somebody goes from page to page, as they do while rows come and go: one of three pages
    /// after the first begins with the last row of the page before, and one of three leaves a row out.
    pub shifting_pages: bool,
}

impl Switches {
    /// Name, and what it does when it is on: for help.
    pub const HELP: [(&str, &str); 19] = [
        (
            "refresh_leaves_expired",
            "a refreshed row is EXPIRED until the person is done",
        ),
        (
            "patch_does_not_revive",
            "new credentials leave EXPIRED and FAILED rows as they are",
        ),
        (
            "status_sets_anything",
            "enabling and disabling work in every status",
        ),
        (
            "revoke_on_delete_needs_active",
            "revoke_on_delete does nothing for other rows",
        ),
        (
            "deleted_holds_alias",
            "the alias of a deleted row is not free",
        ),
        (
            "refresh_keeps_deadline",
            "a refresh does not restart the ten minutes",
        ),
        ("quiet_metadata", "alias and sharing do not move updated_at"),
        ("list_lag_seconds", "for so long a new row is in no list"),
        ("get_lag_seconds", "for so long a GET of a new row is a 404"),
        ("alias_not_unique", "two rows may have one alias"),
        ("max_page", "the largest page of a list"),
        (
            "refresh_reopens_active",
            "a refreshed ACTIVE row is INITIATED until the person is done",
        ),
        (
            "refresh_is_deprecated",
            "answers of refresh say Deprecation and Sunset",
        ),
        (
            "disabled_config_disables_accounts",
            "accounts of a disabled auth config are INACTIVE",
        ),
        (
            "patch_knows_its_fields",
            "other credential fields than the types' are a 400",
        ),
        (
            "narrow_aliases",
            "an alias with more than letters, digits and - is a 400",
        ),
        (
            "session_info_refused",
            "the key may not ask for its project",
        ),
        (
            "declines_are_named",
            "the reason of a declined sign-in is access_denied",
        ),
        (
            "shifting_pages",
            "rows stand twice or are left out where a page ends",
        ),
    ];
}
