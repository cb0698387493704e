//! Where the connect page is served: a link opens for the page alone, and what a browser has is in no object.

use std::collections::BTreeSet;

use composio_operator::crd::ConnectRequest;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use serde_json::Value;

use super::{Told, assert_without};
use crate::connect::whole::House;
use crate::support::connect_page::Visitor;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// The value of a parameter in an address.
fn parameter(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').expect("a query");
    let mut query = form_urlencoded::parse(query.as_bytes());
    let found = query.find(|(known, _)| known == name);
    found.expect("it is there").1.into_owned()
}

#[tokio::test]
async fn no_version_of_any_object_holds_a_link_in_clear_or_what_a_browser_has() {
    let scene = Scene::new("sealed").await;
    let told = Told::default();
    let (client, namespace) = (scene.client.clone(), scene.namespace.clone());
    told.follow(&client, &namespace);
    told.follow_all(Api::<ConnectRequest>::namespaced(
        client.clone(),
        &namespace,
    ));
    told.follow_all(Api::<Event>::namespaced(client, &namespace));
    let house = House::new_in(scene).await;
    let address = house.declares("mail").await;
    let (ann, path) = (Visitor::of(&house.page), house.path("mail"));
    ann.get(&address).await;
    let mut secrets = BTreeSet::new();
    for button in ["cancel", "connect"] {
        let link = house.is_led_on(&ann, &path).await;
        secrets.insert(link.rsplit('/').next().expect("its end").to_owned());
        secrets.insert(link.clone());
        let back = house.signs_in(&ann, &link, button).await;
        // That of the address, by which anybody could say how it ended.
        secrets.insert(parameter(&back, "p"));
        house.comes_back(&ann, &back).await;
    }
    for cookie in ann.cookies.borrow().values() {
        secrets.extend(cookie.split('.').next().map(str::to_owned));
    }
    assert_eq!(
        secrets.len(),
        7,
        "two links in two forms, two proofs, a browser"
    );
    let is_last = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|one| one["type"] == "Ready" && one["reason"] == "Connected")
    };
    let versions = wait::until("the last version", SOON, async || {
        let versions = told.all();
        match versions.iter().any(is_last) {
            true => Ok(versions),
            false => Err(format!("{} versions", versions.len())),
        }
    })
    .await;
    let token = BTreeSet::from([parameter(&address, "t")]);
    let (mut sealed, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for mut object in versions {
        sealed.extend(
            object["status"]["link"]["sealed"]
                .as_str()
                .map(str::to_owned),
        );
        kinds.extend(object["spec"]["kind"].as_str().map(str::to_owned));
        assert_without("an object", &object.to_string(), &secrets);
        // Where the person may come is written there, to be sent to them, and nowhere else.
        if let Some(page) = object.pointer_mut("/status/connectPage/url") {
            *page = Value::Null;
        }
        assert_without("an object", &object.to_string(), &token);
    }
    assert_eq!(sealed.len(), 2, "each link was seen, sealed");
    let expected = ["Link", "Returned"].map(str::to_owned);
    assert_eq!(kinds, expected.into(), "the requests were seen");
}
