//! A proxy before the page says who comes.

use composio_operator::crd::FinishedIn;
use serde_json::{Value, json};

use super::returning::is_led_on;
use super::{Stage, active, condition, gmail, uid};
use crate::support::child::create_private;
use crate::support::connect_page::{Answer, ConnectPage, Visitor};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const HEADER: [&str; 2] = ["--connect-user-header", "X-Auth-Request-Email"];

#[tokio::test]
async fn only_the_declared_person_gets_the_button_and_no_token_counts() {
    let stage = Stage::new("connect", &HEADER).await;
    let mut spec = gmail();
    spec["user"] = json!("agents/ann");
    spec["person"] = json!("ann@acme.com");
    let object = stage.declared("mail", spec).await;
    let path = stage.path("mail");
    assert_eq!(
        stage.page.address(&object),
        format!("{}{path}", stage.page.url)
    );
    let ann = Visitor::named(&stage.page, "ann@acme.com");
    stage
        .until(&ann, &path, "the page", |page| page.status == 200)
        .await;

    let not_found = ann.get("/connect/nobody/here").await;
    let mut others = vec![
        Visitor::named(&stage.page, "bob@acme.com"),
        Visitor::named(&stage.page, "ANN@acme.com"),
        Visitor::named(&stage.page, "agents/ann"),
        Visitor::named(&stage.page, ""),
        Visitor::of(&stage.page),
    ];
    let mut twice = Visitor::named(&stage.page, "ann@acme.com");
    twice
        .headers
        .push(("x-auth-request-email", "ann@acme.com".to_owned()));
    let mut underscored = Visitor::of(&stage.page);
    underscored
        .headers
        .push(("x_auth_request_email", "ann@acme.com".to_owned()));
    others.extend([twice, underscored]);
    let mut settings = stage.page.settings.clone();
    settings.knows_users = false;
    let with_token = settings
        .page(
            crate::support::connect_page::page_of(&object),
            None,
            jiff::Timestamp::now(),
        )
        .url;
    for other in &others {
        for address in [
            &path,
            &with_token,
            &format!("{path}/waiting"),
            &format!("{path}/open"),
        ] {
            let page = other.get(address).await;
            assert_eq!(
                (page.status, &page.text),
                (404, &not_found.text),
                "{:?} {address}",
                other.headers
            );
        }
        let pressed = other.post(&path, "form=x&action=connect").await;
        assert_eq!((pressed.status, &pressed.text), (404, &not_found.text));
    }
    assert_eq!(stage.requests().await, []);

    let asked = ann.presses(&path, "connect").await;
    assert_eq!(asked.status, 303);
    let request = stage.handled().await;
    assert_eq!(request.spec.requested_by.as_deref(), Some("ann@acme.com"));
    assert!(
        stage.page.child.read_log().contains("ann@acme.com"),
        "the log says who asked"
    );

    // The victim signs in through the link that was made for Ann.
    let browser = request.spec.browser.clone().expect("the page names it");
    stage.links(&object, &uid(&request), &browser).await;
    let open = format!("{path}/open");
    stage
        .until(&ann, &open, "the link", |page| {
            page.header("location").contains("composio.dev")
        })
        .await;
    let callback = stage.page.callback(&object, &uid(&request), &browser);
    // Who comes to no page of the object is asked nothing, whatever their browser.
    let back = format!(
        "{path}/returned?{}",
        callback.split_once('?').expect("it").1
    );
    let nobody = Visitor::of(&stage.page)
        .get(&format!("{back}&again=1"))
        .await;
    assert_eq!((nobody.status, stage.requests().await.len()), (404, 0));
    // In the same browser, under another name.
    let bob = Visitor::named(&stage.page, "bob@acme.com");
    *bob.cookies.borrow_mut() = ann.cookies.borrow().clone();
    bob.get(&callback).await;
    let returned = stage.handled().await.spec.returned.expect("it says so");
    assert_eq!(returned.finished_in, FinishedIn::Another);
}

