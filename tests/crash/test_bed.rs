//! Where runs take place, one after the other: a namespace, two proxies, and for each run a Composio
//! project and a name of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composio_operator::crd::{ConnectRequest, ConnectedAccount};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::{Value, json};

use super::boundary::Server;
use super::interceptor::Interceptor;
use super::invariants::Facts;
use super::neighbour::release;
use super::scenario::{Act, THEIRS};
use super::sign_in::Page;
use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::operator::{Operator, Options, RULES};
use crate::support::pinned_alias;
use crate::support::project::Projects;
use crate::support::proxy::Proxy;
use crate::support::receiver::Receiver;
use crate::support::sandbox::{Asked, Sandbox};

const OPERATOR: &str = "composio-operator";
const SECRET: &str = "key";

/// A namespace behind proxies, used by one run at a time.
pub(super) struct TestBed<'a> {
    pub(super) interceptor: Arc<Interceptor>,
    pub(super) objects: Api<ConnectedAccount>,
    pub(super) requests: Api<ConnectRequest>,
    secrets: Api<Secret>,
    pub(super) namespace: String,
    pub(super) client: Client,
    projects: &'static Projects,
    pub(super) options: Options,
    /// Where people are notified.
    pub(super) receiver: Option<Arc<Receiver>>,
    sandbox: &'a Sandbox,
    pub(super) folder: &'a Folder,
    runs: AtomicUsize,
    pub(super) proxies: Vec<Proxy>,
}

/// What one run has for itself.
pub(super) struct World<'a> {
    pub(super) test_bed: &'a TestBed<'a>,
    /// Of the object.
    pub(super) name: String,
    /// The Composio project's.
    pub(super) key: String,
    deleted_by_hand: BTreeSet<String>,
    /// The second account, and whether a person has signed in to it.
    duplicate: Option<(String, bool)>,
    policy: String,
    value: Option<String>,
    /// Where people come by the connect page: what it shares with the operator.
    pub(super) page: Option<Page>,
    pub(super) operators: usize,
}

impl<'a> TestBed<'a> {
    /// A new namespace of the control plane, and of all Composio projects those with its name.
    pub(super) async fn new(
        control_plane: &'static ControlPlane,
        sandbox: &'a Sandbox,
        folder: &'a Folder,
        waits: &[(&str, &str)],
    ) -> TestBed<'a> {
        let client = control_plane.client().await;
        let namespace = control_plane.namespace(&client, "crash").await;
        let token = control_plane
            .service_account(&client, &namespace, OPERATOR, RULES)
            .await;
        let interceptor = Arc::new(Interceptor::default());
        let kubernetes = Proxy::of_https(
            control_plane.url(),
            control_plane.certificate(),
            interceptor.intercept(Server::Kubernetes),
        )
        .await
        .expect("the proxy starts");
        let composio = Proxy::of_http(sandbox.url(), interceptor.intercept(Server::Composio))
            .await
            .expect("the proxy starts");
        let direct = control_plane.kubeconfig_for_token(&token);
        let direct = std::fs::read_to_string(direct).expect("it was written");
        let behind = direct.replace(control_plane.url(), kubernetes.url());
        let kubeconfig = folder
            .write(&format!("{namespace}.kubeconfig"), behind)
            .expect("the folder is there");
        let mut options = Options::new(control_plane, &kubeconfig, composio.url(), &namespace);
        for (flag, value) in waits {
            options = options.flag(flag, value);
        }
        TestBed {
            interceptor,
            objects: Api::namespaced(client.clone(), &namespace),
            requests: Api::namespaced(client.clone(), &namespace),
            secrets: Api::namespaced(client.clone(), &namespace),
            namespace,
            client,
            projects: control_plane.projects(),
            options,
            sandbox,
            folder,
            runs: AtomicUsize::new(0),
            receiver: None,
            proxies: vec![kubernetes, composio],
        }
    }

    /// A world for one run, with those accounts in it and those open questions answered.
    pub(super) async fn world(&self, accounts: &Value, switches: &Value) -> World<'_> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let key = format!("{}-{run}", self.namespace);
        // Its project has a key of its own, and knows nothing of the one of the run before.
        let options = self.options.clone().api_key(&key);
        let project = options.project();
        let given = self
            .projects
            .give_anew(&self.client, &self.namespace, project);
        given.await.expect("the administrator makes projects");
        let name = format!("account-{run}");
        self.empty_world(name, key, accounts, switches).await
    }

    /// A world without a project: for an object of that name, with that API key.
    pub(super) async fn empty_world(
        &self,
        name: String,
        key: String,
        accounts: &Value,
        switches: &Value,
    ) -> World<'_> {
        let seed = json!({"api_key": key, "accounts": accounts, "switches": switches});
        self.sandbox.control("POST", "worlds", seed).await;
        World {
            test_bed: self,
            name,
            key,
            deleted_by_hand: BTreeSet::new(),
            duplicate: None,
            policy: "Revoke".to_owned(),
            value: None,
            page: None,
            operators: 0,
        }
    }
}

