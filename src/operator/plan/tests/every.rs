//! What holds for every combination of what can be wanted and seen.

use super::{
    random::invariants::{rows, target},
    *,
};
use crate::{
    composio::model::State,
    crd::{CredentialsStep, DeletionPolicy},
};

const STATES: [&str; 8] = [
    "INITIALIZING",
    "INITIATED",
    "ACTIVE",
    "EXPIRED",
    "FAILED",
    "INACTIVE",
    "REVOKED",
    "PAUSED",
];

/// What else is declared.
fn wanted() -> Vec<DesiredBuilder> {
    let mut wanted = Vec::new();
    for kind in [
        object(),
        object().made_from_secret(),
        object().taking_over("ca_1"),
        object().shared_with(&["a"], &[]),
        object().called("support"),
        object().asking_for_link("now"),
        object().suspended(),
    ] {
        for kind in [kind.clone(), kind.disabled()] {
            for kind in [
                kind.clone(),
                kind.clone().unpinned(),
                kind.clone().without_finalizer(),
                kind.unmarked(),
            ] {
                wanted.push(kind.clone());
                for policy in [
                    DeletionPolicy::Revoke,
                    DeletionPolicy::Delete,
                    DeletionPolicy::Retain,
                ] {
                    wanted.push(kind.clone().deleted(policy));
                    wanted.push(kind.clone().deleted(policy).deleted_at(ago(10)));
                }
            }
        }
    }
    wanted
}

/// What is known of the account, and what of it is recorded.
fn known() -> Vec<ObservedBuilder> {
    let mut known = vec![not_looked(), seen_none()];
    for word in STATES {
        let row = account("ca_1").is(State::from(word));
        let shared = row.clone().shared(None);
        known.extend([seen(row.clone()), seen(shared)]);
        known.push(seen_all(vec![row.clone(), account("ca_2").expired()]));
        known.push(seen_all(vec![row, account("ca_2").never_finished()]));
    }
    let recorded = |sight: &ObservedBuilder| {
        [
            sight.clone(),
            sight.clone().recorded("ca_1"),
            sight.clone().recorded("ca_1").link_issued(ago(900)),
            sight.clone().recorded("ca_1").good_link(),
            sight
                .clone()
                .recorded("ca_1")
                .link_issued(ago(900))
                .connected(ago(800)),
            sight.clone().unknown_since(ago(10)),
            sight
                .clone()
                .recorded("ca_1")
                .sent("uid/7", CredentialsStep::Patched),
        ]
    };
    known.iter().flat_map(recorded).collect()
}

/// In which circumstances.
fn circumstances(sight: &ObservedBuilder) -> Vec<ObservedBuilder> {
    let mut all = Vec::new();
    for sight in [
        sight.clone().secret(SecretSeen::NotRead),
        sight.clone().secret(SecretSeen::Missing(String::new())),
        sight.clone().with_secret(),
    ] {
        for sight in [sight.clone(), sight.held_by("agents/older")] {
            for effect in [
                None,
                Some(refresh()),
                Some(revoke()),
                Some(delete(false)),
                Some(link()),
            ] {
                let sight = match effect {
                    None => sight.clone(),
                    Some(effect) => sight.clone().refused(effect, rejected()),
                };
                all.extend([
                    sight.clone(),
                    sight.clone().read_closed(),
                    sight.clone().write_closed(),
                    sight.clone().cached(),
                    sight.cached().read_closed(),
                ]);
            }
        }
    }
    all
}

fn every(mut judge: impl FnMut(&DesiredBuilder, &ObservedBuilder, &Plan)) {
    let mut combinations = 0_u32;
    let wanted = wanted();
    for sight in known().iter().flat_map(circumstances) {
        for wanted in &wanted {
            combinations += 1;
            judge(wanted, &sight, &plan(&wanted.0, &sight.0, NOW));
        }
    }
    assert!(combinations > 100_000, "only {combinations} combinations");
}

