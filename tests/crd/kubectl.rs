//! What people see of the custom resource with kubectl.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Ground, columns, spec};
use crate::support::wait;

#[tokio::test]
async fn a_new_object_says_that_nobody_has_looked_at_it_yet() {
    let ground = Ground::new("new").await;
    ground.create("new", &spec(json!({}))).await.unwrap();
    let read = ground.raw().get("new").await.unwrap();
    // Without this kstatus calls it Current.
    assert_eq!(read.data["status"], json!({"observedGeneration": -1}));
    let status = ground.typed().get("new").await.unwrap().status.unwrap();
    assert_eq!(status.observed_generation, Some(-1));
}

#[tokio::test]
async fn a_list_shows_whose_account_it_is_and_how_it_stands() {
    let ground = Ground::new("columns").await;
    ground.create("support", &spec(json!({}))).await.unwrap();
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({
            "type": type_, "status": status, "reason": reason, "message": "ask Ann",
            "lastTransitionTime": "2030-01-01T00:00:00Z",
        })
    };
    let status = json!({"status": {
        "state": "INITIATED",
        "connectedAccountId": "ca_1",
        "identity": "ann@acme.com",
        "authConfig": "ac_1",
        "link": {"url": "https://a.b/c", "expiresAt": "2999-01-01T00:10:00Z"},
        "conditions": [
            condition("Synced", "True", "Progressing"),
            condition("Ready", "False", "AwaitingUser"),
        ],
    }});
    ground
        .raw()
        .patch_status("support", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();

    let narrow = ["NAME", "USER", "TOOLKIT", "STATE", "READY", "REASON", "AGE"];
    let row = [
        "support",
        "support@acme.com",
        "gmail",
        "INITIATED",
        "False",
        "AwaitingUser",
    ];
    let table = columns(
        &ground
            .kubectl(&["get", "connectedaccounts"], "")
            .await
            .unwrap(),
    );
    assert_eq!(table.len(), 2, "{table:?}");
    assert_eq!(table[0], narrow);
    assert_eq!(table[1][..6], row);

    let wide = [
        "ACCOUNT",
        "IDENTITY",
        "AUTH CONFIG",
        "LINK EXPIRES",
        "SUSPENDED",
        "MESSAGE",
    ];
    let table = columns(
        &ground
            .kubectl(&["get", "connectedaccounts", "-o", "wide"], "")
            .await
            .unwrap(),
    );
    assert_eq!(table[0], [&narrow[..], &wide].concat());
    assert_eq!(table[1][..6], row);
    assert_eq!(
        table[1][7..],
        [
            "ca_1",
            "ann@acme.com",
            "ac_1",
            "2999-01-01T00:10:00Z",
            "false",
            "ask Ann"
        ]
    );
}

#[tokio::test]
async fn accounts_can_be_selected_by_user_toolkit_project_auth_config_and_state() {
    let ground = Ground::new("selected").await;
    for (name, user, toolkit) in [
        ("a", "ada", "gmail"),
        ("b", "bob", "gmail"),
        ("c", "ada", "slack"),
    ] {
        let project = if name == "c" { "eu" } else { "default" };
        let spec = json!({"user": user, "toolkit": toolkit, "projectRef": {"name": project}});
        ground.create(name, &spec).await.unwrap();
    }
    let seen = json!({"status": {"state": "EXPIRED", "authConfig": "ac_1"}});
    ground
        .raw()
        .patch_status("a", &PatchParams::default(), &Patch::Merge(&seen))
        .await
        .unwrap();
    for (selector, names) in [
        ("spec.user=ada", "a c"),
        ("spec.toolkit=gmail", "a b"),
        ("spec.user=ada,spec.toolkit=gmail", "a"),
        ("spec.user!=ada", "b"),
        ("spec.user=nobody", ""),
        ("spec.projectRef.name=default", "a b"),
        ("status.state=EXPIRED", "a"),
        ("status.authConfig=ac_1,spec.user=ada", "a"),
        ("status.authConfig!=ac_1", "b c"),
    ] {
        let args = [
            "get",
            "connectedaccounts",
            "--field-selector",
            selector,
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ];
        assert_eq!(
            ground.kubectl(&args, "").await.unwrap(),
            names,
            "{selector}"
        );
    }
}

#[tokio::test]
async fn it_has_a_short_name_a_plural_and_a_category() {
    let ground = Ground::new("names").await;
    ground.create("a", &spec(json!({}))).await.unwrap();
    for name in [
        "connectedaccounts",
        "connectedaccount",
        "cacc",
        "composio",
        "connectedaccounts.composio.dev",
    ] {
        let found = ground.kubectl(&["get", name, "-o", "name"], "").await;
        let found = found.expect("the name is known");
        // Other tests have projects of the whole cluster meanwhile, and they are in the category too.
        let found: Vec<&str> = found
            .lines()
            .filter(|line| !line.starts_with("clustercomposioproject."))
            .collect();
        assert_eq!(found, ["connectedaccount.composio.dev/a"], "{name}");
    }
}

#[tokio::test]
async fn every_field_explains_itself() {
    let ground = Ground::new("explained").await;
    for (field, words) in [
        (
            "connectedaccount.spec.user",
            "Composio user id: whose account it is. Immutable.",
        ),
        (
            "connectedaccount.spec.toolkit",
            "Toolkit slug, such as `gmail`. Immutable.",
        ),
        (
            "connectedaccount.spec.projectRef",
            "Absent: the ComposioProject `default` of the object's namespace.",
        ),
        (
            "clustercomposioproject.spec.allow.users",
            "it makes sure that no two namespaces may name one user.",
        ),
        (
            "connectedaccount.spec.deletionPolicy",
            "`Revoke` ends the grant at the provider and deletes the account;",
        ),
        (
            "connectedaccount.spec.visibility",
            "`Private`, its user alone; `Shared`, also whom `sharing` names.",
        ),
        (
            "connectedaccount.spec.readyWhen",
            "`LinkIssued`, once a first link to do so was issued.",
        ),
        (
            "connectedaccount.spec.credentials.scheme",
            "`BASIC`, a user name and a password;",
        ),
        (
            "connectedaccount.spec.credentials.secretRef.name",
            "Name of the Secret.",
        ),
        (
            "connectedaccount.status.link.url",
            "so it is for the declared user only.",
        ),
    ] {
        // The server publishes descriptions a little later than the resource itself.
        wait::until(field, Duration::from_secs(60), async || {
            match ground.kubectl(&["explain", field], "").await {
                // Broken into lines as wide as a terminal.
                Ok(text) => {
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    text.contains(words).then_some(()).ok_or(text)
                }
                Err(error) => Err(error),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_count_is_one_that_the_api_can_hold() {
    let ground = Ground::new("counts").await;
    ground.create("a", &spec(json!({}))).await.unwrap();
    let count = |count: i64| {
        let since = "2030-01-01T00:00:00.000000Z";
        json!({"status": {"corrections": {"since": since, "count": count}}})
    };
    let write = async |status: serde_json::Value| {
        let patch = Patch::Merge(&status);
        ground
            .raw()
            .patch_status("a", &PatchParams::default(), &patch)
            .await
    };
    write(count(i64::from(i32::MAX)))
        .await
        .expect("as large as one can be");
    for wrong in [5_000_000_000, -1] {
        let refused = write(count(wrong)).await.expect_err("no such count");
        let told = refused.to_string();
        assert!(told.contains("status.corrections.count"), "{told}");
    }
    let definition = serde_json::to_string(&composio_operator::crd::definition()).unwrap();
    assert!(
        !definition.contains("uint32"),
        "no format that Kubernetes does not know"
    );
}
