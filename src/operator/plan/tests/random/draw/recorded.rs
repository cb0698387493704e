//! What can stand in a status.

use super::*;

pub(super) fn recorded(dice: &mut Dice, seen: Option<&str>) -> ConnectedAccountStatus {
    let id = match (dice.number(4), seen) {
        (0, _) => None,
        (1, _) | (_, None) => dice.maybe(|dice| dice.text(&IDS)),
        (_, Some(seen)) => Some(seen.to_owned()),
    };
    // As the operator writes it, most of the time; else by another hand, or another key.
    let record = match dice.number(10) {
        0 => None,
        1 => Some(keys().sign(ALIAS, &dice.text(&IDS))),
        2 => Some(keys().sign(&dice.text(&ALIASES), "ca_1")),
        3 => Some(RecordKeys::derive(b"another key", "p").sign(ALIAS, "ca_1")),
        _ => id.as_ref().map(|id| keys().sign(ALIAS, id)),
    };
    let credentials = (!dice.once_in(5)).then(|| sent(dice, id.as_deref()));
    ConnectedAccountStatus {
        observed_generation: dice.maybe(|dice| dice.number(3) as i64 - 1),
        connected_account_id: id,
        previous_connected_account_id: None,
        record,
        alias: dice.maybe(|dice| dice.text(&ALIASES)),
        adopted: dice.once_in(6).then_some(crd::Adopted::ByDeclaredAlias),
        auth_config: dice.maybe(|dice| dice.text(&AUTH_CONFIGS)),
        state: dice.maybe(|dice| dice.text(&STATES)),
        state_reason: dice.maybe(|dice| dice.text(&["INITIATION_TIMEOUT"])),
        identity: dice.maybe(|dice| dice.text(&IDENTITIES)),
        link: dice.maybe(|dice| {
            let link = Link::in_clear("https://connect.example/1", Time(dice.time(&times())));
            Link {
                requested_by: dice.maybe(requests::requested_by),
                ..link
            }
        }),
        connect_page: None,
        pending_notification: None,
        notification_state: None,
        last_connect_request: dice.once_in(4).then(|| requests::handled(dice)),
        identity_verdict: dice.once_in(4).then(|| requests::judged(dice)),
        sign_in: dice.once_in(4).then(|| requests::sign_in(dice)),
        last_link_issued_at: dice.maybe(micro),
        connected_at: dice.maybe(micro),
        first_connected_at: dice.maybe(micro),
        last_handled_link_request: dice.maybe(|dice| dice.text(&TOKENS)),
        last_handled_reconcile_at: dice.maybe(|dice| dice.text(&TOKENS)),
        credentials,
        connection_data_digest: dice.maybe(|dice| {
            let value = dice.text(&["acme", "other"]);
            let spec = ConnectedAccountSpec {
                connection_data: Some([("subdomain".to_owned(), value)].into()),
                ..Default::default()
            };
            connection_data_digest(&spec)
        }),
        unknown_since: dice.maybe(micro),
        revoke_refusals: dice.maybe(|dice| Tally {
            since: micro(dice),
            count: dice.of(&[0, 1, 5, u32::MAX]),
        }),
        corrections: dice.maybe(|dice| Tally {
            since: micro(dice),
            count: dice.of(&[0, 1, 5, u32::MAX]),
        }),
        written_to: None,
        conditions: [condition::READY, condition::SYNCED, condition::STALLED]
            .into_iter()
            .filter_map(|type_| dice.maybe(|dice| told(dice, type_)))
            .collect(),
    }
}

fn told(dice: &mut Dice, type_: &str) -> Condition {
    let reasons: Vec<&str> = Reason::all().map(Reason::as_str).collect();
    Condition {
        type_: type_.to_owned(),
        status: dice.text(&["True", "False", "Unknown"]),
        reason: dice.text(&reasons),
        message: dice.text(&["why"]),
        observed_generation: dice.maybe(|dice| dice.number(3) as i64 - 1),
        last_transition_time: Time(dice.time(&times())),
    }
}
