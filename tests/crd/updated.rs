//! What may be changed in an object that exists, and what may not.

use composio_operator::crd::ConnectedAccountSpec;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{Ground, answer, must_refuse, none, spec};

struct Change {
    case: &'static str,
    before: Value,
    /// A merge patch of the spec: null takes a field away.
    change: Value,
}

fn change(case: &'static str, before: Value, change: Value) -> Change {
    Change {
        case,
        before: spec(before),
        change,
    }
}

impl Change {
    async fn apply(&self, ground: &Ground, name: &str) -> Result<(), String> {
        ground
            .create(name, &self.before)
            .await
            .unwrap_or_else(|message| panic!("{}: {message}", self.case));
        let patch = Patch::Merge(json!({"spec": self.change}));
        let parameters = PatchParams::default();
        answer(ground.raw().patch(name, &parameters, &patch).await)
    }
}

fn from_secret() -> Value {
    json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "key"}}})
}

#[tokio::test]
async fn what_composio_cannot_change_is_refused() {
    let ground = Ground::new("immutable").await;
    let cases: Vec<(Change, &[&str])> = vec![
        (
            change("user", json!({}), json!({"user": "another"})),
            &["spec.user: Forbidden", "user is immutable"],
        ),
        (
            change("toolkit", json!({}), json!({"toolkit": "slack"})),
            &["spec.toolkit: Forbidden", "toolkit is immutable"],
        ),
        (
            change(
                "projectRef, named later",
                json!({}),
                json!({"projectRef": {"name": "eu"}}),
            ),
            &["spec.projectRef: Forbidden", "projectRef is immutable"],
        ),
        (
            change(
                "projectRef, of another kind",
                json!({}),
                json!({"projectRef": {"kind": "ClusterComposioProject"}}),
            ),
            &["spec.projectRef: Forbidden", "projectRef is immutable"],
        ),
        (
            change(
                "projectRef, taken away",
                json!({"projectRef": {"name": "eu"}}),
                json!({"projectRef": null}),
            ),
            &["spec.projectRef: Forbidden", "projectRef is immutable"],
        ),
        (
            change(
                "visibility, widened",
                json!({}),
                json!({"visibility": "Shared"}),
            ),
            &["spec.visibility: Forbidden", "visibility is immutable"],
        ),
        (
            change(
                "visibility, taken away",
                json!({"visibility": "Shared"}),
                json!({"visibility": null}),
            ),
            &["spec.visibility: Forbidden", "visibility is immutable"],
        ),
        (
            change(
                "authConfig",
                json!({"authConfig": "ac_1"}),
                json!({"authConfig": "ac_2"}),
            ),
            &[
                "spec.authConfig: Forbidden",
                "authConfig is immutable once set",
            ],
        ),
        (
            change(
                "authConfig, taken away",
                json!({"authConfig": "ac_1"}),
                json!({"authConfig": null}),
            ),
            &[
                "spec.authConfig: Forbidden",
                "authConfig is immutable once set",
            ],
        ),
        (
            change(
                "connectedAccountId",
                json!({"connectedAccountId": "ca_1"}),
                json!({"connectedAccountId": "ca_2"}),
            ),
            &[
                "spec.connectedAccountId: Forbidden",
                "connectedAccountId is immutable once set",
            ],
        ),
        (
            change(
                "connectedAccountId, taken away",
                json!({"connectedAccountId": "ca_1"}),
                json!({"connectedAccountId": null}),
            ),
            &[
                "spec.connectedAccountId: Forbidden",
                "connectedAccountId is immutable once set",
            ],
        ),
        (
            change("credentials, added", json!({}), from_secret()),
            &[
                "spec.credentials: Forbidden",
                "credentials can neither be added nor removed",
            ],
        ),
        (
            change(
                "credentials, taken away",
                from_secret(),
                json!({"credentials": null}),
            ),
            &[
                "spec.credentials: Forbidden",
                "credentials can neither be added nor removed",
            ],
        ),
        (
            change(
                "scheme",
                from_secret(),
                json!({"credentials": {"scheme": "BASIC"}}),
            ),
            &["spec.credentials.scheme: Forbidden", "scheme is immutable"],
        ),
        (
            change(
                "a callback beside credentials",
                from_secret(),
                json!({"callbackUrl": "https://a.b"}),
            ),
            &[
                "spec.callbackUrl: Forbidden",
                "cannot go together with credentials",
            ],
        ),
        (
            change(
                "sharing of a private account",
                json!({}),
                json!({"sharing": {"allowAll": true}}),
            ),
            &[
                "spec.sharing: Invalid value",
                "sharing needs visibility: Shared",
            ],
        ),
    ];
    let mut complaints = Vec::new();
    for (number, (change, says)) in cases.iter().enumerate() {
        let answer = change.apply(&ground, &format!("object-{number}")).await;
        complaints.extend(must_refuse(change.case, answer, says));
    }
    none(complaints);
}

