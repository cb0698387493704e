//! What is told, and by which rule, where the reason alone does not say it.

use super::*;
use crate::{
    composio::model::State,
    crd::{CredentialsStep, Scheme},
};
use CredentialsStep::{Assumed, Created, Patched, Remade};

fn told(wanted: &DesiredBuilder, sight: &ObservedBuilder) -> (Rule, String) {
    let decision = decide(&wanted.0, &sight.0, NOW);
    match decision.plan {
        Plan::Wait(wait) => (decision.rule, wait.detail),
        Plan::Refuse(refusal) => (decision.rule, refusal.detail),
        plan => panic!("planned {plan:?}"),
    }
}

#[test]
fn of_an_account_without_a_grant_its_state_is_told_whatever_was_done_with_the_secret() {
    let expired = || {
        seen(account("ca_1").expired())
            .recorded("ca_1")
            .with_secret()
    };
    let expected = (
        Rule::CredentialsRejected,
        "the account made from the Secret is EXPIRED".to_owned(),
    );
    for step in [Created, Remade, Assumed, Patched] {
        let sight = expired().connected(ago(100)).sent("uid/7", step);
        let said = told(&object().made_from_secret(), &sight);
        assert_eq!(said, expected, "{step:?}");
    }
    let machine = object().made_from_secret().of_scheme(Scheme::S2sOauth2);
    assert_eq!(told(&machine, &expired()), expected, "nothing is known");
}

#[test]
fn an_account_that_is_not_proved_makes_no_room_by_the_rule_of_the_unproved() {
    let wanted = object().called("support").pinned_to_nothing();
    let sight = seen(account("ca_1").expired().called("support"))
        .named_by_status("ca_1")
        .adopted()
        .refused(refresh(), rejected());
    let detail = "account ca_1 was found by its declared alias and cannot be taken up again";
    let sight = sight.handled_link_request("before");
    assert_eq!(
        told(&wanted.asking_for_link("now"), &sight),
        (Rule::Unproved, detail.to_owned())
    );
}

#[test]
fn where_the_operator_may_not_revoke_it_is_refused_by_composio_and_not_by_the_provider() {
    let sight = seen(account("ca_1").active())
        .recorded("ca_1")
        .refused(revoke(), failure(Reason::Forbidden, Answer::Refused(403)));
    let (rule, _) = told(&object().deleted(DeletionPolicy::Revoke), &sight);
    assert_eq!(rule, Rule::DeletingRefused);
}

#[test]
fn what_carries_the_alias_of_a_former_prefix_is_told_with_that_prefix() {
    let sight = seen(account("ca_1").active().called("old-alias"));
    let (rule, detail) = told(&object().pinned_formerly("old-alias"), &sight);
    assert_eq!(rule, Rule::Unproved);
    assert!(
        detail.contains(r#"under the alias prefix "old-""#),
        "{detail}"
    );
    let (rule, detail) = told(&object(), &seen(account("ca_1").active().called("else")));
    assert_eq!(rule, Rule::Unproved);
    assert_eq!(detail, "account ca_1 is not this object's");
}

#[test]
fn the_state_of_a_word_that_is_not_known_is_told() {
    let sight = seen(account("ca_1").is(State::from("PAUSED"))).recorded("ca_1");
    let said = told(&object(), &sight);
    let detail = r#"the state is "PAUSED""#;
    assert_eq!(said, (Rule::UnknownState, detail.to_owned()));
}