#[tokio::test]
async fn who_comes_back_without_a_name_is_somebody_else_unless_the_browser_is_the_one_that_had_asked()
 {
    let stage = Stage::new("connect", &HEADER).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let ann = Visitor::named(&stage.page, "ann@acme.com");
    stage
        .until(&ann, &path, "the page", |page| page.status == 200)
        .await;
    let (_, callback) = is_led_on(&stage, &object, &ann).await;
    // Her session at the proxy is over. There she is asked who she is, and comes back with her name.
    let nameless = Visitor::of(&stage.page);
    *nameless.cookies.borrow_mut() = ann.cookies.borrow().clone();
    let led = nameless.get(&callback).await;
    let back = led.header("location").to_owned();
    assert!(
        led.status == 303 && back.starts_with(&format!("{path}/returned?")),
        "{led:?}"
    );
    assert_eq!(nameless.get(&back).await.status, 404, "the proxy is to ask");
    assert_eq!(stage.requests().await, []);
    let page = ann.get(&back).await;
    assert!(page.text.contains("Looking how it went"), "{}", page.text);
    let returned = stage.handled().await.spec.returned.expect("it says so");
    assert_eq!(returned.finished_in, FinishedIn::Same);
    // A customer was sent the link, and has no name at the proxy, which lets them through to this one page.
    let customer = Visitor::of(&stage.page);
    let page = customer.get(&callback).await;
    assert_eq!(
        stage.requests().await,
        [],
        "the browser may keep back its cookie"
    );
    let made = wait::until("the return", SOON, async || {
        customer.get(page.refresh()).await;
        match stage.requests().await.len() {
            1 => Ok(stage.handled().await),
            none => Err(none.to_string()),
        }
    })
    .await;
    let returned = made.spec.returned.expect("it says so");
    assert_eq!(returned.finished_in, FinishedIn::Another);
    assert_eq!(made.spec.requested_by, None);
}

#[tokio::test]
async fn a_person_finds_the_accounts_that_a_platform_lets_teams_ask_for() {
    let stage = Stage::new("connect", &HEADER).await;
    let mut of_cluster = gmail();
    of_cluster["projectRef"] = json!({"kind": "ClusterComposioProject", "name": "acme"});
    stage.declared("of-cluster", of_cluster.clone()).await;
    stage.declared("of-team", gmail()).await;
    stage.declared("of-nobody", of_cluster.clone()).await;
    let nowhere = json!({"state": null, "connectPage": null});
    stage.says("of-nobody", nowhere).await;
    // One that is connected names somebody else by now, and the project does not allow that, or was not asked.
    for (name, synced, reason) in [
        ("of-refused", "False", "NotAllowed"),
        ("of-suspended", "Unknown", "Suspended"),
    ] {
        stage.declared(name, of_cluster.clone()).await;
        let mut status = active("r", "Same");
        status["connectPage"] = Value::Null;
        let mut judged = condition(synced, reason);
        judged["type"] = json!("Synced");
        status["conditions"] = json!([condition("True", "Connected"), judged]);
        stage.says(name, status).await;
    }
    of_cluster["user"] = json!("bob@acme.com");
    stage.declared("of-bob", of_cluster).await;
    let mut status = active("r", "Same");
    status["connectPage"] = Value::Null;
    let mut synced = condition("True", "Connected");
    synced["type"] = json!("Synced");
    status["conditions"] = json!([condition("True", "Connected"), synced]);
    stage.says("of-cluster", status).await;
    let ann = Visitor::named(&stage.page, "ann@acme.com");
    let list = stage
        .until(&ann, "/", "the list", |page| {
            page.text.contains("connected")
        })
        .await;
    assert!(
        list.text.contains(&stage.path("of-cluster")),
        "{}",
        list.text
    );
    // The operator has not said where the person may come: the project does not allow it, or is not there.
    for other in [
        "of-team",
        "of-bob",
        "of-nobody",
        "of-refused",
        "of-suspended",
    ] {
        assert!(!list.text.contains(other), "{other}: {}", list.text);
    }
    let nobody = Visitor::named(&stage.page, "eve@acme.com").get("/").await;
    assert!(nobody.text.contains("Nobody asks you"), "{}", nobody.text);
    assert_eq!(Visitor::of(&stage.page).get("/").await.status, 404);
    let team = stage.path("of-team");
    let page = stage
        .until(&ann, &team, "the page", |page| page.status == 200)
        .await;
    assert!(
        page.text.contains("own app"),
        "by its address it is there: {}",
        page.text
    );
}

