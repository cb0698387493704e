//! What is due of the ConfigMap in which others find an account's id.

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference, Time},
};
use kube::api::ObjectMeta;

use super::{
    build::{DesiredBuilder, NOW, not_looked, object},
    *,
};
use crate::crd::{WriteTo, WrittenTo, condition};

fn declared() -> DesiredBuilder {
    object().with(|desired| desired.spec.write_to = Some(WriteTo::default()))
}

fn active() -> ConnectedAccountStatus {
    let sight = not_looked().recorded("ca_1");
    ConnectedAccountStatus {
        state: Some("ACTIVE".to_owned()),
        ..sight.0.recorded
    }
}

fn said(value: &str) -> Condition {
    Condition {
        type_: condition::CONFIG_MAP_WRITTEN.to_owned(),
        status: value.to_owned(),
        reason: "R".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(NOW),
    }
}

/// The status after the step went through.
fn written(desired: &Desired, mut status: ConnectedAccountStatus) -> ConnectedAccountStatus {
    let Some(ConfigMapStep::Write { digest, .. }) = config_map_step(desired, &status, false) else {
        panic!("nothing is due");
    };
    status.written_to = Some(WrittenTo {
        config_map: "support-gmail-composio".to_owned(),
        digest: Some(digest),
    });
    status.conditions.push(said("True"));
    status
}

fn data(desired: &Desired, status: &ConnectedAccountStatus) -> Vec<String> {
    let Some(ConfigMapStep::Write { data, .. }) = config_map_step(desired, status, false) else {
        return Vec::new();
    };
    let pairs = data.into_iter();
    let pairs = pairs.filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    pairs.collect()
}

#[test]
fn it_says_who_the_account_is_and_how_it_is_and_nothing_of_an_account_that_there_is_not() {
    let desired = declared().0;
    let alias = format!("alias={}", build::ALIAS);
    let rest = [&*alias, "toolkit=gmail", "user=support@acme.com"];
    assert_eq!(data(&desired, &ConnectedAccountStatus::default()), rest);
    let with = |state: &str| {
        let mut status = active();
        status.state = Some(state.to_owned());
        data(&desired, &status)
    };
    for state in ["ACTIVE", "INACTIVE", "EXPIRED"] {
        let state_line = format!("state={state}");
        let expected = [
            &*alias,
            "connectedAccountId=ca_1",
            &state_line,
            rest[1],
            rest[2],
        ];
        assert_eq!(with(state), expected);
    }
}

#[test]
fn nothing_is_due_of_one_that_says_what_it_must() {
    let desired = declared().0;
    let at_rest = written(&desired, active());
    assert_eq!(config_map_step(&desired, &at_rest, false), None);
    assert_eq!(config_map_step(&object().0, &active(), true), None);
    let is_due = |status: &ConnectedAccountStatus, is_asked| {
        let step = config_map_step(&desired, status, is_asked);
        matches!(step, Some(ConfigMapStep::Write { .. }))
    };
    assert!(is_due(&at_rest, true), "somebody asks");
    let mut replaced = at_rest.clone();
    replaced.connected_account_id = Some("ca_2".to_owned());
    assert!(is_due(&replaced, false), "another account");
    let mut disabled = at_rest.clone();
    disabled.state = Some("INACTIVE".to_owned());
    assert!(is_due(&disabled, false), "another state");
    let mut refused = at_rest.clone();
    refused.conditions = vec![said("False")];
    assert!(is_due(&refused, false), "it was refused");
    let another = declared()
        .with(|desired| desired.uid = "uid-2".to_owned())
        .0;
    assert!(
        config_map_step(&another, &at_rest, false).is_some(),
        "a copy of the status says nothing of another object's"
    );
}

#[test]
fn one_that_is_declared_no_more_goes_and_that_of_an_object_that_goes_is_left_to_its_owner() {
    let desired = declared().0;
    let at_rest = written(&desired, active());
    let removed = config_map_step(&object().0, &at_rest, false);
    assert_eq!(removed, Some(ConfigMapStep::Remove));
    let deleting = declared().with(|desired| desired.presence = Presence::Deleting { since: NOW });
    assert_eq!(config_map_step(&deleting.0, &active(), true), None);
}

fn config_map(owner: Option<(&str, &str, bool)>, data: &[(&str, &str)]) -> ConfigMap {
    let owner = owner.map(|(name, uid, controller)| OwnerReference {
        api_version: "composio.dev/v1alpha1".to_owned(),
        kind: "ConnectedAccount".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(controller),
        block_owner_deletion: None,
    });
    let pairs = data.iter();
    let pairs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    ConfigMap {
        metadata: ObjectMeta {
            uid: Some("cm-1".to_owned()),
            resource_version: Some("7".to_owned()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(pairs.collect()),
        ..ConfigMap::default()
    }
}

#[test]
fn only_what_belongs_to_the_object_is_changed_and_exactly_the_version_that_was_seen() {
    let desired = declared().0;
    let step = config_map_step(&desired, &active(), false).expect("it is due");
    let version = || ConfigMapVersion {
        uid: "cm-1".to_owned(),
        resource_version: "7".to_owned(),
    };
    let ours = Some(("support-gmail", "uid-1", true));
    let alias = build::ALIAS;
    let whole = [
        ("connectedAccountId", "ca_1"),
        ("state", "ACTIVE"),
        ("alias", alias),
        ("user", "support@acme.com"),
        ("toolkit", "gmail"),
        ("theirs", "stays"),
    ];
    let foreign = |is_left_over| ConfigMapCall::NotOurs { is_left_over };
    let mut ending = config_map(ours, &[]);
    ending.metadata.deletion_timestamp = Some(Time(NOW));
    for (reason, existing, write, remove) in [
        ("none", None, ConfigMapCall::Create, ConfigMapCall::Nothing),
        (
            "as it must be",
            Some(config_map(ours, &whole)),
            ConfigMapCall::Nothing,
            ConfigMapCall::Delete(version()),
        ),
        (
            "another id",
            Some(config_map(
                ours,
                &[&[("connectedAccountId", "ca_0")], &whole[1..]].concat(),
            )),
            ConfigMapCall::Change(version()),
            ConfigMapCall::Delete(version()),
        ),
        (
            "going",
            Some(ending),
            ConfigMapCall::AwaitEnd,
            ConfigMapCall::Nothing,
        ),
        (
            "nobody's",
            Some(config_map(None, &whole)),
            foreign(false),
            foreign(false),
        ),
        (
            "only said to be ours",
            Some(config_map(Some(("support-gmail", "uid-1", false)), &whole)),
            foreign(false),
            foreign(false),
        ),
        (
            "of the former object",
            Some(config_map(Some(("support-gmail", "uid-0", true)), &whole)),
            foreign(true),
            foreign(true),
        ),
        (
            "of another object",
            Some(config_map(Some(("other", "uid-0", true)), &whole)),
            foreign(false),
            foreign(false),
        ),
    ] {
        let call = |step| config_map_call(step, &desired, existing.as_ref());
        assert_eq!(call(&step), write, "{reason}");
        assert_eq!(call(&ConfigMapStep::Remove), remove, "{reason}");
    }
    // An id that is not the account's any more must not be left there.
    let gone = config_map_step(&desired, &ConnectedAccountStatus::default(), false);
    let call = config_map_call(
        &gone.expect("due"),
        &desired,
        Some(&config_map(ours, &whole)),
    );
    assert_eq!(call, ConfigMapCall::Change(version()));
}
