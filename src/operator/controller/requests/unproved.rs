//! Returns from a sign-in that nobody can tell from forged ones: whoever has the page's key in another file than the operator
//! loses what people come back with, and is told so.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures::{StreamExt, stream};
use kube::{Api, Client};
use tokio::time::Instant;
use tracing::warn;

use super::AT_ONCE;
use crate::{
    crd::{ConnectedAccount, ConnectedAccountStatus, Returned},
    log::cause,
    reconcile::Emit,
    report::object_event,
    store::StoredRequest,
};

/// So long nothing more is told of an object.
const PAUSE: Duration = Duration::from_secs(600);
/// Of so many objects it is told in that time. Anybody may write such a request who may make ConnectRequests.
const MOST: usize = 30;

/// What was told of late.
pub(super) struct Unproved {
    emit: Emit,
    /// By the uid of the object.
    told: HashMap<String, Instant>,
    /// Of so many requests nothing was told because of [`MOST`].
    untold: u64,
}

impl Unproved {
    pub(super) fn new(emit: Emit) -> Self {
        Self {
            emit,
            told: HashMap::new(),
            untold: 0,
        }
    }

    /// Tells of those whose objects nothing was told of lately. An object is read once, however many requests name it.
    pub(super) async fn report(&mut self, client: &Client, requests: Vec<StoredRequest>) {
        let due = self.due(requests).into_values();
        let objects = due.map(|of_one| object_of(client.clone(), of_one));
        let objects = stream::iter(objects).buffer_unordered(AT_ONCE);
        let objects: Vec<_> = objects.collect().await;
        for object in objects.into_iter().flatten() {
            self.tell(&object);
        }
    }

    /// Those that something is to be told of, by the uid of their object.
    fn due(&mut self, requests: Vec<StoredRequest>) -> BTreeMap<String, Vec<StoredRequest>> {
        let now = Instant::now();
        self.told.retain(|_, at| now.duration_since(*at) < PAUSE);
        let mut new = requests;
        new.retain(|one| !self.told.contains_key(&one.account_uid));
        if self.told.len() >= MOST {
            self.untold += new.len() as u64;
            new.clear();
        }
        let mut due = BTreeMap::<String, Vec<StoredRequest>>::new();
        for request in new {
            due.entry(request.account_uid.clone())
                .or_default()
                .push(request);
        }
        due
    }

    /// Tells of a request, by an event of its object and in the log.
    fn tell(&mut self, object: &ConnectedAccount) {
        if self.told.len() >= MOST {
            self.untold += 1;
            return;
        }
        let uid = object.metadata.uid.clone().unwrap_or_default();
        self.told.insert(uid, Instant::now());
        let event = object_event::of_unproved_return();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let object_name = format!("{namespace}/{name}");
        let untold = std::mem::take(&mut self.untold);
        warn!(object = object_name, untold, "{}", event.note);
        (self.emit)(object, event);
    }
}

/// The object that the requests name, if one of them tells of the link that is out, or has brought the sign-in: of any other
/// nobody who came back could tell.
async fn object_of(client: Client, requests: Vec<StoredRequest>) -> Option<ConnectedAccount> {
    let request = requests.first()?;
    let api = Api::<ConnectedAccount>::namespaced(client, &request.namespace);
    let object = match api.get_opt(&request.account).await {
        Ok(object) => object?,
        Err(error) => {
            let object = format!("{}/{}", request.namespace, request.account);
            warn!(object, "cannot be read: {}", cause(&error));
            return None;
        }
    };
    let is_it = object.metadata.uid.as_deref() == Some(&*request.account_uid);
    let status = object.status.as_ref()?;
    let mut returned = requests
        .iter()
        .filter_map(|one| one.pending.returned.as_ref());
    (is_it && returned.any(|returned| is_of_link(returned, status))).then_some(object)
}

fn is_of_link(returned: &Returned, status: &ConnectedAccountStatus) -> bool {
    let link = status.link.as_ref();
    let link = link.and_then(|link| link.requested_by.as_ref());
    let link = link.map(|link| (&link.uid, link.browser.as_ref()));
    let sign_in = status.sign_in.as_ref();
    let sign_in = sign_in.map(|sign_in| (&sign_in.request, sign_in.browser.as_ref()));
    let told = (&returned.request, Some(&returned.browser));
    [link, sign_in].into_iter().flatten().any(|one| one == told)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_so_many_objects_it_is_told_each_time_and_of_each_once() {
        let events = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&events);
        let emit: Emit = Arc::new(move |object: &ConnectedAccount, _| {
            all.lock()
                .push(object.metadata.uid.clone().unwrap_or_default());
        });
        let mut unproved = Unproved::new(emit);
        let object = |n: usize| -> ConnectedAccount {
            let object = json!({
                "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                "metadata": {"namespace": "team", "name": "mail", "uid": n.to_string()},
                "spec": {"user": "ann", "toolkit": "gmail"},
            });
            serde_json::from_value(object).expect("it is one")
        };
        let objects = || (0..2 * MOST).map(object);
        for object in objects() {
            unproved.tell(&object);
        }
        assert_eq!(events.lock().len(), MOST);
        assert_eq!(unproved.untold, MOST as u64);
        advance(PAUSE / 2).await;
        drop(unproved.due(Vec::new()));
        unproved.tell(&object(MOST));
        assert_eq!(events.lock().len(), MOST, "it is too soon");
        advance(PAUSE / 2).await;
        drop(unproved.due(Vec::new()));
        for object in objects() {
            unproved.tell(&object);
        }
        assert_eq!(events.lock().len(), 2 * MOST);
    }
}
