//! A project that says who may be asked to sign in, and that nobody else may have.

use serde_json::{Value, json};

use crate::support::scene::{SOON, Scene, gmail};

async fn signs_in(scene: &Scene<'_>, id: &str, who: Value) {
    let body = json!({"display_name": who});
    scene.sandbox.by_hand(id, "consent", body).await;
}

/// Asks for a new link, and tells the account that it is for.
async fn linked_anew(scene: &Scene<'_>, token: &str, former: &str) -> String {
    let link = format!("composio.dev/link-requested-at={token}");
    scene
        .kubectl(&["annotate", "--overwrite", "cacc", "mail", &link])
        .await;
    scene
        .until_object("mail", "a new account", |object| {
            let id = object["status"]["connectedAccountId"].as_str();
            match id.is_some_and(|id| id != former) && object["status"]["link"].is_object() {
                true => Ok(()),
                false => Err(object.to_string()),
            }
        })
        .await;
    scene.id_and_link("mail").await.0
}

#[tokio::test]
async fn where_the_project_demands_the_person_an_account_of_anybody_else_is_not_used() {
    let scene = Scene::new("people").await.operated().await;
    let allow = json!({"spec": {"allow": [{
        "people": ["*@acme.com"], "identity": "SameAsPerson",
    }]}});
    let allow = allow.to_string();
    scene
        .kubectl(&[
            "patch",
            "composioproject",
            "default",
            "--type=merge",
            "-p",
            &allow,
        ])
        .await;
    let mut spec = gmail();
    spec["person"] = json!("ann@evil.example");
    scene.declare("mail", spec).await;
    let words = "does not allow spec.person";
    scene.until_synced_says("mail", "NotAllowed", words).await;
    assert_eq!(scene.sandbox.accounts().await, [Value::Null; 0]);

    scene
        .patch("mail", r#"{"spec":{"person":"ann@acme.com"}}"#)
        .await;
    scene.linked("mail").await;
    let (first, _) = scene.id_and_link("mail").await;
    signs_in(&scene, &first, json!("bob@acme.com")).await;
    let stalled = async || {
        scene
            .until("mail", "Stalled", "True", "WrongIdentity")
            .await
    };
    let object = stalled().await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "AnotherIdentity", "{object}");
    // Nobody gives himself what somebody else was to have.
    for person in ["bob@acme.com", "ann@acme.com"] {
        let patch = json!({"spec": {"person": person, "enabled": true}});
        scene.patch("mail", &patch.to_string()).await;
        scene.polled(2).await;
        assert_eq!(scene.sandbox.account(&first).await["status"], "INACTIVE");
    }

    let second = linked_anew(&scene, "second", &first).await;
    signs_in(&scene, &second, Value::Null).await;
    let object = stalled().await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "NotShown", "{object}");
    assert_eq!(scene.sandbox.account(&second).await["status"], "INACTIVE");

    let third = linked_anew(&scene, "third", &second).await;
    signs_in(&scene, &third, json!("Ann@acme.com")).await;
    let object = scene.ready("mail", "Connected").await;
    let verdict = &object["status"]["identityVerdict"]["verdict"];
    assert_eq!(verdict, "AsExpected", "{object}");
}

/// Else whoever has many wrong sign-ins of their own would keep somebody else's account in use.
#[tokio::test]
async fn where_the_project_demands_the_person_no_account_waits_to_be_disabled() {
    const MANY: usize = 12;
    let scene = Scene::new("people").await.operated().await;
    let allow = json!({"spec": {"allow": [{"identity": "SameAsPerson"}]}}).to_string();
    let patch = ["patch", "composioproject", "default", "--type=merge", "-p"];
    scene.kubectl(&[&patch[..], &[&allow]].concat()).await;
    let names: Vec<String> = (0..MANY).map(|n| format!("mail-{n}")).collect();
    let mut ids = Vec::new();
    for name in &names {
        let mut spec = gmail();
        spec["user"] = json!(format!("{name}@acme.com"));
        scene.declare(name, spec).await;
        scene.linked(name).await;
        ids.push(scene.id_and_link(name).await.0);
    }
    for id in &ids {
        signs_in(&scene, id, json!("somebody@acme.example")).await;
    }
    for name in &names {
        scene.until(name, "Ready", "False", "WrongIdentity").await;
    }
    for (name, id) in names.iter().zip(&ids) {
        let object = scene.object(name).await;
        let said = object["status"]["conditions"].to_string();
        assert!(!said.contains("not disabled yet"), "{said}");
        scene.until(name, "Stalled", "True", "WrongIdentity").await;
        assert_eq!(scene.sandbox.account(id).await["status"], "INACTIVE");
    }
}

