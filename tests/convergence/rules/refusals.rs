//! What Composio refused in this pass.

use composio_operator::composio::{Account, State};
use composio_operator::plan::{Answer, Change, Effect, EffectKind, Failure, Rule};

use super::data::Data;
use super::sight::Situation;
use super::{deleting, grant};

/// The account that an effect is about, if it is about one alone.
fn about(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Refresh { id }
        | Effect::Enable { id }
        | Effect::Disable { id }
        | Effect::Revoke { id } => Some(id),
        _ => None,
    }
}

/// Whether Composio refused for good, so that only a person can help.
pub(super) fn is_final(failure: &Failure) -> bool {
    matches!(failure.answer, Answer::Refused(_))
}

impl<'a> Situation<'a> {
    pub(super) fn refusal(&self, kinds: &[EffectKind]) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|refused| kinds.contains(&refused.effect.kind()))?;
        Some(&refused.failure)
    }

    pub(super) fn refused(&self, kind: EffectKind) -> bool {
        self.refusal(&[kind]).is_some()
    }

    /// The refusal of a PATCH like that one.
    pub(super) fn refused_change(&self, is_like: fn(&Change) -> bool) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|refused| refused.effect.change().is_some_and(is_like))?;
        Some(&refused.failure)
    }

    /// That an effect of that kind was refused for that account.
    pub(super) fn refused_for(&self, kind: EffectKind, account: &Account) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|one| {
            one.effect.kind() == kind && about(&one.effect) == Some(account.id.as_str())
        })?;
        Some(&refused.failure)
    }

    /// That to start the sign-in of the account that was found again was refused.
    pub(super) fn refresh_refused(&self) -> Option<&'a Failure> {
        self.refused_for(EffectKind::Refresh, self.account()?)
    }

    /// Composio refused to make the account in this pass.
    pub(super) fn make_refused(&self) -> Option<&'a Failure> {
        self.refusal(&[EffectKind::Link, EffectKind::Create])
    }

    /// The refusal that stands in the way where that rule decides.
    pub(super) fn stopped_by(&self, rule: Rule) -> Option<&'a Failure> {
        match rule {
            Rule::Refused if self.has_grant() => {
                grant::first_refusal(self).or(self.refusal(&[EffectKind::Delete]))
            }
            Rule::Refused => self
                .refusal(&[EffectKind::Delete])
                .or(self.refresh_refused()),
            Rule::CredentialsRejected if self.waits() && self.data() == Data::New => {
                self.refused_change(|change| *change == Change::Credentials)
            }
            Rule::DeletingRefused => {
                let revoke = |account| self.refused_for(EffectKind::Revoke, account);
                self.refusal(&[EffectKind::Delete])
                    .or(deleting::ended(self).and_then(revoke))
            }
            _ => None,
        }
    }

    /// Whether the account was enabled only to be revoked, and is to be disabled again.
    pub(super) fn disables_again(&self) -> bool {
        let is_enabled = |account: &&Account| account.state == State::Active;
        let ended = deleting::ended(self).filter(is_enabled);
        !self.desired.spec.enabled
            && ended.is_some_and(|account| self.refused_for(EffectKind::Disable, account).is_none())
    }
}
