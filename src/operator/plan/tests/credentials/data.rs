//! Which data is the same, and what no PATCH takes.

use super::*;
use crate::{crd::Scheme, plan::Observed, record::RecordKeys};

/// What a scheme of which no PATCH takes anything asks for.
fn machine() -> Wanted {
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
    let sent = |desired: &Wanted, now: &'static str| {
        ours(State::Active)
            .with_data("uid/8", &subdomain(now))
            .sent_as(&desired.0, "uid/8", &subdomain("acme"), Created)
            .with(|observed| written(observed, "uid/9"))
    };
    let other_key = |desired: &Wanted| {
        ours(State::Active)
            .with_data("uid/9", &[])
            .sent_as(&desired.0, "uid/8", &[], Created)
    };
    check([
        (
            "the subdomain is another one",
            wanted(),
            sent(&wanted(), "other"),
            does(delete(false)),
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

/// The Secret was written since, with the same data.
fn written(observed: &mut Observed, version_now: &str) {
    if let SecretSeen::Present { version, .. } = &mut observed.secret {
        *version = build::version(version_now);
    }
}
