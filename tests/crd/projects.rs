//! The kinds of projects: what is refused, what is taken, what may be changed, and how they look.

use composio_operator::crd::{
    ClusterComposioProject, ClusterComposioProjectSpec, ComposioProject, ComposioProjectSpec,
};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::ClusterResourceScope;
use serde_json::{Value, json};

use super::{Ground, answer, columns, must_refuse, none};

mod allowed;
mod refused;

/// The smallest spec of a ComposioProject, with these fields more, or others.
fn project(fields: Value) -> Value {
    let mut spec = json!({"apiKeySecretRef": {"name": "composio"}});
    for (name, value) in fields.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    spec
}

/// The same with one entry of `allow`.
fn allows(entry: Value) -> Value {
    project(json!({"allow": [entry]}))
}

impl Ground {
    fn projects(&self) -> Api<ComposioProject> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn cluster_projects(&self) -> Api<ClusterComposioProject> {
        Api::all(self.client.clone())
    }

    /// Writes a ComposioProject as anybody may write one.
    async fn create_project(&self, name: &str, spec: &Value) -> Result<(), String> {
        let path = format!(
            "/apis/composio.dev/v1alpha1/namespaces/{}/composioprojects",
            self.namespace
        );
        self.post(&path, &manifest("ComposioProject", name, spec))
            .await
    }

    /// Writes a ClusterComposioProject. No other test may use the name.
    async fn create_cluster_project(&self, name: &str, spec: &Value) -> Result<(), String> {
        let path = "/apis/composio.dev/v1alpha1/clustercomposioprojects";
        self.post(path, &manifest("ClusterComposioProject", name, spec))
            .await
    }

    /// No test leaves one behind: each is offered to the namespaces of all others.
    async fn delete_cluster_project(&self, name: &str) {
        let api = self.cluster_projects();
        let deleted = api.delete(name, &DeleteParams::default()).await;
        deleted.expect("it goes");
    }

    async fn post(&self, path: &str, object: &Value) -> Result<(), String> {
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(object.to_string().into_bytes())
            .expect("a request");
        answer(self.client.request::<Value>(request).await)
    }

    /// A name of the whole cluster that is this test's alone.
    fn own_name(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }
}

fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    })
}

#[tokio::test]
async fn what_is_left_out_of_a_project_is_filled_in_where_people_read_it() {
    let ground = Ground::new("project-defaults").await;
    ground
        .create_project("default", &project(json!({})))
        .await
        .expect("the least is taken");
    let read = ground
        .kubectl(&["get", "cproj", "default", "-o", "json"], "")
        .await
        .expect("it is read");
    let read: Value = serde_json::from_str(&read).expect("JSON");
    let filled = json!({
        "apiKeySecretRef": {"name": "composio", "key": "api-key"},
        "baseURL": "https://backend.composio.dev",
        "suspend": false,
    });
    assert_eq!(read["spec"], filled);
    // Without this kstatus calls it Current.
    assert_eq!(read["status"], json!({"observedGeneration": -1}));
}

#[tokio::test]
async fn null_in_a_project_is_as_good_as_absent() {
    let ground = Ground::new("project-null").await;
    let nulls = project(json!({
        "baseURL": null,
        "aliasPrefix": null,
        "pollInterval": null,
        "resyncInterval": null,
        "suspend": null,
        "allow": [{
            "namespaceSelector": null,
            "namespaces": null,
            "users": null,
            "toolkits": null,
            "authConfigs": null,
            "takeOver": null,
            "visibilities": null,
            "sources": null,
            "sharing": null,
            "deletionPolicies": null,
            "maxAccounts": null,
            "secrets": null,
        }],
    }));
    ground.create_project("nulls", &nulls).await.expect("taken");
    let read = ground.projects().get("nulls").await.expect("it is read");
    let meant: ComposioProjectSpec =
        serde_json::from_value(allows(json!({}))).expect("it is a spec");
    assert_eq!(read.spec, meant);
}