#[tokio::test]
async fn everything_else_may_be_edited() {
    let ground = Ground::new("edited").await;
    let shared = || json!({"visibility": "Shared", "sharing": {"allowedUsers": ["a"]}});
    let cases = [
        change("enabled", json!({}), json!({"enabled": false})),
        change(
            "enabled again",
            json!({"enabled": false}),
            json!({"enabled": null}),
        ),
        change("suspend", json!({}), json!({"suspend": true})),
        change(
            "the project that it has already, said",
            json!({"enabled": false}),
            json!({"enabled": null, "projectRef": {"kind": "ComposioProject", "name": "default"}}),
        ),
        change("readyWhen", json!({}), json!({"readyWhen": "LinkIssued"})),
        change(
            "deletionPolicy",
            json!({}),
            json!({"deletionPolicy": "Retain"}),
        ),
        change(
            "authConfig, named later",
            json!({}),
            json!({"authConfig": "ac_1"}),
        ),
        change(
            "connectedAccountId, named later",
            json!({}),
            json!({"connectedAccountId": "ca_1"}),
        ),
        change(
            "alias",
            json!({"metadata": {"alias": "a"}}),
            json!({"metadata": {"alias": "b"}}),
        ),
        change(
            "alias, taken away",
            json!({"metadata": {"alias": "a"}}),
            json!({"metadata": null}),
        ),
        change(
            "sharing, begun",
            json!({"visibility": "Shared"}),
            json!({"sharing": {}}),
        ),
        change(
            "sharing, changed",
            shared(),
            json!({"sharing": {"allowedUsers": ["b"], "allowAll": true}}),
        ),
        change("sharing, left alone", shared(), json!({"sharing": null})),
        change(
            "the Secret",
            from_secret(),
            json!({"credentials": {"secretRef": {"name": "key-2"}}}),
        ),
        change(
            "callbackUrl",
            json!({"callbackUrl": "https://a.b"}),
            json!({"callbackUrl": "http://c.d/e?f"}),
        ),
        change(
            "connectionData",
            json!({"connectionData": {"a": "b"}}),
            json!({"connectionData": {"a": null, "c": "d"}}),
        ),
    ];
    let mut complaints = Vec::new();
    for (number, change) in cases.iter().enumerate() {
        let name = format!("object-{number}");
        if let Err(message) = change.apply(&ground, &name).await {
            complaints.push(format!("{}: {message}", change.case));
            continue;
        }
        let mut after = change.before.clone();
        merge(&mut after, &change.change);
        let after: ConnectedAccountSpec = serde_json::from_value(after).unwrap();
        let read = ground.typed().get(&name).await.unwrap();
        if read.spec != after {
            complaints.push(format!("{}: {:?}", change.case, read.spec));
        }
        if read.metadata.generation != Some(2) {
            complaints.push(format!("{}: the edit is no new generation", change.case));
        }
    }
    none(complaints);
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().map(|fields| fields.remove(name));
        } else {
            merge(&mut target[name], value);
        }
    }
}
