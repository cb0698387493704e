//! Reads the Secret that an account is made from: by name, never by list or watch.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};

use crate::{
    composio::model::Sensitive,
    crd::Scheme,
    plan::{Desired, SecretSeen},
};

/// Keys that would overwrite what the operator itself says in the same place of the call.
const FORBIDDEN: [&str; 2] = ["status", "authScheme"];

/// What is known of the object's Secret. One read of the apiserver where one is declared.
pub(super) async fn read(client: &Client, desired: &Desired) -> SecretSeen {
    let Some(credentials) = &desired.spec.credentials else {
        return SecretSeen::NotUsed;
    };
    let name = &credentials.secret_ref.name;
    match Api::<Secret>::namespaced(client.clone(), &desired.namespace)
        .get_opt(name)
        .await
    {
        Ok(Some(secret)) => judge(secret, credentials.scheme),
        Ok(None) => SecretSeen::Missing("does not exist".to_owned()),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            SecretSeen::Missing("may not be read by the operator".to_owned())
        }
        Err(_) => SecretSeen::Missing("could not be read: the apiserver did not answer".to_owned()),
    }
}

/// Whether the Secret holds what the scheme needs, and nothing that must not be sent.
fn judge(secret: Secret, scheme: Scheme) -> SecretSeen {
    let version = format!(
        "{}/{}",
        secret.uid().unwrap_or_default(),
        secret.resource_version().unwrap_or_default()
    );
    let mut values = BTreeMap::new();
    for (key, value) in secret.data.unwrap_or_default() {
        if FORBIDDEN.contains(&key.as_str()) {
            return SecretSeen::Unfit(format!("the Secret must not have a key {key:?}"));
        }
        let Ok(text) = String::from_utf8(value.0) else {
            return SecretSeen::Unfit(format!("the value of key {key:?} is not UTF-8 text"));
        };
        values.insert(key, Sensitive::new(text));
    }
    match missing(scheme, |key| {
        values
            .get(key)
            .is_some_and(|value| !value.expose().is_empty())
    }) {
        Some(what) => SecretSeen::Missing(what),
        None if values.is_empty() => SecretSeen::Missing("is empty".to_owned()),
        None => SecretSeen::Present { version, values },
    }
}

/// The key that the scheme cannot do without. The schemes not named here have fields of their
/// toolkit's choosing, so that only Composio can tell.
fn missing(scheme: Scheme, has: impl Fn(&str) -> bool) -> Option<String> {
    let (any_of, all_of): (&[&str], &[&str]) = match scheme {
        Scheme::ApiKey => (&["api_key", "generic_api_key"], &[]),
        Scheme::BearerToken => (&[], &["token"]),
        Scheme::Basic => (&[], &["username", "password"]),
        Scheme::GoogleServiceAccount | Scheme::ServiceAccount | Scheme::BasicWithJwt => (&[], &[]),
    };
    if !any_of.is_empty() && !any_of.iter().any(|key| has(key)) {
        return Some(format!("has no key {}", any_of.join(" or ")));
    }
    all_of
        .iter()
        .find(|key| !has(key))
        .map(|key| format!("has no key {key}"))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

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

    #[test]
    fn a_secret_is_taken_only_when_it_holds_what_the_scheme_needs() {
        struct Case {
            scheme: Scheme,
            data: &'static [(&'static str, &'static [u8])],
            expect: Result<(), &'static str>,
            reason: &'static str,
        }
        let cases = [
            Case {
                scheme: Scheme::ApiKey,
                data: &[("api_key", b"k")],
                expect: Ok(()),
                reason: "the plain case",
            },
            Case {
                scheme: Scheme::ApiKey,
                data: &[("generic_api_key", b"k")],
                expect: Ok(()),
                reason: "Composio's other name",
            },
            Case {
                scheme: Scheme::ApiKey,
                data: &[("token", b"k")],
                expect: Err("has no key api_key or generic_api_key"),
                reason: "another scheme's key",
            },
            Case {
                scheme: Scheme::ApiKey,
                data: &[("api_key", b"")],
                expect: Err("has no key api_key or generic_api_key"),
                reason: "an empty value is none",
            },
            Case {
                scheme: Scheme::Basic,
                data: &[("username", b"u")],
                expect: Err("has no key password"),
                reason: "half of it",
            },
            Case {
                scheme: Scheme::BearerToken,
                data: &[],
                expect: Err("has no key token"),
                reason: "an empty Secret",
            },
            Case {
                scheme: Scheme::ServiceAccount,
                data: &[],
                expect: Err("is empty"),
                reason: "nothing to send",
            },
            Case {
                scheme: Scheme::ApiKey,
                data: &[("api_key", b"k"), ("status", b"ACTIVE")],
                expect: Err("the Secret must not have a key \"status\""),
                reason: "would overwrite the state that we send",
            },
            Case {
                scheme: Scheme::ApiKey,
                data: &[("api_key", &[0xff])],
                expect: Err("the value of key \"api_key\" is not UTF-8 text"),
                reason: "JSON holds text only",
            },
        ];
        for case in cases {
            let seen = match judge(secret(case.data), case.scheme) {
                SecretSeen::Present { .. } => Ok(()),
                SecretSeen::Missing(why) | SecretSeen::Unfit(why) => Err(why),
                SecretSeen::NotUsed | SecretSeen::NotRead => Err("not read".to_owned()),
            };
            assert_eq!(seen, case.expect.map_err(str::to_owned), "{}", case.reason);
        }
    }
}