#[tokio::test]
async fn the_prefix_of_aliases_can_neither_be_changed_nor_added_nor_taken_away() {
    let ground = Ground::new("project-prefix").await;
    let mut complaints = Vec::new();
    let cases = [
        ("changed", json!({"aliasPrefix": "eu"}), json!("us")),
        ("added", json!({}), json!("eu")),
        ("taken away", json!({"aliasPrefix": "eu"}), Value::Null),
    ];
    for (number, (case, before, after)) in cases.into_iter().enumerate() {
        let name = format!("project-{number}");
        ground
            .create_project(&name, &project(before.clone()))
            .await
            .expect("taken");
        let mut cluster_spec = project(before);
        cluster_spec["allow"] = json!([{}]);
        let cluster_name = ground.own_name(&name);
        ground
            .create_cluster_project(&cluster_name, &cluster_spec)
            .await
            .expect("taken");
        let patch = Patch::Merge(json!({"spec": {"aliasPrefix": after}}));
        let parameters = PatchParams::default();
        let says = ["spec.aliasPrefix: Forbidden", "aliasPrefix is immutable"];
        let namespaced = ground.projects().patch(&name, &parameters, &patch).await;
        complaints.extend(must_refuse(case, answer(namespaced), &says));
        let api = ground.cluster_projects();
        let of_cluster = api.patch(&cluster_name, &parameters, &patch).await;
        complaints.extend(must_refuse(case, answer(of_cluster), &says));
        // All else may be edited.
        let edit = Patch::Merge(json!({"spec": {
            "apiKeySecretRef": {"name": "another"},
            "baseURL": "https://composio.acme.example:8443/api",
            "pollInterval": "1m",
            "allow": [{"toolkits": ["gmail"]}],
            "suspend": true,
        }}));
        let edited = ground.projects().patch(&name, &parameters, &edit).await;
        complaints.extend(answer(edited).err());
        let edited = api.patch(&cluster_name, &parameters, &edit).await;
        complaints.extend(answer(edited).err());
        ground.delete_cluster_project(&cluster_name).await;
    }
    none(complaints);
}

#[tokio::test]
async fn a_list_of_projects_shows_whether_each_can_be_used() {
    let ground = Ground::new("project-columns").await;
    let name = ground.own_name("columns");
    ground
        .create_project(&name, &project(json!({})))
        .await
        .expect("taken");
    let spec = project(json!({"allow": [{}]}));
    ground
        .create_cluster_project(&name, &spec)
        .await
        .expect("taken");
    let status = Patch::Merge(json!({"status": {
        "projectID": "pr_1",
        "accounts": {"total": 7, "ready": 4, "waitingForUser": 2, "stalled": 1},
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "KeyMissing", "message": "ask Ann",
            "lastTransitionTime": "2030-01-01T00:00:00Z",
        }],
    }}));
    let parameters = PatchParams::default();
    ground
        .projects()
        .patch_status(&name, &parameters, &status)
        .await
        .expect("the status is taken");
    ground
        .cluster_projects()
        .patch_status(&name, &parameters, &status)
        .await
        .expect("the status is taken");
    for kind in [
        "composioprojects",
        "composioproject",
        "cproj",
        "clustercomposioprojects",
        "clustercomposioproject",
        "ccproj",
    ] {
        let args = ["get", kind, &name, "-o", "wide"];
        let table = columns(&ground.kubectl(&args, "").await.expect("a table"));
        let head = [
            "NAME", "READY", "REASON", "ACCOUNTS", "WAITING", "AGE", "PROJECT", "MESSAGE",
        ];
        assert_eq!(table[0], head, "{kind}");
        let row = [&name, "False", "KeyMissing", "7", "2"];
        assert_eq!(table[1][..5], row, "{kind}");
        assert_eq!(table[1][6..], ["pr_1", "ask Ann"], "{kind}");
    }
    let all = ground
        .kubectl(&["get", "composio", "-o", "name"], "")
        .await
        .expect("the category");
    for kind in ["composioproject", "clustercomposioproject"] {
        let object = format!("{kind}.composio.dev/{name}");
        assert!(all.lines().any(|line| line == object), "{object}: {all}");
    }
    ground.delete_cluster_project(&name).await;
}

#[tokio::test]
async fn a_count_of_accounts_is_one_that_the_api_can_hold() {
    let ground = Ground::new("project-counts").await;
    let name = "counts";
    ground
        .create_project(name, &project(json!({})))
        .await
        .expect("taken");
    let write = async |total: i64| {
        let accounts = json!({"total": total, "ready": 0, "waitingForUser": 0, "stalled": 0});
        let patch = Patch::Merge(json!({"status": {"accounts": accounts}}));
        let api = ground.projects();
        answer(
            api.patch_status(name, &PatchParams::default(), &patch)
                .await,
        )
    };
    write(i64::from(i32::MAX))
        .await
        .expect("as large as one can be");
    for wrong in [5_000_000_000, -1] {
        let refused = write(wrong).await.expect_err("no such count");
        assert!(refused.contains("status.accounts.total"), "{refused}");
    }
}

/// The scope is a part of the type: this compiles only for a kind of the whole cluster.
#[tokio::test]
async fn a_cluster_project_is_in_no_namespace() {
    fn of_the_cluster<K: kube::Resource<Scope = ClusterResourceScope>>() {}
    of_the_cluster::<ClusterComposioProject>();
    let ground = Ground::new("project-scope").await;
    let name = ground.own_name("scope");
    let spec: ClusterComposioProjectSpec =
        serde_json::from_value(project(json!({"allow": []}))).expect("it is a spec");
    let object = ClusterComposioProject::new(&name, spec.clone());
    let api = ground.cluster_projects();
    let made = api.create(&PostParams::default(), &object).await;
    let made = made.expect("nothing is allowed, which may be meant");
    assert_eq!((made.metadata.namespace, made.spec), (None, spec));
    ground.delete_cluster_project(&name).await;
}
