use super::*;

fn flags(prefix: &str) -> Flags {
    Flags {
        alias_prefix: prefix.to_owned(),
        ..Flags::default()
    }
}

/// The pin that an operator of that prefix writes into an object with its computed alias.
fn written(prefix: &str, namespace: &str, name: &str) -> String {
    let alias = computed_alias(prefix, namespace, name);
    Pin::annotation(&flags(prefix), namespace, name, Some(&alias))
}

fn read(text: &str) -> Pin {
    Pin::read(Some(text), &flags(""), "agents", "mail")
}

fn own(alias: &str) -> Pin {
    Pin::Own {
        alias: Some(alias.to_owned()),
    }
}

#[test]
fn a_pin_is_read_as_it_was_written() {
    assert_eq!(Pin::read(None, &flags(""), "agents", "mail"), Pin::Absent);
    let alias = computed_alias("", "agents", "mail");
    assert_eq!(read(&written("", "agents", "mail")), own(&alias));
    let declared = Pin::annotation(&flags(""), "agents", "mail", Some("support"));
    assert_eq!(read(&declared), own("support"));
    let nothing = Pin::annotation(&flags(""), "agents", "mail", None);
    assert_eq!(read(&nothing), Pin::Own { alias: None });
    let empty = Pin::annotation(&flags(""), "agents", "mail", Some(""));
    assert_eq!(read(&empty), Pin::Own { alias: None });
    assert_eq!(
        declared,
        r#"{"alias":"support","name":"mail","namespace":"agents","prefix":"","project":"ComposioProject/default"}"#
    );
}

#[test]
fn a_pin_of_another_object_is_foreign() {
    let foreign = |object: &str| Pin::Foreign {
        object: Some(object.to_owned()),
    };
    assert_eq!(read(&written("", "agents", "copy")), foreign("agents/copy"));
    assert_eq!(read(&written("", "other", "mail")), foreign("other/mail"));
    assert_eq!(
        read(&written("eu-", "other", "mail")),
        foreign("other/mail")
    );
    let long = written("", &"n".repeat(400), "mail");
    assert_eq!(read(&long), Pin::Foreign { object: None });
}

#[test]
fn a_pin_of_this_object_under_another_prefix_or_project_is_a_former_one() {
    let alias = computed_alias("eu-", "agents", "mail");
    let former = |alias: &str, prefix: &str, project: &str| Pin::Former {
        alias: Some(alias.to_owned()),
        prefix: prefix.to_owned(),
        project: project.to_owned(),
        other_id: None,
    };
    let default = Flags::default().project;
    assert_eq!(
        read(&written("eu-", "agents", "mail")),
        former(&alias, "eu-", &default)
    );
    let project = "ClusterComposioProject/shared";
    let elsewhere = Flags {
        project: project.to_owned(),
        ..Flags::default()
    };
    let text = Pin::annotation(&elsewhere, "agents", "mail", Some("support"));
    assert_eq!(read(&text), former("support", "", project));
    let formerly = Pin::annotation(&flags("eu-"), "agents", "mail", None);
    assert_eq!(read(&formerly), Pin::Absent, "nothing can be behind it");
    let managed = Pin::annotation(&elsewhere, "agents", "mail", None);
    let without_alias = Pin::Former {
        alias: None,
        prefix: String::new(),
        project: project.to_owned(),
        other_id: None,
    };
    assert_eq!(read(&managed), without_alias, "what it manages is there");
}

#[test]
fn the_alias_of_another_object_beside_the_right_names_is_forged() {
    let theirs = computed_alias("", "agents", "other");
    for prefix in ["", "eu-"] {
        let text = Pin::annotation(&flags(prefix), "agents", "mail", Some(&theirs));
        assert_eq!(read(&text), Pin::Foreign { object: None }, "{prefix:?}");
    }
}

#[test]
fn what_is_no_pin_is_nobodys() {
    for text in ["", "support", "{", "[]", "{}", r#"{"alias":7}"#, "null"] {
        assert_eq!(read(text), Pin::Foreign { object: None }, "{text}");
    }
}

#[test]
fn the_pin_of_a_copy_counts_for_nothing_and_is_replaced() {
    let copy = || object().copied_from("agents/original");
    check([
        (
            "it is no reason to look for the original's account: the own alias is looked for",
            copy(),
            seen_none(),
            does(pin(ALIAS)),
        ),
        (
            "nothing of it is there to be ended",
            copy().deleted(DeletionPolicy::Revoke),
            not_looked(),
            does(Effect::Release),
        ),
        (
            "a status that came along says nothing",
            copy(),
            seen(account("ca_1").active().called("original")).named_by_status("ca_1"),
            does(Effect::Forget),
        ),
        (
            "nor does it when the copy goes",
            copy().deleted(DeletionPolicy::Revoke),
            seen(account("ca_1").active().called("original")).named_by_status("ca_1"),
            does(Effect::Release),
        ),
    ]);
}

#[test]
fn the_pin_of_another_prefix_is_waited_for_and_replaced() {
    let moved = || object().pinned_formerly("old-alias");
    check([
        (
            "a call of that time may still bring an account",
            moved(),
            seen_none(),
            WaitsUntil(Reason::OutcomeUnknown, ago(-60)),
        ),
        (
            "it has brought none",
            moved(),
            seen_none().unknown_since(ago(61)),
            does(Effect::Unpin),
        ),
        (
            "also where the alias is the same: a server that lags may not know it yet",
            object().called("support").pinned_formerly("support"),
            seen_none(),
            WaitsUntil(Reason::OutcomeUnknown, ago(-60)),
        ),
        (
            "what has the former alias may be another cluster's, and a person decides",
            moved(),
            seen(account("ca_1").active().called("old-alias")),
            Refuses(Reason::AliasChanged),
        ),
        (
            "a person has decided",
            moved().given("ca_1"),
            seen(account("ca_1").active().called("old-alias")),
            does(pin("old-alias")),
        ),
        (
            "nothing proves that it is this object's to end",
            moved().deleted(DeletionPolicy::Revoke),
            seen(account("ca_1").active().called("old-alias")),
            does(Effect::Release),
        ),
        (
            "one that was there under the present prefix too is its own",
            moved(),
            seen(account("ca_1").active()),
            does(pin(ALIAS)),
        ),
    ]);
}

