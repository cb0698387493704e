//! `connect --open`: what gets to a browser, and what never does.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::connect::{left_alone, printed};
use super::program::{Ended, command, end, run_out, start};
use crate::support::child::{Child, Signal};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// A browser that writes down where it was sent to.
const BROWSER: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$0.opened\"\n";
const PAGE: &str = "https://connect.example/connect/a/mail?t=TOKEN";

/// The program of that text, and the file into which it writes.
fn browser(scene: &Scene<'_>, script: &str) -> (String, PathBuf) {
    let browser = scene.folder.write("browser", script);
    let browser = browser.expect("the folder is there");
    fs::set_permissions(&browser, Permissions::from_mode(0o700)).expect("it is ours");
    let browser = browser.to_string_lossy().into_owned();
    (browser, scene.folder.join("browser.opened"))
}

async fn program(scene: &Scene<'_>, args: &[&str], browser: &str) -> Command {
    let args = [&["connect", "mail", "--print-link"], args].concat();
    let args = [&args[..], &["-n", &scene.namespace]].concat();
    let mut program = command(scene.control_plane.kubeconfig(), &args).await;
    program.env("BROWSER", browser);
    program
}

async fn connect(scene: &Scene<'_>, args: &[&str], browser: &str) -> Ended {
    end(program(scene, args, browser).await).await
}

async fn give_page(scene: &Scene<'_>, page: Value) {
    let status = json!({"connectPage": page, "link": null});
    scene.give_status("mail", &status).await;
}

#[tokio::test]
async fn a_page_is_printed_and_opened_and_a_link_is_never_opened() {
    let scene = left_alone("cli-open").await;
    let (browser, opened) = browser(&scene, BROWSER);
    let connect = async |args: &[&str]| connect(&scene, args, &browser).await;
    // A link would stand in the list of processes.
    let expires = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(9)).to_string();
    let link = json!({"url": "https://connect.example/link/lk_1", "expiresAt": expires});
    scene.give_status("mail", &json!({"link": link})).await;
    let told = connect(&["--open"]).await;
    assert!(!told.out.contains("lk_1"), "{told:?}");
    told.failed(2, "--open opens the connect page");
    assert!(!opened.exists(), "nothing was opened");

    let url = "https://connect.example/connect/a/mail?t=TOKEN";
    let page = json!({"connectPage": {"url": url}, "link": null});
    scene.give_status("mail", &page).await;
    let told = connect(&["--open"]).await;
    assert_eq!(told.well(), format!("{url}\n"));
    let sent = std::fs::read_to_string(&opened).expect("it was opened");
    assert_eq!(sent, format!("{url}\n"), "one argument, and no shell");
    std::fs::remove_file(&browser).expect("it is there");
    let told = connect(&["--open"]).await;
    told.failed(1, "the page was not opened: ");

    // It waits for the person who presses the button there.
    let program = start(
        &scene,
        scene.control_plane.kubeconfig(),
        &["connect", "mail", "--print-link", "--wait"],
    )
    .await;
    printed(&program, url).await;
    let condition = |type_: &str| {
        json!({"type": type_, "status": "True", "reason": "Connected", "message": "",
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let connected = [condition("Ready"), condition("Synced")];
    scene
        .give_status(
            "mail",
            &json!({"conditions": connected, "connectPage": null}),
        )
        .await;
    let ended = program.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(0), "{}", program.read_log());
}

#[tokio::test]
async fn what_is_no_address_of_the_web_is_neither_opened_nor_printed() {
    let scene = left_alone("cli-no-web").await;
    let (browser, opened) = browser(&scene, BROWSER);
    for forged in [
        "--new-window file:///etc/passwd",
        "--new-window=https://evil.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://connect.example@evil.example/",
        "https://connect.example/ --flag",
    ] {
        give_page(&scene, json!({"url": forged})).await;
        for args in [&["--open"][..], &[], &["--open", "-o", "json"]] {
            let told = connect(&scene, args, &browser).await;
            assert!(told.out.is_empty(), "{forged}: {told:?}");
            // The shortest stands in the sentence.
            let is_quoted = told.err.contains(forged) && forged != "https://";
            assert!(!is_quoted, "{forged}: {told:?}");
            told.failed(1, "the connect page in the status of mail is no http://");
        }
        let expires = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(9)).to_string();
        let link = json!({"url": forged, "expiresAt": expires});
        let status = json!({"connectPage": null, "link": link});
        scene.give_status("mail", &status).await;
        let told = connect(&scene, &[], &browser).await;
        assert!(told.out.is_empty(), "{forged}: {told:?}");
        told.failed(1, "the link in the status of mail is no http://");
    }
    assert!(!opened.exists(), "nothing was opened");
}

