//! An object whose pin names another project than it refers to, and a person who has it go on here.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::crd::{
    ALIAS_ANNOTATION, Allow, ConnectedAccount, DeletionPolicy, MOVE_TO_PROJECT_ANNOTATION,
    ProjectKind,
};

const OTHER: &str = "ClusterComposioProject/other";

fn allowing(wanted: DesiredBuilder, entries: Value) -> DesiredBuilder {
    let entries: Vec<Allow> = serde_json::from_value(entries).expect("entries");
    let policy = Policy::new(ProjectKind::ClusterComposioProject, Some(&entries));
    wanted.with(|desired| desired.flags.policy = Some(Arc::new(policy)))
}

fn elsewhere() -> DesiredBuilder {
    object().pinned_in(OTHER, ALIAS)
}

/// It manages an account there that was found by its declared alias: none was asked for by it.
fn managed_elsewhere() -> DesiredBuilder {
    elsewhere().with(|desired| {
        desired.pin = Pin::Former {
            alias: None,
            prefix: String::new(),
            project: OTHER.to_owned(),
            other_id: None,
        };
    })
}

fn moved() -> DesiredBuilder {
    elsewhere().moved_here()
}

#[test]
fn an_object_of_another_project_goes_on_here_when_a_person_says_so() {
    check([
        (
            "nobody says so",
            elsewhere(),
            seen_none(),
            Refuses(Reason::ProjectMismatch),
        ),
        (
            "it is looked for here before it is pinned",
            moved(),
            not_looked(),
            looks(Need::Account),
        ),
        ("nothing is there", moved(), seen_none(), does(pin(ALIAS))),
        (
            "what is there is looked at under the new pin",
            moved(),
            seen(account("ca_1").active()),
            does(pin(ALIAS)),
        ),
        (
            "what is on record is in the other project, and is left there",
            moved(),
            seen_none().recorded("ca_9"),
            does(Effect::Forget),
        ),
        (
            "also where another key has signed it",
            moved(),
            seen_none().recorded_with_another_key("ca_9"),
            does(Effect::Forget),
        ),
        (
            "an alias that was declared there may be the account's here too",
            object().pinned_in(OTHER, "support").moved_here(),
            seen_none(),
            does(pin("support")),
        ),
        (
            "one that was computed for another prefix means nothing here",
            object()
                .pinned_in(OTHER, &computed_alias("old-", "agents", "support-gmail"))
                .moved_here(),
            seen_none(),
            does(Effect::Pin { alias: None }),
        ),
        (
            "a suspended one is left as it is",
            moved().suspended(),
            seen_none(),
            Waits(Reason::Suspended),
        ),
        (
            "and what it has on record there is not looked for here",
            elsewhere().suspended(),
            not_looked().recorded_with_another_key("ca_9"),
            Waits(Reason::Suspended),
        ),
        (
            "unless the record proves that it is here, whatever the pin says",
            elsewhere().suspended(),
            not_looked().recorded("ca_9"),
            looks(Need::Account),
        ),
        (
            "nor does one go on by itself that manages an account there without having asked for it",
            managed_elsewhere(),
            not_looked().recorded("ca_9"),
            Refuses(Reason::ProjectMismatch),
        ),
        (
            "and when it does, the alias that it declares proves nothing here",
            managed_elsewhere().called("support").moved_here(),
            seen_none(),
            does(Effect::Pin { alias: None }),
        ),
        (
            "of this project there is nothing to move",
            object().pinned_formerly("support").moved_here(),
            seen_none().unknown_since(ago(61)),
            does(Effect::Unpin),
        ),
        (
            "an object that is being deleted is dealt with in the project of its pin",
            object().moved_here().deleted(DeletionPolicy::Revoke),
            seen(account("ca_1").is(crate::composio::model::State::Revoked)).recorded("ca_1"),
            does(Effect::Delete {
                id: "ca_1".to_owned(),
                revoke: false,
            }),
        ),
    ]);
}

#[test]
fn one_entry_of_the_project_here_must_let_it_take_over() {
    let user = "support@acme.com";
    let cases = [
        (json!([{}]), false),
        (json!([{"takeOver": true}]), true),
        (
            json!([{"takeOver": true, "users": ["other"]}, {"users": [user]}]),
            false,
        ),
        (
            json!([{"users": ["other"]}, {"takeOver": true, "users": [user]}]),
            true,
        ),
        (json!([]), false),
    ];
    for (entries, may) in cases {
        let DesiredBuilder(wanted) = allowing(moved(), entries.clone());
        // A record says nothing of what is here, whoever signed it.
        for sight in [
            not_looked(),
            not_looked().recorded("ca_9"),
            not_looked().recorded_with_another_key("ca_9"),
        ] {
            let decision = decide(&wanted, &sight.0, NOW);
            let expected = match may {
                true => Rule::LookAfresh,
                false => Rule::NotAllowed,
            };
            assert_eq!(decision.rule, expected, "{entries}: {decision:?}");
        }
    }
    let DesiredBuilder(wanted) = allowing(moved(), json!([{}]));
    let Plan::Refuse(refusal) = decide(&wanted, &not_looked().0, NOW).plan else {
        panic!("it is refused");
    };
    assert!(
        refusal
            .detail
            .ends_with("does not allow the annotation composio.dev/move-to-project"),
        "{refusal:?}"
    );
}

#[test]
fn the_annotation_counts_for_exactly_the_project_that_the_object_refers_to() {
    let of = |text: &str| {
        let mut object = ConnectedAccount::new("support-gmail", Default::default());
        let annotations = [(MOVE_TO_PROJECT_ANNOTATION.to_owned(), text.to_owned())];
        object.metadata.annotations = Some(annotations.into());
        Desired::of(&object, &Flags::default()).moves_here
    };
    assert!(of("ComposioProject/default"));
    for other in [
        "",
        "default",
        "ClusterComposioProject/default",
        "ComposioProject/Default",
        " ",
    ] {
        assert!(!of(other), "{other:?}");
    }
}

#[test]
fn consent_to_move_to_a_name_is_none_to_another_project_of_that_name() {
    let flags = |id: &str| Flags {
        project_id: Some(id.into()),
        ..Flags::default()
    };
    let of = |to: &str| {
        let mut object = ConnectedAccount::new("support-gmail", Default::default());
        object.metadata.namespace = Some("agents".to_owned());
        let pin = Pin::annotation(
            &flags("pr_former"),
            "agents",
            "support-gmail",
            Some("alias"),
        );
        let annotations = [
            (ALIAS_ANNOTATION, pin.as_str()),
            (MOVE_TO_PROJECT_ANNOTATION, to),
        ];
        let annotations = annotations.map(|(name, text)| (name.to_owned(), text.to_owned()));
        object.metadata.annotations = Some(annotations.into());
        Desired::of(&object, &flags("pr_here")).moves_here
    };
    assert!(of("ComposioProject/default/pr_here"));
    for other in [
        "ComposioProject/default",
        "ComposioProject/default/pr_former",
        "ComposioProject/default/",
        "pr_here",
    ] {
        assert!(!of(other), "{other:?}");
    }
}
