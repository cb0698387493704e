//! `diff`: what the operator would do, told before it is merged.

use serde_json::{Value, json};

use super::program::{VIEWER, at, run, run_as, run_at, somebody, steady};
use crate::support::project::{in_cluster, of_cluster};
use crate::support::scene::{Scene, gmail};

/// A file with that declaration.
pub(super) fn file(scene: &Scene<'_>, name: &str, spec: &Value) -> String {
    let manifest = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": name}, "spec": spec,
    });
    let written = scene.folder.write("manifest.yaml", manifest.to_string());
    let written = written.expect("the folder is there");
    written.to_string_lossy().into_owned()
}

#[tokio::test]
async fn what_would_be_done_is_told_and_nothing_is_done() {
    let scene = Scene::new("cli-diff").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    let diff = async |args: &[&str]| run_at(&scene, &scene.sandbox, args).await;

    let same = file(&scene, "mail", &gmail());
    let told = diff(&["diff", "-f", &same]).await;
    assert_eq!(told.well(), "");

    let before = scene.changes().await;
    let mut disabled = gmail();
    disabled["enabled"] = json!(false);
    let told = diff(&["diff", "-f", &file(&scene, "mail", &disabled)]).await;
    let expected = format!(
        "{}/mail: changed, account seen\n  would disable {id} (Disable)\n",
        scene.namespace
    );
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (Some(1), expected.as_str(), "")
    );

    let told = diff(&["diff", "--delete", "-f", &same, "-o", "json"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    let read: Value = serde_json::from_str(&told.out).expect("it is JSON");
    let steps: Vec<&Value> = (read[0]["steps"].as_array().into_iter().flatten())
        .map(|step| &step["would"])
        .collect();
    assert_eq!(
        steps,
        [
            &json!(format!("revoke the grant of {id}")),
            &json!(format!("delete {id}")),
            &json!("let the object go")
        ]
    );

    let spec = json!({"user": "v", "toolkit": "gmail"});
    let told = diff(&["diff", "-f", &file(&scene, "new", &spec)]).await;
    assert_eq!(told.code, Some(1));
    assert_eq!(
        steady(&scene, &told.out),
        "\
NS/new: created, account seen
  would mark the object (Mark)
  would make an account through ac_gmail, and issue a link to sign in (Link)
"
    );

    // What cannot be, the apiserver says.
    let other = file(
        &scene,
        "mail",
        &json!({"user": "v", "toolkit": "gmail", "authConfig": "ac_gmail"}),
    );
    diff(&["diff", "-f", &other])
        .await
        .failed(2, "user is immutable");
    let odd = file(&scene, "new", &json!({"user": "v", "toolkit": "Gmail"}));
    diff(&["diff", "-f", &odd])
        .await
        .failed(2, "toolkit must be a slug");
    assert_eq!(scene.changes().await, before);
    let names = run(&scene, &["status", "-o", "name"]).await.well();
    assert_eq!(names, "connectedaccount.composio.dev/mail\n");
}

#[tokio::test]
async fn a_tenant_is_told_from_status_and_spec_alone() {
    let scene = Scene::new("cli-diff-tenant").await;
    let project = format!("{}-shared", scene.namespace);
    let mut cluster = of_cluster(scene.sandbox.url(), &scene.namespace);
    cluster["items"][1]["metadata"]["name"] = json!(project);
    scene.apply(&cluster.to_string()).await;
    let mut spec = in_cluster(gmail());
    spec["projectRef"]["name"] = json!(project);
    let new = file(&scene, "mail", &spec);
    let reader = somebody(&scene, "reader", VIEWER).await;
    let told = run_as(&scene, &reader, &["diff", "-f", &new]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert_eq!(
        steady(&scene, &told.out),
        format!(
            "\
NS/mail: created, account not seen
  you may not read ClusterComposioProject/{}
  you may not write it: the apiserver has not judged it
  would mark the object (Mark)
  would make an account through ac_gmail, and issue a link to sign in (Link)
",
            project.replace(&scene.namespace, "NS")
        )
    );
    // Whoever may write objects has the apiserver's word, and leaves nothing behind.
    let rules = "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: ['*']}]";
    let writer = somebody(&scene, "writer", rules).await;
    let told = run_as(&scene, &writer, &["diff", "-f", &new]).await;
    assert!(
        !told.out.contains("has not judged it") && told.out.contains("account not seen"),
        "{told:?}"
    );
    assert_eq!(scene.sandbox.asked().await.len(), 0);
    scene.declare("mail", spec.clone()).await;
    scene
        .give_status(
            "mail",
            &json!({"connectedAccountId": "ca_1", "authConfig": "ac_gmail", "state": "ACTIVE"}),
        )
        .await;
    spec["enabled"] = json!(false);
    let told = run_as(
        &scene,
        &writer,
        &["diff", "-f", &file(&scene, "mail", &spec), "-o", "yaml"],
    )
    .await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(
        told.out.contains("accountSeen: false") && told.out.contains("disable ca_1"),
        "{told:?}"
    );
    // So is the rule that decides now.
    let told = run_as(&scene, &writer, &["explain", "mail"]).await.well();
    assert!(told.contains("account not seen"), "{told}");
    assert_eq!(scene.sandbox.asked().await.len(), 0);
}

/// All that the other account holds.
pub(super) const FOREIGN: [&str; 4] = [
    "victim@acme.example",
    "their-alias",
    "Victim Person",
    "slack",
];

/// The account of somebody else, in the same project of Composio; its id.
pub(super) async fn foreign_account(scene: &Scene<'_>) -> String {
    let body = json!({"auth_config_id": "ac_slack", "user_id": FOREIGN[0], "alias": FOREIGN[1]});
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let id = made["connected_account_id"].as_str().expect("an id");
    scene
        .sandbox
        .by_hand(id, "consent", json!({"display_name": FOREIGN[2]}))
        .await;
    id.to_owned()
}

/// The project of the namespace, with that policy.
pub(super) fn project_that_allows(scene: &Scene<'_>, allow: Value) -> Value {
    json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject", "metadata": {"name": "default"},
        "spec": {"apiKeySecretRef": {"name": "composio"}, "baseURL": scene.sandbox.url(), "allow": allow},
    })
}

