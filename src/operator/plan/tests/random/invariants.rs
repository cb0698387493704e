//! Nobody's live grant is ended but by what was declared, and nobody else's account is touched: asked of every
//! decision that is drawn, and how often there was something to ask.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use super::{
    super::*,
    draw::{sight, wanted},
};
use composio_testing::for_seeds;
use strum::IntoEnumIterator;

use crate::composio::model::State;

/// Whose account it is, told here once more in other words than `plan` says it.
fn is_ours(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let spec = &desired.spec;
    let alias = account.alias.as_deref();
    let signed =
        observed.recorded.record == Some(observed.keys.sign(&desired.own_alias, &account.id));
    let given = desired.own_account.as_ref() == Some(&account.id)
        && !matches!(desired.pin, Pin::Foreign { .. });
    let named = spec.connected_account_id.as_ref() == Some(&account.id) || given;
    let pinned =
        matches!(&desired.pin, Pin::Own { alias: Some(pin) } if Some(pin.as_str()) == alias);
    let proved = alias == Some(&desired.own_alias) || named || pinned;
    let declared = spec
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.alias.as_deref());
    if observed.recorded.connected_account_id.as_deref() == Some(account.id.as_str()) {
        let user = account.user_id.as_ref();
        let managed = declared.is_some() && declared == alias;
        return if desired.presence == Presence::Present {
            proved || signed || managed
        } else {
            (proved || signed)
                && user.is_none_or(|user| *user == spec.user)
                && account.toolkit == spec.toolkit
        };
    }
    let found = desired.pin.is_own() && proved;
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
pub(in crate::plan::tests) fn target(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Refresh { id }
        | Effect::CompleteAuth { id, .. }
        | Effect::Enable { id }
        | Effect::Disable { id }
        | Effect::Patch { id, .. }
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

pub(in crate::plan::tests) fn rows(seen: &AccountLookup) -> &[Account] {
    match seen {
        AccountLookup::NotLooked | AccountLookup::Absent => &[],
        AccountLookup::One(account) => std::slice::from_ref(account),
        AccountLookup::Many(accounts) => accounts,
    }
}

/// So often each case that an invariant is about is met: one that is never met cannot fail.
const AT_LEAST: u32 = 200;

/// What is asked of each decision, and how often there was something to ask.
#[derive(Default)]
struct Invariants {
    effects: BTreeMap<EffectKind, u32>,
    met: BTreeMap<&'static str, u32>,
}

impl Invariants {
    const CASES: [&str; 10] = [
        "the account of a declared object is alive",
        "one account is shown twice",
        "the Secret holds what only a new account takes",
        "the status names an account that is not the object's",
        "an account is there by its declared alias alone",
        "the pin is another object's",
        "another object manages the account",
        "another object manages one of several accounts, which is not the first",
        "an object goes whose account is proved to be its own",
        "several accounts carry the alias of a declared object",
    ];

    /// Judges a decision; an error says which rule it breaks.
    fn judge(&mut self, desired: &Desired, observed: &Observed, plan: &Plan) -> Result<(), String> {
        let present = desired.presence == Presence::Present;
        let rows = rows(&observed.account);
        let kept = rows.first();
        let recorded = observed.recorded.connected_account_id.as_deref();
        self.meet(desired, observed);
        let Plan::Do(effect) = plan else {
            return Ok(());
        };
        *self.effects.entry(effect.kind()).or_default() += 1;
        let held = |holds: bool, rule: &str| match holds {
            true => Ok(()),
            false => Err(rule.to_owned()),
        };
        held(
            observed.account != AccountLookup::NotLooked
                || (!present && *effect == Effect::Release),
            "acts without a look",
        )?;
        let Some(id) = target(effect) else {
            return Ok(());
        };
        let about: Vec<&Account> = rows.iter().filter(|row| row.id == id).collect();
        held(!about.is_empty(), "acts on what was not seen")?;
        held(
            about
                .iter()
                .any(|account| is_ours(desired, observed, account)),
            "acts on somebody else's account",
        )?;
        let is_of_another = match kept {
            Some(kept) if kept.id == id => observed.holder.is_some(),
            Some(_) | None => observed.others_held.contains(id),
        };
        held(
            !is_of_another,
            "acts on an account that another object manages",
        )?;
        let ends = matches!(effect, Effect::Delete { .. } | Effect::Revoke { .. });
        if !ends {
            return Ok(());
        }
        if present {
            let is_kept = recorded == Some(id) || kept.is_some_and(|kept| kept.id == id);
            // Of one that is shown twice the first is decided on: no look brings one twice.
            let alive = about
                .first()
                .is_some_and(|account| account.state == State::Active);
            held(
                !(is_kept && alive) || takes_no_change(desired, observed),
                "ends the live account of a declared object",
            )?;
            // What a Secret made can be made again; a person's grant cannot.
            held(
                !alive || desired.spec.credentials.is_some(),
                "ends a live grant of a declared object",
            )?;
        }
        Ok(())
    }

    /// Notes which cases it is one of, where something could be done about them.
    fn meet(&mut self, desired: &Desired, observed: &Observed) {
        let can_act = observed.fresh
            && observed.gate.may_write()
            && observed.gate.proof == Proof::Given
            && !desired.spec.suspend
            && desired.finalizer;
        if !can_act {
            return;
        }
        let present = desired.presence == Presence::Present;
        let rows = rows(&observed.account);
        let Some(account) = rows.first() else {
            return;
        };
        let recorded = observed.recorded.connected_account_id.as_ref() == Some(&account.id);
        let claim = observed.claim(desired, account);
        let ids: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        let cases = [
            present && recorded && claim == Some(Claim::Own) && account.state == State::Active,
            present && recorded && ids.len() < rows.len(),
            present && recorded && claim == Some(Claim::Own) && takes_no_change(desired, observed),
            recorded && claim.is_none(),
            claim == Some(Claim::DeclaredAlias),
            matches!(desired.pin, Pin::Foreign { .. }),
            observed.holder.is_some(),
            !observed.others_held.is_empty(),
            !present && claim == Some(Claim::Own),
            present && ids.len() > 1 && claim == Some(Claim::Own),
        ];
        for (case, is_met) in Self::CASES.into_iter().zip(cases) {
            *self.met.entry(case).or_default() += u32::from(is_met);
        }
    }

    /// An error names the cases that were hardly met.
    fn were_met(&self) -> Result<(), String> {
        for kind in EffectKind::iter() {
            let times = self.effects.get(&kind).copied().unwrap_or_default();
            if times < AT_LEAST / 10 {
                return Err(format!(
                    "{kind:?} is hardly ever planned: {:?}",
                    self.effects
                ));
            }
        }
        for case in Self::CASES {
            let times = self.met.get(case).copied().unwrap_or_default();
            if times < AT_LEAST {
                return Err(format!("{case}: met only {times} times"));
            }
        }
        Ok(())
    }
}

/// Asks a decider everything, for that many draws. The first rule that it breaks, if it breaks one.
fn judge(draws: u64, decide: impl Fn(&Desired, &Observed) -> Plan) -> (Invariants, Option<String>) {
    let mut invariants = Invariants::default();
    let mut broken = None;
    for_seeds(draws, |dice| {
        if broken.is_some() {
            return;
        }
        let DesiredBuilder(desired) = wanted(dice);
        let ObservedBuilder(observed) = sight(dice, &desired);
        let plan = decide(&desired, &observed);
        if let Err(rule) = invariants.judge(&desired, &observed, &plan) {
            broken = Some(format!("{rule}: {plan:?} for {desired:?} on {observed:?}"));
        }
    });
    (invariants, broken)
}

#[test]
fn nobody_elses_grant_is_touched_and_nothing_unseen_is_acted_on() {
    let (invariants, broken) = judge(160_000, |desired, observed| plan(desired, observed, NOW));
    if let Some(broken) = broken {
        panic!("{broken}");
    }
    for (case, times) in &invariants.met {
        // Past the capture of a test's output: the counts are for whoever reads the gate's.
        writeln!(std::io::stdout(), "{times:>8}  {case}").expect("somebody reads it");
    }
    if std::env::var("SEED").is_err()
        && let Err(seldom) = invariants.were_met()
    {
        panic!("{seldom}");
    }
}

/// The invariants are checks only if they can fail.
#[test]
fn each_fault_that_is_planted_into_a_decision_is_found() {
    type Faulty = fn(&Desired, &Observed) -> Plan;
    let faults: [(&str, &str, Faulty); 6] = [
        (
            "a row that is shown twice is deleted as its own second",
            "ends the live account of a declared object",
            |desired, observed| match &observed.account {
                AccountLookup::Many(rows)
                    if observed.fresh
                        && desired.presence == Presence::Present
                        && observed.holder.is_none()
                        && rows.iter().skip(1).any(|row| row.id == rows[0].id)
                        && is_ours(desired, observed, &rows[0])
                        && rows[0].state == State::Active =>
                {
                    Plan::Do(Effect::Delete {
                        id: rows[0].id.clone(),
                        revoke: false,
                    })
                }
                _ => plan(desired, observed, NOW),
            },
        ),
        (
            "the recorded account is deleted",
            "ends the live account of a declared object",
            |desired, observed| match plan(desired, observed, NOW) {
                Plan::Do(Effect::Disable { id }) if desired.presence == Presence::Present => {
                    Plan::Do(Effect::Delete { id, revoke: true })
                }
                other => other,
            },
        ),
        (
            "the pin of another object is taken for the own one",
            "acts on somebody else's account",
            |desired, observed| {
                let mut believed = desired.clone();
                if let Pin::Foreign { .. } = desired.pin {
                    believed.pin = Pin::Own {
                        alias: observed
                            .account
                            .account()
                            .and_then(|account| account.alias.clone()),
                    };
                }
                plan(&believed, observed, NOW)
            },
        ),
        (
            "an id in the status is believed",
            "acts on somebody else's account",
            |desired, observed| {
                let mut believed = observed.clone();
                if let Some(id) = &observed.recorded.connected_account_id {
                    believed.recorded.record = Some(observed.keys.sign(&desired.own_alias, id));
                }
                plan(desired, &believed, NOW)
            },
        ),
        (
            "the holder is not asked for",
            "acts on an account that another object manages",
            |desired, observed| {
                let believed = Observed {
                    holder: None,
                    ..observed.clone()
                };
                plan(desired, &believed, NOW)
            },
        ),
        (
            "of several accounts the first alone is asked about",
            "acts on an account that another object manages",
            |desired, observed| {
                let believed = Observed {
                    others_held: BTreeSet::new(),
                    ..observed.clone()
                };
                plan(desired, &believed, NOW)
            },
        ),
    ];
    for (fault, rule, faulty) in faults {
        let (_, broken) = judge(60_000, faulty);
        let broken = broken.unwrap_or_else(|| panic!("{fault}: not found"));
        assert!(broken.starts_with(rule), "{fault}: found as {broken}");
    }
}
