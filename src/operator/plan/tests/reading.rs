//! What is wanted, as it is read from the object.

use super::*;
use crate::{
    composio::model::Visibility,
    crd::{self, ConnectedAccount, ConnectedAccountSpec, FINALIZER, Metadata},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn read(change: impl FnOnce(&mut ConnectedAccount)) -> Desired {
    let mut object = ConnectedAccount::new("mail", ConnectedAccountSpec::default());
    object.metadata.namespace = Some("agents".into());
    change(&mut object);
    Desired::of(&object, &Flags::default())
}

#[test]
fn an_object_with_a_deletion_timestamp_is_to_go() {
    assert_eq!(read(|_| {}).presence, Presence::Present);
    let deleted = read(|object| object.metadata.deletion_timestamp = Some(Time(ago(10))));
    assert_eq!(deleted.presence, Presence::Deleting { since: ago(10) });
}

#[test]
fn the_operators_own_finalizer_counts_whatever_others_are_beside_it() {
    let finalizer = |finalizers: &[&str]| {
        let finalizers = finalizers.iter().map(|one| (*one).to_owned()).collect();
        read(|object| object.metadata.finalizers = Some(finalizers)).finalizer
    };
    assert!(finalizer(&[FINALIZER]));
    assert!(finalizer(&["example.com/other", FINALIZER]));
    assert!(!finalizer(&["example.com/other"]));
    assert!(!finalizer(&[]));
}

#[test]
fn visibility_is_said_in_composios_words() {
    let visibility = |of| read(|object| object.spec.visibility = of).visibility();
    assert_eq!(visibility(crd::Visibility::Shared), Visibility::Shared);
    assert_eq!(visibility(crd::Visibility::Private), Visibility::Private);
}

#[test]
fn an_alias_is_declared_where_the_metadata_names_one() {
    let of = |alias: Option<&str>| {
        let alias = alias.map(str::to_owned);
        read(|object| object.spec.metadata = Some(Metadata { alias }))
    };
    assert!(of(Some("support")).declares_alias());
    assert_eq!(of(Some("support")).alias, "support");
    assert!(!of(None).declares_alias());
    assert_eq!(of(None).alias, computed_alias("", "agents", "mail"));
    assert!(!read(|_| {}).declares_alias());
}

#[test]
fn any_new_value_is_another_epoch_and_a_long_one_takes_no_more_room() {
    let epoch = |value: &str| {
        read(|object| {
            let annotation = (crd::CONNECT_EPOCH_ANNOTATION.to_owned(), value.to_owned());
            object.metadata.annotations = Some([annotation].into());
        })
        .connect_epoch
    };
    assert_eq!(read(|_| {}).connect_epoch, "");
    assert_eq!(epoch("2"), "2");
    let long = "2026-11-30T08:00:00Z".repeat(10_000);
    let (one, another) = (epoch(&long), epoch(&format!("{long}1")));
    assert!(one != another && !one.is_empty(), "{one}");
    assert!(one.len() <= 64, "{one}");
}
