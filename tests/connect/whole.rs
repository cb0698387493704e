//! The page and the operator together.

use serde_json::{Value, json};

use crate::support::connect_page::{Answer, ConnectPage, Visitor};
use crate::support::operator::{Operator, Options};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// The page, the operator, and what both talk to.
pub(crate) struct House {
    pub(crate) operator: Operator,
    pub(crate) page: ConnectPage,
    pub(crate) scene: Scene<'static>,
}

impl House {
    pub(crate) async fn new(args: &[&str]) -> House {
        House::of(Scene::new("connect").await, args, |options| options).await
    }

    pub(crate) async fn new_in(scene: Scene<'static>) -> House {
        House::of(scene, &[], |options| options).await
    }

    pub(crate) async fn of(
        scene: Scene<'static>,
        args: &[&str],
        change: impl FnOnce(Options) -> Options,
    ) -> House {
        let page = ConnectPage::start(&scene, args).await;
        let mut options = page.known_to(scene.options());
        if page.settings.knows_users {
            options = options.flag("--connect-user-header", "X-Auth-Request-Email");
        }
        let operator = scene.start("operator", &change(options)).await;
        scene.project_available().await;
        House {
            operator,
            page,
            scene,
        }
    }

    /// Declares an account, and returns the address of its page.
    pub(crate) async fn declares(&self, name: &str) -> String {
        let spec = json!({"user": "ann@acme.com", "toolkit": "gmail", "authConfig": "ac_gmail"});
        self.declares_as(name, spec).await
    }

    pub(crate) async fn declares_as(&self, name: &str, spec: Value) -> String {
        self.scene.declare(name, spec).await;
        let object = self
            .scene
            .until(name, "Ready", "False", "AwaitingUser")
            .await;
        let address = object["status"]["connectPage"]["url"].as_str();
        address.expect("the operator writes it").to_owned()
    }

    /// Presses the button, and waits for the way to the sign-in, which is returned.
    pub(crate) async fn is_led_on(&self, visitor: &Visitor, path: &str) -> String {
        // The page's watch may lag behind ours.
        wait::until("the page of the object", SOON, async || {
            let page = visitor.get(path).await;
            match page.status {
                200 => Ok(()),
                _ => Err(page.text),
            }
        })
        .await;
        let asked = visitor.presses(path, "connect").await;
        assert_eq!(asked.status, 303, "{asked:?}");
        let mut next = asked.header("location").to_owned();
        wait::until("the link", SOON, async || {
            let page = visitor.get(&next).await;
            if page.text.contains("Your link is ready") {
                return Ok(());
            }
            next = page.refresh().to_owned();
            Err(format!("{} {}", page.status, page.text))
        })
        .await;
        let open = visitor.get(&format!("{path}/open")).await;
        assert_eq!(open.status, 303);
        open.header("location").to_owned()
    }

    /// Signs in as somebody who is at that address, and returns where they are sent back to.
    pub(crate) async fn signs_in(&self, visitor: &Visitor, link: &str, button: &str) -> String {
        assert_eq!(visitor.get(link).await.status, 200, "{link}");
        let form = format!("action={button}");
        let done = visitor.post_from(link, &form, &[]).await;
        let back = done.header("location").to_owned();
        assert!(back.starts_with(&self.page.url), "{done:?}");
        back
    }

    /// Comes back, and follows the page until it is at an end.
    pub(crate) async fn comes_back(&self, visitor: &Visitor, address: &str) -> Answer {
        let mut next = address.to_owned();
        wait::until("the outcome", SOON, async || {
            let page = visitor.get(&next).await;
            if page.refresh().is_empty() {
                return Ok(page);
            }
            next = page.refresh().to_owned();
            Err(page.text)
        })
        .await
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("/connect/{}/{name}", self.scene.namespace)
    }

    /// How many ConnectRequests are there.
    pub(crate) async fn requests(&self) -> usize {
        let args = ["get", "connectrequests", "-o", "name"];
        self.scene.kubectl(&args).await.lines().count()
    }

    /// The state of the one account that Composio has.
    async fn state(&self) -> Value {
        let accounts = self.scene.sandbox.accounts().await;
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        accounts[0]["status"].clone()
    }
}