#[tokio::test]
async fn five_accounts_of_a_namespace_are_disabled_in_a_minute_for_who_signed_in_and_the_rest_in_turn()
 {
    const MANY: usize = 7;
    let scene = Scene::new("people").await.operated().await;
    let names: Vec<String> = (0..MANY).map(|n| format!("mail-{n}")).collect();
    let mut ids = Vec::new();
    for name in &names {
        let mut spec = gmail();
        spec["user"] = json!(format!("{name}@acme.com"));
        spec["expectedIdentity"] = json!(format!("{name}@acme.com"));
        scene.declare(name, spec).await;
        scene.linked(name).await;
        ids.push(scene.id_and_link(name).await.0);
    }
    // The toolkit shows everybody by another address from now on.
    let seq = scene.sandbox.seq().await;
    for id in &ids {
        signs_in(&scene, id, json!("somebody@acme.example")).await;
    }
    for name in &names {
        scene.until(name, "Ready", "False", "WrongIdentity").await;
    }
    let mut put_off = 0;
    for name in &names {
        let object = scene.object(name).await;
        let said = object["status"]["conditions"].to_string();
        put_off += usize::from(said.contains("not disabled yet: 5 of this namespace were"));
    }
    assert!(
        (1..=2).contains(&put_off),
        "{put_off} are told to have to wait"
    );
    crate::support::wait::until("all are disabled", SOON, async || {
        let mut left = 0;
        for id in &ids {
            left += usize::from(scene.sandbox.account(id).await["status"] == "ACTIVE");
        }
        match left {
            0 => Ok(()),
            _ => Err(format!("{left} are left")),
        }
    })
    .await;
    let asked = scene.sandbox.asked_since(seq).await;
    let disabled = asked.iter().filter(|asked| asked.method == "PATCH");
    let times: Vec<_> = disabled.map(|asked| asked.time).collect();
    assert_eq!(times.len(), MANY, "each once: {times:?}");
    let sixth = times[5].duration_since(times[0]);
    assert!(
        sixth >= jiff::SignedDuration::from_secs(59),
        "the sixth came after {sixth}"
    );
}

#[tokio::test]
async fn who_is_not_shown_or_as_something_of_another_kind_is_told_and_stays_connected() {
    let scene = Scene::new("people").await.operated().await;
    let event = "IdentityUnknown";
    for (name, shown) in [("nobody", Value::Null), ("by-name", json!("Ann Arbor"))] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        spec["expectedIdentity"] = json!("ann@acme.com");
        scene.declare(name, spec).await;
        scene.linked(name).await;
        let (id, _) = scene.id_and_link(name).await;
        signs_in(&scene, &id, shown).await;
        scene.ready(name, "Connected").await;
        let events = crate::support::wait::until("the event", SOON, async || {
            let args = [
                "get",
                "events",
                "--field-selector",
                &format!("involvedObject.name={name}"),
                "-o",
                "json",
            ];
            let events = scene.kubectl(&args).await;
            match events.contains(event) {
                true => Ok(events),
                false => Err(events),
            }
        })
        .await;
        let events: Value = serde_json::from_str(&events).expect("JSON");
        let told = events["items"].as_array().expect("a list").iter();
        let told: Vec<_> = told.filter(|found| found["reason"] == event).collect();
        assert_eq!(told.len(), 1, "{event} once: {told:?}");
        assert!(
            !told[0].to_string().contains("@acme.com"),
            "nobody is named: {told:?}"
        );
        scene.polled(2).await;
        assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    }
}
