use kube::runtime::watcher::Event;
use serde_json::json;

use super::*;
use crate::crd::{ConnectRequestKind, connect_request_name};

fn request(uid: &str) -> ConnectRequest {
    let request = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
        "metadata": {"name": connect_request_name("account", ConnectRequestKind::Link), "namespace": "agents", "uid": uid},
        "spec": {"accountName": "mail", "accountUID": "account", "kind": "Link"},
    });
    serde_json::from_value(request).expect("it is a ConnectRequest")
}

fn there(requests: &ConnectRequests) -> Vec<String> {
    let all = requests.of_account("agents", "account", "mail");
    all.into_iter().map(|one| one.pending.uid).collect()
}

#[test]
fn what_was_deleted_is_gone_though_no_watch_tells_of_it() {
    let requests = ConnectRequests::default();
    requests.apply(&Event::Apply(request("first")));
    let first = requests.of_account("agents", "account", "mail").remove(0);
    requests.forget(&first);
    assert_eq!(there(&requests), [""; 0]);

    requests.apply(&Event::Apply(request("second")));
    requests.forget(&first);
    assert_eq!(there(&requests), ["second"], "another one of its name");
}
