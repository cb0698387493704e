//! What only the operator writes, protected by the chart's admission policy from those who may edit objects.

use rstest::rstest;
use serde_json::{Value, json};

use crate::cli::program::{Ended, command};
use crate::commands::run;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::render;
use crate::support::operator::{MARKS_RULES, Operator};
use crate::support::project::KEY_SECRET;
use crate::support::release::{Release, SANDBOX};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const PROTECT: &str = r#"tenancy={"protectMarks":true}"#;
const FINALIZER: &str = "composio.dev/connected-account";
const NAME: &str = "x-op-composio-operator-marks";

const PROJECT: &str = r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#;
const SOME: &str = r#"watchNamespaces=["y","z"]"#;
const NO_ROLES: &str = r#"rbac={"create":false}"#;
const NOT: &str = r#"tenancy={"protectMarks":false}"#;

#[rstest]
#[case::defaults(&[], false)]
#[case::a_project_of_the_cluster(&[PROJECT], true)]
#[case::the_sandbox(&[SANDBOX], true)]
#[case::the_sandbox_for_some_namespaces(&[SANDBOX, SOME], false)]
#[case::the_sandbox_and_told_not_to(&[SANDBOX, NOT], false)]
// Whoever makes the roles says what is in them.
#[case::the_sandbox_without_roles(&[SANDBOX, NO_ROLES], false)]
#[case::without_roles_and_told_to(&[SANDBOX, NO_ROLES, PROTECT], true)]
#[case::told_to(&[PROTECT], true)]
#[case::told_to_for_some_namespaces(&[SOME, PROTECT], true)]
#[tokio::test]
async fn marks_are_protected_where_the_chart_makes_a_project_of_the_cluster_or_is_told_to(
    #[case] values: &[&str],
    #[case] expected: bool,
) {
    let marks: Vec<Value> = serde_saphyr::from_str(MARKS_RULES).expect("a list of rules");
    let rendered = render("x", values).await.expect("it renders");
    for kind in [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ] {
        let policies = rendered.of_kind(kind);
        let found = policies.iter().any(|one| one["metadata"]["name"] == NAME);
        assert_eq!(found, expected, "{values:?}");
    }
    // All roles of the operator that write ConnectedAccounts pass it, and no other.
    let roles = [rendered.of_kind("ClusterRole"), rendered.of_kind("Role")].concat();
    for role in roles {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        let rules = role["rules"].as_array().expect("rules");
        let writes = |rule: &Value| rule["resources"] == json!(["connectedaccounts/status"]);
        let passes = rules.contains(&marks[0]);
        assert_eq!(
            passes,
            expected && rules.iter().any(writes),
            "{name}: {values:?}"
        );
        assert!(!name.ends_with("-edit") || !passes, "{values:?}");
    }
}

#[tokio::test]
async fn where_some_namespaces_are_watched_the_marks_in_those_are_protected() {
    let rendered = render("x", &[SOME, PROTECT]).await.expect("it renders");
    let policy: Value = rendered.one("ValidatingAdmissionPolicy", NAME);
    let selector = &policy["spec"]["matchConstraints"]["namespaceSelector"];
    assert_eq!(selector["matchExpressions"][0]["values"], json!(["y", "z"]));
}

/// A release whose policy is in force, and a tenant who may edit all of a ConnectedAccount, its status too.
struct Protected<'a> {
    release: Release<'a>,
    tenant: String,
}

impl<'a> Protected<'a> {
    async fn install(control_plane: &'a ControlPlane) -> Protected<'a> {
        control_plane.install_crd().await;
        let scene = Scene::on(control_plane, "marks").await;
        let release = Release::install(scene, &[], &[PROTECT]).await;
        let scene = &release.scene;
        scene.kubectl(&["create", "serviceaccount", "tenant"]).await;
        let account = format!("--serviceaccount={}:tenant", scene.namespace);
        let edit = format!(
            "--clusterrole={}-op-composio-operator-edit",
            scene.namespace
        );
        scene
            .kubectl(&["create", "rolebinding", "edit", &edit, &account])
            .await;
        let all = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "all"},
            "rules": [{
                "apiGroups": ["composio.dev"], "verbs": ["*"],
                "resources": ["connectedaccounts", "connectedaccounts/status"],
            }],
        });
        scene.apply(&all.to_string()).await;
        scene
            .kubectl(&["create", "rolebinding", "all", "--role=all", &account])
            .await;
        let tenant = format!("system:serviceaccount:{}:tenant", scene.namespace);
        Protected { release, tenant }
    }

    /// The same with an operator and a connected account: the operator and the account's id.
    async fn with_account(control_plane: &'a ControlPlane) -> (Protected<'a>, Operator, String) {
        let protected = Self::install(control_plane).await;
        let operator = protected.release.start("operator").await;
        let id = protected.release.scene.connected_gmail("mail").await;
        protected.in_force().await;
        (protected, operator, id)
    }

    /// What kubectl says to the tenant, and whether it was done.
    async fn as_tenant(&self, args: &[&str], input: &str) -> (bool, String) {
        self.as_user(&self.tenant, args, input).await
    }

    async fn as_user(&self, user: &str, args: &[&str], input: &str) -> (bool, String) {
        let scene = &self.release.scene;
        let all = [&["-n", &scene.namespace, "--as", user], args].concat();
        let output = scene.control_plane.kubectl_stdin(&all, input).await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }

    /// Waits until the policy is in force: a moment after it was made.
    async fn in_force(&self) {
        let patch = r#"{"metadata":{"annotations":{"composio.dev/alias":"x"}}}"#;
        let args = [
            "patch",
            "cacc",
            "mail",
            "--type=merge",
            "--dry-run=server",
            "-p",
            patch,
        ];
        wait::until("the policy", SOON, async || {
            match self.as_tenant(&args, "").await {
                (false, said) if said.contains("connectedaccounts/marks") => Ok(()),
                (_, said) => Err(said),
            }
        })
        .await;
    }

    async fn refused(&self, what: &str, args: &[&str], input: &str) {
        let (done, said) = self.as_tenant(args, input).await;
        assert!(!done, "{what}: {said}");
        assert!(
            said.contains("whoever may update connectedaccounts/marks"),
            "{what}: {said}"
        );
    }
}

