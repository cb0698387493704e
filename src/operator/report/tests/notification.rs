//! What people are told, as stories of one object.

use std::sync::Arc;

use super::*;
use crate::{
    crd::{DeletionPolicy, NotificationType, PendingNotification},
    notify::NotifyFilter,
};

/// The object, of which people are told.
fn notified() -> DesiredBuilder {
    let mut object = object();
    object.0.flags.notify = Some(Arc::new(NotifyFilter {
        namespaced_projects: true,
        ..NotifyFilter::default()
    }));
    object
}

/// What happens to the object one after the other, each taken by the apiserver and its notification sent.
struct Story {
    object: DesiredBuilder,
    status: ConnectedAccountStatus,
    told: Vec<NotificationType>,
    seconds: i64,
}

impl Story {
    fn of(object: DesiredBuilder) -> Self {
        Self {
            object,
            status: ConnectedAccountStatus::default(),
            told: Vec::new(),
            seconds: 0,
        }
    }

    fn next(&mut self, sight: ObservedBuilder, kind: OutcomeKind) {
        let mut observed = sight.0;
        observed.recorded = self.status.clone();
        let outcome = Outcome { observed, kind };
        self.seconds += 1;
        let now = ago(-self.seconds);
        self.status = report(&self.object.0, &self.status, &outcome, now);
        let again = report(&self.object.0, &self.status, &outcome, now);
        assert_eq!(again, self.status, "at rest nothing is written");
        self.sent();
    }

    /// The receiver takes what is to be told.
    fn sent(&mut self) {
        if let Some(pending) = self.status.pending_notification.take() {
            assert!(pending.is_of("uid-1"));
            self.told.push(pending.type_);
        }
    }

    fn waits(&mut self, reason: Reason) {
        self.next(not_looked(), waiting(reason));
    }

    fn refused(&mut self, reason: Reason) {
        self.next(not_looked(), refused(reason));
    }

    /// A link was issued, and the person is awaited.
    fn linked(&mut self) {
        let row = account("ca_1").is(State::Initiated);
        self.next(
            seen(row.clone()),
            did(Applied::Linked { link: good_link() }),
        );
        self.next(seen(row), waiting(Reason::AwaitingUser));
    }

    fn connected(&mut self) {
        self.next(seen(account("ca_1").active()), OutcomeKind::Settled);
    }
}

use NotificationType::{AwaitingUser, Connected, ReauthorizationRequired, Revoked, WrongIdentity};

#[test]
fn a_person_is_told_to_come_and_that_it_worked_and_what_passes_in_between_is_not_told() {
    let mut story = Story::of(notified());
    story.waits(Reason::Progressing);
    story.linked();
    for passes in [
        Reason::ComposioUnavailable,
        Reason::RateLimited,
        Reason::OutcomeUnknown,
        Reason::ProjectUnavailable,
        Reason::Suspended,
        Reason::NotAllowed,
    ] {
        story.waits(passes);
        story.waits(Reason::AwaitingUser);
    }
    story.refused(Reason::LinkExpired);
    story.refused(Reason::SignInFailed);
    story.linked();
    assert_eq!(story.told, [AwaitingUser]);
    story.connected();
    story.waits(Reason::ComposioUnavailable);
    story.connected();
    assert_eq!(story.told, [AwaitingUser, Connected]);
}

#[test]
fn a_grant_that_dies_is_told_once_until_there_is_another() {
    let mut story = Story::of(notified());
    story.linked();
    story.connected();
    story.told.clear();
    story.refused(Reason::ReauthorizationRequired);
    story.linked();
    story.refused(Reason::ReauthorizationRequired);
    story.linked();
    assert_eq!(story.told, [ReauthorizationRequired]);
    story.connected();
    story.refused(Reason::Revoked);
    assert_eq!(story.told, [ReauthorizationRequired, Connected, Revoked]);
}

#[test]
fn a_grant_that_dies_is_told_as_that_also_where_a_link_is_made_for_it_at_once() {
    let mut story = Story::of(notified());
    story.linked();
    story.connected();
    story.linked();
    story.refused(Reason::ReauthorizationRequired);
    story.linked();
    story.connected();
    assert_eq!(
        story.told,
        [AwaitingUser, Connected, ReauthorizationRequired, Connected]
    );
}

#[test]
fn each_sign_in_of_somebody_else_is_told() {
    let mut story = Story::of(notified());
    story.linked();
    story.refused(Reason::WrongIdentity);
    story.linked();
    story.refused(Reason::FinishedElsewhere);
    story.linked();
    story.connected();
    assert_eq!(
        story.told,
        [AwaitingUser, WrongIdentity, WrongIdentity, Connected]
    );
}

