//! The whole of what can be wanted and seen, drawn at random: also what no look and no apiserver would
//! bring, since `plan` and `report` must stand that too.

use super::*;
use crate::{
    composio::model::State,
    crd,
    tests::{Dice, assert_plain, for_seeds},
};

pub(super) mod draw;
use draw::{failure, sight, wanted};

/// Whose account it is, told here once more in other words than `plan` says it.
fn is_ours(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let spec = &desired.spec;
    if observed.recorded.connected_account_id.as_deref() == Some(account.id.as_str()) {
        let user = account.user_id.as_ref();
        return desired.presence == Presence::Present
            || (user.is_none_or(|user| *user == spec.user) && account.toolkit == spec.toolkit);
    }
    let found = desired.pin.is_some()
        && (account.alias == desired.pin
            || spec.connected_account_id.as_ref() == Some(&account.id));
    let fits = account
        .user_id
        .as_ref()
        .is_none_or(|user| *user == spec.user)
        && account.toolkit == spec.toolkit
        && account.visibility == desired.visibility()
        && spec
            .auth_config
            .as_ref()
            .is_none_or(|declared| *declared == account.auth_config);
    found && fits
}

/// The account that an effect is about, if it is about one that exists.
fn target(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Refresh { id }
        | Effect::Enable { id }
        | Effect::Disable { id }
        | Effect::Share { id, .. }
        | Effect::Rotate { id }
        | Effect::Rename { id, .. }
        | Effect::Revoke { id }
        | Effect::Delete { id, .. } => Some(id),
        Effect::Pin { .. }
        | Effect::Unpin
        | Effect::Adopt
        | Effect::Forget
        | Effect::Link { .. }
        | Effect::Create { .. }
        | Effect::Release => None,
    }
}

fn rows(seen: &Seen) -> &[Account] {
    match seen {
        Seen::NotLooked | Seen::Absent => &[],
        Seen::One(account) => std::slice::from_ref(account),
        Seen::Many(accounts) => accounts,
    }
}

#[test]
fn nobody_elses_grant_is_touched_and_nothing_unseen_is_acted_on() {
    let mut effects = std::collections::BTreeMap::<Kind, u32>::new();
    for_seeds(60_000, |dice| {
        let (Wanted(desired), Sight(observed)) = (wanted(dice), sight(dice));
        let plan = plan(&desired, &observed, NOW);
        let told = || format!("{plan:?} for {desired:?} on {observed:?}");
        let Plan::Do(effect) = &plan else { return };
        *effects.entry(effect.kind()).or_default() += 1;
        if observed.account == Seen::NotLooked {
            let gone = desired.presence != Presence::Present;
            assert!(
                gone && *effect == Effect::Release,
                "acts without a look: {}",
                told()
            );
        }
        let Some(id) = target(effect) else { return };
        let about: Vec<&Account> = rows(&observed.account)
            .iter()
            .filter(|row| row.id == id)
            .collect();
        assert!(!about.is_empty(), "acts on what was not seen: {}", told());
        assert!(
            about
                .iter()
                .any(|account| is_ours(&desired, &observed, account)),
            "acts on somebody else's account: {}",
            told()
        );
        let ends = matches!(effect, Effect::Delete { .. } | Effect::Revoke { .. });
        if ends && desired.presence == Presence::Present {
            assert!(
                about.iter().all(|account| account.state != State::Active),
                "ends a live grant of a declared object: {}",
                told()
            );
        }
        if ends {
            assert!(
                observed.holder.is_none(),
                "ends another object's account: {}",
                told()
            );
        }
    });
    for kind in Kind::ALL {
        assert!(
            std::env::var("SEED").is_ok() || effects.get(&kind).is_some_and(|times| *times >= 10),
            "{kind:?} is hardly ever planned: {effects:?}"
        );
    }
}

