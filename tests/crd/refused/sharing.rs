//! Who else may use the account.

use serde_json::{Value, json};

use super::super::users;
use super::{Bad, bad, long};

pub(super) fn cases() -> Vec<Bad> {
    let shared = |sharing: Value| json!({"visibility": "Shared", "sharing": sharing});
    vec![
        bad(
            "a denied user with a line end, who would not be denied",
            shared(json!({"deniedUsers": ["eve\n"]})),
            &[
                "spec.sharing.deniedUsers: Invalid value",
                "must not contain control characters",
            ],
        ),
        bad(
            "an allowed user with a tabulator",
            shared(json!({"allowedUsers": ["ann", "\tbob"]})),
            &[
                "spec.sharing.allowedUsers: Invalid value",
                "must not contain control characters",
            ],
        ),
        bad(
            "sharing of an account that is private by default",
            json!({"sharing": {"allowedUsers": ["a"]}}),
            &[
                "spec.sharing: Invalid value",
                "sharing needs visibility: Shared",
            ],
        ),
        bad(
            "empty sharing of a private account",
            json!({"visibility": "Private", "sharing": {}}),
            &[
                "spec.sharing: Invalid value",
                "sharing needs visibility: Shared",
            ],
        ),
        bad(
            "a user twice",
            shared(json!({"allowedUsers": ["a", "b", "a"]})),
            &["spec.sharing.allowedUsers[2]: Duplicate value: \"a\""],
        ),
        bad(
            "a denied user twice",
            shared(json!({"deniedUsers": ["a", "a"]})),
            &["spec.sharing.deniedUsers[1]: Duplicate value: \"a\""],
        ),
        bad(
            "an empty user in a list",
            shared(json!({"allowedUsers": ["a", ""]})),
            &[
                "spec.sharing.allowedUsers[1]: Invalid value: \"\"",
                "at least 1 chars long",
            ],
        ),
        bad(
            "a null in a list",
            shared(json!({"allowedUsers": [null]})),
            &["spec.sharing.allowedUsers[0]: Invalid value: \"null\""],
        ),
        bad(
            "a user too long in a list",
            shared(json!({"deniedUsers": [long(257)]})),
            &["spec.sharing.deniedUsers[0]: Too long: may not be more than 256"],
        ),
        bad(
            "too many users allowed",
            shared(json!({"allowedUsers": users(1001)})),
            &["spec.sharing.allowedUsers: Too many: 1001: must have at most 1000 items"],
        ),
        bad(
            "too many users denied",
            shared(json!({"deniedUsers": users(1001)})),
            &["spec.sharing.deniedUsers: Too many: 1001: must have at most 1000 items"],
        ),
    ]
}
