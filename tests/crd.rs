//! The custom resource at a real API server: what it refuses, what it takes, and how it looks.

use composio_operator::crd::ConnectedAccount;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::Status;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;

mod accepted;
mod kubectl;
mod projects;
mod refused;
mod updated;

/// A namespace of its own on the shared control plane.
struct Ground {
    control_plane: &'static ControlPlane,
    client: Client,
    namespace: String,
}

impl Ground {
    async fn new(prefix: &str) -> Ground {
        let control_plane = ControlPlane::with_crd().await;
        let client = control_plane.client().await;
        let namespace = control_plane.namespace(&client, prefix).await;
        Ground {
            control_plane,
            client,
            namespace,
        }
    }

    /// Objects as anybody may write them.
    fn raw(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<ConnectedAccount>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Objects as the operator reads them.
    fn typed(&self) -> Api<ConnectedAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn create(&self, name: &str, spec: &Value) -> Result<(), String> {
        let object: DynamicObject =
            serde_json::from_value(object(name, spec)).expect("it is an object");
        answer(self.raw().create(&PostParams::default(), &object).await)
    }

    /// Runs kubectl in the namespace and returns what it prints.
    async fn kubectl(&self, args: &[&str], input: &str) -> Result<String, String> {
        let args = [args, &["--namespace", &self.namespace]].concat();
        let output = self.control_plane.kubectl_stdin(&args, input).await;
        let text = |bytes| String::from_utf8(bytes).expect("kubectl writes text");
        match output.status.success() {
            true => Ok(text(output.stdout)),
            false => Err(text(output.stderr)),
        }
    }
}

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// The smallest spec, with these fields more, or others.
fn spec(fields: Value) -> Value {
    let mut spec = json!({"user": "support@acme.com", "toolkit": "gmail"});
    for (name, value) in fields.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    spec
}

/// `n` different users, each with a name of 256 characters.
fn users(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{n:0>256}")).collect()
}

/// What the server says, as people read it; anything but its refusal is none of these tests.
fn answer<T>(result: kube::Result<T>) -> Result<(), String> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => {
            let Status { code, message, .. } = *status;
            assert!((400..500).contains(&code), "{code}: {message}");
            Err(message)
        }
        Err(error) => panic!("{error}"),
    }
}

/// The complaint about an answer that is not a refusal with all of these words.
fn must_refuse(case: &str, answer: Result<(), String>, says: &[&str]) -> Option<String> {
    match answer {
        Ok(()) => Some(format!("{case}: it was accepted")),
        Err(message) => {
            let missing: Vec<_> = says
                .iter()
                .filter(|word| !message.contains(**word))
                .collect();
            (!missing.is_empty()).then(|| format!("{case}: no {missing:?} in {message}"))
        }
    }
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The cells of a table: kubectl puts three spaces at least between two.
fn columns(table: &str) -> Vec<Vec<String>> {
    table
        .lines()
        .map(|line| {
            line.split("   ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .collect()
}
