//! Which data is the same, and what no PATCH takes.

use super::*;
use crate::{composio::model::Sensitive, crd::Scheme, plan::Observed, record::RecordKeys};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What a scheme of which no PATCH takes anything asks for.
fn machine() -> DesiredBuilder {
    wanted().of_scheme(Scheme::S2sOauth2)
}

#[test]
fn the_same_data_is_not_sent_again_whatever_happened_to_the_secret() {
    let active = || ours(State::Active);
    let as_sent = || active().with_data("uid/7", &[]).sent("uid/7", Created);
    let with_key = |key: &'static [u8]| {
        move |observed: &mut Observed| {
            observed.keys = RecordKeys::derive(key, &crate::plan::Flags::default().project);
        }
    };
    check([
        (
            "a label on the Secret",
            wanted(),
            as_sent().with(|observed| written(observed, "uid/8")),
            nothing(),
        ),
        (
            "the same under a new uid",
            wanted(),
            as_sent().with(|observed| written(observed, "other/1")),
            nothing(),
        ),
        (
            "sent to another account",
            wanted(),
            active()
                .recorded("ca_2")
                .sent("uid/7", Created)
                .recorded("ca_1"),
            does(send()),
        ),
        (
            "the API key was rotated, and the Secret was not written",
            wanted(),
            as_sent().with(with_key(b"another")),
            nothing(),
        ),
        (
            "both: it is sent once",
            wanted(),
            as_sent()
                .with(with_key(b"another"))
                .with(|observed| written(observed, "uid/8")),
            does(send()),
        ),
    ]);
}

#[test]
fn what_no_patch_takes_makes_the_account_anew_once() {
    let subdomain = |name: &'static str| [("subdomain", name)];
    let sent = |desired: &DesiredBuilder, now: &'static str| {
        ours(State::Active)
            .with_data("uid/8", &subdomain(now))
            .sent_as(&desired.0, "uid/8", &subdomain("acme"), Created)
            .with(|observed| written(observed, "uid/9"))
            .auth_config(fit())
    };
    let again = |connected: i64| {
        sent(&wanted(), "other")
            .connected(ago(connected))
            .with(|observed| {
                let sent = observed.recorded.credentials.as_mut();
                sent.expect("it was sent").step = CredentialsStep::Remade;
            })
    };
    let other_key = |desired: &DesiredBuilder| {
        ours(State::Active)
            .with_data("uid/9", &[])
            .sent_as(&desired.0, "uid/8", &[], Created)
            .auth_config(fit())
    };
    let rotated = |sight: ObservedBuilder| {
        sight.with(|observed| {
            observed.keys = RecordKeys::derive(b"another", &crate::plan::Flags::default().project);
        })
    };
    check([
        (
            "the subdomain is another one",
            wanted(),
            sent(&wanted(), "other"),
            does(delete(false)),
        ),
        (
            "first it is asked what the next can be made from",
            wanted(),
            sent(&wanted(), "other").auth_config(AuthConfigCheck::NotAsked),
            looks(Need::AuthConfig),
        ),
        (
            "of nothing: the live account stays",
            wanted(),
            sent(&wanted(), "other").auth_config(AuthConfigCheck::Unfit {
                reason: Reason::AuthConfigDisabled,
                detail: "ac_1".into(),
            }),
            Refuses(Reason::AuthConfigDisabled),
        ),
        (
            "whoever writes the Secret again and again has it made anew once an hour",
            wanted(),
            again(3599),
            Waits(Reason::DoesNotConverge),
        ),
        (
            "and is told when",
            wanted(),
            again(3599),
            WaitsUntil(Reason::DoesNotConverge, ago(-1)),
        ),
        (
            "a time in the future is not waited for",
            wanted(),
            again(-9000),
            WaitsUntil(Reason::DoesNotConverge, ago(-3600)),
        ),
        ("and then again", wanted(), again(3600), does(delete(false))),
        (
            "what cannot be told ends no live account",
            machine(),
            rotated(other_key(&machine())),
            nothing(),
        ),
        (
            "it is the same, and so is the key",
            wanted(),
            sent(&wanted(), "acme"),
            nothing(),
        ),
        (
            "it cannot be deleted",
            wanted(),
            sent(&wanted(), "other").refused(delete(false), rejected()),
            Refuses(Reason::Rejected),
        ),
        (
            "client credentials cannot be patched",
            machine(),
            other_key(&machine()),
            does(delete(false)),
        ),
        ("a key can", wanted(), other_key(&wanted()), does(send())),
        (
            "of an account that was found nothing is known, and it is left alone",
            machine(),
            ours(State::Active),
            nothing(),
        ),
        (
            "what was refused is not tried again",
            wanted(),
            seen_none()
                .with_secret()
                .sent("uid/7", Refused)
                .with(|observed| observed.recorded.observed_generation = Some(1)),
            Refuses(Reason::CredentialsRejected),
        ),
        (
            "but for another declaration",
            wanted(),
            seen_none()
                .with_secret()
                .sent("uid/7", Refused)
                .with(|observed| observed.recorded.observed_generation = Some(0)),
            does(create()),
        ),
        (
            "an account that is there is given it once more, too",
            wanted(),
            ours(State::Active)
                .sent("uid/7", Refused)
                .with(|observed| observed.recorded.observed_generation = Some(0)),
            does(send()),
        ),
        (
            "other data is",
            wanted(),
            seen_none()
                .with_secret()
                .sent("uid/6", Refused)
                .with(|observed| observed.recorded.observed_generation = Some(1)),
            does(create()),
        ),
    ]);
}