#[test]
fn the_other_object_is_named_as_long_as_its_name_can_be_one() {
    let named = |length: usize| {
        let name = "n".repeat(length - "team/".len());
        match read(&Pin::annotation(&flags(""), "team", &name, None)) {
            Pin::Foreign { object } => object.map(|object| object.len()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(named(320), Some(320));
    assert_eq!(named(321), None);
}

#[test]
fn marks_that_somebody_took_off_come_back_whatever_else_is_waited_for() {
    let unknown = || account("ca_1").is(crate::composio::model::State::Unknown("PAUSED".into()));
    let bare = || object().without_finalizer();
    check([
        (
            "a state that is not known: nothing is done to the account, and it still ends with the object",
            object().unmarked(),
            seen(unknown()).recorded("ca_1"),
            does(pin(ALIAS)),
        ),
        (
            "another auth config is declared than the one of the account",
            bare().through("ac_2"),
            seen(account("ca_1").active()).recorded("ca_1"),
            does(pin(ALIAS)),
        ),
        (
            "the account was made a moment ago and is not visible yet",
            bare(),
            seen_none().recorded("ca_1").link_issued(ago(5)),
            does(pin(ALIAS)),
        ),
        (
            "a call may still bring an account",
            bare().called("support"),
            seen_none().unknown_since(ago(5)),
            does(pin(ALIAS)),
        ),
        (
            "its Secret is gone before it is known whether an account was made from it",
            bare().made_from_secret(),
            seen_none()
                .secret(SecretSeen::Missing("does not exist".into()))
                .unknown_since(ago(5)),
            does(pin(ALIAS)),
        ),
        (
            "an object that cannot be read may manage what was found",
            bare().pinned("support"),
            seen(account("ca_1").called("support")).with_objects_unknown(),
            does(pin("support")),
        ),
        (
            "an account that is only named to a copy, and is not what it declares, is not taken over by it",
            object()
                .copied_from("agents/original")
                .taking_over("ca_1")
                .through("ac_2"),
            seen(account("ca_1").active().called("by-hand")).named_by_status("ca_1"),
            Refuses(Reason::Mismatch),
        ),
        (
            "not where another object has the account: there is nothing of its own to end",
            bare(),
            seen(account("ca_1").active())
                .recorded("ca_1")
                .held_by("agents/other"),
            Refuses(Reason::Conflict),
        ),
        (
            "nor while it is suspended",
            bare().suspended(),
            seen(account("ca_1").active()).recorded("ca_1"),
            Waits(Reason::Suspended),
        ),
        (
            "nor where none was asked for: nothing can be lost",
            bare().pinned_to_nothing().taking_over("ca_9"),
            seen_none(),
            Refuses(Reason::AccountNotFound),
        ),
    ]);
}

#[test]
fn a_pin_of_another_project_of_composios_is_a_former_one_once_that_is_proved() {
    let with_id = |id: Option<&str>| Flags {
        project_id: id.map(Into::into),
        ..Flags::default()
    };
    let written = |flags: &Flags| Pin::annotation(flags, "agents", "mail", Some("support"));
    let read = |text: &str, flags: &Flags| Pin::read(Some(text), flags, "agents", "mail");
    for (then, now, is_own) in [
        (Some("pr_1"), Some("pr_1"), true),
        (None, Some("pr_1"), true),
        (Some("pr_1"), None, true),
        (Some("pr_1"), Some("pr_2"), false),
    ] {
        let pin = read(&written(&with_id(then)), &with_id(now));
        assert_eq!(pin.is_own(), is_own, "{then:?} {now:?}");
        if let Pin::Former { other_id, .. } = pin {
            assert_eq!(other_id.as_deref(), then);
        }
    }
    let managed = Pin::annotation(&with_id(Some("pr_1")), "agents", "mail", None);
    let managed = read(&managed, &with_id(Some("pr_2")));
    assert_eq!((managed.other_id(), managed.alias()), (Some("pr_1"), None));
}

#[test]
fn an_account_in_what_the_project_has_been_is_left_there_and_not_taken_for_gone() {
    let elsewhere = || object().pinned_in_id("pr_then", ALIAS);
    let deleted = || elsewhere().deleted(DeletionPolicy::Revoke);
    check([
        (
            "here is nothing of it",
            elsewhere(),
            seen_none().recorded("ca_9"),
            Refuses(Reason::ProjectMismatch),
        ),
        (
            "a person has it go on here",
            elsewhere().moved_here(),
            seen_none(),
            does(pin(ALIAS)),
        ),
        (
            "that it is not here does not end it",
            deleted(),
            seen_none().recorded("ca_9"),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "nor where nothing is on record",
            deleted(),
            seen_none(),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "a person gives it up",
            deleted().with(|desired| desired.abandon = Some("ca_9".into())),
            seen_none().recorded("ca_9"),
            does(Effect::Release),
        ),
        (
            "what is to stay needs nobody",
            elsewhere().deleted(DeletionPolicy::Retain),
            seen_none().recorded("ca_9"),
            does(Effect::Release),
        ),
    ]);
}