#[test]
fn whatever_is_planned_can_be_reported_in_plain_words() {
    for_seeds(10_000, |dice| {
        let (Wanted(desired), Sight(observed)) = (wanted(dice), sight(dice));
        let event = match plan(&desired, &observed, NOW) {
            Plan::Nothing => Happened::Settled,
            Plan::Wait(wait) => Happened::Waiting(wait),
            Plan::Refuse(refusal) => Happened::Refused(refusal),
            Plan::Look(_) | Plan::Do(_) => Happened::Failed(failure(dice)),
        };
        let previous = observed.recorded.clone();
        let outcome = Outcome { observed, event };
        let status = crate::report::report(&desired, &previous, &outcome, NOW);
        for condition in &status.conditions {
            // What was kept was reported before.
            if !previous.conditions.contains(condition) {
                assert_plain("a message", &condition.message);
                assert!(condition.message.chars().count() <= 2048);
            }
        }
        if status.state_reason != previous.state_reason {
            let reason = status.state_reason.as_deref().unwrap_or_default();
            assert_plain("the reason of the state", reason);
            assert!(reason.chars().count() <= 256);
        }
        for news in crate::report::news::of_status(&desired, &previous, &status) {
            if !previous
                .conditions
                .iter()
                .any(|before| before.message == news.note)
            {
                assert_plain("an event", &news.note);
            }
            assert!(news.note.len() <= 1024);
        }
        let pace = crate::report::Pace {
            min: std::time::Duration::from_secs(5),
            max: std::time::Duration::from_secs(600),
            slow: std::time::Duration::from_secs(600),
            secret: std::time::Duration::from_secs(300),
        };
        crate::report::next_look(&desired, &status, &outcome.event, pace, NOW);
    });
}

#[test]
fn a_status_of_any_json_is_refused_or_stands_every_decision() {
    const NAMES: [&str; 22] = [
        "observedGeneration",
        "connectedAccountId",
        "authConfig",
        "state",
        "stateReason",
        "link",
        "url",
        "expiresAt",
        "lastLinkIssuedAt",
        "connectedAt",
        "firstConnectedAt",
        "lastHandledLinkRequest",
        "credentials",
        "version",
        "step",
        "unknownSince",
        "revokeRefusals",
        "since",
        "count",
        "conditions",
        "reason",
        "type",
    ];
    const WORDS: [&str; 8] = [
        "ca_1",
        "ACTIVE",
        "Patched",
        "Ready",
        "Conflict",
        "2026-09-01T08:00:00.000000Z",
        "-009999-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:60Z",
    ];
    let whole = serde_json::json!({
        "observedGeneration": 1, "connectedAccountId": "ca_1", "authConfig": "ac_1", "state": "ACTIVE",
        "link": {"url": "https://connect.example/1", "expiresAt": "2027-01-15T08:00:00.000000Z"},
        "connectedAt": "2027-01-15T08:00:00.000000Z", "unknownSince": "2027-01-15T08:00:00.000000Z",
        "credentials": {"version": "uid/7", "step": "Patched"},
        "revokeRefusals": {"since": "2027-01-15T08:00:00.000000Z", "count": 5},
        "conditions": [{"type": "Synced", "status": "True", "reason": "Connected", "message": "",
            "lastTransitionTime": "2027-01-15T08:00:00Z"}],
    });
    let (mut taken, mut refused) = (0, 0);
    for_seeds(10_000, |dice| {
        let mut status = whole.clone();
        for _ in 0..dice.number(4) {
            let name = dice.of(&NAMES);
            status[name] = dice.json(&NAMES, &WORDS, 3);
        }
        if dice.once_in(10) {
            status = dice.json(&NAMES, &WORDS, 4);
        }
        let object = serde_json::json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "namespace": "agents"},
            "spec": {"user": "u", "toolkit": "gmail"}, "status": status,
        });
        let Ok(object) = serde_json::from_value::<crd::ConnectedAccount>(object) else {
            refused += 1;
            return;
        };
        taken += 1;
        let Wanted(desired) = wanted(dice);
        let Sight(mut observed) = sight(dice);
        observed.recorded = object.status.unwrap_or_default();
        let event = match plan(&desired, &observed, NOW) {
            Plan::Nothing => Happened::Settled,
            Plan::Wait(wait) => Happened::Waiting(wait),
            Plan::Refuse(refusal) => Happened::Refused(refusal),
            Plan::Look(_) | Plan::Do(_) => Happened::Failed(failure(dice)),
        };
        let previous = observed.recorded.clone();
        let outcome = Outcome { observed, event };
        let status = crate::report::report(&desired, &previous, &outcome, NOW);
        serde_json::to_value(status).expect("a status can be written");
    });
    assert!(
        std::env::var("SEED").is_ok() || (taken > 1000 && refused > 1000),
        "both must happen: {taken} taken, {refused} refused"
    );
}
