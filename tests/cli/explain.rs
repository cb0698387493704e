//! `explain`: the operator's own table, asked about an object and its account.

use serde_json::{Value, json};

use super::diff::{FOREIGN, file, foreign_account, project_that_allows};
use super::program::{VIEWER, at, run, run_as, run_at, somebody, steady};
use crate::support::child::Signal;
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Scene, gmail};

fn json_of(told: &str) -> Value {
    serde_json::from_str(told).expect("it is JSON")
}

/// The rule that decides, and those that would come next.
fn rules(told: &str) -> Vec<String> {
    let read = json_of(told);
    let next = read["next"].as_array().cloned().unwrap_or_default();
    let steps = std::iter::once(read["decides"].clone()).chain(next);
    let rules = steps.map(|step| step["rule"].as_str().unwrap_or_default().to_owned());
    rules.collect()
}

#[tokio::test]
async fn the_rule_that_decides_is_told_and_what_comes_next() {
    let scene = Scene::new("cli-explain").await.operated().await;
    let (_, link) = scene.linked_gmail("mail").await;
    let told = run(&scene, &["explain", "mail", "--status-only"])
        .await
        .well();
    assert_eq!(
        steady(&scene, &told),
        "\
NS/mail: account not seen
  --status-only
Now: AwaitUser
  when a link waits for the person
  then wait until it ends
  wait (AwaitingUser), until TIME at most
At TIME: LinkOver
  when a link was issued, and is over: it ran out, or the sign-in failed
  then wait for a request: each new link makes another account in Composio
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
    for form in ["table", "wide", "json", "yaml", "name"] {
        let told = run_at(&scene, &scene.sandbox, &["explain", "mail", "-o", form]).await;
        assert!(!told.well().contains(&link), "{form}");
    }
}

#[tokio::test]
async fn it_follows_the_object_and_needs_no_right_but_to_read_it() {
    let scene = Scene::new("cli-explain-life").await.operated().await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let rules = async || {
        let args = at(&scene.sandbox, &["explain", "mail", "-o", "json"]);
        let told = run_as(&scene, &viewer, &args).await.well();
        let read = json_of(&told);
        assert_eq!(read["accountSeen"], false);
        let why = read["notSeenBecause"].as_str().unwrap_or_default();
        assert!(
            why.starts_with("you may not read ComposioProject/"),
            "{why}"
        );
        rules(&told)
    };
    let (id, _) = scene.linked_gmail("mail").await;
    assert_eq!(rules().await, ["AwaitUser", "LinkOver"]);
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    assert_eq!(rules().await, ["AsDeclared"]);
    run(&scene, &["suspend", "mail", "--wait"]).await.well();
    assert_eq!(rules().await, ["Suspended"]);
    let disabled = r#"{"spec":{"enabled":false}}"#;
    scene.patch("mail", disabled).await;
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    run(&scene, &["resume", "mail"]).await.well();
    assert_eq!(rules().await, ["LookAfresh", "Disable", "AsDeclared"]);
    let asked = scene.sandbox.asked().await;
    let by_program = |user_agent: &str| user_agent.starts_with("kubectl-composio");
    assert!(
        !asked.iter().any(|asked| by_program(&asked.user_agent)),
        "nothing is asked of Composio"
    );
}

#[tokio::test]
async fn with_the_key_the_account_is_looked_at_as_it_is_now() {
    let scene = Scene::new("cli-explain-seen").await.operated().await;
    let mut spec = gmail();
    spec["visibility"] = json!("Shared");
    spec["sharing"] =
        json!({"allowedUsers": ["colleague-1", "colleague-2"], "deniedUsers": ["colleague-3"]});
    scene.declare("mail", spec).await;
    let (id, _) = scene.linked("mail").await;
    let consent = json!({"display_name": "\u{1b}]0;moved\u{7}ada\u{202e}"});
    scene.sandbox.by_hand(&id, "consent", consent).await;
    scene.ready("mail", "Connected").await;
    // What happens now the operator has not seen yet.
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    let told = run_at(&scene, &scene.sandbox, &["explain", "mail"]).await;
    assert!(
        told.well().starts_with(&format!(
            "{}/mail: account seen\nNow: AsDeclared\n",
            scene.namespace
        )),
        "as declared"
    );
    scene.sandbox.expire(&id).await;
    let seq = scene.sandbox.seq().await;
    let told = run_at(&scene, &scene.sandbox, &["explain", "mail"]).await;
    assert_eq!(told.err, "");
    let alias = scene.object("mail").await["status"]["alias"].clone();
    let alias = alias.as_str().expect("it has one").to_owned();
    let told = told.well().replace(&alias, "ITS-ALIAS");
    assert_eq!(
        steady(&scene, &told),
        "\
NS/mail: account seen
Now: LookAfresh
  when what is remembered asks for something
  then look at both sides afresh
  look at the account
After that look: SignInAgain
  when no grant, and the link was lost, the grant has died, or a new link is asked for
  then start the sign-in again, on the same account
  start the sign-in of ca_… again
It goes by
  declared: enabled
  account: ca_…, EXPIRED: Permanent auth error during token refresh
  account in the status: ca_…, ACTIVE
  auth config: ac_gmail
  alias: ITS-ALIAS
  sharing: Shared; everybody allowed: no, users allowed: 2, users denied: 1
  link: none
  last word of the operator: Connected: The account is active and as declared.
"
    );
    let asked = scene.sandbox.asked_since(seq).await;
    let mine = asked
        .iter()
        .filter(|asked| asked.instance == "kubectl-composio");
    let mine: Vec<String> = mine.map(|asked| asked.words()).collect();
    assert_eq!(mine, ["GET account"], "{asked:?}");

    for form in ["table", "wide", "json", "yaml", "name"] {
        let told = run_at(&scene, &scene.sandbox, &["explain", "mail", "-o", form]).await;
        let told = told.well();
        let moves = |character: char| {
            (character.is_control() && character != '\n') || character == '\u{202e}'
        };
        assert!(!told.contains(moves), "{form}: {told:?}");
        assert!(!told.contains("colleague"), "{form}: {told}");
    }
    let told = run_at(&scene, &scene.sandbox, &["explain", "mail", "-o", "json"]).await;
    let read = json_of(&told.well());
    assert_eq!(read["accountSeen"], true);
    assert_eq!(read["notSeenBecause"], Value::Null);
    assert_eq!(read["decides"]["rule"], "LookAfresh");
}

#[tokio::test]
async fn before_there_is_an_account_it_tells_from_what_one_would_be_made() {
    let scene = Scene::new("cli-explain-new").await;
    scene.give_project(&scene.options()).await;
    scene.secret("crm", json!({"generic_api_key": "k-1"})).await;
    scene
        .declare("mail", json!({"user": "u", "toolkit": "gmail"}))
        .await;
    let told = run_at(&scene, &scene.sandbox, &["explain", "mail", "-o", "json"]).await;
    let told = told.well();
    assert_eq!(rules(&told), ["LookAfresh", "Mark", "Link"], "{told}");
    let facts = &json_of(&told)["goesBy"];
    assert_eq!(facts["account"], "none that is this object's");
    assert_eq!(facts["auth config"], "ac_gmail, enabled");

    let key = json!({"user": "u", "toolkit": "hubspot", "authConfig": "ac_none",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "crm"}}});
    scene.declare("crm", key).await;
    let rules_of = "[{apiGroups: [composio.dev], resources: ['*'], verbs: [get, list]}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let reader = somebody(&scene, "reader", rules_of).await;
    let args = at(&scene.sandbox, &["explain", "crm"]);
    let told = run_as(&scene, &reader, &args).await.well();
    assert!(
        told.contains("auth config: AuthConfigNotFound: there is no ac_none"),
        "{told}"
    );
    // Of Secrets only that of the API key is read.
    let user = format!("system:serviceaccount:{}:reader", scene.namespace);
    let asked = scene.control_plane.asked_by(&user);
    let secrets = asked.iter().filter(|asked| asked.resource == "secrets");
    let names: Vec<&str> = secrets.map(|asked| asked.name.as_str()).collect();
    assert_eq!(names, ["composio"]);
}

