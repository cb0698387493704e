//! Secrets, and what is recorded of them.

use super::*;

/// A version of the Secret and its data: two versions may have the same.
pub(super) fn data(dice: &mut Dice) -> (SecretVersion, BTreeMap<String, Sensitive>) {
    let fields = [
        (
            "api_key",
            dice.text(&["sk-live-1", "sk-live-1", "sk-live-2"]),
        ),
        ("subdomain", dice.text(&["acme", "other"])),
    ];
    let fields = fields.map(|(field, value)| (field.to_owned(), Sensitive::new(value)));
    (version(dice.of(&["uid/7", "uid/8"])), fields.into())
}

/// What was sent to the recorded account, or to another one, signed with the key in use, most of the time.
pub(super) fn sent(dice: &mut Dice, recorded: Option<&str>) -> CredentialsStatus {
    let (version, fields) = data(dice);
    let account = match dice.number(12) {
        0 => None,
        1 => Some(dice.text(&IDS)),
        _ => recorded.map(str::to_owned),
    };
    let signing = match dice.number(8) {
        0 => RecordKeys::derive(b"another key", "p"),
        _ => keys(),
    };
    let macs = signing.sign_secret(&SecretData {
        own_alias: ALIAS,
        account: account.as_deref(),
        secret: "gmail-key",
        scheme: dice.of(&[Scheme::ApiKey, Scheme::ApiKey, Scheme::S2sOauth2]),
        fields: &fields,
    });
    CredentialsStatus {
        account_id: account,
        uid: version.uid,
        resource_version: version.resource_version,
        key_id: macs.key_id,
        mac: macs.all,
        create_only_mac: macs.create_only,
        step: dice.of(&[
            CredentialsStep::Created,
            CredentialsStep::Remade,
            CredentialsStep::Patched,
            CredentialsStep::Refused,
            CredentialsStep::Assumed,
        ]),
        at: dice.maybe(|dice| Time(dice.time(&times()))),
    }
}