#[tokio::test]
async fn a_person_comes_signs_in_and_is_told_that_it_went_well() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    assert_eq!(
        house.scene.sandbox.accounts().await,
        [Value::Null; 0],
        "nobody came yet"
    );
    let (path, ann) = (house.path("mail"), Visitor::of(&house.page));
    assert_eq!(ann.get(&address).await.status, 303);
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let done = house.comes_back(&ann, &back).await;
    assert!(
        done.text.contains("Your gmail account is connected"),
        "{}",
        done.text
    );
    house.scene.ready("mail", "Connected").await;
    assert_eq!(house.state().await, "ACTIVE");
    let again = ann.get(&path).await;
    assert!(again.text.contains("connected already"), "{}", again.text);
    let log = house.page.child.read_log() + &house.operator.child.read_log();
    let token = address.split_once("?t=").expect("a token").1;
    let link = link.rsplit('/').next().expect("its end");
    let proof = back.split("&p=").nth(1).and_then(|rest| rest.get(..22));
    for secret in [token, link, proof.expect("a proof")] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn who_signs_in_through_the_link_of_another_is_not_used_and_is_told() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let path = house.path("mail");
    let (mallory, victim) = (Visitor::of(&house.page), Visitor::of(&house.page));
    mallory.get(&address).await;
    let link = house.is_led_on(&mallory, &path).await;
    let back = house.signs_in(&victim, &link, "connect").await;
    let told = house.comes_back(&victim, &back).await;
    assert!(
        told.text.contains("not your link") && told.text.contains(&house.scene.namespace),
        "{}",
        told.text
    );
    house
        .scene
        .until("mail", "Ready", "False", "FinishedElsewhere")
        .await;
    assert_eq!(house.state().await, "INACTIVE");
    // Mallory replays the address in the browser that had asked.
    let replayed = house.comes_back(&mallory, &back).await;
    assert!(replayed.text.contains("not your link"), "{}", replayed.text);
    assert_eq!(house.state().await, "INACTIVE");
}

#[tokio::test]
async fn who_cancels_is_told_and_can_ask_again() {
    let house = House::new(&["--connect-user-header", "X-Auth-Request-Email"]).await;
    let address = house.declares("mail").await;
    let path = house.path("mail");
    assert_eq!(
        address,
        format!("{}{path}", house.page.url),
        "no token where a proxy says who comes"
    );
    let ann = Visitor::named(&house.page, "ann@acme.com");
    assert_eq!(ann.get(&path).await.status, 200);
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "cancel").await;
    let told = house.comes_back(&ann, &back).await;
    assert!(told.text.contains("is not connected"), "{}", told.text);
    house
        .scene
        .until("mail", "Ready", "False", "SignInFailed")
        .await;
    let page = ann.get(&path).await;
    assert!(page.text.contains("was not finished"), "{}", page.text);
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let done = house.comes_back(&ann, &back).await;
    assert!(
        done.text.contains("Your gmail account is connected"),
        "{}",
        done.text
    );
}

#[tokio::test]
async fn who_waits_while_composio_is_down_or_asks_to_wait_gets_one_link() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let ann = Visitor::of(&house.page);
    ann.get(&address).await;
    let busy = json!({
        "method": "POST", "path": "/connected_accounts/link", "status": 429,
        "headers": {"retry-after": "1"}, "body": {"message": "Too many requests"}, "times": 2,
    });
    let down = json!({"method": "POST", "path": "/connected_accounts/link", "status": 503});
    let sandbox = &house.scene.sandbox;
    for fault in [busy, down] {
        sandbox.control("POST", "fault", fault).await;
    }
    let link = house.is_led_on(&ann, &house.path("mail")).await;
    assert_eq!(ann.get(&link).await.status, 200, "it can be used");
    let rows = sandbox.accounts().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn an_epoch_of_any_length_ends_the_addresses_that_are_out_and_the_new_one_opens() {
    let house = House::new(&[]).await;
    let mut address = house.declares("mail").await;
    for epoch in ["2026-11-30T08:00:00+00:00-".repeat(9), "x".repeat(64)] {
        let raised = format!("composio.dev/connect-epoch={epoch}");
        let args = ["annotate", "--overwrite", "cacc", "mail", &raised];
        house.scene.kubectl(&args).await;
        let url = |object: &Value| object["status"]["connectPage"]["url"].clone();
        let is_new = |object: &Value| url(object).is_string() && url(object) != address;
        let object = house.scene.until_status("mail", "the new address", is_new);
        let new = url(&object.await).as_str().expect("it is there").to_owned();
        let ann = Visitor::of(&house.page);
        wait::until("the new epoch", SOON, async || {
            match (ann.get(&new).await.status, ann.get(&address).await.status) {
                (303, 404) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        address = new;
    }
}
