//! What the conditions say: the specific thing first, and each thing once.

use super::*;
use crate::plan::SecretSeen;

fn texts(status: &ConnectedAccountStatus) -> Vec<&str> {
    let messages = status.conditions.iter().map(|one| one.message.as_str());
    messages.filter(|message| !message.is_empty()).collect()
}

/// Each reason with a detail and without, on an object that nobody has looked at, that was ready, and that
/// says the same already.
#[test]
fn no_two_conditions_say_the_same_and_one_of_them_says_all() {
    let mut kept = 0;
    for reason in Reason::all() {
        for detail in ["", "Secret agents/nope does not exist"] {
            let event = || {
                OutcomeKind::Waiting(Wait {
                    reason,
                    detail: detail.to_owned(),
                    until: None,
                })
            };
            let known = || match reason {
                // It is said with the link alone.
                Reason::AwaitingUser => seen(account("ca_1")).recorded("ca_1").good_link(),
                _ => seen(account("ca_1").active()).recorded("ca_1"),
            };
            let ready = after(&object(), &known(), OutcomeKind::Settled);
            let again = |status: &ConnectedAccountStatus| {
                known().with(|observed| {
                    let link = observed.recorded.link.take();
                    observed.recorded = status.clone();
                    observed.recorded.link = link;
                })
            };
            let at_first = after(&object(), &seen_none().good_link(), event());
            let then = after(&object(), &again(&ready), event());
            let same = after(&object(), &again(&then), event());
            for status in [&at_first, &then, &same] {
                let texts = texts(status);
                let mut once = texts.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), texts.len(), "{reason}: {texts:#?}");
                // With a link that was issued, who is waited for may be content.
                let told = status
                    .full_message(reason.as_str())
                    .expect("the reason says something");
                assert!(told.starts_with(detail), "{told}");
                assert!(told.contains(reason.meaning()), "{told}");
                kept += usize::from(texts.len() == 3);
            }
            assert_eq!(same.conditions, then.conditions, "{reason}");
        }
    }
    assert!(
        kept >= 20,
        "Ready speaks of something else {kept} times only"
    );
}

/// Before, a sentence stood in three conditions.
#[test]
fn a_status_is_smaller_for_it() {
    let status = after(
        &object().made_from_secret(),
        &seen_none().secret(SecretSeen::Missing("does not exist".into())),
        OutcomeKind::Waiting(Wait {
            reason: Reason::SecretMissing,
            detail: "Secret agents/gmail-key does not exist".to_owned(),
            until: None,
        }),
    );
    let told = status
        .full_message(Reason::SecretMissing.as_str())
        .expect("it is told");
    let thrice = 3 * told.len();
    let written: usize = texts(&status).iter().map(|text| text.len()).sum();
    assert!(
        3 * written < 2 * thrice,
        "{written} bytes of at most {thrice}"
    );
}

#[test]
fn no_status_says_that_a_link_is_waited_for_without_the_link() {
    let awaiting = || {
        OutcomeKind::Waiting(Wait {
            reason: Reason::AwaitingUser,
            detail: String::new(),
            until: None,
        })
    };
    let ours = || seen(account("ca_1")).recorded("ca_1").link_issued(ago(600));
    let says = |sight: &ObservedBuilder| {
        let status = after(&object(), sight, awaiting());
        let synced = status.condition(condition::SYNCED).expect("always there");
        synced.reason.clone()
    };
    assert_eq!(says(&ours().good_link()), "AwaitingUser");
    assert_eq!(says(&ours().link_until(ago(0))), "LinkExpired");
    let once = ours().once_connected().link_until(ago(0));
    assert_eq!(says(&once), "ReauthorizationRequired");
}

#[test]
fn an_object_that_is_content_with_a_link_says_how_the_sign_in_ended() {
    let told = |reason, detail: &str| {
        let sight = seen(account("ca_1").is(State::Failed))
            .recorded("ca_1")
            .link_issued(ago(60));
        let event = OutcomeKind::Waiting(Wait {
            reason,
            detail: detail.to_owned(),
            until: None,
        });
        let status = after(&object().ready_with_link(), &sight, event);
        let ready = status.condition(condition::READY).expect("it is there");
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("True", "LinkIssued")
        );
        let (told, _) = ready.message.split_once(". ").unwrap_or_default();
        told.to_owned()
    };
    let why = "server_error";
    assert_eq!(
        told(Reason::SignInFailed, why),
        "sign in failed: server_error"
    );
    assert_eq!(told(Reason::SignInDeclined, ""), "sign in declined");
    assert_eq!(told(Reason::IdentityRefused, ""), "identity refused");
}
