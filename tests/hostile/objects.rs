//! Objects as large and as odd as the apiserver takes them.

use crate::support::story::message;
use std::collections::BTreeMap;

use composio_operator::crd::ConnectedAccount;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::{ODD, assert_plain, operated};
use crate::support::scene::{Operated, gmail};

/// Makes an object as a program does: what kubectl notes beside it would itself be too large.
async fn create(scene: &Operated<'_>, name: &str, spec: Value) -> Result<(), String> {
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {"name": name},
        "spec": spec,
    });
    let object: ConnectedAccount = serde_json::from_value(object).expect("it can be written down");
    let api: Api<ConnectedAccount> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let made = api.create(&PostParams::default(), &object).await;
    made.map(drop).map_err(|error| error.to_string())
}

/// The sign-in, the consent and the end of an account.
async fn lives(scene: &Operated<'_>, name: &str) {
    let (id, _) = scene.linked(name).await;
    scene.sandbox.consent(&id).await;
    scene.ready(name, "Connected").await;
    scene.delete(name).await;
    let account = scene.sandbox.account(&id).await;
    assert!(account["deleted_at"].is_string(), "{name}: {account}");
}

pub(super) async fn at_every_limit() -> String {
    let scene = operated("limits").await;
    let toolkit = "t".repeat(128);
    let auth_config = "a".repeat(128);
    let config = json!({"id": auth_config, "toolkit": toolkit});
    scene.sandbox.control("POST", "auth-configs", config).await;
    let users = |first: char| -> Vec<String> {
        (0..1000)
            .map(|n| format!("{first}{n:03}{}", "u".repeat(252)))
            .collect()
    };
    let data: BTreeMap<String, String> = (0..64)
        .map(|n| (format!("field{n:02}"), "d".repeat(2048)))
        .collect();
    let callback = "https://acme.example/";
    let spec = json!({
        "user": "u".repeat(256),
        "toolkit": toolkit,
        "authConfig": auth_config,
        "visibility": "Shared",
        "sharing": {"allowedUsers": users('a'), "deniedUsers": users('d')},
        "metadata": {"alias": "A".repeat(64)},
        "connectionData": data,
        "callbackUrl": format!("{callback}{}", "c".repeat(2048 - callback.len())),
    });
    create(&scene, "largest", spec.clone())
        .await
        .expect("it is within every limit");
    let mut one_more = users('a');
    one_more.push("one more".to_owned());
    let mut larger = 0;
    for (field, value) in [
        ("user", json!("u".repeat(257))),
        ("toolkit", json!("t".repeat(129))),
        ("authConfig", json!("a".repeat(129))),
        ("sharing", json!({"allowedUsers": one_more})),
        ("sharing", json!({"deniedUsers": ["u".repeat(257)]})),
        ("metadata", json!({"alias": "A".repeat(65)})),
        (
            "callbackUrl",
            json!(format!("{callback}{}", "c".repeat(2048))),
        ),
        ("connectedAccountId", json!("a".repeat(129))),
    ] {
        let mut spec = spec.clone();
        spec[field] = value;
        let refused = create(&scene, "larger", spec).await.expect_err(field);
        assert!(refused.contains(field), "{field}: {refused}");
        larger += 1;
    }
    lives(&scene, "largest").await;

    // The largest Secret that the apiserver takes, as one value.
    let token = "k".repeat(1_000_000);
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "large"}, "stringData": {"generic_api_key": token},
    }))
    .expect("a Secret");
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .expect("it is taken");
    scene
        .declare(
            "key",
            json!({"user": "u", "toolkit": "hubspot", "credentials": {"scheme": "API_KEY", "secretRef": {"name": "large"}}}),
        )
        .await;
    scene.ready("key", "Connected").await;
    assert_plain(&scene, &scene.operator).await;
    format!(
        "an object of {} kB and a key of 1 MB lived and ended; {larger} that are larger were refused",
        spec.to_string().len() / 1000
    )
}

pub(super) async fn of_long_name() -> String {
    let scene = operated("long-names").await;
    let names = [
        "n".repeat(253),
        format!("{}z", "n".repeat(252)),
        format!("{}.b", "a.".repeat(125) + "b"),
    ];
    for name in &names {
        create(&scene, name, gmail()).await.expect("it is a name");
    }
    for name in &names {
        lives(&scene, name).await;
    }
    create(&scene, &"n".repeat(254), gmail())
        .await
        .expect_err("it is too long");
    let accounts = scene.sandbox.accounts().await;
    let aliases: std::collections::BTreeSet<&str> = accounts
        .iter()
        .filter_map(|account| account["alias"].as_str())
        .collect();
    assert_eq!(
        aliases.len(),
        names.len(),
        "each its own alias: {aliases:?}"
    );
    assert!(aliases.iter().all(|alias| alias.len() <= 64), "{aliases:?}");
    let log = scene.operator.child.read_log();
    assert!(!log.contains("cannot be published"), "{log}");
    assert_plain(&scene, &scene.operator).await;
    format!(
        "{} names, {} aliases of at most 64 characters",
        names.len(),
        aliases.len()
    )
}

