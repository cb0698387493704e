use super::*;
use crate::{composio::model::State, crd::CredentialsStep};
use CredentialsStep::{Created, Patched, Refused};

mod data;

fn wanted() -> DesiredBuilder {
    object().made_from_secret()
}

/// Our account, in that state, with a Secret at version `uid/7`.
fn ours(state: State) -> ObservedBuilder {
    seen(account("ca_1").is(state))
        .recorded("ca_1")
        .connected(ago(100))
        .with_secret()
        .with(|observed| observed.recorded.observed_generation = Some(1))
}

fn missing() -> SecretSeen {
    SecretSeen::Missing("does not exist".into())
}

fn unfit() -> SecretSeen {
    SecretSeen::Unfit("is of the type kubernetes.io/tls, which is never sent".into())
}

fn refused_values() -> Failure {
    failure(Reason::CredentialsRejected, Answer::Refused(400))
}

#[test]
fn each_version_of_the_secret_is_sent_once() {
    let active = || ours(State::Active);
    check([
        (
            "the version that the account was made from",
            wanted(),
            active().sent("uid/7", Created),
            nothing(),
        ),
        (
            "the version that was sent last",
            wanted(),
            active().sent("uid/7", Patched),
            nothing(),
        ),
        (
            "a new one",
            wanted(),
            active().sent("uid/6", Patched),
            does(send()),
        ),
        (
            "the same version number of another Secret of that name",
            wanted(),
            active().sent("older/7", Created),
            does(send()),
        ),
        (
            "what was sent before the status was lost is not known",
            wanted(),
            active(),
            does(send()),
        ),
        (
            "one that was refused is not sent again",
            wanted(),
            active().sent("uid/7", Refused),
            Refuses(Reason::CredentialsRejected),
        ),
        (
            "the one after it is",
            wanted(),
            active().sent("uid/6", Refused),
            does(send()),
        ),
        (
            "a disabled account gets it, too",
            wanted().disabled(),
            ours(State::Inactive).sent("uid/6", Created),
            does(send()),
        ),
        (
            "a call that may not be made now is made later",
            wanted(),
            active()
                .refused(send(), failure(Reason::Forbidden, Answer::Refused(403)))
                .sent("uid/6", Created),
            Refuses(Reason::Forbidden),
        ),
        (
            "nobody's Secret is looked for where none is declared",
            object(),
            active().secret(SecretSeen::NotRead),
            nothing(),
        ),
    ]);
}

#[test]
fn the_secret_has_its_place_among_the_differences() {
    let shared = || wanted().shared_with(&["a"], &[]).called("support");
    let row = |state| {
        ours(state).with(|observed| {
            let account = observed.account.account_mut("ca_1").expect("it is there");
            account.visibility = crate::composio::model::Visibility::Shared;
            account.sharing = Some(Default::default());
        })
    };
    let unshared = || wanted().called("support").disabled();
    check([
        (
            "what takes rights away comes first",
            shared().disabled(),
            row(State::Active),
            does(disable()),
        ),
        (
            "then the Secret, before the alias",
            unshared(),
            ours(State::Inactive),
            does(send()),
        ),
        (
            "then the alias",
            unshared(),
            ours(State::Inactive).sent("uid/7", Patched),
            does(rename("support")),
        ),
        (
            "a refusal stops nothing that comes after it",
            unshared(),
            ours(State::Inactive)
                .sent("uid/7", Refused)
                .refused(send(), refused_values()),
            does(rename("support")),
        ),
        (
            "a missing Secret stops no Disable",
            wanted().disabled(),
            ours(State::Active).secret(missing()),
            does(disable()),
        ),
        (
            "an unfit one neither",
            wanted().disabled(),
            ours(State::Active).secret(unfit()),
            does(disable()),
        ),
        (
            "nor does one that was not read",
            wanted().disabled(),
            ours(State::Active).secret(SecretSeen::NotRead),
            does(disable()),
        ),
        (
            "nor an alias",
            unshared(),
            ours(State::Inactive).secret(missing()),
            does(rename("support")),
        ),
        (
            "when all else is done, what is missing is told",
            wanted(),
            ours(State::Active).sent("uid/7", Created).secret(missing()),
            Waits(Reason::SecretMissing),
        ),
        (
            "and what must not be sent",
            wanted(),
            ours(State::Active).sent("uid/7", Created).secret(unfit()),
            Waits(Reason::SecretInvalid),
        ),
        (
            "what Composio refused comes before what is missing",
            unshared(),
            ours(State::Inactive)
                .secret(missing())
                .refused(rename("a"), rejected()),
            Refuses(Reason::Rejected),
        ),
    ]);
}

