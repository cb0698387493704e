use super::*;
use crate::composio::model::State;

#[test]
fn an_account_is_made_once_and_only_after_everything_is_known() {
    check([
        (
            "nothing is known yet",
            object().unmarked(),
            not_looked(),
            looks(Need::Account),
        ),
        (
            "the auth config is read before the first mark",
            object().unmarked(),
            seen_none().auth_config(AuthConfigCheck::NotAsked),
            looks(Need::AuthConfig),
        ),
        (
            "an unfit auth config needs a person",
            object().unmarked(),
            seen_none().auth_config(AuthConfigCheck::Unfit {
                reason: Reason::AuthConfigAmbiguous,
                detail: "ac_1, ac_2".into(),
            }),
            Refuses(Reason::AuthConfigAmbiguous),
        ),
        (
            "finalizer and alias go into the object before the first POST",
            object().unmarked(),
            seen_none(),
            does(pin(ALIAS)),
        ),
        (
            "a finalizer without alias is not enough",
            object().unpinned(),
            seen_none(),
            does(pin(ALIAS)),
        ),
        (
            "an alias without finalizer is not enough",
            object().without_finalizer(),
            seen_none(),
            does(pin(ALIAS)),
        ),
        ("marked: a link is due", object(), seen_none(), does(link())),
        (
            "the alias was changed since it was pinned: an account with the former may show up",
            object().called("support"),
            seen_none(),
            WaitsUntil(Reason::OutcomeUnknown, ago(-60)),
        ),
        (
            "for long enough from when that was noticed",
            object().called("support"),
            seen_none().unknown_since(ago(59)),
            WaitsUntil(Reason::OutcomeUnknown, ago(-1)),
        ),
        (
            "none did: the former alias is taken out",
            object().called("support"),
            seen_none().unknown_since(ago(60)),
            does(Effect::Unpin),
        ),
        (
            "and the declared one is written before the POST",
            object().called("support").unpinned(),
            seen_none(),
            does(pin("support")),
        ),
        (
            "an unknown outcome is waited for",
            object(),
            seen_none().unknown_since(ago(59)),
            WaitsUntil(Reason::OutcomeUnknown, ago(-1)),
        ),
        (
            "a time in the future is not waited for",
            object(),
            seen_none().unknown_since(ago(-9000)),
            WaitsUntil(Reason::OutcomeUnknown, ago(-60)),
        ),
        (
            "after the wait, and a look, the POST is tried again",
            object(),
            seen_none().unknown_since(ago(60)),
            does(link()),
        ),
        (
            "a disabled object, too, has to be connected first",
            object().disabled(),
            seen_none(),
            does(link()),
        ),
    ]);
}

#[test]
fn a_refused_post_takes_the_pin_away_unless_the_alias_is_in_use() {
    check([
        (
            "no account carries the alias",
            object(),
            seen_none().refused(link(), rejected()),
            does(Effect::Unpin),
        ),
        (
            "then a person must help",
            object().unpinned(),
            seen_none().refused(link(), rejected()),
            Refuses(Reason::Rejected),
        ),
        (
            "the same for an account from a Secret",
            object().made_from_secret(),
            seen_none().with_secret().refused(create(), rejected()),
            does(Effect::Unpin),
        ),
        (
            "alias in use: an account does carry it, so the pin stays",
            object(),
            seen_none().refused(link(), failure(Reason::AliasInUse, Answer::Refused(400))),
            Waits(Reason::AliasInUse),
        ),
        (
            "the look after it found the account: it is ours",
            object(),
            seen(account("ca_1"))
                .refused(link(), failure(Reason::AliasInUse, Answer::Refused(400))),
            does(Effect::Adopt),
        ),
    ]);
}

#[test]
fn a_secret_makes_an_account_without_a_person() {
    let secret = || object().made_from_secret();
    check([
        (
            "the Secret was not read",
            secret(),
            seen_none().secret(SecretSeen::NotRead),
            looks(Need::Secret),
        ),
        (
            "it may be delivered in ten seconds",
            secret(),
            seen_none().secret(SecretSeen::Missing("does not exist".into())),
            Waits(Reason::SecretMissing),
        ),
        (
            "what must not be sent is not sent",
            secret(),
            seen_none().secret(SecretSeen::Unfit("holds the operator's own API key".into())),
            Waits(Reason::SecretInvalid),
        ),
        (
            "the account is made",
            secret(),
            seen_none().with_secret(),
            does(create()),
        ),
    ]);
}

