//! How often each rule decided, and each variant of a plan was taken.

use std::collections::BTreeMap;

use composio_operator::plan::{ChangeKind, Decision, EffectKind, Need, Plan, Rule};
use strum::IntoEnumIterator;

/// How often each rule and each variant of a plan was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) rules: BTreeMap<Rule, u64>,
    pub(crate) variants: BTreeMap<String, u64>,
    /// How many looks found their account twice in one list.
    pub(crate) repeated: u64,
    /// How many decisions were over an object whose account on record is in another project.
    pub(crate) elsewhere: u64,
    /// How many passes were over an object that its project does not allow.
    pub(crate) refused: u64,
    /// Passes over an object of which no more was kept than its summary.
    pub(crate) at_rest: u64,
    /// Passes that did not even read it.
    pub(crate) concluded: u64,
}

impl Taken {
    pub(crate) fn count(&mut self, decision: &Decision) {
        *self.rules.entry(decision.rule).or_default() += 1;
        *self.variants.entry(variant(&decision.plan)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Taken) {
        self.repeated += other.repeated;
        self.elsewhere += other.elsewhere;
        self.refused += other.refused;
        self.at_rest += other.at_rest;
        self.concluded += other.concluded;
        for (rule, count) in other.rules {
            *self.rules.entry(rule).or_default() += count;
        }
        for (variant, count) in other.variants {
            *self.variants.entry(variant).or_default() += count;
        }
    }
}

fn variant(plan: &Plan) -> String {
    match plan {
        Plan::Nothing => "Nothing".to_owned(),
        Plan::Wait(_) => "Wait".to_owned(),
        Plan::Refuse(_) => "Refuse".to_owned(),
        Plan::Look(need) => format!("Look({need:?})"),
        Plan::Do(effect) => effect.to_string(),
    }
}

/// Every variant that there is.
pub(crate) fn variants() -> Vec<String> {
    let needs = [Need::Account, Need::AuthConfig, Need::Secret];
    let looks = needs.iter().map(|need| format!("Look({need:?})"));
    let kinds = EffectKind::iter().filter(|kind| *kind != EffectKind::Patch);
    let kinds = kinds.map(|kind| <&str>::from(kind).to_owned());
    let changes = ChangeKind::iter().map(|change| format!("Patch({})", <&str>::from(change)));
    ["Nothing", "Wait", "Refuse"]
        .map(str::to_owned)
        .into_iter()
        .chain(looks)
        .chain(kinds)
        .chain(changes)
        .collect()
}