#[tokio::test]
async fn where_the_connect_page_is_served_no_link_is_foreseen_before_somebody_asks() {
    let scene = Scene::new("cli-explain-page").await;
    scene.give_project(&scene.options()).await;
    scene.declare("mail", gmail()).await;
    let page = json!({"url": "https://connect.example/connect/a/mail?t=x"});
    scene
        .give_status("mail", &json!({"connectPage": page}))
        .await;
    for args in [
        &["explain", "mail", "-o", "json"][..],
        &["explain", "mail", "-o", "json", "--status-only"],
    ] {
        let told = run_at(&scene, &scene.sandbox, args).await.well();
        assert_eq!(rules(&told), ["AwaitRequest"], "{told}");
    }
    // What the others say tells what becomes of a new one, unless it says itself what it wants.
    let mut new = json!({"user": "v", "toolkit": "gmail", "authConfig": "ac_gmail"});
    let diff = async |spec: &Value| {
        let file = file(&scene, "new", spec);
        run_at(&scene, &scene.sandbox, &["diff", "-f", &file])
            .await
            .out
    };
    let told = diff(&new).await;
    assert!(!told.contains("issue a link"), "{told}");
    new["linkPolicy"] = json!("Immediate");
    let told = diff(&new).await;
    assert!(told.contains("issue a link"), "{told}");
}

