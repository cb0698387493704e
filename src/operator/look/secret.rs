//! Reads the Secret that an account is made from: by name, never by list or watch.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt};

use super::secret_reader::{SecretReader, Unread};
use crate::{
    composio::model::Sensitive,
    crd::{CREDENTIALS_ANNOTATION, SecretRef},
    plan::{Desired, SecretSeen, SecretVersion},
    record::RecordKeys,
    store::Objects,
};

/// Fields that would overwrite what the operator itself says in the same place of the call.
const FORBIDDEN: [&str; 2] = ["status", "authScheme"];
/// Types of Secrets that are credentials for Kubernetes, for its registries or of its servers, and never for a
/// toolkit.
const NEVER_SENT: [&str; 6] = [
    "kubernetes.io/service-account-token",
    "kubernetes.io/tls",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
    "bootstrap.kubernetes.io/token",
    "helm.sh/release.v1",
];
/// No toolkit has so many fields, and each is compared with the operator's own keys.
const MAX_FIELDS: usize = 64;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is known of the object's Secret. At most one read of the apiserver where one is declared.
pub(super) async fn read(
    reader: &SecretReader,
    client: &Client,
    objects: &Objects,
    desired: &Desired,
    keys: &RecordKeys,
) -> SecretSeen {
    let Some(credentials) = &desired.spec.credentials else {
        return SecretSeen::NotUsed;
    };
    let Some(secret_ref) = &credentials.secret_ref else {
        return SecretSeen::Present {
            version: SecretVersion::default(),
            values: BTreeMap::new(),
        };
    };
    if objects.is_key_secret(&desired.namespace, &secret_ref.name) {
        return SecretSeen::Unfit("holds the API key of a project, which is never sent".to_owned());
    }
    match (reader.read(client, &desired.namespace, &secret_ref.name)).await {
        Ok(Some(secret)) => {
            let is_key_of_ours =
                |value: &str| keys.is_own(value.trim().as_bytes(), &desired.flags.project);
            judge(
                Arc::unwrap_or_clone(secret),
                secret_ref,
                desired.wants_annotated_secret(),
                is_key_of_ours,
            )
        }
        Ok(None) => SecretSeen::Missing("does not exist".to_owned()),
        Err(Unread::Forbidden) => SecretSeen::Missing("may not be read by the operator".to_owned()),
        Err(Unread::Refused(reason, code)) => SecretSeen::Missing(format!(
            "could not be read: the apiserver answered {reason} ({code})"
        )),
        Err(Unread::Unanswered) => {
            SecretSeen::Missing("could not be read: the apiserver did not answer".to_owned())
        }
    }
}

/// What the Secret holds for the scheme, and whether it may be sent. Which fields a toolkit needs only Composio
/// can tell.
fn judge(
    secret: Secret,
    secret_ref: &SecretRef,
    must_be_offered: bool,
    is_key_of_ours: impl Fn(&str) -> bool,
) -> SecretSeen {
    if let Some(type_) = secret
        .type_
        .as_deref()
        .filter(|one| NEVER_SENT.contains(one))
    {
        return SecretSeen::Unfit(format!("is of the type {type_}, which is never sent"));
    }
    // Before anything is told of its keys: whoever names it need not be allowed to read it.
    if must_be_offered && !is_offered(&secret) {
        return SecretSeen::NotOffered;
    }
    let version = SecretVersion {
        uid: secret.uid().unwrap_or_default(),
        resource_version: secret.resource_version().unwrap_or_default(),
    };
    let mut data = secret.data.unwrap_or_default();
    let chosen: Vec<(String, String)> = match &secret_ref.keys {
        Some(keys) => keys.clone().into_iter().collect(),
        None => data.keys().map(|key| (key.clone(), key.clone())).collect(),
    };
    if chosen.len() > MAX_FIELDS {
        return SecretSeen::Unfit(format!(
            "has {} keys, and at most {MAX_FIELDS} are sent: name those that are meant in secretRef.keys",
            chosen.len()
        ));
    }
    let mut values = BTreeMap::new();
    for (field, key) in chosen {
        if FORBIDDEN.contains(&field.as_str()) {
            return SecretSeen::Unfit(format!(
                "has a key {key:?}, which would overwrite what the operator says: name the others in secretRef.keys"
            ));
        }
        let Some(value) = data.get_mut(&key) else {
            return SecretSeen::Missing(format!("has no key {key:?}"));
        };
        // Two fields may have one key.
        let value = match secret_ref.keys {
            Some(_) => value.0.clone(),
            None => std::mem::take(&mut value.0),
        };
        let Ok(text) = String::from_utf8(value) else {
            return SecretSeen::Unfit(format!("has a key {key:?} whose value is not UTF-8 text"));
        };
        let text = if secret_ref.trim {
            trimmed(&text)
        } else {
            &text
        };
        if is_key_of_ours(text) {
            return SecretSeen::Unfit(
                "holds a key of the operator's own, which is never sent".to_owned(),
            );
        }
        if !text.trim().is_empty() {
            values.insert(field, Sensitive::new(text));
        } else if secret_ref.keys.is_some() {
            return SecretSeen::Missing(format!("has no value at key {key:?}"));
        }
    }
    if values.is_empty() {
        return SecretSeen::Missing("holds no value".to_owned());
    }
    SecretSeen::Present { version, values }
}