#[rstest]
#[case::active(State::Active, OutcomeKind::Settled)]
#[case::expired_and_refused(State::Expired, refused(Reason::ReauthorizationRequired))]
#[case::expired_and_waited_for(State::Expired, waiting(Reason::AwaitingUser))]
#[case::revoked(State::Revoked, refused(Reason::Revoked))]
#[case::initiated(State::Initiated, waiting(Reason::AwaitingUser))]
#[case::failed(State::Failed, refused(Reason::LinkExpired))]
fn an_account_that_was_found_is_not_told_whatever_its_state(
    #[case] state: State,
    #[case] then: OutcomeKind,
) {
    let mut story = Story::of(notified());
    let sight = seen(account("ca_1").is(state));
    story.next(sight.clone(), did(Applied::Adopted));
    story.next(sight, then);
    assert_eq!(story.told, [], "{:?}", story.status.state);
}

#[test]
fn an_account_that_was_made_before_a_crash_is_told_and_one_of_before_a_restore_is_not() {
    for (account_is_younger, told) in [(true, vec![AwaitingUser]), (false, vec![])] {
        let mut story = Story::of(notified());
        story.object.0.created = Some(ago(60));
        let mut row = account("ca_1").is(State::Initiated);
        row.0.created_at = Some(ago(if account_is_younger { 60 } else { 61 }));
        story.next(seen(row.clone()), did(Applied::Adopted));
        story.next(seen(row.clone()), waiting(Reason::Progressing));
        story.next(seen(row), waiting(Reason::AwaitingUser));
        assert_eq!(story.told, told);
    }
}

#[test]
fn an_account_that_is_made_from_a_secret_is_not_told() {
    let mut story = Story::of(notified().made_from_secret());
    story.next(
        seen(account("ca_1").active()).with_secret(),
        did(Applied::Created),
    );
    story.next(
        seen(account("ca_1").active()).with_secret(),
        OutcomeKind::Settled,
    );
    assert_eq!(story.told, []);
}

#[test]
fn what_was_so_before_notifications_were_turned_on_is_not_told_nor_written() {
    for last in [
        waiting(Reason::AwaitingUser),
        refused(Reason::ReauthorizationRequired),
        OutcomeKind::Settled,
    ] {
        let mut story = Story::of(object());
        let sight = seen(account("ca_1").active());
        story.next(sight.clone(), last.clone());
        assert_eq!(story.status.notification_state, None);
        let before = story.status.clone();
        story.object = notified();
        story.next(sight.clone(), last.clone());
        assert_eq!(story.status, before, "at rest nothing is written");
        story.next(sight.clone(), waiting(Reason::ComposioUnavailable));
        story.next(sight.clone(), last);
        assert_eq!(story.told, []);
        let is_connected = before.says(condition::READY, &[Reason::Connected]);
        story.refused(Reason::ReauthorizationRequired);
        assert_eq!(
            story.told,
            if is_connected {
                vec![ReauthorizationRequired]
            } else {
                vec![]
            }
        );
    }
}

#[test]
fn where_nobody_is_notified_there_is_nothing_of_it_in_the_status() {
    let mut story = Story::of(notified());
    story.linked();
    assert_eq!(story.status.notification_state, Some(AwaitingUser));
    story.object.0.flags.notify = None;
    story.waits(Reason::AwaitingUser);
    story.connected();
    assert_eq!(story.told, [AwaitingUser]);
    assert_eq!(story.status.notification_state, None);
}

#[test]
fn what_was_to_be_told_before_a_restore_is_told_if_it_is_still_so_and_of_who_goes_it_is_not() {
    let mut story = Story::of(notified());
    story.linked();
    story.told.clear();
    for (was_to_be_told, told) in [
        (AwaitingUser, vec![AwaitingUser]),
        (Revoked, vec![Revoked]),
        (Connected, vec![]),
    ] {
        let restored = PendingNotification::new("another", was_to_be_told, NOW);
        story.status.pending_notification = Some(restored);
        story.waits(Reason::AwaitingUser);
        assert_eq!(std::mem::take(&mut story.told), told);
    }
    story.status.pending_notification = Some(PendingNotification::new("uid-1", AwaitingUser, NOW));
    story.object = story.object.clone().deleted(DeletionPolicy::Revoke);
    story.waits(Reason::Deleting);
    assert_eq!(story.told, []);
}

#[test]
fn a_notification_stays_until_it_is_sent_or_something_newer_is_to_be_told() {
    let object = notified();
    let sight = seen(account("ca_1").is(State::Initiated));
    let first = after(&object, &sight, waiting(Reason::AwaitingUser));
    let pending = first.pending_notification.clone().expect("it is told");
    assert_eq!((pending.type_, pending.time.0), (AwaitingUser, NOW));
    let next = |status: &ConnectedAccountStatus, sight: &ObservedBuilder, kind| {
        let mut observed = sight.0.clone();
        observed.recorded = status.clone();
        report(&object.0, status, &Outcome { observed, kind }, ago(-60))
    };
    let failed = next(&first, &sight, waiting(Reason::ComposioUnavailable));
    assert_eq!(failed.pending_notification, Some(pending.clone()));
    let connected = next(
        &failed,
        &seen(account("ca_1").active()),
        OutcomeKind::Settled,
    );
    let newer = connected.pending_notification.expect("it is told");
    assert_eq!((newer.type_, newer.time.0), (Connected, ago(-60)));
}
