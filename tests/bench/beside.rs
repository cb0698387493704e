//! A quiet namespace beside one that asks for all that it can, in one project of the cluster: how long the quiet one
//! waits for a link, alone and together.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use composio_operator::crd::ConnectedAccount;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use serde::Serialize;
use serde_json::{Value, json};

use super::noise::{Neighbour, Noise};
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
pub(super) const CROWD: usize = 500;

/// From the declaration to the link, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) links: usize,
    pub(crate) alone_p50_seconds: f64,
    pub(crate) alone_p99_seconds: f64,
    /// Of the same writes without an operator.
    pub(crate) alone_bare_p99_seconds: f64,
    pub(crate) together: Vec<Together>,
}

/// The same beside a namespace that does one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Together {
    pub(crate) noise: Noise,
    /// What was asked for in a second.
    pub(crate) changes: f64,
    pub(crate) p50_seconds: f64,
    pub(crate) p99_seconds: f64,
    /// Of the same writes without an operator: what of it is the machine.
    pub(crate) bare_p99_seconds: f64,
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
    let neighbour = Neighbour {
        client: stage.client.clone(),
        namespace: NOISY,
        asked: AtomicUsize::new(0),
    };
    neighbour.crowd().await;
    let mut together = Vec::new();
    for noise in Noise::ALL {
        say(&format!("a quiet namespace beside {noise:?}"));
        let before = neighbour.asked.load(Ordering::Relaxed);
        let begun = Instant::now();
        let prefix = format!("{noise:?}").to_lowercase();
        let taken = tokio::select! {
            taken = each(&stage, links, &prefix) => taken,
            () = neighbour.make(noise) => unreachable!("it goes on for ever"),
        };
        let asked = neighbour.asked.load(Ordering::Relaxed) - before;
        together.push(Together {
            noise,
            changes: asked as f64 / begun.elapsed().as_secs_f64(),
            p50_seconds: at(&taken.seconds, 50),
            p99_seconds: at(&taken.seconds, 99),
            bare_p99_seconds: at(&taken.bare, 99),
        });
    }
    super::run::stop(operator).await;
    Beside {
        links,
        alone_p50_seconds: at(&alone.seconds, 50),
        alone_p99_seconds: at(&alone.seconds, 99),
        alone_bare_p99_seconds: at(&alone.bare, 99),
        together,
    }
}

impl Beside {
    pub(crate) fn print(&self) {
        say("");
        say(&format!(
            "{:<24}{:>14}{:>14}{:>14}{:>14}{:>14}{:>16}",
            "seconds to the link",
            "changes a s",
            "p50",
            "p99",
            "x alone",
            "bare p99",
            "bare x alone"
        ));
        let (p50, p99) = (self.alone_p50_seconds, self.alone_p99_seconds);
        let bare = self.alone_bare_p99_seconds;
        say(&format!(
            "{:<24}{:>14}{p50:>14.3}{p99:>14.3}{:>14}{bare:>14.3}",
            "alone", "", ""
        ));
        for one in &self.together {
            let (p50, p99) = (one.p50_seconds, one.p99_seconds);
            let times = p99 / self.alone_p99_seconds;
            let (noise, changes) = (format!("{:?}", one.noise), one.changes);
            let bare = one.bare_p99_seconds;
            let bare_times = bare / self.alone_bare_p99_seconds;
            say(&format!(
                "{noise:<24}{changes:>14.0}{p50:>14.3}{p99:>14.3}{times:>14.2}{bare:>14.3}{bare_times:>16.2}"
            ));
        }
    }
}

pub(super) fn account(namespace: &str, name: &str) -> ConnectedAccount {
    let spec = in_cluster(json!({"user": name, "toolkit": "gmail", "authConfig": "ac_gmail"}));
    serde_json::from_value(json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    }))
    .expect("a declaration")
}

/// From the least to the most.
struct Seconds {
    seconds: Vec<f64>,
    /// Of the same writes without an operator.
    bare: Vec<f64>,
}

/// Declares one after the other, and waits for the link of each.
async fn each(stage: &Stage, links: usize, prefix: &str) -> Seconds {
    let api = stage.api();
    let (mut seconds, mut bare) = (Vec::new(), Vec::new());
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
        bare.push(write_and_watch(stage, &name).await);
    }
    seconds.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    Seconds { seconds, bare }
}

/// What the same writes cost without an operator: an object is made, written twice, and seen.
async fn write_and_watch(stage: &Stage, name: &str) -> f64 {
    let api: Api<ConfigMap> = Api::namespaced(stage.client.clone(), NAMESPACE);
    let begun = Instant::now();
    let object = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let made = api.create(&PostParams::default(), &object).await;
    made.expect("it is taken");
    let mut changes = pin!(watcher::watch_object(api.clone(), name));
    for data in ["1", "2"] {
        let change = Patch::Merge(json!({"data": {"n": data}}));
        let patched = api.patch(name, &PatchParams::default(), &change).await;
        patched.expect("it is taken");
    }
    while let Some(change) = changes.next().await {
        let seen = change.ok().flatten().and_then(|object| object.data);
        if seen.is_some_and(|data| data["n"] == "2") {
            break;
        }
    }
    begun.elapsed().as_secs_f64()
}
