//! A connect link, and the address of a connect page, which holds a token, are printed by `connect` alone.

use serde_json::json;

use super::program::{run, steady};
use crate::support::scene::{Scene, gmail};

#[tokio::test]
async fn no_other_command_prints_a_link_in_whichever_form() {
    let scene = Scene::new("cli-hidden").await.operated().await;
    let (_, link) = scene.linked_gmail("mail").await;
    let (_, token) = link.rsplit_once('/').expect("it is a URL");
    let commands: [&[&str]; 9] = [
        &["status"],
        &["status", "mail"],
        &["status", "-l", "!none"],
        &["explain", "mail"],
        &["reconcile", "mail"],
        &["reconcile", "mail", "--wait"],
        &["suspend", "mail", "--wait"],
        &["check"],
        &["version"],
    ];
    let mut hidden = 0;
    for command in commands {
        for form in ["table", "wide", "json", "yaml", "name"] {
            let told = run(&scene, &[command, &["-o", form]].concat()).await;
            let all = format!("{}{}", told.out, told.err);
            assert!(
                !all.contains(&link) && !all.contains(token),
                "{command:?} -o {form}: {all}"
            );
            hidden += usize::from(all.contains("(hidden)"));
        }
    }
    assert!(
        hidden >= 10,
        "a link that is not there cannot be hidden: {hidden}"
    );
    let yaml = run(&scene, &["status", "mail", "-o", "yaml"]).await.well();
    let yaml = steady(&scene, &yaml);
    assert!(yaml.contains("url: (hidden)"), "{yaml}");
}

#[tokio::test]
async fn nor_does_one_print_the_address_of_the_connect_page() {
    let scene = Scene::new("cli-hidden-page").await;
    scene.declare("mail", gmail()).await;
    let page = json!({"url": "https://connect.example/connect/a/mail?t=TOKEN"});
    scene
        .give_status("mail", &json!({"connectPage": page}))
        .await;
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", "mail"],
        &["explain", "mail"],
        &["reconcile", "mail"],
        &["suspend", "mail"],
    ];
    let mut hidden = 0;
    for command in commands {
        for form in ["table", "wide", "json", "yaml", "name"] {
            let told = run(&scene, &[command, &["-o", form]].concat()).await;
            let all = format!("{}{}", told.out, told.err);
            assert!(!all.contains("TOKEN"), "{command:?} -o {form}: {all}");
            hidden += usize::from(all.contains("(hidden)"));
        }
    }
    assert!(hidden >= 8, "what is not there cannot be hidden: {hidden}");
}
