use super::*;
use crate::plan::SecretSeen;

fn wanted() -> DesiredBuilder {
    object().made_from_secret()
}

fn ours(state: State) -> ObservedBuilder {
    seen(account("ca_1").is(state.clone()))
        .recorded("ca_1")
        .recorded_state(state)
        .connected(ago(100))
        .with_secret()
}

fn rotated() -> OutcomeKind {
    did(Applied::Rotated)
}

fn step(status: &ConnectedAccountStatus) -> Option<(String, CredentialsStep)> {
    let sent = status.credentials.as_ref()?;
    let version = format!("{}/{}", sent.uid, sent.resource_version);
    Some((version, sent.step))
}

fn refused_values() -> OutcomeKind {
    failed(Reason::CredentialsRejected, Answer::Refused(400))
}

#[rstest]
#[case::accepted(
    ours(State::Active).sent("uid/6", CredentialsStep::Created),
    rotated(),
    Some(("uid/7", CredentialsStep::Patched))
)]
#[case::refused(
    ours(State::Active).sent("uid/6", CredentialsStep::Created),
    refused_values(),
    Some(("uid/7", CredentialsStep::Refused))
)]
#[case::an_unknown_outcome_it_is_sent_again(
    ours(State::Active).sent("uid/6", CredentialsStep::Created),
    failed(Reason::OutcomeUnknown, Answer::Unknown),
    Some(("uid/6", CredentialsStep::Created))
)]
#[case::another_call_was_refused(
    ours(State::Active).sent("uid/6", CredentialsStep::Created),
    OutcomeKind::Failed(rejected()),
    Some(("uid/6", CredentialsStep::Created))
)]
#[case::the_secret_is_gone(
    ours(State::Active)
        .sent("uid/6", CredentialsStep::Created)
        .secret(SecretSeen::Missing("does not exist".into())),
    waiting(Reason::SecretMissing),
    Some(("uid/6", CredentialsStep::Created))
)]
#[case::of_another_account_nothing_is_known(
    ours(State::Active)
        .recorded("ca_0")
        .sent("uid/7", CredentialsStep::Created),
    did(Applied::Adopted),
    None
)]
#[case::nor_of_the_next_one_when_this_one_is_gone(
    seen_none()
        .recorded("ca_1")
        .sent("uid/7", CredentialsStep::Patched),
    did(Applied::Deleted),
    None
)]
fn what_was_sent_and_what_came_of_it_is_recorded(
    #[case] sight: ObservedBuilder,
    #[case] event: OutcomeKind,
    #[case] expected: Option<(&str, CredentialsStep)>,
) {
    let before = sight.0.recorded.clone();
    let status = after(&wanted(), &sight, event);
    let expected = expected.map(|(version, step)| (version.to_owned(), step));
    assert_eq!(step(&status), expected);
    let is_new = expected.is_some_and(|(version, _)| version.as_str() == "uid/7");
    let adopted = before.connected_account_id.as_deref() == Some("ca_0");
    assert_eq!(
        must_be_kept(&before, &status),
        // That an outcome is unknown must not be forgotten either.
        is_new || adopted || status.unknown_since.is_some()
    );
}

#[test]
fn whether_a_version_brought_the_account_to_life_can_be_told_later() {
    let sent = |state| after(&wanted(), &ours(state), rotated());
    assert_eq!(
        sent(State::Active).connected_at,
        Some(MicroTime(ago(100))),
        "it was alive all the time"
    );
    let status = sent(State::Expired);
    assert_eq!(status.connected_at, None, "not yet");
    assert_eq!(status.first_connected_at, Some(MicroTime(ago(100))));
    let alive = ours(State::Active).with(|observed| observed.recorded = status);
    let status = after(&wanted(), &alive, OutcomeKind::Settled);
    assert_eq!(status.connected_at, Some(MicroTime(NOW)), "it did");
}

#[test]
fn a_refusal_that_stands_keeps_what_was_said_when_it_came() {
    let refusal = |detail: &str| {
        OutcomeKind::Refused(Refusal {
            reason: Reason::CredentialsRejected,
            detail: detail.into(),
        })
    };
    let message = |status: &ConnectedAccountStatus| {
        status
            .full_message(Reason::CredentialsRejected.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let first = after(&wanted(), &ours(State::Active), refusal("request 7"));
    assert!(message(&first).contains("request 7"));
    let again = ours(State::Active).with(|observed| observed.recorded = first.clone());
    assert_eq!(after(&wanted(), &again, refusal("")), first);
    let other = after(&wanted(), &again, refusal("request 8"));
    assert!(message(&other).contains("request 8"));
    let lost = after(&wanted(), &ours(State::Active), refusal(""));
    assert_eq!(message(&lost), Reason::CredentialsRejected.meaning());
}
