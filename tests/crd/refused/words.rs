//! Unknown words, and values of another type.

use serde_json::json;

use super::{Bad, bad, whole};

pub(super) fn cases() -> Vec<Bad> {
    let scheme = |word: &str| json!({"credentials": {"scheme": word, "secretRef": {"name": "s"}}});
    vec![
        bad(
            "an unknown visibility",
            json!({"visibility": "Public"}),
            &[
                "spec.visibility: Unsupported value: \"Public\"",
                "\"Private\", \"Shared\"",
            ],
        ),
        bad(
            "a visibility in small letters",
            json!({"visibility": "shared"}),
            &[
                "spec.visibility: Unsupported value: \"shared\"",
                "\"Private\", \"Shared\"",
            ],
        ),
        bad(
            "an unknown readyWhen",
            json!({"readyWhen": "Always"}),
            &[
                "spec.readyWhen: Unsupported value: \"Always\"",
                "\"Active\", \"LinkIssued\"",
            ],
        ),
        bad(
            "an unknown deletionPolicy",
            json!({"deletionPolicy": "Orphan"}),
            &[
                "spec.deletionPolicy: Unsupported value: \"Orphan\"",
                "\"Revoke\", \"Delete\", \"Retain\"",
            ],
        ),
        bad(
            "a scheme that needs a person",
            scheme("OAUTH2"),
            &[
                "spec.credentials.scheme: Unsupported value: \"OAUTH2\"",
                "\"API_KEY\", \"BEARER_TOKEN\", \"BASIC\"",
            ],
        ),
        bad(
            "an empty scheme",
            scheme(""),
            &["spec.credentials.scheme: Unsupported value: \"\""],
        ),
        bad(
            "a number for a user",
            json!({"user": 7}),
            &[
                "spec.user: Invalid value: \"integer\"",
                "must be of type string",
            ],
        ),
        bad(
            "a word for enabled",
            json!({"enabled": "yes"}),
            &[
                "spec.enabled: Invalid value: \"string\"",
                "must be of type boolean",
            ],
        ),
        bad(
            "a number for suspend",
            json!({"suspend": 1}),
            &[
                "spec.suspend: Invalid value: \"integer\"",
                "must be of type boolean",
            ],
        ),
        bad(
            "a list for sharing",
            json!({"visibility": "Shared", "sharing": ["a"]}),
            &[
                "spec.sharing: Invalid value: \"array\"",
                "must be of type object",
            ],
        ),
        bad(
            "a word for a list of users",
            json!({"visibility": "Shared", "sharing": {"allowedUsers": "a"}}),
            &[
                "spec.sharing.allowedUsers: Invalid value: \"string\"",
                "must be of type array",
            ],
        ),
        bad(
            "a word for metadata",
            json!({"metadata": "support"}),
            &[
                "spec.metadata: Invalid value: \"string\"",
                "must be of type object",
            ],
        ),
        bad(
            "a word for the Secret",
            json!({"credentials": {"scheme": "API_KEY", "secretRef": "s"}}),
            &[
                "spec.credentials.secretRef: Invalid value: \"string\"",
                "must be of type object",
            ],
        ),
        whole(
            "a word for the spec",
            json!("gmail"),
            &["spec: Invalid value: \"string\""],
        ),
    ]
}
