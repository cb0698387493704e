//! Whose the definitions are: a second release, another name of the release, definitions that somebody applied before.
//! Helm refuses to take over what it did not make, unless it is told to.

use serde_json::{Value, json};

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm_of};
use crate::support::tools::{HELM, HELM3, Tool};

const DEFINITION: &str = "customresourcedefinition/connectedaccounts.composio.dev";

/// A control plane, and somebody who installs releases.
struct Person {
    tool: &'static Tool,
    control_plane: ControlPlane,
    home: Folder,
}

impl Person {
    async fn new(tool: &'static Tool) -> Person {
        let control_plane = ControlPlane::start().await.expect("it starts");
        for namespace in ["first", "second", "agents"] {
            let made = control_plane
                .kubectl(&["create", "namespace", namespace])
                .await;
            assert!(made.status.success(), "{made:?}");
        }
        Person {
            tool,
            control_plane,
            home: Folder::new().expect("a folder"),
        }
    }

    /// What Helm says against it.
    async fn tries(&self, namespace: &str, args: &[&str]) -> Result<(), String> {
        let home = self.home.path();
        let output = helm_of(self.tool, &self.control_plane, home, namespace, args).await;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    async fn succeeds(&self, namespace: &str, args: &[&str]) {
        if let Err(said) = self.tries(namespace, args).await {
            panic!("{args:?} in {namespace}: {said}");
        }
    }

    /// Helm's usual refusal, which names whose the definition is, or that it is nobody's.
    async fn is_refused(&self, namespace: &str, args: &[&str]) {
        let said = self.tries(namespace, args).await;
        let said = said.expect_err("the definitions are not this release's");
        assert!(said.contains("invalid ownership metadata"), "{said}");
    }

    /// The release that the definitions belong to.
    async fn owner(&self) -> String {
        let args = ["get", DEFINITION, "-o", "json"];
        let got = self.control_plane.kubectl(&args).await;
        let definition: Value = serde_json::from_slice(&got.stdout).expect("JSON");
        let annotations = &definition["metadata"]["annotations"];
        let of = |name: &str| annotations[format!("meta.helm.sh/release-{name}")].as_str();
        match (of("namespace"), of("name")) {
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            other => format!("{other:?}"),
        }
    }

    /// An object that must outlive all of it.
    async fn declares(&self) -> String {
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "namespace": "agents"},
            "spec": {"user": "u", "toolkit": "gmail"},
        });
        let args = ["apply", "-f", "-"];
        let text = object.to_string();
        let applied = self.control_plane.kubectl_stdin(&args, &text).await;
        assert!(applied.status.success(), "{applied:?}");
        self.uid().await
    }

    async fn uid(&self) -> String {
        let args = ["-n", "agents", "get", "connectedaccounts", "mail"];
        let args = [&args[..], &["-o", "jsonpath={.metadata.uid}"]].concat();
        let got = self.control_plane.kubectl(&args).await;
        assert!(got.status.success(), "{got:?}");
        String::from_utf8(got.stdout).expect("text")
    }
}

async fn releases_share_the_definitions(tool: &'static Tool) {
    let person = Person::new(tool).await;
    person.succeeds("first", &["install", "one", CHART]).await;
    assert_eq!(person.owner().await, "first/one");
    let uid = person.declares().await;

    // A second release does without.
    let second = ["install", "two", CHART];
    person.is_refused("second", &second).await;
    let without = [&second[..], &["--set", "crds.enabled=false"]].concat();
    person.succeeds("second", &without).await;
    assert_eq!(person.owner().await, "first/one");

    // The first goes; the definitions and the objects stay, and are still its own.
    person.succeeds("first", &["uninstall", "one"]).await;
    assert_eq!(person.owner().await, "first/one");
    assert_eq!(person.uid().await, uid);
    let upgrade = ["upgrade", "two", CHART, "--set", "crds.enabled=true"];
    person.is_refused("second", &upgrade).await;
    let taking = [&upgrade[..], &["--take-ownership"]].concat();
    person.succeeds("second", &taking).await;
    assert_eq!(person.owner().await, "second/two");
    assert_eq!(person.uid().await, uid);

    // Under its own name a release finds what it left.
    person.succeeds("second", &["uninstall", "two"]).await;
    person.succeeds("second", &["install", "two", CHART]).await;
    assert_eq!(person.uid().await, uid);

    // From then on they come with another release, or with none: they are kept.
    let leaving = ["upgrade", "two", CHART, "--set", "crds.enabled=false"];
    person.succeeds("second", &leaving).await;
    assert_eq!(person.uid().await, uid);
}

#[tokio::test]
async fn one_release_owns_the_definitions_and_another_takes_them_over_when_told_to() {
    releases_share_the_definitions(&HELM).await;
}

#[tokio::test]
async fn by_helm_3_one_release_owns_the_definitions_and_another_takes_them_over_when_told_to() {
    releases_share_the_definitions(&HELM3).await;
}

async fn definitions_are_there_before(tool: &'static Tool, apply: &[&str]) {
    let person = Person::new(tool).await;
    let folder = format!("{}/../../crds", CHART);
    let files = [
        "clustercomposioprojects",
        "composioprojects",
        "connectedaccounts",
        "connectrequests",
    ];
    for name in files {
        let file = format!("{folder}/{name}.yaml");
        let args = [apply, &["-f", &file]].concat();
        let applied = person.control_plane.kubectl(&args).await;
        assert!(applied.status.success(), "{applied:?}");
    }
    let args = ["wait", "--for=condition=Established", "--timeout=60s"];
    let args = [&args[..], &[DEFINITION]].concat();
    let waited = person.control_plane.kubectl(&args).await;
    assert!(waited.status.success(), "{waited:?}");
    let uid = person.declares().await;
    let install = ["install", "one", CHART];
    person.is_refused("first", &install).await;

    // Who keeps them so installs none.
    let without = [&install[..], &["--set", "crds.enabled=false"]].concat();
    person.succeeds("first", &without).await;
    person.succeeds("first", &["uninstall", "one"]).await;

    let taking = [&install[..], &["--take-ownership"]].concat();
    person.succeeds("first", &taking).await;
    assert_eq!(person.owner().await, "first/one");
    assert_eq!(person.uid().await, uid);
    person.succeeds("first", &["upgrade", "one", CHART]).await;
}

#[tokio::test]
async fn definitions_that_somebody_applied_are_taken_over_when_told_to() {
    let server_side = ["apply", "--server-side"];
    let ways: [(&Tool, &[&str]); 4] = [
        (&HELM, &["apply"]),
        (&HELM, &server_side),
        (&HELM3, &["apply"]),
        (&HELM3, &server_side),
    ];
    for (tool, apply) in ways {
        definitions_are_there_before(tool, apply).await;
    }
}
