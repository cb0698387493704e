//! The connect page of a simulation: its settings, and the ConnectRequests that it makes.

use std::sync::Arc;

use composio_operator::connect::page_address::PageSettings;
use composio_operator::crd::{ConnectRequest, ConnectRequestKind, connect_request_name};
use composio_operator::plan::PendingRequest;
use jiff::SignedDuration;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::{NAMESPACE, Simulation, lock};

/// How old a request may be.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

impl Simulation {
    /// The operator starts anew, and knows of a page.
    pub(crate) fn serve_page(&mut self, page: PageSettings) {
        self.flags.page = Some(Arc::new(page));
        self.restart();
    }

    /// Makes a ConnectRequest for an object, with what `more` says besides, and tells its uid; `None`: there is no such
    /// object, or one of that kind is there for it.
    pub(crate) fn ask(
        &mut self,
        name: &str,
        kind: ConnectRequestKind,
        more: &Value,
    ) -> Option<String> {
        let account = self.object(name)?["metadata"]["uid"].as_str()?.to_owned();
        let mut of_request = connect_request_name(&account, kind);
        if let Some(proof) = more["returned"]["proof"].as_str() {
            of_request = format!("{of_request}-{proof}");
        }
        self.uids += 1;
        let uid = format!("request-{}", self.uids);
        let mut request = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
            "metadata": {
                "name": of_request, "namespace": NAMESPACE, "uid": uid,
                // How old a request is goes by the clock of the machine, which is far ahead of simulated time.
                "creationTimestamp": "2100-01-01T00:00:00Z",
            },
            "spec": {"accountName": name, "accountUID": account, "kind": kind},
        });
        let more = more.as_object().into_iter().flatten();
        request["spec"]
            .as_object_mut()?
            .extend(more.map(|(field, value)| (field.clone(), value.clone())));
        {
            let mut apiserver = lock(&self.apiserver);
            if apiserver.requests.contains_key(&of_request) {
                return None;
            }
            apiserver.requests.insert(of_request, request.clone());
        }
        self.asked_at.insert(uid.clone(), self.now());
        self.watch_request(request);
        Some(uid)
    }

    /// How many ConnectRequests are there.
    pub(crate) fn requests(&self) -> usize {
        self.apiserver().requests.len()
    }

    /// What is too old is deleted, and counted, and so is, uncounted, what can never count: that has no proof, or no object
    /// any more. The objects whose requests are still there are to be looked at again.
    pub(super) fn sweep_requests(&mut self) -> Vec<String> {
        let oldest = self.now() - LIFETIME;
        let page = self.flags.page.clone();
        let mut apiserver = lock(&self.apiserver);
        for (name, request) in std::mem::take(&mut apiserver.requests) {
            let decoded: ConnectRequest =
                serde_json::from_value(request.clone()).expect("it decodes");
            let uid = decoded.spec.account_uid.clone();
            let object = apiserver.objects.get(&decoded.spec.account_name);
            let has_object = object.is_some_and(|object| object["metadata"]["uid"] == *uid);
            let pending = PendingRequest::of(&decoded);
            let is_proved = !(page.as_ref()).is_some_and(|page| pending.is_unproved(&uid, page));
            let asked_at = self.asked_at.get(&pending.uid);
            let is_young = asked_at.is_some_and(|at| *at > oldest);
            let counts = has_object && is_proved;
            if counts && is_young {
                apiserver.requests.insert(name, request);
                continue;
            }
            self.unanswered += usize::from(counts);
            let known = self.running.all.connect_requests();
            known.apply(&Event::Delete(decoded));
        }
        let names = apiserver.requests.values();
        let names = names.filter_map(|request| request["spec"]["accountName"].as_str());
        names.map(str::to_owned).collect()
    }

    /// A new operator lists them.
    pub(super) fn list_requests(&mut self) {
        let requests: Vec<Value> = self.apiserver().requests.values().cloned().collect();
        for request in requests {
            self.watch_request(request);
        }
    }

    fn watch_request(&mut self, request: Value) {
        let request: ConnectRequest = serde_json::from_value(request).expect("it decodes");
        let known = self.running.all.connect_requests();
        for (_, name) in known.apply(&Event::Apply(request)) {
            self.trigger(&name);
        }
    }
}
