//! Whose account of what, and which.

use serde_json::{Value, json};

use super::{Bad, bad, long, whole};

const SLUG: &[&str] = &[
    "spec.toolkit: Invalid value:",
    "toolkit must be a slug, such as gmail: lower-case letters, digits, '_' and '-'",
];
const AUTH_CONFIG: &[&str] = &[
    "spec.authConfig: Invalid value:",
    "authConfig must be an id, such as ac_1234: letters, digits, '_' and '-'",
];
const ACCOUNT: &[&str] = &[
    "spec.connectedAccountId: Invalid value:",
    "connectedAccountId must be an id, such as ca_1234: letters, digits, '_' and '-'",
];
const ALIAS: &[&str] = &[
    "spec.metadata.alias: Invalid value:",
    "alias may hold letters, digits, '_' and '-'",
];
const COMPUTED: &[&str] = &[
    "spec.metadata.alias: Invalid value:",
    "alias must not end in '-' and 16 characters of a-z and 2-7",
];

pub(super) fn cases() -> Vec<Bad> {
    vec![
        bad(
            "a user with a line end, as a block of YAML has it",
            json!({"user": "ann\n"}),
            &[
                "spec.user: Invalid value:",
                "user must not contain control characters",
            ],
        ),
        bad(
            "a user with an escape of a terminal",
            json!({"user": "an\u{9b}n"}),
            &[
                "spec.user: Invalid value:",
                "user must not contain control characters",
            ],
        ),
        bad(
            "a project of another namespace",
            json!({"projectRef": {"name": "other/default"}}),
            &[
                "spec.projectRef.name: Invalid value:",
                "name must be the name of an object",
            ],
        ),
        bad(
            "a project without a name",
            json!({"projectRef": {"name": ""}}),
            &["spec.projectRef.name: Invalid value: \"\""],
        ),
        bad(
            "a kind that projects are not of",
            json!({"projectRef": {"kind": "Project"}}),
            &["spec.projectRef.kind: Unsupported value: \"Project\""],
        ),
        whole(
            "no user",
            json!({"toolkit": "gmail"}),
            &["spec.user: Required value"],
        ),
        whole(
            "no toolkit",
            json!({"user": "u"}),
            &["spec.toolkit: Required value"],
        ),
        whole("no spec", Value::Null, &["spec: Required value"]),
        bad(
            "a null user",
            json!({"user": null}),
            &["spec.user: Required value"],
        ),
        bad(
            "an empty user",
            json!({"user": ""}),
            &[
                "spec.user: Invalid value: \"\"",
                "should be at least 1 chars long",
            ],
        ),
        bad(
            "a user too long",
            json!({"user": long(257)}),
            &["spec.user: Too long: may not be more than 256"],
        ),
        bad(
            "an empty toolkit",
            json!({"toolkit": ""}),
            &["spec.toolkit: Invalid value: \"\""],
        ),
        bad("a toolkit's name", json!({"toolkit": "Gmail"}), SLUG),
        bad("a toolkit in capitals", json!({"toolkit": "GMAIL"}), SLUG),
        bad(
            "a toolkit with a space",
            json!({"toolkit": "google drive"}),
            SLUG,
        ),
        bad(
            "a toolkit with a line more",
            json!({"toolkit": "gmail\n"}),
            SLUG,
        ),
        bad(
            "a toolkit with a hyphen first",
            json!({"toolkit": "-gmail"}),
            SLUG,
        ),
        bad(
            "a toolkit too long",
            json!({"toolkit": long(129)}),
            &["spec.toolkit: Too long: may not be more than 128"],
        ),
        bad(
            "an auth config with a slash",
            json!({"authConfig": "ac/1"}),
            AUTH_CONFIG,
        ),
        bad(
            "an auth config with a space",
            json!({"authConfig": "ac_1 "}),
            AUTH_CONFIG,
        ),
        bad(
            "an empty auth config",
            json!({"authConfig": ""}),
            &["spec.authConfig: Invalid value"],
        ),
        bad(
            "an auth config too long",
            json!({"authConfig": long(129)}),
            &["spec.authConfig: Too long: may not be more than 128"],
        ),
        bad(
            "an account id with a slash",
            json!({"connectedAccountId": "../ca_1"}),
            ACCOUNT,
        ),
        bad(
            "an account id too long",
            json!({"connectedAccountId": long(129)}),
            &["spec.connectedAccountId: Too long: may not be more than 128"],
        ),
        bad(
            "an alias with a dot",
            json!({"metadata": {"alias": "team.gmail"}}),
            ALIAS,
        ),
        bad(
            "an alias with a space",
            json!({"metadata": {"alias": "a b"}}),
            ALIAS,
        ),
        bad(
            "an alias that ends as a computed one does",
            json!({"metadata": {"alias": "support-abcdefghijklmnop"}}),
            COMPUTED,
        ),
        bad(
            "the same in capital letters, which Composio may not tell apart",
            json!({"metadata": {"alias": "Support-ABCDEFGH234567AB"}}),
            COMPUTED,
        ),
        bad(
            "an empty alias",
            json!({"metadata": {"alias": ""}}),
            &["spec.metadata.alias: Invalid value: \"\""],
        ),
        bad(
            "an alias too long",
            json!({"metadata": {"alias": long(65)}}),
            &["spec.metadata.alias: Too long: may not be more than 64"],
        ),
    ]
}
