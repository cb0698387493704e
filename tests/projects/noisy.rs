//! Whatever one namespace does as fast as it can, the accounts of another one of the same project cost no more than
//! alone: what is asked of Composio for them is counted.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::fair::{declare_many, gmail_of, own};
use crate::support::project::in_cluster;
use crate::support::scene::{Operated, Scene};
use crate::support::watch;

/// So many objects of the noisy namespace are changed again and again.
const NOISY: usize = 20;
/// So many accounts of the quiet one are connected meanwhile.
const QUIET: usize = 4;
/// So many objects are declared at once.
const MANY: usize = 300;

/// What the noisy namespace does.
#[derive(Clone, Copy, Debug)]
enum Noise {
    LooksAskedFor,
    LinksAskedFor,
    Declarations,
    Secrets,
    Objects,
}

impl Noise {
    const ALL: [Noise; 5] = [
        Noise::LooksAskedFor,
        Noise::LinksAskedFor,
        Noise::Declarations,
        Noise::Secrets,
        Noise::Objects,
    ];

    /// Makes it, for ever.
    async fn make(self, scene: &Scene<'_>, namespace: &str, accounts: &Api<DynamicObject>) {
        if let Noise::Objects = self {
            let many = format!("{namespace}-many");
            scene.kubectl(&["create", "namespace", &many]).await;
            declare_many(scene, &many, MANY, &in_cluster(gmail_of("many"))).await;
        }
        for n in 0_usize.. {
            let annotated = |name: &str| json!({"metadata": {"annotations": {format!("composio.dev/{name}"): n.to_string()}}});
            let change = match self {
                Noise::LooksAskedFor | Noise::Objects => annotated("reconcile-requested-at"),
                Noise::LinksAskedFor => annotated("link-requested-at"),
                Noise::Declarations => {
                    json!({"spec": {"connectionData": {"subdomain": n.to_string()}}})
                }
                Noise::Secrets => {
                    let value = json!({"stringData": {"api_key": n.to_string()}}).to_string();
                    let args = ["patch", "secret", "key", "-n", namespace, "-p", &value];
                    scene.kubectl(&args).await;
                    continue;
                }
            };
            let name = format!("crowd-{}", n % NOISY);
            let (params, change) = (PatchParams::default(), Patch::Merge(change));
            let patched = accounts.patch(&name, &params, &change).await;
            patched.expect("it is taken");
        }
    }
}

/// How much is asked for a few accounts until each is connected.
async fn cost(scene: &Operated<'_>, round: &str) -> usize {
    let before = scene.sandbox.seq().await;
    let mut mine = Vec::new();
    for n in 0..QUIET {
        let name = format!("{round}-{n}");
        scene.declare(&name, in_cluster(gmail_of(&name))).await;
        mine.push(name);
    }
    for name in mine.clone() {
        let (id, _) = scene.linked(&name).await;
        scene.sandbox.consent(&id).await;
        scene.ready(&name, "Connected").await;
        mine.push(id);
    }
    let asked = scene.sandbox.asked_since(before).await;
    let is_named = |text: &str| mine.iter().any(|name| text.contains(name.as_str()));
    let of_them = asked.iter().filter(|one| !one.is_poll());
    let of_them = of_them.filter(|one| {
        is_named(&one.path) || is_named(&one.query) || is_named(&one.body.to_string())
    });
    of_them.count()
}

#[tokio::test]
async fn whatever_one_namespace_does_the_accounts_of_another_cost_no_more_than_alone() {
    let control_plane = own().await;
    let scene = Scene::on(&control_plane, "quiet").await;
    scene.serve_cluster().await;
    let options = scene.options().without("--watch-namespace");
    let operator = scene.start("operator", &options.without_project()).await;
    let scene = Operated::of(scene, operator);
    let alone = cost(&scene, "alone").await;
    let noisy = control_plane.namespace(&scene.client, "noisy").await;
    declare_many(&scene, &noisy, NOISY, &in_cluster(gmail_of("noisy"))).await;
    let secret = [
        "create",
        "secret",
        "generic",
        "key",
        "--from-literal=api_key=0",
        "-n",
        &noisy,
    ];
    scene.kubectl(&secret).await;
    let credentials = json!({"scheme": "API_KEY", "secretRef": {"name": "key"}});
    let from_secret: Value = in_cluster(json!({
        "user": "noisy", "toolkit": "hubspot", "authConfig": "ac_hubspot", "credentials": credentials,
    }));
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "from-secret", "namespace": noisy}, "spec": from_secret,
    });
    let args = ["apply", "-f", "-"];
    let applied = control_plane
        .kubectl_stdin(&args, &object.to_string())
        .await;
    assert!(applied.status.success(), "{applied:?}");
    let accounts = watch::accounts(&scene.client, &noisy);
    for (at, noise) in Noise::ALL.into_iter().enumerate() {
        let round = format!("round{at}");
        let beside = tokio::select! {
            beside = cost(&scene, &round) => beside,
            () = noise.make(&scene, &noisy, &accounts) => unreachable!("it does not end"),
        };
        assert!(
            beside * 5 <= alone * 6,
            "{noise:?}: {beside} requests, alone {alone}"
        );
    }
}
