//! What the operator does for the connect page: addresses, sealed links, and who comes back.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use composio_operator::connect::keys::SealedFor;
use composio_operator::connect::page_address::browser_name;
use composio_operator::crd::ConnectRequestKind::{Link, Returned};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{PAGE, ask, asks, awaits, keys, links, requests, with_page};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is text"))
}

/// Opens the link of an object as the page does.
fn opened(object: &Value) -> String {
    let link = &object["status"]["link"];
    let expires: Timestamp = text(&link["expiresAt"]).parse().expect("a time");
    let sealed_for = SealedFor {
        uid: text(&object["metadata"]["uid"]),
        account: text(&object["status"]["connectedAccountId"]),
        expires_at: expires,
    };
    let link = keys().open(text(&link["sealed"]), sealed_for);
    link.expect("it was sealed for it").expose().to_owned()
}

/// Asks for a link from a browser, and returns the object and the link.
async fn link_of_browser(scene: &Scene<'_>, nonce: &str) -> (Value, String) {
    let object = scene.object("mail").await;
    let browser = asks(&keys(), &object, Link, None, &browser_name(nonce));
    let (object, outcome) = ask(scene, "mail", Link, browser).await;
    assert_eq!(outcome, "LinkIssued", "{object}");
    let link = opened(&object);
    (object, link)
}

/// What the address says that a browser comes back to, as the sandbox was told it.
fn returned(object: &Value, nonce: &str, finished_in: &str) -> Value {
    let uid = text(&object["metadata"]["uid"]);
    let sign_in = &object["status"]["signIn"]["request"];
    let link = &object["status"]["link"]["requestedBy"]["uid"];
    let request = text(if link.is_string() { link } else { sign_in });
    let browser = browser_name(nonce);
    let told = serde_json::from_value(json!(finished_in)).expect("one of two");
    let proof = keys().outcome_proof(uid, request, &browser, told);
    json!({"returned": {
        "request": request, "browser": browser, "proof": proof, "finishedIn": finished_in,
    }})
}

#[tokio::test]
async fn where_the_page_is_served_its_address_is_told_and_no_link_stands_in_clear() {
    let scene = with_page("sealed").await;
    scene.declare("mail", gmail()).await;
    let object = awaits(&scene, "mail").await;
    let page = text(&object["status"]["connectPage"]["url"]);
    let expected = format!("{PAGE}/connect/{}/mail?t=", scene.namespace);
    let token = page
        .strip_prefix(&expected)
        .expect("the page of the object");
    let uid = text(&object["metadata"]["uid"]);
    assert!(
        keys()
            .verify_token(token, uid, "", Timestamp::now())
            .is_some(),
        "{page}"
    );
    let version = object["metadata"]["resourceVersion"].clone();
    scene.polled(3).await;
    let still = scene.object("mail").await;
    assert_eq!(
        still["metadata"]["resourceVersion"], version,
        "at rest nothing is written"
    );
    let (object, link) = link_of_browser(&scene, "one").await;
    assert!(object["status"]["link"]["url"].is_null(), "{object}");
    let everything = scene
        .kubectl(&[
            "get",
            "connectedaccounts,events",
            "-o",
            "json",
            "--show-managed-fields",
        ])
        .await;
    assert!(!everything.contains(&link));
    assert!(!scene.operator.child.read_log().contains(&link));
    assert!(!scene.operator.child.read_log().contains(token));
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("it works");
    let object = scene.ready("mail", "Connected").await;
    assert!(
        object["status"]["connectPage"].is_null(),
        "nobody is awaited: {object}"
    );
    assert!(object["status"]["link"].is_null(), "{object}");
}

#[tokio::test]
async fn a_new_epoch_makes_the_address_worthless_that_is_out() {
    let scene = with_page("epoch").await;
    scene.declare("mail", gmail()).await;
    let object = awaits(&scene, "mail").await;
    let before = object["status"]["connectPage"]["url"].clone();
    let annotate = [
        "annotate",
        "connectedaccounts",
        "mail",
        "composio.dev/connect-epoch=2",
    ];
    scene.kubectl(&annotate).await;
    let object = scene
        .until_object("mail", "another address", |object| {
            let page = &object["status"]["connectPage"]["url"];
            let found = (page.is_string() && *page != before).then(|| object.clone());
            found.ok_or_else(|| object.to_string())
        })
        .await;
    let token = text(&object["status"]["connectPage"]["url"]);
    let token = token.split("?t=").nth(1).expect("a token");
    let uid = text(&object["metadata"]["uid"]);
    assert!(
        keys()
            .verify_token(token, uid, "2", Timestamp::now())
            .is_some()
    );
}

#[tokio::test]
async fn a_link_is_used_again_in_the_browser_that_it_was_made_for_alone() {
    let scene = with_page("browsers").await;
    scene.declare("mail", gmail()).await;
    awaits(&scene, "mail").await;
    let (_, first) = link_of_browser(&scene, "one").await;
    let object = scene.object("mail").await;
    let same = asks(&keys(), &object, Link, None, &browser_name("one"));
    let (object, outcome) = ask(&scene, "mail", Link, same).await;
    assert_eq!(
        (outcome.as_str(), opened(&object)),
        ("LinkReused", first.clone())
    );
    // The minute is over that whoever has just got it has for it.
    let long_ago = Timestamp::now() - SignedDuration::from_mins(2);
    let issued = json!({"lastLinkIssuedAt": long_ago.to_string()});
    scene.give_status("mail", &issued).await;
    let (_, second) = link_of_browser(&scene, "two").await;
    assert_ne!(first, second);
    assert_eq!(links(&scene).await, 2);
}