#[tokio::test]
async fn what_no_project_has_taken_on_has_no_page_by_its_address_either() {
    for header in [&HEADER[..], &[]] {
        let stage = Stage::new("connect", header).await;
        let mut spec = gmail();
        spec["projectRef"] = json!({"kind": "ClusterComposioProject", "name": "acme"});
        let object = stage.declared("mail", spec).await;
        let path = stage.path("mail");
        let ann = match header {
            [] => Visitor::of(&stage.page),
            _ => Visitor::named(&stage.page, "ann@acme.com"),
        };
        ann.get(&stage.page.address(&object)).await;
        let known = |page: &Answer| page.text.contains("which your platform provides");
        let page = stage.until(&ann, &path, "the page", known).await;
        let form = format!("form={}&action=connect", page.form_token());
        // It is declared otherwise than when the person was asked, and the project does not allow that.
        let refused =
            json!({"connectPage": null, "conditions": [condition("False", "NotAllowed")]});
        stage.says("mail", refused).await;
        let not_found = ann.get("/connect/nobody/here").await;
        let gone = |page: &Answer| (page.status, &page.text) == (404, &not_found.text);
        stage.until(&ann, &path, "its end", gone).await;
        let waiting = format!("{path}/waiting?r=&s=0");
        assert!(gone(&ann.get(&waiting).await), "{header:?}");
        assert!(gone(&ann.post(&path, &form).await), "{header:?}");
        assert_eq!(stage.requests().await, []);
    }
}

#[tokio::test]
async fn a_proxy_proves_itself_by_its_secret_wherever_it_comes_from() {
    let scene = Scene::new("connect").await;
    let (secret, file) = ("x".repeat(32), scene.folder.join("proxy-secret"));
    create_private(&file, format!("{secret}\n")).expect("the folder is there");
    let file = file.to_str().expect("a path of ASCII");
    let by_secret = [
        "--connect-proxy-secret-file",
        file,
        "--connect-proxy-secret-header",
        "X-Acme-Proxy",
    ];
    let page = ConnectPage::start(&scene, &[&HEADER[..], &by_secret].concat()).await;
    let stage = Stage { page, scene };
    stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let with = |headers: &[(&'static str, &str)]| {
        let mut visitor = Visitor::named(&stage.page, "ann@acme.com");
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        visitor.headers.extend(headers);
        visitor
    };
    let proxy = with(&[("x-acme-proxy", &secret)]);
    stage
        .until(&proxy, &path, "the page", |page| page.status == 200)
        .await;
    // Each of them comes from loopback, which would do if there were no secret.
    let longer = format!("{secret}x");
    let (name, right) = ("x-acme-proxy", secret.as_str());
    for forged in [
        vec![],
        vec![(name, "")],
        vec![(name, &right[1..])],
        vec![(name, longer.as_str())],
        vec![(name, right), (name, right)],
        vec![("x-connect-proxy-secret", right)],
    ] {
        let visitor = with(&forged);
        for path in [&path, "/"] {
            assert_eq!(visitor.get(path).await.status, 404, "{forged:?} {path}");
        }
    }
    let pressed = proxy.presses(&path, "connect").await;
    assert_eq!(pressed.status, 303);
    let request = stage.handled().await;
    assert_eq!(request.spec.requested_by.as_deref(), Some("ann@acme.com"));
    assert!(!stage.page.child.read_log().contains(right));
}