pub(super) async fn with_odd_names() -> String {
    let scene = operated("odd-names").await;
    let names = [
        "n\u{e9}",
        "\u{1b}[31m",
        "a\nb",
        "a\u{202e}b",
        "A",
        "-a",
        "a/b",
        "..",
    ];
    for name in names {
        create(&scene, name, gmail())
            .await
            .expect_err("no such name is taken");
    }
    // Names of fields and of Secrets are texts of their own.
    let mut spec = gmail();
    spec["connectionData"] = json!({ODD: ODD, "": ""});
    create(&scene, "fields", spec)
        .await
        .expect("a field may have any name");
    let mut spec = json!({"user": "u", "toolkit": "hubspot"});
    spec["credentials"] =
        json!({"scheme": "API_KEY", "secretRef": {"name": "../../secrets/other"}});
    create(&scene, "path", spec)
        .await
        .expect_err("a name is no path");
    lives(&scene, "fields").await;
    assert_plain(&scene, &scene.operator).await;
    format!(
        "the apiserver refused {}, and a field of such a name went through",
        names.len() + 1
    )
}

pub(super) async fn with_odd_users() -> String {
    let scene = operated("odd-users").await;
    for user in [ODD, "\0", "line\n"] {
        let refused = create(&scene, "control", json!({"user": user, "toolkit": "gmail"}))
            .await
            .expect_err("it holds control characters");
        assert!(refused.contains("control characters"), "{refused}");
    }
    // Everything that is odd in it, and no control character.
    let odd: String = ODD.chars().filter(|one| !one.is_control()).collect();
    let users = [
        odd.clone(),
        "\u{1f469}".repeat(256),
        "a&b=c#d?e/../%2e".to_owned(),
        "\u{feff}".to_owned(),
        " ".to_owned(),
    ];
    for (n, user) in users.iter().enumerate() {
        let spec = json!({"user": user, "toolkit": "gmail", "authConfig": "ac_gmail"});
        create(&scene, &format!("user-{n}"), spec)
            .await
            .expect("any text without control characters is a user");
    }
    for (n, user) in users.iter().enumerate() {
        let name = format!("user-{n}");
        let (id, _) = scene.linked(&name).await;
        scene.sandbox.consent(&id).await;
        scene.ready(&name, "Connected").await;
        assert_eq!(scene.sandbox.account(&id).await["user_id"], json!(user));
    }
    // A message that names both of them.
    let taken = scene.object("user-0").await["status"]["connectedAccountId"].clone();
    scene
        .kubectl(&[
            "patch",
            "connectedaccounts",
            "user-0",
            "--type=merge",
            "-p",
            r#"{"spec":{"deletionPolicy":"Retain"}}"#,
        ])
        .await;
    scene.delete("user-0").await;
    let spec =
        json!({"user": format!("not {odd}"), "toolkit": "gmail", "connectedAccountId": taken});
    create(&scene, "mismatch", spec)
        .await
        .expect("any text without control characters is a user");
    let object = scene.until("mismatch", "Stalled", "True", "Mismatch").await;
    assert!(
        message(&object, "Stalled").contains(r"\u{202e}"),
        "{object}"
    );
    assert_plain(&scene, &scene.operator).await;
    format!("{} users signed in, and a message quotes one", users.len())
}

pub(super) async fn with_odd_aliases() -> String {
    let scene = operated("odd-aliases").await;
    let aliases = [ODD, "a.b", "\u{e9}", "a b", "", "a\u{1b}"];
    for alias in aliases {
        let mut spec = gmail();
        spec["metadata"] = json!({"alias": alias});
        let refused = create(&scene, "odd", spec)
            .await
            .expect_err("it is no alias");
        assert!(refused.contains("alias"), "{refused}");
    }
    // Somebody else may have given one that nobody can declare.
    let mut taken_over = 0;
    for alias in [
        ODD.to_owned(),
        "\u{e9} \"quoted\"".to_owned(),
        "x".repeat(100_000),
    ] {
        taken_over += 1;
        let (name, user) = (format!("taken-{taken_over}"), format!("u{taken_over}"));
        let body = json!({"auth_config_id": "ac_gmail", "user_id": user, "alias": alias});
        let made = scene
            .sandbox
            .api("POST", "connected_accounts/link", body)
            .await;
        let id = made["connected_account_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        scene.sandbox.consent(&id).await;
        let spec = json!({"user": user, "toolkit": "gmail", "connectedAccountId": id});
        create(&scene, &name, spec)
            .await
            .expect("it can be taken over");
        scene.ready(&name, "Connected").await;
        assert_eq!(
            scene.sandbox.account(&id).await["alias"],
            json!(alias),
            "it is kept"
        );
        scene.delete(&name).await;
    }
    assert_plain(&scene, &scene.operator).await;
    format!(
        "{} were refused, {taken_over} accounts that had one already were taken over",
        aliases.len()
    )
}