#[test]
fn an_account_that_was_found_is_adopted_after_its_checks() {
    let private = || seen(account("ca_1").active());
    check([
        (
            "the marks come first",
            object().unmarked(),
            private(),
            does(pin(ALIAS)),
        ),
        (
            "then it is recorded",
            object(),
            private(),
            does(Effect::Adopt),
        ),
        (
            "an account taken over by id keeps its alias",
            object().unmarked().taking_over("ca_1"),
            seen(account("ca_1").called("theirs").active()),
            does(pin("theirs")),
        ),
        (
            "unless one is declared",
            object().unmarked().taking_over("ca_1").called("ours"),
            seen(account("ca_1").called("theirs").active()),
            does(pin("ours")),
        ),
        (
            "one that has none will get the computed one",
            object().unmarked().taking_over("ca_1"),
            seen(account("ca_1").nameless().active()),
            does(pin(ALIAS)),
        ),
        (
            "somebody else's account",
            object(),
            seen(account("ca_1").with(|row| row.user_id = Some("eve@acme.com".into()))),
            Refuses(Reason::Mismatch),
        ),
        (
            "the list was filtered by user, so a missing user is none",
            object(),
            seen(account("ca_1").with(|row| row.user_id = None)),
            does(Effect::Adopt),
        ),
        (
            "another toolkit",
            object(),
            seen(account("ca_1").with(|row| row.toolkit = "slack".into())),
            Refuses(Reason::Mismatch),
        ),
        (
            "another visibility, which cannot be changed",
            object(),
            seen(account("ca_1").shared(None)),
            Refuses(Reason::Mismatch),
        ),
        (
            "another auth config than the declared one",
            object().through("ac_2"),
            private(),
            Refuses(Reason::Mismatch),
        ),
        (
            "another object has it",
            object(),
            private().held_by("agents/older"),
            Refuses(Reason::Conflict),
        ),
        (
            "another object has it, though we have it recorded",
            object(),
            private().recorded("ca_1").held_by("agents/older"),
            Refuses(Reason::Conflict),
        ),
        (
            "of several the best is adopted",
            object(),
            seen_all(vec![account("ca_2").expired(), account("ca_1").active()]),
            does(Effect::Adopt),
        ),
        (
            "a word that we do not know is not touched",
            object(),
            seen(account("ca_1").is(State::Unknown("PAUSED".into()))).recorded("ca_1"),
            Waits(Reason::UnknownState),
        ),
    ]);
}

#[test]
fn an_account_to_take_over_must_be_there() {
    let import = || object().taking_over("ca_9");
    check([
        (
            "no account is made before the first adoption",
            import(),
            seen_none(),
            Refuses(Reason::AccountNotFound),
        ),
        (
            "after it, what is gone is replaced as any other",
            import(),
            seen_none().recorded("ca_9").with(|observed| {
                observed.recorded.connected_account_id = None;
            }),
            does(link()),
        ),
    ]);
}

#[test]
fn requests_and_gates_decide_whether_a_look_is_taken() {
    let fine = || {
        seen(account("ca_1").active())
            .recorded("ca_1")
            .connected(ago(100))
            .cached()
    };
    check([
        (
            "what is remembered may conclude that there is nothing to do",
            object(),
            fine(),
            nothing(),
        ),
        (
            "a look was asked for",
            object().asking_for_look("now"),
            fine(),
            looks(Need::Account),
        ),
        (
            "it was taken",
            object().asking_for_look("now"),
            fine().handled_look_request("now"),
            nothing(),
        ),
        (
            "that a new link is needless is not concluded from what is remembered",
            object().asking_for_link("now"),
            fine(),
            looks(Need::Account),
        ),
        (
            "an object with nothing to do does not care for the gate",
            object(),
            fine().read_closed(),
            nothing(),
        ),
        (
            "a look needs the right to read",
            object().disabled(),
            fine().read_closed(),
            WaitsUntil(Reason::ProjectUnavailable, ago(-30)),
        ),
        (
            "an effect needs the right to write",
            object().disabled(),
            fine().write_closed().with(|observed| observed.fresh = true),
            WaitsUntil(Reason::ProjectUnavailable, ago(-30)),
        ),
        (
            "in another project nothing is even looked for",
            object().disabled(),
            fine().proof(Proof::Failed),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "what has nothing to do does not hear of it",
            object(),
            fine().proof(Proof::Failed),
            nothing(),
        ),
        (
            "before the proof there are looks",
            object().disabled(),
            fine().proof(Proof::Awaited),
            looks(Need::Account),
        ),
        (
            "and nothing but looks: what is not there is not forgotten",
            object(),
            seen_none().recorded("ca_1").proof(Proof::Awaited),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "a deletion, too",
            object().deleted(DeletionPolicy::Delete),
            fine().write_closed().with(|observed| observed.fresh = true),
            Waits(Reason::ProjectUnavailable),
        ),
    ]);
}