#[tokio::test]
async fn a_pull_request_learns_nothing_of_an_account_that_is_not_its_own() {
    let scene = Scene::new("cli-diff-oracle").await;
    let id = &foreign_account(&scene).await;
    let project = |allow| project_that_allows(&scene, allow);
    scene.give_project(&scene.options()).await;
    let mut asks = gmail();
    asks["connectedAccountId"] = json!(id);
    let told = async |spec: &Value, args: &[&str]| {
        let file = file(&scene, "mail", spec);
        let told = run_at(
            &scene,
            &scene.sandbox,
            &[&["diff", "-f", &file], args].concat(),
        )
        .await;
        let all = format!("{}{}", told.out, told.err);
        for foreign in FOREIGN {
            assert!(!all.contains(foreign), "{foreign}: {all}");
        }
        assert!(!all.contains("ACTIVE") && !all.contains("revoke"), "{all}");
        told
    };
    // What is not allowed is said before anything is asked.
    scene.apply(&project(json!([{}])).to_string()).await;
    let seq = scene.sandbox.seq().await;
    let refused = told(&asks, &[]).await;
    assert!(refused.out.contains("refuse (NotAllowed)"), "{refused:?}");
    assert_eq!(scene.sandbox.asked_since(seq).await.len(), 0);

    // Who may take over is told that it is another one, and not what.
    scene
        .apply(&project(json!([{"takeOver": true}])).to_string())
        .await;
    let refused = told(&asks, &[]).await;
    assert!(refused.out.contains("refuse (Mismatch)"), "{refused:?}");
    assert!(refused.out.contains("is not of user \"u\""), "{refused:?}");

    // A record that was written by hand leads to no account of others.
    scene.declare("mail", gmail()).await;
    let record = json!({"keyId": "x", "mac": "x"});
    scene
        .give_status(
            "mail",
            &json!({"connectedAccountId": id, "record": record, "state": "ACTIVE"}),
        )
        .await;
    let mut disabled = gmail();
    disabled["enabled"] = json!(false);
    let forged = told(&disabled, &[]).await;
    assert!(!forged.out.contains("disable "), "{forged:?}");
    let forged = told(&gmail(), &["--delete"]).await;
    assert!(!forged.out.contains(&format!("delete {id}")), "{forged:?}");
}

