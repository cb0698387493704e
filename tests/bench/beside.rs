//! A quiet namespace beside one that asks for all that it can, in one project of the cluster: how long the quiet one
//! waits for a link, alone and together.

use std::time::{Duration, Instant};

use composio_operator::crd::ConnectedAccount;
use futures::{StreamExt, stream};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde::Serialize;
use serde_json::{Value, json};

use super::part::LONG;
use super::run::at;
use super::stage::{self, Mix, NAMESPACE, Stage};
use super::table::say;
use crate::support::child::Folder;
use crate::support::operator::Operator;
use crate::support::project::{in_cluster, of_cluster};
use crate::support::watch;

/// The namespace that asks for much.
const NOISY: &str = "noisy";
/// How many objects that one has.
const CROWD: usize = 500;
/// What it asks for in a second.
const CHANGES: u32 = 100;

/// From the declaration to the link, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) links: usize,
    pub(crate) alone_p50_seconds: f64,
    pub(crate) alone_p99_seconds: f64,
    pub(crate) together_p50_seconds: f64,
    pub(crate) together_p99_seconds: f64,
}

/// Measures so many links, one after the other.
pub(crate) async fn measure(links: usize, concurrency: u16) -> Beside {
    let folder = Folder::new().expect("a folder can be made");
    let sandbox = stage::composio(&folder).await;
    let stage = Stage::set(concurrency, Mix::Usual).await;
    let create = ["create", "namespace", NOISY];
    let made = stage.control_plane.kubectl(&create).await;
    assert!(made.status.success(), "{made:?}");
    let project = of_cluster(sandbox.url(), NAMESPACE).to_string();
    let args = ["apply", "-f", "-"];
    let made = stage.control_plane.kubectl_stdin(&args, &project).await;
    assert!(made.status.success(), "{made:?}");
    let options = stage.options(&sandbox).without_project();
    let options = options.without("--watch-namespace");
    let operator = Operator::spawn(&stage.folder, "operator", &options).expect("it starts");
    operator.polled().await;
    say("a quiet namespace alone");
    let alone = each(&stage, links, "alone").await;
    say("a quiet namespace beside a noisy one");
    let noise = async {
        crowd(&stage).await;
        let each = stream::iter(0..).map(|n| ask(&stage, n));
        // A second of it after the other.
        each.buffer_unordered(8).for_each(|()| async {}).await;
    };
    let together = tokio::select! {
        together = each(&stage, links, "together") => together,
        () = noise => unreachable!("it goes on for ever"),
    };
    super::run::stop(operator).await;
    Beside {
        links,
        alone_p50_seconds: at(&alone, 50),
        alone_p99_seconds: at(&alone, 99),
        together_p50_seconds: at(&together, 50),
        together_p99_seconds: at(&together, 99),
    }
}

impl Beside {
    pub(crate) fn print(&self) {
        say("");
        for (name, figure) in [
            ("alone: p50 seconds to the link", self.alone_p50_seconds),
            ("alone: p99", self.alone_p99_seconds),
            ("beside a noisy namespace: p50", self.together_p50_seconds),
            ("beside a noisy namespace: p99", self.together_p99_seconds),
            (
                "p99, times alone",
                self.together_p99_seconds / self.alone_p99_seconds,
            ),
        ] {
            say(&format!("{name:<40}{figure:>14.3}"));
        }
    }
}

fn account(namespace: &str, name: &str) -> ConnectedAccount {
    let spec = in_cluster(json!({"user": name, "toolkit": "gmail", "authConfig": "ac_gmail"}));
    serde_json::from_value(json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    }))
    .expect("a declaration")
}

/// Declares one after the other, and waits for the link of each.
async fn each(stage: &Stage, links: usize, prefix: &str) -> Vec<f64> {
    let api = stage.api();
    let mut seconds = Vec::new();
    for n in 0..links {
        let name = format!("{prefix}-{n}");
        let begun = Instant::now();
        let object = account(NAMESPACE, &name);
        let made = api.create(&PostParams::default(), &object).await;
        made.expect("it is taken");
        let accounts = watch::accounts(&stage.client, NAMESPACE);
        let linked = watch::find_one(accounts, &name, LONG, |object: Option<&Value>| {
            let link = object.map(|object| object["status"]["link"]["url"].clone());
            match link {
                Some(Value::String(_)) => Ok(()),
                _ => Err("no link yet".to_owned()),
            }
        });
        linked.await.expect("it has its link");
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// Declares many at once.
async fn crowd(stage: &Stage) {
    let api: Api<ConnectedAccount> = Api::namespaced(stage.client.clone(), NOISY);
    let made = stream::iter(0..CROWD).map(|n| {
        let (api, object) = (api.clone(), account(NOISY, &format!("crowd-{n}")));
        async move {
            let made = api.create(&PostParams::default(), &object).await;
            made.expect("it is taken");
        }
    });
    made.buffer_unordered(8).for_each(|()| async {}).await;
}

/// Asks for one look more.
async fn ask(stage: &Stage, n: usize) {
    let api: Api<ConnectedAccount> = Api::namespaced(stage.client.clone(), NOISY);
    let change = json!({"metadata": {"annotations": {
        "composio.dev/reconcile-requested-at": n.to_string(),
    }}});
    let name = format!("crowd-{}", n % CROWD);
    let (params, change) = (PatchParams::default(), Patch::Merge(change));
    let patched = api.patch(&name, &params, &change).await;
    patched.expect("it is taken");
    tokio::time::sleep(Duration::from_secs(8) / CHANGES).await;
}