#[tokio::test]
async fn a_page_that_is_over_is_not_announced_and_another_is_asked_for() {
    let scene = left_alone("cli-page-over").await;
    let over = json!({"url": PAGE, "expiresAt": "2020-01-01T00:00:00Z"});
    give_page(&scene, over).await;
    let (browser, opened) = browser(&scene, BROWSER);
    let args = ["connect", "mail", "--print-link", "--open"];
    let told = run_out(&scene, scene.control_plane.kubeconfig(), &args).await;
    assert_eq!(told.out, "", "{told:?}");
    told.failed(124, ": its connect page ended at 2020-01-01T00:00:00Z");

    let running = program(&scene, &["--open"], &browser).await;
    let running = Child::spawn(&scene.folder, "kubectl-composio", SOON, &running);
    let running = running.expect("it starts");
    wait::until("a link is asked for", SOON, async || {
        let requests = ["get", "connectrequests", "-o", "name"];
        let requests = scene.kubectl(&requests).await;
        (!requests.trim().is_empty()).then_some(()).ok_or(requests)
    })
    .await;
    give_page(&scene, json!({"url": PAGE, "expiresAt": null})).await;
    let ended = running.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(0), "{}", running.read_log());
    let sent = fs::read_to_string(&opened).expect("it was opened");
    assert_eq!(sent, format!("{PAGE}\n"));
}

#[tokio::test]
async fn no_link_is_said_to_live_longer_than_links_do() {
    let scene = left_alone("cli-forever").await;
    let link =
        json!({"url": "https://connect.example/link/lk_1", "expiresAt": "9999-01-01T00:00:00Z"});
    scene.give_status("mail", &json!({"link": link})).await;
    let told = connect(&scene, &[], "").await;
    let (_, good) = told.err.split_once("good for ").expect("it says how long");
    let (minutes, _) = good.split_once('m').expect("in minutes");
    assert!(minutes.parse::<u32>().expect("a number") <= 10, "{told:?}");
    let told = connect(&scene, &["-o", "json"], "").await.well();
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    let expires: jiff::Timestamp = (told["link"]["expiresAt"].as_str())
        .and_then(|time| time.parse().ok())
        .expect("it is a time");
    let latest = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    assert!(expires <= latest, "{told}");
}

/// Told nothing by anybody it runs on.
const FOREGROUND: &str =
    "#!/bin/sh\necho $$ > \"$0.opened\"\nread word < \"$0.pipe\"\necho over > \"$0.over\"\n";

#[tokio::test]
async fn a_browser_in_the_foreground_holds_up_neither_the_program_nor_its_end() {
    let scene = left_alone("cli-foreground").await;
    give_page(&scene, json!({"url": PAGE})).await;
    let (browser, opened) = browser(&scene, FOREGROUND);
    let pipe = format!("{browser}.pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("there are pipes").success());
    let over = PathBuf::from(format!("{browser}.over"));
    let let_go = async || {
        fs::write(&pipe, "go\n").expect("it reads");
        wait::until("the browser ends in its own time", SOON, async || {
            over.exists()
                .then_some(())
                .ok_or("it has not ended".to_owned())
        })
        .await;
        fs::remove_file(&over).expect("it is there");
    };
    let told = connect(&scene, &["--open"], &browser).await;
    assert_eq!(told.well(), format!("{PAGE}\n"));
    assert!(opened.exists() && !over.exists(), "it runs on");
    let_go().await;

    fs::remove_file(&opened).expect("it is there");
    let waiting = program(&scene, &["--open", "--wait"], &browser).await;
    let waiting = Child::spawn(&scene.folder, "kubectl-composio", SOON, &waiting);
    let waiting = waiting.expect("it starts");
    wait::until("the page is opened", SOON, async || {
        opened.exists().then_some(()).ok_or("it is not".to_owned())
    })
    .await;
    waiting.signal(Signal::Int).expect("it runs");
    let ended = waiting.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(130), "{}", waiting.read_log());
    assert!(!over.exists(), "the browser is not ended with it");
    let_go().await;
}

#[tokio::test]
async fn the_first_browser_of_a_list_that_can_be_started_opens_the_page() {
    let scene = left_alone("cli-browsers").await;
    give_page(&scene, json!({"url": PAGE})).await;
    let (browser, opened) = browser(&scene, BROWSER);
    let list = format!("/nothing/here %s:false:'{browser}' --new-window %s &:/nothing/there");
    connect(&scene, &["--open"], &list).await.well();
    let sent = fs::read_to_string(&opened).expect("it was opened");
    assert_eq!(sent, format!("--new-window\n{PAGE}\n"));
    let told = connect(&scene, &["--open"], "/nothing/here:false").await;
    told.failed(
        1,
        "the page was not opened: /nothing/here: could not be started: there is no such program; false: ended with exit status: 1",
    );
}