#[tokio::test]
async fn a_status_in_a_file_is_not_believed() {
    let scene = Scene::new("cli-diff-status").await;
    let id = foreign_account(&scene).await;
    scene.give_project(&scene.options()).await;
    // Who may not create objects has no apiserver to drop it.
    let rules = "[{apiGroups: [composio.dev], resources: ['*'], verbs: [get, list]}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let ci = somebody(&scene, "ci", rules).await;
    for user in [FOREIGN[0], "somebody-else"] {
        let manifest = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "uid": "x", "finalizers": ["composio.dev/account"]},
            "spec": {"user": user, "toolkit": "slack"},
            "status": {"connectedAccountId": id, "state": "ACTIVE"},
        });
        let forged = scene.folder.write("forged.yaml", manifest.to_string());
        let forged = forged.expect("the folder is there");
        let forged = forged.to_string_lossy();
        let told = run_as(&scene, &ci, &at(&scene.sandbox, &["diff", "-f", &forged])).await;
        let honest = file(&scene, "mail", &manifest["spec"]);
        let expected = run_as(&scene, &ci, &at(&scene.sandbox, &["diff", "-f", &honest])).await;
        assert_eq!(told.out, expected.out, "{user}");
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(!told.out.contains(&id), "{told:?}");
    }
}

#[tokio::test]
async fn secrets_with_credentials_are_not_read_and_files_are_taken_as_kubectl_takes_them() {
    let scene = Scene::new("cli-diff-files").await;
    scene.give_project(&scene.options()).await;
    scene.secret("crm", json!({"generic_api_key": "k-1"})).await;
    let spec = json!({"user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "crm"}}});
    let rules = "[{apiGroups: [composio.dev], resources: ['*'], verbs: ['*']}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let kubeconfig = somebody(&scene, "ci", rules).await;
    let new = file(&scene, "crm", &spec);
    let told = run_as(
        &scene,
        &kubeconfig,
        &at(&scene.sandbox, &["diff", "-f", &new]),
    )
    .await;
    assert!(
        told.out.contains("read the Secret (ReadSecret)"),
        "{told:?}"
    );
    let user = format!("system:serviceaccount:{}:ci", scene.namespace);
    let asked = scene.control_plane.asked_by(&user);
    let names: Vec<&str> = (asked.iter())
        .filter(|asked| asked.resource == "secrets")
        .map(|asked| asked.name.as_str())
        .collect();
    assert_eq!(names, ["composio"]);

    let written = "kind: Service\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: composio.dev/v1alpha1, \
        kind: ConnectedAccount, metadata: {name: a}, spec: {user: a, toolkit: gmail}}\n";
    let list = scene
        .folder
        .write("list.yaml", written)
        .expect("the folder is there");
    let told = run_at(
        &scene,
        &scene.sandbox,
        &["diff", "-f", &list.to_string_lossy(), "-f", &new],
    )
    .await;
    assert_eq!(told.out.matches(": created").count(), 2, "{told:?}");
    let none = scene
        .folder
        .write("none.yaml", "kind: Service\n")
        .expect("the folder is there");
    let told = run(&scene, &["diff", "-f", &none.to_string_lossy()]).await;
    let words = format!("No ConnectedAccounts found in {}.\n", none.display());
    assert_eq!(
        told.err, words,
        "a file that was mistyped is not taken for no change"
    );
    assert_eq!(told.well(), "");
    assert_eq!(
        run(&scene, &["diff", "--delete", "-f", &new]).await.well(),
        "",
        "it is not there"
    );
    let elsewhere = scene
        .folder
        .write(
            "elsewhere.yaml",
            "{apiVersion: composio.dev/v1alpha1, kind: ConnectedAccount, \
        metadata: {name: a, namespace: other}, spec: {user: a, toolkit: gmail}}",
        )
        .expect("the folder is there");
    let elsewhere = elsewhere.to_string_lossy();
    for (args, words) in [
        (&["diff"][..], "--filename"),
        (&["diff", "-f"], "-f"),
        (&["diff", "-f", "/no/such/file"], "/no/such/file: "),
        (
            &["diff", "-f", &elsewhere],
            "the manifest says namespace other",
        ),
    ] {
        let told = run(&scene, args).await;
        told.failed(2, words);
    }
    let nowhere = scene.kubeconfig_for("https://127.0.0.1:9");
    run_as(&scene, &nowhere, &["diff", "-f", &new])
        .await
        .failed(2, "the cluster cannot be asked");
}
