//! How the account is connected: from a Secret or by a person.

use serde_json::json;

use super::{Bad, bad, long};

const URL: &[&str] = &[
    "spec.callbackUrl: Invalid value:",
    "callbackUrl must be a whole URL that begins with https:// or http://",
];
const SECRET_NAME: &[&str] = &[
    "spec.credentials.secretRef.name: Invalid value:",
    "name must be a Secret's name: lower-case letters, digits, '-' and '.'",
];

pub(super) fn cases() -> Vec<Bad> {
    let named =
        |name: &str| json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": name}}});
    let good = json!({"scheme": "API_KEY", "secretRef": {"name": "gmail-key"}});
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    vec![
        bad(
            "an address with a control character",
            json!({"callbackUrl": "https://a.b/\u{1}"}),
            URL,
        ),
        bad(
            "credentials without a Secret",
            json!({"credentials": {"scheme": "API_KEY"}}),
            &[
                "spec.credentials.secretRef: Invalid value",
                "secretRef must name the Secret, but for the scheme NO_AUTH, which has none",
            ],
        ),
        bad(
            "a Secret for a scheme that has none",
            json!({"credentials": {"scheme": "NO_AUTH", "secretRef": {"name": "s"}}}),
            &["secretRef must name the Secret, but for the scheme NO_AUTH, which has none"],
        ),
        bad(
            "a key for the state that the operator says",
            json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "s", "keys": {"status": "x"}}}}),
            &["keys must not map the fields status and authScheme"],
        ),
        bad(
            "a key for no field",
            json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "s", "keys": {"a b": "x"}}}}),
            &["keys must map field names of the scheme"],
        ),
        bad(
            "no keys at all",
            json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "s", "keys": {}}}}),
            &["spec.credentials.secretRef.keys: Invalid value"],
        ),
        bad(
            "credentials without a scheme",
            json!({"credentials": {"secretRef": {"name": "s"}}}),
            &["spec.credentials.scheme: Required value"],
        ),
        bad(
            "a Secret without a name",
            json!({"credentials": {"scheme": "API_KEY", "secretRef": {}}}),
            &["spec.credentials.secretRef.name: Required value"],
        ),
        bad("a Secret with an empty name", named(""), SECRET_NAME),
        bad("a Secret in capitals", named("Key"), SECRET_NAME),
        bad(
            "a Secret in another namespace",
            named("other/key"),
            SECRET_NAME,
        ),
        bad(
            "a Secret on a way up",
            named("../../other/secrets/key"),
            SECRET_NAME,
        ),
        bad("a Secret with a query", named("key?watch=1"), SECRET_NAME),
        bad(
            "a Secret's name too long",
            named(&long(254)),
            &["spec.credentials.secretRef.name: Too long: may not be more than 253"],
        ),
        bad(
            "credentials and a pre-filled sign-in",
            json!({"credentials": good, "connectionData": {"subdomain": "acme"}}),
            &[
                "spec.connectionData: Forbidden",
                "connectionData cannot go together with credentials",
            ],
        ),
        bad(
            "credentials and a callback",
            json!({"credentials": good, "callbackUrl": "https://acme.com"}),
            &[
                "spec.callbackUrl: Forbidden",
                "callbackUrl cannot go together with credentials",
            ],
        ),
        bad(
            "a callback without a scheme",
            json!({"callbackUrl": "app.acme.com"}),
            URL,
        ),
        bad("an empty callback", json!({"callbackUrl": ""}), URL),
        bad(
            "a callback by another scheme",
            json!({"callbackUrl": "ftp://acme.com"}),
            URL,
        ),
        bad(
            "a callback that is a script",
            json!({"callbackUrl": "javascript:alert(1)"}),
            URL,
        ),
        bad(
            "a callback without a host",
            json!({"callbackUrl": "https:///x"}),
            URL,
        ),
        bad(
            "a callback with a space",
            json!({"callbackUrl": "https://acme.com/a b"}),
            URL,
        ),
        bad(
            "a callback of two lines",
            json!({"callbackUrl": "https://acme.com\nx"}),
            URL,
        ),
        bad(
            "a callback too long",
            json!({"callbackUrl": format!("https://{}", long(2041))}),
            &["spec.callbackUrl: Too long: may not be more than 2048"],
        ),
        bad(
            "a number to pre-fill",
            json!({"connectionData": {"port": 443}}),
            &[
                "spec.connectionData.port: Invalid value: \"integer\"",
                "must be of type string",
            ],
        ),
        bad(
            "a field to pre-fill with a name too long",
            json!({"connectionData": {long(129): "x"}}),
            &["the name of a field of connectionData must have at most 128 characters"],
        ),
        bad(
            "an object to pre-fill",
            json!({"connectionData": {"a": {"b": "c"}}}),
            &[
                "spec.connectionData.a: Invalid value: \"object\"",
                "must be of type string",
            ],
        ),
        bad(
            "too much to pre-fill",
            json!({"connectionData": many}),
            &["spec.connectionData: Too many: 65: must have at most 64 items"],
        ),
        bad(
            "a value too long to pre-fill",
            json!({"connectionData": {"a": long(2049)}}),
            &["spec.connectionData.a: Too long: may not be more than 2048"],
        ),
    ]
}
