//! `explain`: the operator's own table, asked about an object.

use serde_json::Value;

use super::program::{VIEWER, run, run_as, somebody, steady};
use crate::support::scene::Scene;

#[tokio::test]
async fn the_rule_that_decides_is_told_and_what_comes_next() {
    let scene = Scene::new("cli-explain").await.operated().await;
    scene.linked_gmail("mail").await;
    let told = run(&scene, &["explain", "mail"]).await.well();
    assert_eq!(
        steady(&scene, &told),
        "\
NS/mail: account not seen; it is taken to be as the status last told
Now: AwaitUser
  when a link waits for the person
  then wait until it ends
  wait (AwaitingUser), until TIME at most
At TIME: LinkOver
  when a link was issued, and is over: it ran out, or the sign-in failed
  then wait for a request: each new link costs a row
  wait (LinkExpired)
It goes by
  declared: enabled
  account: ca_…, INITIALIZING
  link: one until TIME
  last word of the operator: AwaitingUser: The declared user must sign in: on the page in
  `status.connectPage.url`, or by the link in `status.link.url`, which is good for ten minutes.
  Where neither is there, a ConnectRequest asks for a link.
"
    );
}

#[tokio::test]
async fn it_follows_the_object_and_needs_no_right_but_to_read_it() {
    let scene = Scene::new("cli-explain-life").await.operated().await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let rules = async || {
        let args = ["explain", "mail", "-o", "json"];
        let told = run_as(&scene, &viewer, &args).await.well();
        let read: Value = serde_json::from_str(&told).expect("it is JSON");
        assert_eq!(read["accountSeen"], false);
        let next = read["next"].as_array().cloned().unwrap_or_default();
        let steps = std::iter::once(read["decides"].clone()).chain(next);
        let rules = steps.map(|step| step["rule"].as_str().unwrap_or_default().to_owned());
        rules.collect::<Vec<_>>()
    };
    let (id, _) = scene.linked_gmail("mail").await;
    assert_eq!(rules().await, ["AwaitUser", "LinkOver"]);
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    assert_eq!(rules().await, ["AsDeclared"]);
    run(&scene, &["suspend", "mail", "--wait"]).await.well();
    assert_eq!(rules().await, ["Suspended"]);
    scene
        .kubectl(&[
            "patch",
            "connectedaccount",
            "mail",
            "--type=merge",
            "-p",
            r#"{"spec":{"enabled":false}}"#,
        ])
        .await;
    scene
        .operator
        .child
        .signal(crate::support::child::Signal::Stop)
        .expect("it runs");
    run(&scene, &["resume", "mail"]).await.well();
    assert_eq!(rules().await, ["LookAfresh", "Disable"]);
}
