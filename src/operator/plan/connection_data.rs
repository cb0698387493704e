//! The connection data that an account was linked with. No call changes it: only a new link takes another one.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ring::digest::{SHA256, digest};

use crate::{
    composio::model::{Account, State},
    crd::{ConnectedAccountSpec, ConnectedAccountStatus, length_prefixed},
};

use super::Desired;

/// What is recorded of the connection data that a link is asked for with: SHA-256, in base64. It stands in the
/// declaration, so that is enough; none is as good as an empty one.
pub fn connection_data_digest(spec: &ConnectedAccountSpec) -> String {
    let data = spec.connection_data.iter().flatten();
    let text = length_prefixed(data.flat_map(|(name, value)| [name.as_str(), value]));
    BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, &text))
}

/// Whether the account was linked with another one than is declared. Where that is not recorded, it is the same.
pub(crate) fn is_other(desired: &Desired, recorded: &ConnectedAccountStatus) -> bool {
    let sent = recorded.connection_data_digest.as_ref();
    desired.spec.credentials.is_none()
        && sent.is_some_and(|sent| *sent != connection_data_digest(&desired.spec))
}

/// Whether it is another one, and a person may still sign in with what was declared before: that is not meant any
/// more.
pub(super) fn is_corrected(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
) -> bool {
    let is_awaited = recorded.connected_at.is_none() || recorded.link.is_some();
    // Only a grant can be revoked: that one is to be asked for.
    is_awaited && account.state != State::Revoked && is_other(desired, recorded)
}