/// Whether the Secret says itself that it may be sent.
fn is_offered(secret: &Secret) -> bool {
    let offered = secret.annotations().get(CREDENTIALS_ANNOTATION);
    offered.is_some_and(|value| value == "true")
}

/// Without what an editor puts before a text, and `echo` behind it.
fn trimmed(text: &str) -> &str {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    const OURS: &str = "the operator's key";

    fn secret(data: &[(&str, &[u8])]) -> Secret {
        Secret {
            data: Some(
                data.iter()
                    .map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec())))
                    .collect(),
            ),
            ..Secret::default()
        }
    }

    fn all() -> SecretRef {
        SecretRef::default()
    }

    fn only(keys: &[(&str, &str)]) -> SecretRef {
        let keys = keys.iter();
        SecretRef {
            keys: Some(
                keys.map(|(field, key)| ((*field).to_owned(), (*key).to_owned()))
                    .collect(),
            ),
            ..all()
        }
    }

    /// What would be sent, or why nothing is.
    fn judged(secret: Secret, secret_ref: &SecretRef) -> Result<Vec<(String, String)>, String> {
        match judge(secret, secret_ref, false, |value| value == OURS) {
            SecretSeen::Present { values, .. } => {
                let values = values.into_iter();
                Ok(values
                    .map(|(field, value)| (field, value.expose().to_owned()))
                    .collect())
            }
            SecretSeen::Missing(why) => Err(format!("missing: {why}")),
            SecretSeen::Unfit(why) => Err(format!("unfit: {why}")),
            SecretSeen::NotOffered => Err("not offered".to_owned()),
            SecretSeen::NotUsed | SecretSeen::NotRead => Err("not read".to_owned()),
        }
    }

    #[test]
    fn what_a_secret_holds_is_sent_as_it_was_meant() {
        struct Case {
            data: &'static [(&'static str, &'static [u8])],
            by: SecretRef,
            expect: Result<&'static [(&'static str, &'static str)], &'static str>,
            reason: &'static str,
        }
        let untouched = SecretRef {
            trim: false,
            ..all()
        };
        let cases = [
            Case {
                data: &[("bearer_token", b"k"), ("subdomain", b"acme")],
                by: all(),
                expect: Ok(&[("bearer_token", "k"), ("subdomain", "acme")]),
                reason: "which fields a toolkit needs only Composio knows",
            },
            Case {
                data: &[("api_key", b"k\n")],
                by: all(),
                expect: Ok(&[("api_key", "k")]),
                reason: "echo key | base64",
            },
            Case {
                data: &[("api_key", b"\xef\xbb\xbfk\r\n")],
                by: all(),
                expect: Ok(&[("api_key", "k")]),
                reason: "saved by an editor of Windows",
            },
            Case {
                data: &[("private_key", b"-----BEGIN\nk\n\n")],
                by: all(),
                expect: Ok(&[("private_key", "-----BEGIN\nk\n")]),
                reason: "one line end, and none within",
            },
            Case {
                data: &[("api_key", b"\xef\xbb\xbfk\n")],
                by: untouched.clone(),
                expect: Ok(&[("api_key", "\u{feff}k\n")]),
                reason: "trim: false",
            },
            Case {
                data: &[("username", b"u"), ("password", b"")],
                by: all(),
                expect: Ok(&[("username", "u")]),
                reason: "an empty value is none, and a password need not be",
            },
            Case {
                data: &[("api_key", b" \n")],
                by: untouched,
                expect: Err("missing: holds no value"),
                reason: "white space is no key",
            },
            Case {
                data: &[],
                by: all(),
                expect: Err("missing: holds no value"),
                reason: "an empty Secret",
            },
            Case {
                data: &[("API_TOKEN", b"k"), ("url", b"x"), ("status", b"x")],
                by: only(&[("generic_api_key", "API_TOKEN")]),
                expect: Ok(&[("generic_api_key", "k")]),
                reason: "one key of a Secret that is somebody else's, under the name that the scheme has for it",
            },
            Case {
                data: &[("a", b"k")],
                by: only(&[("username", "a"), ("password", "a")]),
                expect: Ok(&[("password", "k"), ("username", "k")]),
                reason: "one key for two fields",
            },
            Case {
                data: &[("a", b"k")],
                by: only(&[("token", "b")]),
                expect: Err("missing: has no key \"b\""),
                reason: "what is named must be there",
            },
            Case {
                data: &[("a", b"\t")],
                by: only(&[("token", "a")]),
                expect: Err("missing: has no value at key \"a\""),
                reason: "and hold something",
            },
            Case {
                data: &[("api_key", b"k"), ("status", b"ACTIVE")],
                by: all(),
                expect: Err(
                    "unfit: has a key \"status\", which would overwrite what the operator says: name the others in secretRef.keys",
                ),
                reason: "would overwrite the state that we send",
            },
            Case {
                data: &[("api_key", &[0xff])],
                by: all(),
                expect: Err("unfit: has a key \"api_key\" whose value is not UTF-8 text"),
                reason: "JSON holds text only",
            },
            Case {
                data: &[("api_key", b"the operator's key\n")],
                by: all(),
                expect: Err("unfit: holds a key of the operator's own, which is never sent"),
                reason: "it would go to whom a tenant names",
            },
        ];
        for case in cases {
            let expect = case.expect.map(|values| {
                let values = values.iter();
                values
                    .map(|(field, value)| ((*field).to_owned(), (*value).to_owned()))
                    .collect()
            });
            let judged = judged(secret(case.data), &case.by);
            assert_eq!(judged, expect.map_err(str::to_owned), "{}", case.reason);
        }
    }

    #[test]
    fn a_secret_of_more_keys_than_any_account_has_is_sent_by_those_that_are_named() {
        let keys: Vec<String> = (0..65).map(|n| format!("key-{n}")).collect();
        let data: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"k"[..])).collect();
        let says = "unfit: has 65 keys, and at most 64 are sent: name those that are meant in secretRef.keys";
        assert_eq!(judged(secret(&data), &all()), Err(says.to_owned()));
        let chosen = judged(secret(&data), &only(&[("api_key", "key-64")]));
        assert_eq!(chosen, Ok(vec![("api_key".to_owned(), "k".to_owned())]));
    }

    #[test]
    fn where_it_must_be_offered_nothing_is_told_of_a_secret_that_is_not() {
        let annotated = |value: Option<&str>, data: &[(&str, &[u8])]| {
            let mut secret = secret(data);
            if let Some(value) = value {
                let annotations = secret.annotations_mut();
                annotations.insert(CREDENTIALS_ANNOTATION.to_owned(), value.to_owned());
            }
            secret
        };
        let judged = |secret| judge(secret, &only(&[("a", "b")]), true, |_| false);
        for value in [None, Some(""), Some("false"), Some("True")] {
            assert_eq!(judged(annotated(value, &[])), SecretSeen::NotOffered);
            for bytes in [&b"k"[..], &[0xff]] {
                let secret = annotated(value, &[("b", bytes)]);
                assert_eq!(judged(secret), SecretSeen::NotOffered);
            }
        }
        let sent = judged(annotated(Some("true"), &[("b", b"k")]));
        assert!(matches!(sent, SecretSeen::Present { .. }));
        let tls = Secret {
            type_: Some("kubernetes.io/tls".to_owned()),
            ..annotated(Some("true"), &[("b", b"k")])
        };
        assert!(matches!(judged(tls), SecretSeen::Unfit(_)), "never");
    }

    #[test]
    fn credentials_of_kubernetes_itself_are_never_sent() {
        for type_ in NEVER_SENT {
            let secret = Secret {
                type_: Some(type_.to_owned()),
                ..secret(&[("api_key", b"k")])
            };
            let why = format!("unfit: is of the type {type_}, which is never sent");
            assert_eq!(judged(secret, &all()), Err(why));
        }
        let opaque = Secret {
            type_: Some("Opaque".to_owned()),
            ..secret(&[("api_key", b"k")])
        };
        assert!(judged(opaque, &all()).is_ok());
    }
}