#[test]
fn whatever_is_seen_the_rules_hold() {
    every(|wanted, sight, plan| {
        let (desired, observed) = (&wanted.0, &sight.0);
        let told = || format!("{plan:?} for {desired:?} on {observed:?}");
        let is_deleting = desired.presence != Presence::Present;
        let retained = desired.spec.deletion_policy == DeletionPolicy::Retain;
        let recorded = observed.recorded.connected_account_id.is_some();
        let account = observed.account.account();
        if !observed.fresh {
            let untouched =
                is_deleting && (retained || (!recorded && desired.pin.alias().is_none()));
            assert!(
                !matches!(plan, Plan::Refuse(_)),
                "a cached look refuses: {}",
                told()
            );
            assert!(
                !matches!(plan, Plan::Do(_)) || *plan == Plan::Do(Effect::Release) && untouched,
                "a cached look acts: {}",
                told()
            );
        }
        if *plan == Plan::Look(Need::Secret) {
            assert!(
                !is_deleting && desired.spec.credentials.is_some() && !desired.spec.suspend,
                "a Secret is read for nothing: {}",
                told()
            );
        }
        if !observed.gate.may_read() {
            assert!(!matches!(
                plan,
                Plan::Look(Need::Account | Need::AuthConfig)
            ));
        }
        let Plan::Do(effect) = plan else { return };
        assert!(
            is_deleting || !desired.spec.suspend,
            "a suspended object acts: {}",
            told()
        );
        assert!(
            observed.gate.may_write() || !effect.writes_to_composio(),
            "acts behind a closed gate: {}",
            told()
        );
        // What goes with an object may be seen beside an account of another one.
        let ends_its_own = is_deleting
            && target(effect).is_some_and(|id| {
                let mut rows = rows(&observed.account).iter();
                rows.all(|row| row.id != id || !observed.is_held(row))
            });
        assert!(
            observed.holder.is_none()
                || account.is_none()
                || ends_its_own
                || matches!(effect, Effect::Release | Effect::Forget),
            "acts on another object's account: {}",
            told()
        );
        match effect {
            Effect::Pin { .. } => assert!(!is_deleting, "{}", told()),
            Effect::Unpin => assert!(!is_deleting && account.is_none() && !recorded, "{}", told()),
            Effect::Adopt => assert!(
                !is_deleting && !recorded && desired.is_marked(),
                "{}",
                told()
            ),
            Effect::Forget => assert!(
                !is_deleting
                    && recorded
                    && account.is_none_or(|account| observed.claim(desired, account).is_none()),
                "{}",
                told()
            ),
            Effect::Link { alias, .. } | Effect::Create { alias, .. } => {
                assert!(!is_deleting && !recorded && account.is_none(), "{}", told());
                assert!(
                    desired.is_marked() && desired.pin.alias() == Some(alias),
                    "a POST before the marks: {}",
                    told()
                );
                assert!(observed.recorded.unknown_since.is_none(), "{}", told());
                assert_eq!(
                    matches!(effect, Effect::Create { .. }),
                    desired.spec.credentials.is_some()
                );
            }
            Effect::CompleteAuth { .. } => assert!(
                !is_deleting
                    && recorded
                    && account.is_some_and(|account| !account.state.is_connected()),
                "{}",
                told()
            ),
            Effect::Refresh { .. } => assert!(
                !is_deleting
                    && recorded
                    && desired.spec.credentials.is_none()
                    && account.is_some_and(|account| account.state != State::Active),
                "{}",
                told()
            ),
            Effect::Delete { id, revoke } => {
                let recorded_id = observed.recorded.connected_account_id.as_deref();
                if !is_deleting && recorded_id != Some(id.as_str()) {
                    let made_anew = desired.spec.credentials.is_some();
                    let duplicate = match &observed.account {
                        AccountLookup::Many(accounts) => {
                            accounts.iter().find(|duplicate| duplicate.id == *id)
                        }
                        AccountLookup::NotLooked
                        | AccountLookup::Absent
                        | AccountLookup::One(_) => None,
                    };
                    let duplicate = duplicate.unwrap_or_else(|| panic!("which? {}", told()));
                    assert!(
                        !revoke && recorded && (made_anew || duplicate.timed_out()),
                        "an account is deleted that may hold a grant: {}",
                        told()
                    );
                } else if !is_deleting {
                    let makes_room = match desired.spec.credentials {
                        None => observed
                            .refused_exactly(&Effect::Refresh { id: id.clone() })
                            .is_some(),
                        Some(_) => {
                            let sent = observed.recorded.credentials.as_ref();
                            sent.is_some_and(|sent| sent.step == CredentialsStep::Patched)
                        }
                    };
                    let is_dead = account.is_some_and(|account| account.state != State::Active);
                    assert!(
                        !revoke && ((makes_room && is_dead) || takes_no_change(desired, observed)),
                        "a declared object's account is deleted: {}",
                        told()
                    );
                }
                assert!(!(is_deleting && retained), "{}", told());
                assert!(observed.refused(EffectKind::Delete).is_none(), "{}", told());
            }
            Effect::Enable { .. } | Effect::Revoke { .. } if is_deleting => assert!(
                desired.spec.deletion_policy == DeletionPolicy::Revoke,
                "{}",
                told()
            ),
            Effect::Enable { .. } => assert!(desired.spec.enabled && recorded, "{}", told()),
            Effect::Disable { .. } => assert!(!desired.spec.enabled && recorded, "{}", told()),
            Effect::Patch {
                change: Change::Credentials,
                ..
            } => {
                let sent = observed.recorded.credentials.as_ref();
                assert!(
                    !is_deleting
                        && recorded
                        && desired.spec.credentials.is_some()
                        && matches!(&observed.secret, SecretSeen::Present { version, .. }
                        if sent.is_none_or(|sent| {
                            sent.account_id != observed.recorded.connected_account_id
                                || (&sent.uid, &sent.resource_version)
                                    != (&version.uid, &version.resource_version)
                        })),
                    "{}",
                    told()
                );
            }
            Effect::Patch { .. } => {
                assert!(!is_deleting && recorded, "{}", told());
            }
            Effect::Revoke { .. } => panic!("a declared object's grant is revoked: {}", told()),
            Effect::Release => assert!(is_deleting && desired.finalizer, "{}", told()),
        }
    });
}
