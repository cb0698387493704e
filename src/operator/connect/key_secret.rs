//! `composio-operator connect-key`: makes the Secret with the key that operator and connect page share, once.

use std::{collections::BTreeMap, io::Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, api::PostParams};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{arguments::ConnectKey, log::cause};

/// Bytes of a new key.
const BYTES: usize = 32;

/// Makes the Secret where there is none. One that is there stays as it is: with another key, no address that was
/// mailed would open any more.
///
/// # Errors
/// When no random bytes are to be had, or the apiserver does not make it; in words for whoever installs.
pub async fn make(
    client: Client,
    arguments: &ConnectKey,
    out: &mut impl Write,
) -> Result<(), String> {
    let ConnectKey {
        namespace,
        secret: name,
        key,
    } = arguments;
    let mut bytes = [0; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system has no random bytes".to_owned())?;
    let mut secret = Secret {
        string_data: Some(BTreeMap::from([(
            key.to_owned(),
            BASE64_STANDARD.encode(bytes),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    secret.metadata.name = Some(name.to_owned());
    let api = Api::<Secret>::namespaced(client, namespace);
    let said = match api.create(&PostParams::default(), &secret).await {
        Ok(_) => format!("made the Secret {namespace}/{name} with a new key"),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            format!("the Secret {namespace}/{name} is there, and stays as it is")
        }
        Err(error) => {
            let why = cause(&error);
            return Err(format!(
                "the Secret {namespace}/{name} could not be made: {why}"
            ));
        }
    };
    writeln!(out, "{said}").map_err(|error| error.to_string())
}