#[test]
fn what_was_sent_may_have_worked_before_the_account_shows_it() {
    let dead = |seconds: i64| {
        ours(State::Expired)
            .sent("uid/7", Patched)
            .with(move |observed| {
                observed.recorded.connected_at = None;
                let sent = observed.recorded.credentials.as_mut();
                sent.expect("it was sent").at = Some(Time(ago(seconds)));
            })
    };
    let wait = crate::plan::Flags::default().unknown_outcome_wait.as_secs();
    check([
        (
            "a look may lag behind the PATCH",
            wanted(),
            dead(wait - 1),
            Waits(Reason::Progressing),
        ),
        (
            "then it did not help",
            wanted(),
            dead(wait),
            does(delete(false)),
        ),
        (
            "a time that is to come is no reason to wait for it",
            wanted(),
            dead(-86_400),
            Waits(Reason::Progressing),
        ),
        (
            "it is known since when it is dead",
            wanted(),
            ours(State::Expired).sent("uid/7", Created),
            Refuses(Reason::CredentialsRejected),
        ),
    ]);
}

#[test]
fn no_patch_is_sent_that_would_hold_nothing() {
    let only_subdomain = |observed: &mut Observed| {
        observed.secret = SecretSeen::Present {
            version: build::version("uid/7"),
            values: [("subdomain".into(), Sensitive::new("acme"))].into(),
        };
    };
    check([(
        "an account that was found, and a Secret of which no PATCH takes anything",
        wanted(),
        ours(State::Active).with(only_subdomain),
        nothing(),
    )]);
}

#[test]
fn a_secret_that_was_not_read_is_no_other_one() {
    let ObservedBuilder(observed) = ours(State::Active).sent("uid/6", Created);
    let sent = observed.recorded.credentials.expect("it was sent");
    let change = |secret: &SecretSeen| {
        crate::plan::credentials::change(&wanted().0, &observed.keys, secret, &sent)
    };
    assert_eq!(change(&observed.secret), SecretChange::Patchable);
    for secret in [SecretSeen::NotUsed, SecretSeen::NotRead, missing(), unfit()] {
        assert_eq!(change(&secret), SecretChange::Same, "{secret:?}");
    }
}

/// The Secret was written since, with the same data.
fn written(observed: &mut Observed, version_now: &str) {
    if let SecretSeen::Present { version, .. } = &mut observed.secret {
        *version = build::version(version_now);
    }
}

fn fit() -> AuthConfigCheck {
    AuthConfigCheck::Fit("ac_1".into())
}
