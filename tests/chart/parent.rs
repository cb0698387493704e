//! A chart that holds this one.

use std::path::Path;

use crate::support::child::Folder;
use crate::support::helm::{CHART, helm, render};

/// Puts the chart into the folder of charts of another one.
fn hold(parent: &Path, condition: &str) {
    let chart = format!(
        "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n  - name: composio-operator\n    version: 0.x.x\n    repository: \"\"\n    condition: {condition}\n"
    );
    std::fs::write(parent.join("Chart.yaml"), chart).expect("it is written");
    std::fs::create_dir(parent.join("charts")).expect("it is made");
    let link = parent.join("charts/composio-operator");
    std::os::unix::fs::symlink(CHART, link).expect("it is linked");
}

#[tokio::test]
async fn a_chart_that_holds_this_one_turns_it_off_and_shares_its_values() {
    let folder = Folder::new().expect("a folder");
    hold(folder.path(), "composio-operator.enabled");
    let parent = folder.path().display().to_string();
    let rendered = async |values: &[&str]| {
        let mut args = vec!["template", "op", &parent];
        values
            .iter()
            .for_each(|value| args.extend(["--set-json", value]));
        let output = helm(&args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).expect("text")
    };
    let on = rendered(&[
        r#"global={"imageRegistry":"mirror.example","somethingElse":{"a":1}}"#,
        r#"composio-operator={"enabled":true,"sandbox":{"enabled":true}}"#,
    ])
    .await;
    assert!(
        on.contains("image: \"mirror.example/composio-operator:"),
        "{on}"
    );
    let off = rendered(&[r#"composio-operator={"enabled":false}"#]).await;
    assert_eq!(off.trim(), "");
    let alone = render("x", &["enabled=false"]).await.err();
    let said = alone.expect("what should be installed?");
    assert!(said.contains("for a chart that holds this one"), "{said}");
}
