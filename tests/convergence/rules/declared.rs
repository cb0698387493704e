//! When the rules for what is declared hold.

use composio_operator::composio::{Account, State};
use composio_operator::crd::{CredentialsStep, Reason};
use composio_operator::plan::{AuthConfigCheck, Change, EffectKind, Pin, Rule};

use super::data::Data;
use super::grant;
use super::sight::{Situation, after};

use CredentialsStep::{Assumed, Created, Patched, Refused, Remade};

pub(super) fn holds(rule: Rule, sight: &Situation<'_>) -> bool {
    let Situation {
        desired,
        observed,
        now,
    } = *sight;
    let recorded = &observed.recorded;
    let (found, has_record) = (sight.found(), sight.recorded());
    let (makes, has_grant) = (sight.makes(), sight.has_grant());

    let is_kept = sight.is_not_allowed();
    let waits = sight.waits() && !is_kept;
    let signs_in = waits && !sight.has_credentials();
    let (has_secret, data) = (sight.has_credentials(), sight.data());
    let revives = waits && has_secret;
    let is_asked = sight.asked_for_link() || sight.is_corrected();
    let is_held_back = sight.is_on_demand() && !sight.asked_for_link();
    let awaits_first =
        is_held_back && recorded.first_connected_at.is_none() && !sight.is(&[State::Failed]);
    let makes_now = makes && !is_held_back;
    let never_connected = recorded.connected_at.is_none();
    let did_not_help = never_connected && data == Data::Sent(Patched);
    let recreates = revives && (did_not_help || data == Data::NeedsNewAccount);
    match rule {
        Rule::Suspended => {
            let is_told_of = !observed.fresh && desired.has_return(recorded);
            let is_left = !sight.lacks_account() && !is_told_of;
            desired.spec.suspend && is_left && !sight.is_disabled_at_once()
        }
        Rule::DisableAtOnce => sight.is_disabled_at_once(),
        Rule::ProjectMismatch => {
            let is_told_of = !observed.fresh && desired.has_return(recorded);
            let is_unseen = sight.lacks_account() && sight.has_open_sign_in();
            let is_watched = sight.is_signed() && (is_told_of || is_unseen);
            let is_done_with = desired.spec.suspend || desired.moves_here;
            let is_first = is_done_with || is_watched || sight.is_disabled_at_once();
            sight.is_pinned_elsewhere() && !is_first
        }
        Rule::Move => sight.is_pinned_elsewhere() && desired.moves_here,
        Rule::NotVisibleYet => {
            has_record && sight.absent() && sight.hidden() && !sight.is_only_written_down()
        }
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
        Rule::RestoreMarks => {
            let was_pinned = desired.pin.is_own() && desired.pin.alias().is_some();
            let is_restored = match (sight.account(), sight.recorded_id()) {
                (None, _) => was_pinned && sight.absent(),
                (Some(_), None) => was_pinned,
                (Some(account), Some(id)) => {
                    let differs = sight.made_elsewhere(account);
                    let is_it = id == account.id && sight.claim().is_some();
                    let may_be_kept = !sight.is_refused(account);
                    is_it && (was_pinned || (may_be_kept && (sight.is_proved() || !differs)))
                }
            };
            !desired.is_marked() && is_restored
        }
        Rule::DeleteDuplicate => has_record && sight.has_duplicate(),
        Rule::AccountNotFound => {
            makes && desired.spec.connected_account_id.is_some() && recorded.auth_config.is_none()
        }
        Rule::NotAllowed => sight.is_refused_unseen(),
        Rule::FoundNotAllowed => sight.account().is_some_and(|account| match has_record {
            true => sight.is_refused(account),
            false => is_kept,
        }),
        Rule::NoLongerAllowed => is_kept && (has_grant || sight.waits()),
        Rule::CompleteAuth => {
            let effect = sight.completion();
            let is_refused = |effect| observed.refused.iter().any(|one| one.effect == effect);
            signs_in
                && sight.may_still_sign_in()
                && effect.is_some_and(|effect| !is_refused(effect))
        }
        Rule::AwaitUser => {
            let signs_in = sight.waits() && !sight.has_credentials();
            signs_in && !is_asked && sight.link_is_usable()
        }
        Rule::GrantRevoked => signs_in && !is_asked && sight.is(&[State::Revoked]),
        Rule::DisabledAndDead => {
            signs_in && !is_asked && sight.dead() && !desired.spec.enabled && !never_connected
        }
        Rule::LinkOver => {
            let has_issued = recorded.last_link_issued_at.is_some();
            let makes_link = makes && !has_secret && (has_issued || is_held_back);
            let is_lost = sight.link_was_lost() || sight.link_was_taken();
            let has_had_link = signs_in && (is_held_back || !is_lost);
            !is_asked && (makes_link || has_had_link) && !awaits_first
        }
        Rule::AwaitRequest => {
            let may_be_made = makes && sight.may_be_made();
            !is_asked && awaits_first && (signs_in || may_be_made)
        }
        Rule::FinishedElsewhere => sight.is_finished_elsewhere(),
        Rule::NotReturned => sight.return_by().is_some_and(|by| by <= now),
        Rule::WrongIdentity => sight.is_of_another_person(),
        Rule::AwaitReturn => {
            let is_used = desired.spec.enabled && has_grant;
            is_used && sight.return_by().is_some_and(|by| now < by)
        }
        Rule::Enable
        | Rule::Disable
        | Rule::Share
        | Rule::Rotate
        | Rule::Rename
        | Rule::PinAgain => grant::is_open(rule, sight),
        Rule::ReadSecret => (makes || waits || has_grant) && data == Data::Unread,
        Rule::SecretMissing => (makes || waits || has_grant) && data == Data::Missing,
        Rule::SecretInvalid => (makes || waits || has_grant) && data == Data::Invalid,
        Rule::Remake => grant::is_remade(sight) || grant::waits_to_be_remade(sight),
        Rule::AliasInUse => {
            let refusal = match has_grant {
                true => grant::first_refusal(sight).filter(|_| !grant::reads_auth_config(sight)),
                false => sight
                    .make_refused()
                    .filter(|_| sight.absent() && !has_record),
            };
            refusal.is_some_and(|refusal| refusal.reason == Reason::AliasInUse)
        }
        Rule::Refused => {
            let refresh = sight.refresh_refused();
            let is_forbidden = refresh.is_some_and(|one| one.reason == Reason::Forbidden);
            let delete = sight.refused(EffectKind::Delete);
            let cannot_refresh = refresh.is_some() || sight.has_other_data();
            (has_grant && grant::first_refusal(sight).is_some() && !grant::reads_auth_config(sight))
                || grant::refuses_to_make_room(sight)
                || (signs_in && (is_forbidden || (cannot_refresh && delete)))
                || (recreates && delete)
        }
        Rule::DoesNotConverge => grant::does_not_converge(sight),
        Rule::CreationRefused => !has_record && sight.absent() && sight.make_refused().is_some(),
        Rule::Revive => {
            let refused = sight.refused_change(|change| *change == Change::Credentials);
            revives && data == Data::New && refused.is_none()
        }
        Rule::Recreate => recreates,
        Rule::CredentialsRejected => match data {
            Data::Sent(Refused) => waits || has_grant || makes,
            Data::New | Data::Unverifiable | Data::Sent(Created | Remade | Patched | Assumed) => {
                waits
            }
            Data::NotDeclared
            | Data::Unread
            | Data::Missing
            | Data::Invalid
            | Data::NeedsNewAccount => false,
        },
        Rule::MakeRoom => signs_in && (sight.refresh_refused().is_some() || sight.has_other_data()),
        Rule::OutcomeUnknown => {
            let since = recorded.unknown_since.as_ref().map(|since| since.0);
            let is_open = |since| now < after(since, sight.wait());
            (makes_now
                && (since.is_some() || sight.stale())
                && is_open(since.unwrap_or(now).min(now)))
                || (signs_in && since.is_some_and(is_open))
        }
        Rule::SignInAgain => signs_in,
        Rule::DropFormerAlias => makes_now && sight.stale(),
        Rule::FindAuthConfig => {
            let is_unread = observed.auth_config == AuthConfigCheck::NotAsked;
            (makes && is_unread) || grant::reads_auth_config(sight)
        }
        Rule::NoAuthConfig => {
            let is_unread = observed.auth_config == AuthConfigCheck::NotAsked;
            (makes && !is_unread && !sight.may_be_made()) || grant::has_no_auth_config(sight)
        }
        Rule::Mark => {
            let is_pinned = matches!(desired.pin, Pin::Own { alias: Some(_) });
            makes && !(is_pinned && desired.finalizer)
        }
        Rule::Link => makes && !has_secret,
        Rule::Create => makes && has_secret,
        Rule::AuthConfigDisabled => {
            let is_off = |account: &Account| account.auth_config_disabled;
            has_grant && desired.spec.enabled && sight.account().is_some_and(is_off)
        }
        Rule::ConnectionDataChanged => has_grant && sight.has_other_data(),
        Rule::AsDeclared => has_grant,
        // These say something of the rules that come after them.
        Rule::ProjectUnavailable | Rule::LookAfresh | Rule::Unproved => false,
        Rule::DeletingUntouched
        | Rule::DeletingAbandoned
        | Rule::DeletingProjectMismatch
        | Rule::DeletingProjectUnavailable
        | Rule::DeletingMayShowUp
        | Rule::DeletingGone
        | Rule::DeletingNotOurs
        | Rule::DeletingHolderUnknown
        | Rule::DeletingRefused
        | Rule::DeletingOthersFirst
        | Rule::DeletingDelete
        | Rule::DeletingRevoke
        | Rule::DeletingUnused
        | Rule::DeletingRetained
        | Rule::DeletingProviderRefuses
        | Rule::DeletingEnable
        | Rule::DeletingRevoked
        | Rule::DeletingCannotRevoke
        | Rule::DeletingNoGrant => false,
    }
}