#[tokio::test]
async fn nothing_is_told_of_an_account_that_is_not_the_objects_own() {
    let scene = Scene::new("cli-explain-oracle").await;
    let id = foreign_account(&scene).await;
    scene.give_project(&scene.options()).await;
    let allow = async |policy| {
        let project = project_that_allows(&scene, policy);
        scene.apply(&project.to_string()).await;
    };
    let told = async || {
        let told = run_at(&scene, &scene.sandbox, &["explain", "mail"]).await;
        let told = told.well();
        for foreign in FOREIGN {
            assert!(!told.contains(foreign), "{foreign}: {told}");
        }
        assert!(
            !told.contains("ACTIVE") && !told.contains("revoke"),
            "{told}"
        );
        told
    };
    let mut asks = gmail();
    asks["connectedAccountId"] = json!(id);
    scene.declare("mail", asks).await;
    // What is not allowed is refused before anything is asked.
    allow(json!([{}])).await;
    let seq = scene.sandbox.seq().await;
    let refused = told().await;
    assert!(refused.contains("refuse (NotAllowed)"), "{refused}");
    assert!(refused.contains("account not seen"), "{refused}");
    assert_eq!(scene.sandbox.asked_since(seq).await.len(), 0);
    // Who may take over is told that it is another one, and not what.
    allow(json!([{"takeOver": true}])).await;
    let refused = told().await;
    assert!(refused.contains("refuse (Mismatch)"), "{refused}");
    assert!(refused.contains("is not of user \"u\""), "{refused}");
    // A record that was written by hand proves nothing.
    scene.kubectl(&["delete", "connectedaccount", "mail"]).await;
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "u", "alias": FOREIGN[1]});
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let same_user = made["connected_account_id"].as_str().expect("an id");
    let consent = json!({"display_name": FOREIGN[2]});
    scene.sandbox.by_hand(same_user, "consent", consent).await;
    scene.declare("mail", gmail()).await;
    for forged in [id.as_str(), same_user] {
        let record = json!({"keyId": "x", "mac": "x"});
        let status = json!({"connectedAccountId": forged, "record": record, "state": "EXPIRED"});
        scene.give_status("mail", &status).await;
        let forged = told().await;
        assert!(
            forged.contains("account: none that is this object's"),
            "{forged}"
        );
    }
}

#[tokio::test]
async fn where_composio_gives_no_answer_it_goes_by_the_status_and_says_why() {
    let scene = Scene::new("cli-explain-unseen").await.operated().await;
    scene.connected_gmail("mail").await;
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    let told = async |why: &str, url: &str, args: &[&str]| {
        let args = [args, &["--allow-http", "--allowed-base-url", url]].concat();
        let told = run(&scene, &[&["explain", "mail"], &args[..]].concat()).await;
        assert_eq!(told.err, "", "{why}");
        let told = told.well();
        assert!(told.contains(": account not seen\n"), "{told}");
        let words = told.replace("\n  ", " ");
        assert!(words.contains(why), "{why:?} is not in {told}");
        assert!(told.contains("Now: AsDeclared\n"), "{told}");
        assert!(
            !told.contains("wrong-key") && !told.contains(API_KEY),
            "{told}"
        );
    };
    let here = scene.sandbox.url();
    let dead = "http://127.0.0.1:9";
    let limited = json!({"status": 429, "times": 100, "path_prefix": "/connected_accounts", "headers": {"retry-after": "600"}});
    scene.sandbox.control("POST", "fault", limited).await;
    told("rate limit", here, &[]).await;
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    let edge = json!({"status": "edge_limit", "times": 100, "path_prefix": "/connected_accounts"});
    scene.sandbox.control("POST", "fault", edge).await;
    told("turned away", here, &[]).await;
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    // One failure is none: it is asked again.
    let once = json!({"status": 502, "times": 1, "path_prefix": "/connected_accounts"});
    scene.sandbox.control("POST", "fault", once).await;
    let seen = run_at(&scene, &scene.sandbox, &["explain", "mail"]).await;
    assert!(seen.out.contains(": account seen\n"), "{seen:?}");

    scene.put_api_key("wrong-key").await;
    told(
        "Composio rejects the API key of ComposioProject/",
        here,
        &[],
    )
    .await;
    scene.give_project(&scene.options().base_url(dead)).await;
    told("no connection", dead, &[]).await;
    // The key goes nowhere on the word of the project.
    told(
        "its API key is not read, and nothing is sent there",
        here,
        &[],
    )
    .await;
    scene.kubectl(&["delete", "secret", "composio"]).await;
    told("no API key of ComposioProject/", dead, &[]).await;
    scene
        .kubectl(&["delete", "composioproject", "default", "--wait=false"])
        .await;
    told("--status-only", dead, &["--status-only"]).await;
}