#[tokio::test]
async fn whoever_may_edit_an_object_cannot_write_its_marks_and_its_life_goes_on() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let (protected, operator, id) = Protected::with_account(&control_plane).await;
    let scene = &protected.release.scene;
    let before = scene.object("mail").await;

    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = before.clone();
        object["metadata"]["managedFields"] = Value::Null;
        change(&mut object);
        object.to_string()
    };
    let pin =
        |object: &mut Value| object["metadata"]["annotations"]["composio.dev/alias"] = json!("x");
    let unmarked = |object: &mut Value| object["metadata"]["annotations"] = json!({});
    let let_go = |object: &mut Value| object["metadata"]["finalizers"] = json!([]);
    let forged = |object: &mut Value| object["status"]["connectedAccountId"] = json!("ca_theirs");
    let applied = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "mail", "annotations": {"composio.dev/alias": "x"}},
    });
    let status = r#"{"status":{"connectedAccountId":"ca_theirs"}}"#;
    let remove = r#"[{"op":"remove","path":"/metadata/annotations/composio.dev~1alias"}]"#;
    let no_finalizers = r#"{"metadata":{"finalizers":null}}"#;
    let patch = ["patch", "cacc", "mail"];
    let merge = |patched: &'static str| [&patch[..], &["--type=merge", "-p", patched]].concat();
    let json_patch = |patched: &'static str| [&patch[..], &["--type=json", "-p", patched]].concat();
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let put = ["replace", "-f", "-"];
    let put_status = ["replace", "--subresource=status", "-f", "-"];
    let status_patch = [&merge(status)[..], &["--subresource=status"]].concat();
    let status_json = [
        &json_patch(r#"[{"op":"remove","path":"/status/record"}]"#)[..],
        &["--subresource=status"],
    ]
    .concat();
    let cases: [(&str, &[&str], String); 11] = [
        (
            "merge patch",
            &merge(r#"{"metadata":{"annotations":{"composio.dev/alias":"x"}}}"#),
            String::new(),
        ),
        (
            "merge patch off",
            &merge(r#"{"metadata":{"annotations":null}}"#),
            String::new(),
        ),
        ("json patch", &json_patch(remove), String::new()),
        ("apply", &apply, applied.to_string()),
        ("put", &put, with(&pin)),
        ("put without", &put, with(&unmarked)),
        ("put without finalizer", &put, with(&let_go)),
        ("finalizer", &merge(no_finalizers), String::new()),
        ("status patch", &status_patch, String::new()),
        ("status json patch", &status_json, String::new()),
        ("status put", &put_status, with(&forged)),
    ];
    for (what, args, input) in &cases {
        protected.refused(what, args, input).await;
    }
    // An annotation beside it, the spec and somebody else's finalizer are theirs.
    for mine in [
        r#"{"metadata":{"annotations":{"a":"b"},"labels":{"c":"d"}}}"#,
        r#"{"spec":{"enabled":false}}"#,
        r#"{"metadata":{"finalizers":["composio.dev/connected-account","acme.example/theirs"]}}"#,
        r#"{"metadata":{"finalizers":["composio.dev/connected-account"]}}"#,
    ] {
        let (done, said) = protected.as_tenant(&merge(mine), "").await;
        assert!(done, "{mine}: {said}");
    }
    scene.ready("mail", "Disabled").await;

    // Nothing takes the finalizer off but the operator: the grant is ended before the object goes.
    drop(operator);
    let all = [
        "delete",
        "cacc",
        "--all",
        "--wait=false",
        "--cascade=foreground",
    ];
    let (done, said) = protected.as_tenant(&all, "").await;
    assert!(done, "{said}");
    let collector = "system:serviceaccount:kube-system:generic-garbage-collector";
    let collected = format!(r#"{{"metadata":{{"finalizers":["{FINALIZER}"]}}}}"#);
    let args = [&patch[..], &["--type=merge", "-p", &collected]].concat();
    let (done, said) = protected.as_user(collector, &args, "").await;
    assert!(done, "{said}");
    protected
        .refused("finalizer of a deleted one", &merge(no_finalizers), "")
        .await;
    assert_eq!(scene.sandbox.account(&id).await["deleted_at"], Value::Null);
    let _operator = protected.release.start("another").await;
    scene.gone("mail").await;
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
}

#[tokio::test]
async fn a_restore_by_an_administrator_and_what_is_given_up_are_not_held_up() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let (protected, operator, id) = Protected::with_account(&control_plane).await;
    let scene = &protected.release.scene;
    let backup = scene.object("mail").await;
    drop(operator);

    // As Velero does it: the object with its marks, then its status.
    scene.drop_all().await;
    let mut restored = backup.clone();
    for field in [
        "uid",
        "resourceVersion",
        "managedFields",
        "creationTimestamp",
    ] {
        restored["metadata"][field] = Value::Null;
    }
    let create = ["-n", &scene.namespace, "create", "-f", "-"];
    let made = control_plane
        .kubectl_stdin(&create, &restored.to_string())
        .await;
    assert!(made.status.success(), "{made:?}");
    scene.give_status("mail", &backup["status"]).await;
    let operator = protected.release.start("restored").await;
    scene.ready("mail", "Connected").await;
    assert_eq!(
        scene.object("mail").await["status"]["connectedAccountId"],
        *id
    );
    assert_eq!(scene.sandbox.accounts().await.len(), 1);

    // The key is gone: whoever may edit the object gives the account up, and the operator lets the object go.
    drop(operator);
    scene.kubectl(&["delete", "secret", KEY_SECRET]).await;
    let options = protected.release.options.clone().without_project();
    let _operator = scene.start("without-key", &options).await;
    let (done, said) = protected
        .as_tenant(&["delete", "cacc", "mail", "--wait=false"], "")
        .await;
    assert!(done, "{said}");
    scene
        .until_synced_says("mail", "ProjectUnavailable", "KeyMissing")
        .await;
    let given_up = format!("composio.dev/abandon={id}");
    let (done, said) = protected
        .as_tenant(&["annotate", "cacc", "mail", &given_up], "")
        .await;
    assert!(done, "{said}");
    scene.gone("mail").await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
}

/// The checks say whether the policy is in force, as far as whoever asks can tell.
#[tokio::test]
async fn the_checks_tell_whether_the_policy_is_in_force() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let protected = Protected::install(&control_plane).await;
    let scene = &protected.release.scene;
    let _operator = protected.release.start("operator").await;
    let marks = async |user: &str| {
        let args = ["--as", user, "-n", &scene.namespace, "check"];
        let mut command = command(control_plane.kubeconfig(), &args).await;
        let told = Ended::of(command.output().expect("it runs"));
        let line = told.out.lines().find(|line| line.contains(" marks: "));
        line.unwrap_or_else(|| panic!("{told:?}")).to_owned()
    };
    let line = marks(&protected.tenant).await;
    assert!(line.contains("there is no ConnectedAccount"), "{line}");
    scene.linked_gmail("mail").await;
    protected.in_force().await;
    let line = marks(&protected.tenant).await;
    assert!(
        line.starts_with("ok ") && line.contains("an admission policy keeps you from writing"),
        "{line}"
    );
    let line = marks("system:serviceaccount:kube-system:generic-garbage-collector").await;
    assert!(
        line.contains("you may write what only the operator"),
        "{line}"
    );

    let policy = format!("{}-op-composio-operator-marks", scene.namespace);
    let operators = async || {
        let (_, told) = run(&protected.release.kubeconfig, &["check"]).await;
        let line = told.lines().find(|line| line.contains(" marks, "));
        line.unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let line = operators().await;
    assert!(line.contains("Not proved: that others may not"), "{line}");
    // Without the right the operator is locked out, and says so.
    let rules = r#"[{"op":"replace","path":"/rules","value":[
        {"apiGroups":["composio.dev"],"resources":["connectedaccounts"],"verbs":["get","list","patch"]}]}]"#;
    let role = format!("clusterrole/{}-op-composio-operator", scene.namespace);
    scene
        .kubectl(&["patch", &role, "--type=json", "-p", rules])
        .await;
    wait::until("the end of the right", SOON, async || {
        let line = operators().await;
        match line.contains("an admission policy refuses the operator what it must write") {
            true => Ok(()),
            false => Err(line),
        }
    })
    .await;

    // Bound to nothing, the policy is in force for nobody.
    scene
        .kubectl(&["delete", "validatingadmissionpolicybinding", &policy])
        .await;
    wait::until("the end of the policy", SOON, async || {
        let line = marks(&protected.tenant).await;
        match line.contains("nothing keeps you from writing what only the operator should") {
            true => Ok(()),
            false => Err(line),
        }
    })
    .await;
}
