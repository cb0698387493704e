//! Somebody who may edit the object, and nothing else, changes what it says while somebody else signs in; and news that
//! is told again and again.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use composio_operator::crd::{ConnectRequest, ConnectRequestKind, FinishedIn};

use super::anew::demanding;
use super::whole::House;
use crate::on_demand::request;
use crate::support::connect_page::Visitor;
use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const ALIAS: &str = "composio.dev/alias";

/// The pin of the object, with another value in that field.
async fn forge_pin(scene: &Scene<'_>, field: &str, value: &str) {
    let object = scene.object("mail").await;
    let pin = object["metadata"]["annotations"][ALIAS].as_str();
    let mut pin: Value = serde_json::from_str(pin.expect("a pin")).expect("JSON");
    pin[field] = json!(value);
    let pin = format!("{ALIAS}={pin}");
    let annotate = ["annotate", "cacc", "mail", "--overwrite", &pin];
    scene.kubectl(&annotate).await;
}

async fn disabled(house: &House, id: &str) {
    wait::until("the account is disabled", SOON, async || {
        match house.scene.sandbox.account(id).await["status"].as_str() {
            Some("INACTIVE") => Ok(()),
            other => Err(format!("{other:?}: {}", house.scene.object("mail").await)),
        }
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_pin_that_names_another_project_does_not_keep_the_account_of_somebody_else_in_use(
    #[values(json!({}), json!({"signIn": "Bound"}), json!({"identity": "SameAsPerson"}))]
    demand: Value,
    #[values(("project", "ComposioProject/other"), ("projectID", "pr_000000000000"))] forged: (
        &str,
        &str,
    ),
) {
    let house = demanding(demand).await;
    house.declares("mail").await;
    let mallory = Visitor::named(&house.page, "ann@acme.com");
    let link = house.is_led_on(&mallory, &house.path("mail")).await;
    let scene = &house.scene;
    let id = scene.object("mail").await["status"]["connectedAccountId"].clone();
    let id = id.as_str().expect("an id");
    forge_pin(scene, forged.0, forged.1).await;
    let victim = Visitor::named(&house.page, "victim@acme.com");
    let back = house.signs_in(&victim, &link, "connect").await;
    house.comes_back(&victim, &back).await;
    disabled(&house, id).await;
    scene
        .until("mail", "Stalled", "True", "ProjectMismatch")
        .await;
    // Nothing else is done of it.
    let seq = scene.sandbox.seq().await;
    scene.polled(2).await;
    let asked = scene.sandbox.asked_since(seq).await;
    assert!(asked.iter().all(|one| one.is_look()), "{asked:?}");
}

/// The address that is come back to does not end, and stands in logs and histories.
#[tokio::test]
async fn an_account_that_is_in_use_for_long_is_not_disabled_by_who_opens_its_old_address() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let (ann, path) = (Visitor::of(&house.page), house.path("mail"));
    ann.get(&address).await;
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    // She closes the window.
    house.scene.ready("mail", "Connected").await;
    let ago = |hours| {
        let time = Timestamp::now() - SignedDuration::from_hours(hours);
        format!("{time:.6}")
    };
    let status = json!({"connectedAt": ago(2), "lastLinkIssuedAt": ago(3)});
    house.scene.give_status("mail", &status).await;
    let connected_at = status["connectedAt"].clone();
    house
        .scene
        .until_status("mail", "the time", |object| {
            object["status"]["connectedAt"] == connected_at
        })
        .await;
    let told = house.comes_back(&Visitor::of(&house.page), &back).await;
    assert!(told.text.contains("This sign-in is over"), "{}", told.text);
    house.scene.polled(3).await;
    let accounts = house.scene.sandbox.accounts().await;
    assert_eq!(accounts[0]["status"], "ACTIVE");
}

/// Whoever may read the page's requests of their own namespace has a proof that is good.
#[tokio::test]
async fn what_is_told_again_of_a_return_is_looked_at_no_oftener_than_anything_else() {
    const TIMES: usize = 30;
    let scene = Scene::new("connect").await;
    let house = House::of(scene, &[], |options| {
        let shipped = options.without("--backoff-min").without("--backoff-max");
        shipped
            .flag("--backoff-min", "5s")
            .flag("--backoff-max", "60s")
    })
    .await;
    let address = house.declares("mail").await;
    let (ann, path) = (Visitor::of(&house.page), house.path("mail"));
    ann.get(&address).await;
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    house.comes_back(&ann, &back).await;
    let object = house.scene.ready("mail", "Connected").await;
    let sign_in = &object["status"]["signIn"];
    let (asked, browser) = (sign_in["request"].as_str(), sign_in["browser"].as_str());
    let (asked, browser) = (asked.expect("a request"), browser.expect("a browser"));
    let uid = object["metadata"]["uid"].as_str().expect("a uid");
    let keys = &house.page.settings.keys;
    let proof = keys.outcome_proof(uid, asked, browser, FinishedIn::Same);
    let again = json!({"returned": {
        "request": asked, "browser": browser, "proof": proof, "finishedIn": "Same",
    }});
    let again = request(&object, ConnectRequestKind::Returned, &again);
    let again: ConnectRequest = serde_json::from_value(again).expect("a request");
    let requests =
        kube::Api::<ConnectRequest>::namespaced(house.scene.client.clone(), &house.scene.namespace);
    let begun = tokio::time::Instant::now();
    let seq = house.scene.sandbox.seq().await;
    for _ in 0..TIMES {
        // One has to be answered before there is room for another of its name.
        wait::until("room for one more", SOON, async || {
            let made = requests.create(&Default::default(), &again).await;
            made.map(drop).map_err(|error| error.to_string())
        })
        .await;
        if begun.elapsed() > std::time::Duration::from_secs(20) {
            break;
        }
    }
    let asked = house.scene.sandbox.asked_since(seq).await;
    let of_account = |one: &&Asked| one.method == "GET" && one.account.is_some();
    let looks = asked.iter().filter(of_account).count();
    let allowed = 2 + begun.elapsed().as_secs() as usize / 5;
    assert!(looks <= allowed, "{looks} of {allowed}: {asked:?}");
}

/// The look has seen nobody sign in, the consent comes, and then the request that starts over.
#[tokio::test]
async fn who_signs_in_while_the_link_is_started_over_is_not_forgotten() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let (mallory, path) = (Visitor::of(&house.page), house.path("mail"));
    mallory.get(&address).await;
    let link = house.is_led_on(&mallory, &path).await;
    let victim = Visitor::of(&house.page);
    assert_eq!(victim.get(&link).await.status, 200);
    let sandbox = &house.scene.sandbox;
    let seq = sandbox.seq().await;
    // The answer to the look takes so long that the consent comes before what it leads to.
    sandbox
        .control("POST", "latency", json!({"milliseconds": 2000}))
        .await;
    let asked = mallory.presses(&path, "start-over");
    let consents = async {
        wait::until("the operator's look", SOON, async || {
            let asked = sandbox.asked_since(seq).await;
            let looks = asked
                .iter()
                .any(|one| one.method == "GET" && one.account.is_some());
            looks.then_some(()).ok_or(format!("{asked:?}"))
        })
        .await;
        let consent = victim.post_from(&link, "action=connect", &[]).await;
        consent.header("location").to_owned()
    };
    let (_, back) = tokio::join!(asked, consents);
    sandbox
        .control("POST", "latency", json!({"milliseconds": 0}))
        .await;
    let id = house.scene.object("mail").await["status"]["connectedAccountId"].clone();
    house.comes_back(&victim, &back).await;
    disabled(&house, id.as_str().expect("an id")).await;
}
