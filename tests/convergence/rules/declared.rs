//! When the rules for what is declared hold.

use composio_operator::composio::State;
use composio_operator::crd::{CredentialsStep, Reason};
use composio_operator::plan::{AuthConfigCheck, Change, Kind, Pin, Rule, SecretSeen};

use super::grant::{self, was_sent};
use super::sight::{Sight, after};

use CredentialsStep::{Created, Patched, Refused};

pub(super) fn holds(rule: Rule, sight: &Sight<'_>) -> bool {
    let Sight {
        desired,
        observed,
        now,
    } = *sight;
    let recorded = &observed.recorded;
    let (found, has_record) = (sight.found(), sight.recorded());
    let (makes, waits, has_grant) = (sight.makes(), sight.waits(), sight.has_grant());
    let signs_in = waits && !sight.has_credentials();
    let has_secret = sight.has_credentials();
    let revives = waits && has_secret;
    let never_connected = recorded.connected_at.is_none();
    match rule {
        Rule::Suspended => desired.spec.suspend && !sight.lacks_account(),
        Rule::NotVisibleYet => has_record && sight.absent() && sight.hidden(),
        Rule::AccountGone => has_record && sight.absent(),
        Rule::NotOurs => {
            let is_proved = sight.has_own()
                || observed.holder.is_some()
                || sight.is_copy()
                || !sight.may_be_true();
            has_record && found && sight.claim().is_none() && is_proved
        }
        Rule::HeldByAnother => found && observed.holder.is_some(),
        // One on record that the object cannot claim is not its own, whatever else it is.
        Rule::Mismatch => sight
            .account()
            .is_some_and(|account| match sight.recorded_id() {
                Some(id) => {
                    sight.claim().is_some() && (id != account.id || sight.made_elsewhere(account))
                }
                None => sight.mismatched(account),
            }),
        Rule::HolderUnknown => {
            let account = sight.account();
            !has_record && account.is_some_and(|account| sight.may_be_anothers(account))
        }
        Rule::Adopt => found && !has_record,
        Rule::UnknownState => has_record && sight.state_is_unknown(),
        Rule::RestoreMarks => has_record && found && !desired.is_marked(),
        Rule::DeleteDuplicate => has_record && sight.has_duplicate(),
        Rule::AccountNotFound => {
            makes && desired.spec.connected_account_id.is_some() && recorded.auth_config.is_none()
        }
        Rule::AwaitUser => signs_in && !sight.asked() && sight.link_is_usable(),
        Rule::GrantRevoked => signs_in && !sight.asked() && sight.is(&[State::Revoked]),
        Rule::DisabledAndDead => {
            signs_in && !sight.asked() && sight.dead() && !desired.spec.enabled && !never_connected
        }
        Rule::LinkOver => {
            let makes_link = makes && !has_secret && recorded.last_link_issued_at.is_some();
            let has_had_link = signs_in && !sight.link_was_lost() && !sight.link_was_taken();
            !sight.asked() && (makes_link || has_had_link)
        }
        Rule::Enable
        | Rule::Disable
        | Rule::Share
        | Rule::Rotate
        | Rule::Rename
        | Rule::PinAgain => grant::is_open(rule, sight),
        Rule::ReadSecret => has_secret && (makes || waits || has_grant) && sight.secret_unread(),
        Rule::AliasInUse => {
            let refusal = match has_grant {
                true => grant::first_refusal(sight),
                false => sight
                    .make_refused()
                    .filter(|_| sight.absent() && !has_record),
            };
            refusal.is_some_and(|refusal| refusal.reason == Reason::AliasInUse)
        }
        Rule::Refused => {
            let refresh = sight.refusal(&[Kind::Refresh]);
            let is_forbidden = refresh.is_some_and(|one| one.reason == Reason::Forbidden);
            let delete = sight.refused(Kind::Delete);
            (has_grant && grant::first_refusal(sight).is_some())
                || (signs_in && (is_forbidden || (refresh.is_some() && delete)))
                || (revives && never_connected && was_sent(sight, &[Patched]) && delete)
        }
        Rule::DoesNotConverge => grant::does_not_converge(sight),
        Rule::SecretMissing => {
            let is_missing = matches!(observed.secret, SecretSeen::Missing(_));
            has_secret && (makes || waits || has_grant) && is_missing
        }
        Rule::CreationRefused => !has_record && sight.absent() && sight.make_refused().is_some(),
        Rule::Revive => {
            let refused = sight.refused_change(|change| *change == Change::Credentials);
            revives && sight.version_is_new() && refused.is_none()
        }
        Rule::Recreate => revives && never_connected && was_sent(sight, &[Patched]),
        Rule::CredentialsRejected => {
            let is_unfit = matches!(observed.secret, SecretSeen::Unfit(_));
            let is_refused = was_sent(sight, &[Refused]);
            let did_not_help =
                sight.version_is_new() || was_sent(sight, &[Created, Patched, Refused]);
            has_secret
                && ((is_unfit && makes)
                    || (waits && (is_unfit || did_not_help))
                    || (has_grant && (is_unfit || is_refused)))
        }
        Rule::MakeRoom => signs_in && sight.refused(Kind::Refresh),
        Rule::OutcomeUnknown => {
            let since = recorded.unknown_since.as_ref().map(|since| since.0);
            let is_open = |since| now < after(since, sight.wait());
            (makes && (since.is_some() || sight.stale()) && is_open(since.unwrap_or(now).min(now)))
                || (signs_in && since.is_some_and(is_open))
        }
        Rule::SignInAgain => signs_in,
        Rule::DropFormerAlias => makes && sight.stale(),
        Rule::FindAuthConfig => makes && observed.auth_config == AuthConfigCheck::NotAsked,
        Rule::NoAuthConfig => {
            makes && matches!(observed.auth_config, AuthConfigCheck::Unfit { .. })
        }
        Rule::Mark => {
            let is_pinned = matches!(desired.pin, Pin::Own { alias: Some(_) });
            makes && !(is_pinned && desired.finalizer)
        }
        Rule::Link => makes && !has_secret,
        Rule::Create => makes && has_secret,
        Rule::AsDeclared => has_grant,
        _ => false,
    }
}
