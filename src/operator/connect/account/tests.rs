use kube::core::{ObjectList, WatchEvent};
use serde_json::json;

use super::*;
use crate::composio::model::Sensitive;

/// An object as the apiserver shows it.
pub(in crate::connect) fn object(name: &str, spec: Value, status: Value) -> PageObject {
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {
            "namespace": "agents", "name": name, "uid": format!("uid-of-{name}"), "resourceVersion": "7",
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": spec,
        "status": status,
    });
    serde_json::from_str(&object.to_string()).expect("whatever stands in it, it is read")
}

/// What is kept of it.
pub(in crate::connect) fn account(spec: Value, status: Value) -> Arc<Account> {
    object("mail", spec, status).account()
}

fn spec() -> Value {
    json!({"user": "ann", "toolkit": "gmail"})
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

#[test]
fn what_the_page_shows_is_kept_and_nothing_else() {
    let spec = json!({
        "user": "team/ann", "person": "ann@acme.com", "toolkit": "gmail", "description": "Reads your mail.",
        "connectionData": {"subdomain": "acme"}, "callbackUrl": "https://app.acme.com/done",
        "projectRef": {"kind": "ClusterComposioProject", "name": "acme"}, "expectedIdentity": "ann@acme.com",
        "alias": "a-long-alias-that-nobody-is-shown",
    });
    let status = json!({
        "connectedAccountId": "ca_1", "identity": "ann@acme.com", "state": "ACTIVE",
        "signIn": {"request": "r-1", "browser": "b", "finishedIn": "Same"},
        "lastConnectRequest": {"uid": "r-2", "kind": "Link", "outcome": "Refused"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Connected", "message": "a long message",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    });
    let account = account(spec, status);
    assert_eq!(
        (account.key(), account.namespace(), account.name()),
        ("agents/mail", "agents", "mail")
    );
    assert_eq!(account.uid(), "uid-of-mail");
    assert_eq!(account.person(), "ann@acme.com");
    assert_eq!(account.description(), Some("Reads your mail."));
    let data = account.connection_data();
    assert_eq!(data, [("subdomain".to_owned(), "acme".to_owned())]);
    assert_eq!(account.callback_url(), Some("https://app.acme.com/done"));
    assert!(account.is_of_cluster_project());
    assert_eq!(account.project(), "acme");
    assert_eq!(account.expected_identity(), Some("ann@acme.com"));
    assert_eq!(account.account_id(), Some("ca_1"));
    assert_eq!(account.identity(), Some("ann@acme.com"));
    assert_eq!(account.reason(), "Connected");
    assert_eq!(account.state(), State::Active);
    assert!(account.has_on_record("r-1") && !account.has_on_record("r-2"));
    assert_eq!(account.finished_in("r-1"), Some(FinishedIn::Same));
    assert_eq!(account.finished_in("r-2"), None);
    assert!(account.outcome_of("r-2").is_some() && account.outcome_of("r-1").is_none());
    let kept = format!("{:?} {:?}", account.own, account.shared);
    assert!(!kept.contains("alias") && !kept.contains("message"));
    assert_eq!(
        kept.matches("ann@acme.com").count(),
        2,
        "as person and as expected"
    );
}

#[test]
fn the_user_is_the_person_where_no_other_is_named() {
    let account = account(spec(), json!({}));
    assert_eq!(account.person(), "ann");
    assert_eq!(account.project(), "default");
    assert!(!account.is_of_cluster_project());
    assert!(account.description().is_none() && account.connection_data().is_empty());
    for nothing in ["", "r"] {
        assert!(!account.has_on_record(nothing), "{nothing:?}");
        assert!(account.outcome_of(nothing).is_none());
    }
}

#[test]
fn nobody_comes_for_an_object_of_a_secret_or_one_that_is_deleted() {
    assert!(account(spec(), json!({})).has_page());
    let of_secret =
        json!({"user": "ann", "toolkit": "gmail", "credentials": {"secretRef": {"name": "s"}}});
    assert!(!account(of_secret, json!({})).has_page());
    let deleted = json!({
        "metadata": {"namespace": "a", "name": "b", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec(),
    });
    let deleted: PageObject = serde_json::from_str(&deleted.to_string()).expect("it is read");
    assert!(!deleted.account().has_page());
}

#[test]
fn a_link_opens_in_its_time_with_the_key_that_sealed_it_and_for_its_account_only() {
    let keys = |text: &str| ConnectKeys::read(&Sensitive::new(text)).expect("a key");
    let (ours, theirs) = (keys(&"k".repeat(32)), keys(&"x".repeat(32)));
    let sealed = |uid, id| {
        let sealed_for = SealedFor {
            uid,
            account: id,
            expires_at: at(1_800_000_000),
        };
        ours.seal("https://connect.composio.dev/link/lk_1", sealed_for)
    };
    let status = |sealed: String| {
        json!({
            "connectedAccountId": "ca_1",
            "link": {"sealed": sealed, "requestedBy": {"uid": "r-1", "browser": "b-1"}, "expiresAt": "2027-01-15T08:00:00Z"},
        })
    };
    let ours_sealed = account(spec(), status(sealed("uid-of-mail", "ca_1")));
    let link = ours_sealed
        .open_link(at(1_799_999_999))
        .expect("it is open");
    assert!(link.is_for("b-1") && !link.is_for("b-2") && !link.is_for(""));
    let address = link.address(&ours).expect("it opens");
    assert_eq!(address.expose(), "https://connect.composio.dev/link/lk_1");
    assert!(link.address(&theirs).is_none());
    assert!(
        ours_sealed.open_link(at(1_800_000_000)).is_none(),
        "it is over"
    );
    for copied in [
        sealed("uid-of-another", "ca_1"),
        sealed("uid-of-mail", "ca_2"),
    ] {
        let account = account(spec(), status(copied));
        let link = account.open_link(at(0)).expect("it is open");
        assert!(link.address(&ours).is_none());
    }
    let clear = json!({"link": {"url": "https://c.dev/lk", "expiresAt": "2027-01-15T08:00:00Z"}});
    let clear = account(spec(), clear);
    let link = clear.open_link(at(0)).expect("it is open");
    assert!(!link.is_for(""), "nobody is named, so it is nobody's");
    assert!(link.address(&ours).is_some());
    assert!(!format!("{clear:?}").contains("c.dev"));
}

#[test]
fn whatever_stands_in_an_object_it_holds_up_no_other() {
    let odd = [
        json!({"metadata": {"name": "a"}}),
        json!({"metadata": {"name": "a"}, "spec": null, "status": null}),
        json!({"metadata": {"name": "a"}, "spec": [1], "status": "x"}),
        json!({"metadata": {"name": "a"}, "spec": {"user": 1, "connectionData": "x", "person": {}},
            "status": {"link": 7, "signIn": {"request": 1}, "conditions": [1], "state": "NEW"}}),
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": odd});
    let list: ObjectList<PageObject> = serde_json::from_str(&list.to_string()).expect("a list");
    assert_eq!(list.items.len(), 4);
    for item in list.items {
        let account = item.account();
        assert_eq!(account.name(), "a");
        assert_eq!(account.state(), State::Waiting);
        assert!(account.open_link(at(0)).is_none());
    }
    let event = json!({"type": "MODIFIED", "object": {"metadata": {"name": "a"}, "spec": 1}});
    let event: WatchEvent<PageObject> = serde_json::from_str(&event.to_string()).expect("an event");
    assert!(matches!(event, WatchEvent::Modified(_)));
}