#[test]
fn a_dead_account_is_revived_by_a_new_version_or_made_anew_once() {
    for state in [
        State::Initializing,
        State::Initiated,
        State::Expired,
        State::Failed,
        State::Revoked,
    ] {
        let dead = || ours(state.clone());
        let tried = || {
            dead()
                .sent("uid/7", Patched)
                .with(|observed| observed.recorded.connected_at = None)
        };
        check([
            (
                "the version that it had when it died does not help",
                wanted(),
                dead().sent("uid/7", Created),
                Refuses(Reason::CredentialsRejected),
            ),
            (
                "a new one may",
                wanted(),
                dead().sent("uid/6", Created),
                does(send()),
            ),
            (
                "also when the one before was refused",
                wanted(),
                dead().sent("uid/6", Refused),
                does(send()),
            ),
            (
                "it did not: the account makes room for another, without revocation",
                wanted(),
                tried(),
                does(delete(false)),
            ),
            (
                "which is refused",
                wanted(),
                tried().refused(delete(false), rejected()),
                Refuses(Reason::Rejected),
            ),
            (
                "it did, and the account died again: no second try with the same",
                wanted(),
                dead().sent("uid/7", Patched),
                Refuses(Reason::CredentialsRejected),
            ),
            (
                "refused: not sent again",
                wanted(),
                dead()
                    .sent("uid/7", Refused)
                    .refused(send(), refused_values()),
                Refuses(Reason::CredentialsRejected),
            ),
            (
                "no Secret, no try",
                wanted(),
                tried().secret(missing()),
                Waits(Reason::SecretMissing),
            ),
            (
                "nor with one that must not be sent",
                wanted(),
                dead().secret(unfit()),
                Waits(Reason::SecretInvalid),
            ),
            (
                "never is a person asked, not on request either",
                wanted().asking_for_link("now"),
                dead().sent("uid/7", Created),
                Refuses(Reason::CredentialsRejected),
            ),
        ]);
    }
    check([(
        "the room is made: the account is made anew",
        wanted(),
        seen_none().with_secret(),
        does(create()),
    )]);
}

#[test]
fn what_is_remembered_is_enough_to_read_the_secret_and_to_find_it_unchanged() {
    let cached = || ours(State::Active).sent("uid/7", Created).cached();
    let unread = || cached().secret(SecretSeen::NotRead);
    check([
        ("it is read first", wanted(), unread(), looks(Need::Secret)),
        (
            "Composio is not needed for that",
            wanted(),
            unread().read_closed(),
            looks(Need::Secret),
        ),
        ("unchanged: nothing is asked", wanted(), cached(), nothing()),
        (
            "missing: nothing is asked",
            wanted(),
            cached().secret(missing()),
            Waits(Reason::SecretMissing),
        ),
        (
            "changed: the account is looked at before anything is sent",
            wanted(),
            ours(State::Active).sent("uid/6", Created).cached(),
            looks(Need::Account),
        ),
        (
            "what else is to be done does not wait for it",
            wanted().disabled(),
            unread(),
            looks(Need::Account),
        ),
        (
            "a look that was asked for is one at the account",
            wanted().asking_for_look("now"),
            unread(),
            looks(Need::Account),
        ),
        (
            "and then at the Secret",
            wanted().asking_for_look("now"),
            unread().with(|observed| observed.fresh = true),
            looks(Need::Secret),
        ),
        (
            "a suspended object's Secret is not read",
            wanted().suspended(),
            unread(),
            Waits(Reason::Suspended),
        ),
    ]);
}