impl TestBed<'_> {
    /// Where Composio is, for a project.
    pub(super) fn base_url(&self) -> &str {
        &self.options.project().base_url
    }
}

impl World<'_> {
    /// Starts an operator. It is not waited for.
    pub(super) fn operator(&mut self) -> Operator {
        self.operators += 1;
        let name = format!("{}-{}", self.key, self.operators);
        let options = self.test_bed.options.clone();
        let options = match &self.page {
            Some(page) => page.known_to(options.without_project()),
            None => options.without_project(),
        };
        Operator::spawn(self.test_bed.folder, &name, &options).expect("the operator starts")
    }

    /// Does what a person does.
    pub(super) async fn act(&mut self, act: &Act) {
        match act {
            Act::Declare(spec) => {
                let object = json!({
                    "apiVersion": "composio.dev/v1alpha1",
                    "kind": "ConnectedAccount",
                    "metadata": {"name": self.name},
                    "spec": spec,
                });
                let object = serde_json::from_value(object).expect("it is one");
                let params = PostParams::default();
                let made = self.test_bed.objects.create(&params, &object).await;
                made.expect("it is declared");
                self.declared(spec);
            }
            Act::Edit(patch) => {
                self.merge(patch).await;
                self.declared(&patch["spec"]);
            }
            Act::Ask => self.ask().await,
            Act::ComeBack => self.come_back().await,
            Act::Key(value) => self.put_key(value).await,
            Act::Account(what) => {
                let id = self.recorded().await;
                self.control("POST", &format!("accounts/{id}/{what}"), json!({}))
                    .await;
                if *what == "delete" {
                    self.deleted_by_hand.insert(id);
                }
            }
            Act::Duplicate => {
                let object = self.object().await.expect("the object is there");
                let body = json!({
                    "auth_config_id": object["spec"]["authConfig"],
                    "user_id": object["spec"]["user"],
                    "alias": pinned_alias(&object),
                });
                let path = "connected_accounts/link";
                let sandbox = self.test_bed.sandbox;
                let made = sandbox.api_as(&self.key, "POST", path, body).await;
                let id = made["connected_account_id"].as_str().expect("it is made");
                self.duplicate = Some((id.to_owned(), false));
            }
            Act::OfDuplicate(what) => {
                let (id, is_a_persons) = self.duplicate.as_mut().expect("there is one");
                *is_a_persons = *what == "consent";
                let path = format!("accounts/{id}/{what}");
                self.control("POST", &path, json!({})).await;
            }
            Act::Fault(method, path, status) => {
                let fault =
                    json!({"method": method, "path": path, "status": status, "times": 1000});
                self.control("POST", "fault", fault).await;
            }
            Act::NoFaults => drop(self.control("DELETE", "fault", Value::Null).await),
            Act::Delete => {
                let params = DeleteParams::default();
                let deleted = self.test_bed.objects.delete(&self.name, &params).await;
                deleted.expect("it is there");
            }
            Act::RotateApiKey => self.rotate_api_key().await,
            Act::DeleteProject => self.delete_project().await,
            Act::MakeProject => self.make_project().await,
        }
    }

    fn declared(&mut self, spec: &Value) {
        if let Some(policy) = spec["deletionPolicy"].as_str() {
            self.policy = policy.to_owned();
        }
    }

    async fn merge(&self, patch: &Value) {
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let merged = self
            .test_bed
            .objects
            .patch(&self.name, &params, &patch)
            .await;
        merged.expect("it can be changed");
    }

    async fn put_key(&mut self, value: &str) {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET},
            "stringData": {"api_key": value},
        });
        let (params, patch) = (PatchParams::apply("tests").force(), Patch::Apply(secret));
        let applied = self.test_bed.secrets.patch(SECRET, &params, &patch).await;
        applied.expect("the Secret is taken");
        self.value = Some(value.to_owned());
    }

    pub(super) async fn recorded(&self) -> String {
        let object = self.object().await.expect("the object is there");
        let id = &object["status"]["connectedAccountId"];
        id.as_str().expect("an account is recorded").to_owned()
    }

    pub(super) async fn object(&self) -> Option<Value> {
        let object = self.test_bed.objects.get_opt(&self.name).await;
        let object = object.expect("the apiserver answers");
        object.map(|object| serde_json::to_value(object).expect("it is JSON"))
    }

    /// A control call about this world.
    pub(super) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("{path}?key={}", self.key);
        self.test_bed.sandbox.control(method, &path, body).await
    }

    /// Everything that can be seen from outside.
    pub(super) async fn facts(&self) -> Facts {
        let object = self.object().await;
        let object = object.map(|object| self.with_link_in_clear(object));
        let accounts = self.control("GET", "accounts", Value::Null).await;
        let is_shared = object
            .as_ref()
            .is_some_and(|object| !object["spec"]["sharing"].is_null());
        let sharing = match is_shared {
            true => self.sharing().await,
            false => Value::Null,
        };
        let key = match &self.value {
            None => None,
            Some(value) => {
                let secret = self.test_bed.secrets.get(SECRET).await;
                let metadata = secret.expect("it was made").metadata;
                let [uid, version] = [metadata.uid, metadata.resource_version];
                let version = format!(
                    "{}/{}",
                    uid.unwrap_or_default(),
                    version.unwrap_or_default()
                );
                Some((version, value.clone()))
            }
        };
        Facts {
            object,
            accounts: accounts["accounts"].as_array().cloned().unwrap_or_default(),
            sharing,
            key,
            deleted_by_hand: self.deleted_by_hand.clone(),
            duplicate_of_a_person: self
                .duplicate
                .clone()
                .and_then(|(id, is_a_persons)| is_a_persons.then_some(id)),
            requests: self.requests().await,
            policy: self.policy.clone(),
        }
    }

    async fn requests(&self) -> usize {
        let requests = self.test_bed.requests.list(&ListParams::default()).await;
        let requests = requests.expect("the apiserver answers").items.into_iter();
        requests
            .filter(|one| one.spec.account_name == self.name)
            .count()
    }

    async fn sharing(&self) -> Value {
        let path = format!("connected_accounts/{THEIRS}");
        let account = self
            .test_bed
            .sandbox
            .api_as(&self.key, "GET", &path, Value::Null)
            .await;
        account["experimental"]["acl_config_for_shared"].clone()
    }

    /// What Composio was asked in this world, for whoever has to find out what went wrong.
    pub(super) async fn describe(&self) -> String {
        let log = self.control("GET", "log", Value::Null).await;
        let entries = log["entries"].as_array().into_iter().flatten();
        entries
            .filter(|entry| !Asked::deserialize(*entry).is_ok_and(|asked| asked.is_poll()))
            .map(|entry| {
                format!(
                    "    {} {} {}{}{} {} {}\n",
                    entry["time"].as_str().unwrap_or_default(),
                    entry["method"].as_str().unwrap_or_default(),
                    entry["path"].as_str().unwrap_or_default(),
                    if entry["query"] == "" { "" } else { "?" },
                    entry["query"].as_str().unwrap_or_default(),
                    entry["status"],
                    entry["body"],
                )
            })
            .collect()
    }

    /// Takes what is left of the object away, and the project with it.
    pub(super) async fn end(self) {
        release(&self.test_bed.objects, &self.name).await;
        let params = DeleteParams::default();
        // It is gone already, where all went well.
        let _ = self.test_bed.objects.delete(&self.name, &params).await;
        self.control("DELETE", "worlds", Value::Null).await;
    }

    /// Waits until nothing has been asked for that long.
    pub(super) async fn quiet(&self, wait: Duration) {
        while let Some(left) = wait.checked_sub(self.test_bed.interceptor.quiet()) {
            tokio::time::sleep(left).await;
        }
    }
}