#[tokio::test]
async fn a_sign_in_that_was_finished_in_another_browser_is_disabled_and_told() {
    let scene = with_page("elsewhere").await;
    scene.declare("mail", gmail()).await;
    awaits(&scene, "mail").await;
    let (object, link) = link_of_browser(&scene, "mallory").await;
    let id = text(&object["status"]["connectedAccountId"]).to_owned();
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("it works");
    let back = returned(&object, "mallory", "Another");
    ask(&scene, "mail", Returned, back).await;
    let object = scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    assert_eq!(
        object["status"]["signIn"]["finishedIn"], "Another",
        "{object}"
    );
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    // Who has the address of the return could come back in the first browser later: that changes nothing.
    let back = returned(&object, "mallory", "Same");
    ask(&scene, "mail", Returned, back).await;
    scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    // The declared user asks for a new link, and gets a new account.
    let (object, link) = link_of_browser(&scene, "ann").await;
    assert_ne!(text(&object["status"]["connectedAccountId"]), id);
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("it works");
    ask(&scene, "mail", Returned, returned(&object, "ann", "Same")).await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["signIn"]["finishedIn"], "Same", "{object}");
}

/// Somebody signs in by a link of the object; returns its account.
async fn signed_in(scene: &Scene<'_>, name: &str, identity: &str) -> String {
    let (id, _) = scene.id_and_link(name).await;
    let body = json!({"display_name": identity});
    scene.sandbox.by_hand(&id, "consent", body).await;
    id
}

#[tokio::test]
async fn somebody_else_than_was_expected_is_disabled_and_a_new_sign_in_is_judged_anew() {
    let scene = Scene::new("expected").await.operated().await;
    let mut spec = gmail();
    spec["expectedIdentity"] = json!("ann@acme.com");
    scene.declare("mail", spec).await;
    scene.linked("mail").await;
    let id = signed_in(&scene, "mail", "bob@acme.com").await;
    let object = scene
        .until("mail", "Stalled", "True", "WrongIdentity")
        .await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    let verdict = &object["status"]["identityVerdict"];
    assert_eq!(verdict["verdict"], "AnotherIdentity", "{object}");
    // Whoever edits the declaration afterwards enables nobody.
    for patch in [
        r#"{"spec":{"expectedIdentity":"bob@acme.com"}}"#,
        r#"{"spec":{"expectedIdentity":null}}"#,
        r#"{"spec":{"expectedIdentity":"ann@acme.com"}}"#,
    ] {
        scene.patch("mail", patch).await;
        scene.polled(2).await;
        assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    }
    let (_, outcome) = ask(&scene, "mail", Link, Value::Null).await;
    assert_eq!(outcome, "LinkIssued");
    let second = signed_in(&scene, "mail", "Ann@acme.com").await;
    assert_ne!(second, id);
    let object = scene.ready("mail", "Connected").await;
    let verdict = &object["status"]["identityVerdict"];
    assert_eq!(verdict["verdict"], "AsExpected", "{object}");
    // What is expected later is compared, and disables nobody.
    scene
        .patch("mail", r#"{"spec":{"expectedIdentity":"carl@acme.com"}}"#)
        .await;
    scene.polled(2).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_return_without_a_proof_or_of_another_link_does_nothing() {
    let scene = with_page("forged").await;
    scene.declare("mail", gmail()).await;
    awaits(&scene, "mail").await;
    let (object, link) = link_of_browser(&scene, "one").await;
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("it works");
    scene.ready("mail", "Connected").await;
    let told = returned(&object, "one", "Another")["returned"].clone();
    let (uid, request) = (text(&object["metadata"]["uid"]), text(&told["request"]));
    let in_address = keys().return_proof(uid, request, &browser_name("one"));
    let in_address = BASE64_URL_SAFE_NO_PAD.decode(in_address).expect("base64");
    let in_address: String = in_address
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (proof, finished_in) in [
        ("0".repeat(32).as_str(), "Another"),
        // Who signs in gets to see that one, and whoever is told of it may ask too.
        (&in_address, "Another"),
        (&in_address, "Same"),
        (text(&told["proof"]), "Same"),
    ] {
        let mut forged = told.clone();
        forged["proof"] = json!(proof);
        forged["finishedIn"] = json!(finished_in);
        // It is deleted, and nobody looks for it.
        let before = scene.object("mail").await["status"]["lastConnectRequest"].clone();
        let forged = super::request(&object, Returned, &json!({"returned": forged}));
        scene.apply(&forged.to_string()).await;
        wait::until("the request is deleted", SOON, async || {
            match requests(&scene).await {
                left if left.is_empty() => Ok(()),
                left => Err(left.join(", ")),
            }
        })
        .await;
        let after = scene.object("mail").await["status"]["lastConnectRequest"].clone();
        assert_eq!(after, before);
    }
    let mut another = object.clone();
    another["status"]["link"]["requestedBy"]["uid"] = json!("another-request");
    ask(
        &scene,
        "mail",
        Returned,
        returned(&another, "one", "Another"),
    )
    .await;
    let object = scene.ready("mail", "Connected").await;
    assert!(
        object["status"]["signIn"]["finishedIn"].is_null(),
        "{object}"
    );
}
