//! Faults of the apiserver, its storage and the way to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use http::Method;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use composio_operator::crd::ConnectedAccount;

use super::outage::{Outage, Seen};
use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::operator::Options;
use crate::support::proxy::{Fate, Intercept, Proxy};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::tcp_proxy::ReservedPort;
use crate::support::wait;

/// The waits that are shipped, but for a Lease that outlasts the fault: to end for a Lease that cannot
/// be renewed is right too, but is no healing of this process.
fn patient(options: Options) -> Options {
    options
        .flag("--lease-duration", "5m")
        .flag("--renew-deadline", "4m")
}

fn options(scene: &Scene<'_>) -> Options {
    patient(scene.as_shipped(&scene.kubeconfig))
}

async fn own() -> ControlPlane {
    let control_plane = ControlPlane::start()
        .await
        .expect("a control plane of its own starts");
    control_plane.install_crd().await;
    control_plane
}

/// Waits until the operator has seen the object and asked for its link.
async fn linked_in_time(scene: &Scene<'_>, name: &str) {
    let what = format!("a link for {name}");
    let link = scene.until_object(name, &what, |object| {
        let link = object["status"]["link"]["url"].as_str();
        link.map(drop).ok_or(object["status"].to_string())
    });
    link.await;
}

pub(super) async fn restarts() -> Seen {
    let control_plane = own().await;
    let scene = Scene::on(&control_plane, "restarts").await;
    let operator = scene.start("operator", &options(&scene)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    control_plane.kill_apiserver().await;
    wait::until("watches in vain", SOON, async || {
        let log = operator.child.read_log();
        match log.matches("cannot watch ConnectedAccounts").count() {
            2.. => Ok(()),
            _ => Err(operator.child.log_tail(10)),
        }
    })
    .await;
    control_plane.start_apiserver().await;
    scene.declare("after", gmail()).await;
    linked_in_time(&scene, "after").await;
    outage.end().await
}

/// With the Lease as it is shipped the process ends, is started anew, and waits as well.
pub(super) async fn storage_stops() -> Seen {
    let control_plane = own().await;
    let scene = Scene::on(&control_plane, "storage").await;
    let operator = scene.start("operator", &options(&scene)).await;
    let strict = Scene::on(&control_plane, "strict").await;
    let shipped = strict.as_shipped(&strict.kubeconfig);
    let ending = strict.start("operator", &shipped).await;
    strict.connected_gmail("before").await;
    scene.connected_gmail("before").await;

    let outage = Outage::begin(&scene, &operator).await;
    control_plane.etcd().signal(Signal::Stop).expect("it runs");
    let ended = ending.child.wait(SOON).await.expect("it ends by itself");
    assert_eq!(ended.code(), Some(1), "{}", ending.child.log_tail(10));
    let anew = strict.spawn("operator", &shipped);
    anew.readyz(503, "leadership not ready").await;
    // Composio is there all the time.
    scene.polled(1).await;
    control_plane
        .etcd()
        .signal(Signal::Cont)
        .expect("it is there");
    scene.declare("after", gmail()).await;
    linked_in_time(&scene, "after").await;
    let seen = outage.end().await;
    anew.readyz(200, "").await;
    strict.declare("after", gmail()).await;
    linked_in_time(&strict, "after").await;
    seen
}

pub(super) async fn watch_is_cut() -> Seen {
    let scene = Scene::new("watch-cut").await;
    let port = ReservedPort::new();
    let behind = scene.kubeconfig_for(&port.url("https"));
    let proxy = port.open(scene.control_plane.url());
    let options = scene.as_shipped(&behind);
    let operator = scene.start("operator", &patient(options)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    for time in ["1", "2", "3"] {
        proxy.cut();
        // What changes now is seen by a watch that was taken up again.
        let ask = format!("composio.dev/reconcile-requested-at={time}");
        let annotate = [
            "annotate",
            "--overwrite",
            "connectedaccounts",
            "before",
            &ask,
        ];
        scene.kubectl(&annotate).await;
        scene
            .until_field("before", "lastHandledReconcileAt", time)
            .await;
    }
    scene.connected_gmail("after").await;
    operator.readyz(200, "").await;
    outage.end().await
}

pub(super) async fn watch_is_too_old() -> Seen {
    let control_plane = own().await;
    let scene = Scene::on(&control_plane, "too-old").await;
    let port = ReservedPort::new();
    let behind = scene.kubeconfig_for(&port.url("https"));
    let proxy = port.open(scene.control_plane.url());
    let options = scene.as_shipped(&behind);
    let operator = scene.start("operator", &patient(options)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    proxy.close();
    // A server that was started anew knows of no change that was before.
    scene.declare("meanwhile", gmail()).await;
    control_plane.kill_apiserver().await;
    control_plane.start_apiserver().await;
    proxy.cut();
    linked_in_time(&scene, "meanwhile").await;
    scene.connected_gmail("after").await;
    let log = operator.child.read_log();
    assert!(log.contains("too old resource version"), "{log}");
    outage.end().await
}

/// So many writes in a row come too late.
const CONFLICTS: usize = 5;

pub(super) async fn conflicts() -> Seen {
    let scene = Scene::new("conflicts").await;
    let api = Api::<ConnectedAccount>::namespaced(scene.client.clone(), &scene.namespace);
    let left = Arc::new(AtomicUsize::new(CONFLICTS));
    let intercept: Intercept = Arc::new(move |request| {
        let (api, left) = (api.clone(), left.clone());
        async move {
            let is_write = matches!(request.method, Method::PUT | Method::PATCH);
            if is_write && request.path.contains("/connectedaccounts/mail") {
                write_first(&api, &left).await;
            }
            (request, Fate::Forwarded)
        }
        .boxed()
    });
    let control_plane = scene.control_plane;
    let proxy = Proxy::of_https(control_plane.url(), control_plane.certificate(), intercept)
        .await
        .expect("a proxy starts");
    let behind = scene.kubeconfig_for(proxy.url());
    let options = patient(scene.as_shipped(&behind));
    let operator = scene.start("operator", &options).await;
    let outage = Outage::begin(&scene, &operator).await;
    scene.declare("mail", gmail()).await;
    linked_in_time(&scene, "mail").await;
    let written = scene.written();
    let refused = written.iter().filter(|write| write.status == 409);
    assert_eq!(refused.count(), CONFLICTS, "{written:?}");
    assert_eq!(scene.changes().await, ["POST link"]);
    outage.end().await
}

/// Somebody else writes just before the operator, as long as some of these are left.
async fn write_first(api: &Api<ConnectedAccount>, left: &AtomicUsize) {
    let take = |left: usize| left.checked_sub(1);
    let Ok(left) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else {
        return;
    };
    // A label is nobody's business here, but makes another version of the object.
    let patch = Patch::Merge(json!({"metadata": {"labels": {"left": left.to_string()}}}));
    let written = api.patch("mail", &PatchParams::default(), &patch).await;
    written.expect("the object is there");
}
