//! Objects for which nothing is to be done: no more than a summary of them is kept, and they are read again only if
//! something has changed that bears on them.

use std::collections::BTreeMap;

use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};
use crate::support::tcp_proxy::{ReservedPort, TcpProxy};
use crate::support::wait;

const OBJECTS: [&str; 4] = ["mail-0", "mail-1", "mail-2", "mail-3"];

/// How many passes have ended like that.
async fn passes(operator: &Operator, outcome: &str) -> u64 {
    let (_, metrics) = operator.get("/metrics").await;
    let lines = metrics.lines();
    let outcome = format!("outcome=\"{outcome}\"");
    let of_passes = lines.filter(|line| line.contains(&outcome));
    let counts = of_passes.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    counts.sum()
}

/// How often the operator has read each object by its name.
fn reads(scene: &Scene<'_>) -> BTreeMap<String, usize> {
    let mut reads = BTreeMap::new();
    let asked = scene.asked_of_kubernetes().into_iter();
    for one in asked.filter(|one| one.verb == "get" && one.resource == "connectedaccounts") {
        *reads.entry(one.name).or_default() += 1;
    }
    reads
}

/// An operator whose way to Composio can be cut.
async fn behind_a_proxy(scene: &Scene<'_>) -> (Operator, TcpProxy) {
    let port = ReservedPort::new();
    let url = port.url("http");
    let proxy = port.open(scene.sandbox.url());
    let options = scene.options().base_url(&url);
    (scene.start("operator", &options).await, proxy)
}

/// Composio is away, and comes back: then all objects have a pass, which ends like that.
async fn outage(scene: &Scene<'_>, operator: &Operator, proxy: &TcpProxy, outcome: &str) {
    proxy.close();
    scene.until_project("Ready", "False", "Unreachable").await;
    let before = passes(operator, outcome).await;
    proxy.cut();
    scene.project_available().await;
    wait::until("a pass over each", SOON, async || {
        match passes(operator, outcome).await - before {
            passes if passes >= OBJECTS.len() as u64 => Ok(()),
            few => Err(format!("{few} passes")),
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_costs_the_apiserver_two_writes_and_its_end_one_and_a_read_before_it() {
    let scene = Scene::new("costs").await.operated().await;
    let asked = |name: &str| -> Vec<String> {
        let asked = scene.asked_of_kubernetes().into_iter();
        let of_it = asked.filter(|one| one.name == name && one.resource != "events");
        of_it
            .map(|one| format!("{} {}", one.verb, one.resource))
            .collect()
    };
    let (made, end) = (
        ["patch connectedaccounts", "update connectedaccounts/status"],
        ["patch connectedaccounts"],
    );
    let writes = |asked: &[String]| -> Vec<String> {
        let writes = asked.iter().filter(|one| !one.starts_with("get "));
        writes.cloned().collect()
    };
    for name in OBJECTS {
        scene.linked_gmail(name).await;
    }
    // The list shows the accounts with the times at which they were made, which no answer has told.
    scene.polled(3).await;
    for name in OBJECTS {
        let asked = asked(name);
        assert_eq!(writes(&asked), made);
        // Where the watch lags behind the write of the status.
        assert!(asked.len() <= made.len() + 1, "{asked:?}");
    }
    for name in OBJECTS {
        let before = asked(name).len();
        scene.delete(name).await;
        // The apiserver writes its audit log a moment later.
        let asked = wait::until("the last write", SOON, async || {
            let asked = asked(name).split_off(before);
            match writes(&asked).is_empty() {
                true => Err(format!("{asked:?}")),
                false => Ok(asked),
            }
        })
        .await;
        assert_eq!(writes(&asked), end);
        assert_eq!(asked.len(), 2, "{asked:?}");
    }
}

/// The apiserver works through each field that is owned at every write of an object, by whomever.
#[tokio::test]
async fn of_the_status_only_conditions_are_owned_field_by_field() {
    let scene = Scene::new("owned").await.operated().await;
    scene.linked_gmail("mail").await;
    let args = [
        "get",
        "connectedaccounts",
        "mail",
        "--show-managed-fields",
        "-o",
        "json",
    ];
    let object: serde_json::Value =
        serde_json::from_str(&scene.kubectl(&args).await).expect("kubectl writes JSON");
    let entries = object["metadata"]["managedFields"].as_array();
    let mut entries = entries.expect("it has managers").iter();
    let of_status = entries.find(|entry| entry["subresource"] == "status");
    let fields = &of_status.expect("the operator wrote the status")["fieldsV1"]["f:status"];
    for (field, below) in fields.as_object().expect("fields") {
        let is_whole = below.as_object().is_some_and(|below| below.is_empty());
        assert_eq!(is_whole, field != "f:conditions", "{field}: {below}");
    }
    assert!(fields.get("f:link").is_some() && fields.get("f:record").is_some());
}

#[tokio::test]
async fn after_an_outage_only_objects_whose_account_has_changed_are_read() {
    let scene = Scene::new("at-rest").await;
    let (operator, proxy) = behind_a_proxy(&scene).await;
    let mut ids = Vec::new();
    for name in OBJECTS {
        ids.push(scene.connected_gmail(name).await);
    }
    // Each is concluded on once as it was written last.
    outage(&scene, &operator, &proxy, "Settled").await;
    let (read, written) = (reads(&scene), scene.written().len());
    outage(&scene, &operator, &proxy, "Settled").await;
    assert_eq!(reads(&scene), read, "nothing has changed");
    assert_eq!(scene.written().len(), written);
    // What has changed at Composio, and in the cluster, is seen.
    scene.sandbox.expire(&ids[1]).await;
    let asked = "AwaitingUser";
    scene.until(OBJECTS[1], "Ready", "False", asked).await;
    scene
        .patch(OBJECTS[2], r#"{"spec": {"suspend": true}}"#)
        .await;
    scene.until(OBJECTS[2], "Synced", "True", "Suspended").await;
    let more = reads(&scene);
    assert!(more[OBJECTS[1]] > read[OBJECTS[1]]);
    for name in [OBJECTS[0], OBJECTS[3]] {
        assert_eq!(more.get(name), read.get(name), "{name} is as it was");
    }
}

#[tokio::test]
async fn after_an_outage_no_object_that_waits_for_its_user_is_read() {
    let scene = Scene::new("waiting").await;
    let (operator, proxy) = behind_a_proxy(&scene).await;
    let mut ids = Vec::new();
    for name in OBJECTS {
        ids.push(scene.linked_gmail(name).await);
    }
    let awaited = "AwaitingUser";
    outage(&scene, &operator, &proxy, awaited).await;
    let (read, written) = (reads(&scene), scene.written().len());
    outage(&scene, &operator, &proxy, awaited).await;
    assert_eq!(reads(&scene), read, "nothing has changed");
    assert_eq!(scene.written().len(), written);
    // Who comes is seen, and so is a time that has come.
    scene.sandbox.consent(&ids[1].0).await;
    scene.until(OBJECTS[1], "Ready", "True", "Connected").await;
    scene.sandbox.expire(&ids[2].0).await;
    scene
        .until(OBJECTS[2], "Ready", "False", "LinkExpired")
        .await;
    for name in [OBJECTS[0], OBJECTS[3]] {
        assert_eq!(reads(&scene).get(name), read.get(name), "{name} waits");
    }
}
