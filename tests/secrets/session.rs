//! The session of a sign-in that is verified: whoever has it can use it up. It goes from the address that Composio leads to
//! into a sealed request, and from there to Composio.

use std::collections::BTreeSet;

use composio_operator::crd::ConnectRequest;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use super::{Told, assert_without};
use crate::connect::verified::{self, ANN, HEADER, answered, not_completed, told, verifies};
use crate::connect::whole::House;
use crate::support::connect_page::{Answer, Visitor};
use crate::support::http_client;
use crate::support::scene::{SOON, Scene};

const LOG: &str = "trace,kube_client=trace,kube_runtime=trace,reqwest=trace,hyper=trace,axum=trace";

/// What an answer must not hold the session in: all but the cookie, by which the browser that has it keeps it.
fn shown(answer: &Answer) -> String {
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| *name != "set-cookie");
    let headers: Vec<_> = headers.map(|pair| format!("{pair:?}")).collect();
    format!("{}\n{}", headers.join("\n"), answer.text)
}

/// The session in an address, and the part of it that nobody can guess.
fn session(back: &str) -> [String; 2] {
    let (_, query) = back.split_once('?').expect("a query");
    let mut query = form_urlencoded::parse(query.as_bytes());
    let (_, session) = query.find(|(name, _)| name == "session_uri").expect("it");
    let part = session.rsplit(':').next().expect("its end").to_owned();
    [session.into_owned(), part]
}

/// Composio answers such a call that way, and repeats the session in all of its words.
async fn repeats(scene: &Scene<'_>, status: u16, session: &str) {
    let text = format!("cannot do it with {session}");
    let fault = json!({
        "method": "POST", "path": "/connected_accounts/complete_auth", "status": status,
        "headers": {"retry-after": "1", "x-request-id": session},
        "body": {"message": text, "error": {
            "message": text, "slug": format!("Bad_{session}"), "code": session, "request_id": session,
            "suggested_fix": text, "errors": [text], "status": status,
        }},
    });
    scene.sandbox.control("POST", "fault", fault).await;
}

#[tokio::test]
async fn no_session_of_a_sign_in_is_told_anywhere_but_to_composio() {
    for format in ["text", "json"] {
        let scene = Scene::new(&format!("session-{format}")).await;
        let told_of = Told::default();
        told_of.follow(&scene.client, &scene.namespace);
        let requests = Api::<ConnectRequest>::namespaced(scene.client.clone(), &scene.namespace);
        told_of.follow_all(requests);
        let variable = format!("RUST_LOG={LOG}");
        let args = [&HEADER[..], &["--log-format", format, &variable]].concat();
        let house = House::of(scene, &args, |options| {
            let options = options.flag("--log-format", format);
            options.env("RUST_LOG", Some(LOG))
        });
        let house = house.await;
        verifies(&house).await;
        house.declares("mail").await;
        let (mut pages, mut sessions) = (Vec::new(), BTreeSet::new());
        let ann = Visitor::named(&house.page, ANN);
        // A session of somebody else's sign-in, and refused; then her own, which Composio is told of in the end.
        for statuses in [&[500, 429, 400][..], &[502, 404, 503][..]] {
            for status in statuses {
                let link = house.is_led_on(&ann, &house.path("mail")).await;
                let back = house.signs_in(&ann, &link, "connect").await;
                let own = session(&back);
                repeats(&house.scene, *status, &own[0]).await;
                sessions.extend(own);
                // Who has no cookie, and who is somebody else, comes with it too.
                let (nobody, bob) = (
                    Visitor::of(&house.page),
                    Visitor::named(&house.page, "bob@acme.com"),
                );
                for visitor in [&nobody, &bob, &ann] {
                    pages.extend(verified::pages(visitor, &back).await);
                }
                answered(&house.scene).await;
                let is_over = pages
                    .last()
                    .is_some_and(|page| page.text.contains("is connected"));
                if is_over {
                    house.scene.ready("mail", "Connected").await;
                    house
                        .scene
                        .kubectl(&["delete", "connectedaccounts", "mail"])
                        .await;
                    house.declares("mail").await;
                }
            }
        }
        not_completed(&house.scene, "was not completed").await;
        assert!(
            told(&house).await >= 9,
            "Composio is told of each, and again of what it failed at"
        );

        for page in &pages {
            assert_without("a page", &shown(page), &sessions);
            assert_eq!(page.header("referrer-policy"), "no-referrer");
        }
        for (name, log) in [
            ("the page's log", house.page.child.read_log()),
            ("the operator's log", house.operator.child.read_log()),
        ] {
            assert!(log.contains("TRACE"), "{name} is as long as it can be");
            assert!(!log.contains("panicked"), "{log}");
            assert_without(name, &log, &sessions);
        }
        for path in ["/readyz", "/metrics"] {
            assert_without(path, &house.operator.get(path).await.1, &sessions);
            let own = format!("{}{path}", house.page.own_url);
            let answer = http_client(SOON).get(own).send().await.expect("it answers");
            assert_without(path, &answer.text().await.expect("a text"), &sessions);
        }
        let objects = told_of.all();
        let is_request = |object: &&serde_json::Value| !object["spec"]["session"].is_null();
        let sealed = objects.iter().filter(is_request).count();
        assert!(sealed >= 6, "{sealed} sealed sessions were seen");
        for object in objects {
            assert_without("an object", &object.to_string(), &sessions);
        }
        let events: Api<Event> =
            Api::namespaced(house.scene.client.clone(), &house.scene.namespace);
        let events = events.list(&ListParams::default()).await;
        for event in events.expect("events can be listed") {
            let event = serde_json::to_string(&event).expect("JSON");
            assert_without("an event", &event, &sessions);
        }
    }
}
