//! The chart as others see it: one that holds it, and a catalogue.

use std::path::Path;

use composio_operator::crd::{ComposioProject, ConnectedAccount, definitions};
use serde_json::Value;

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

/// What a catalogue of charts shows.
#[test]
fn the_catalogue_knows_every_definition_and_shows_examples_that_can_be_read() {
    let chart = include_str!("../../charts/composio-operator/Chart.yaml");
    let chart: Value = serde_saphyr::from_str(chart).expect("YAML");
    let annotation = |name: &str| -> Vec<Value> {
        let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str();
        serde_saphyr::from_str(text.expect("it is there")).expect("YAML")
    };
    let told: Vec<String> = annotation("crds")
        .iter()
        .map(|told| format!("{} {} {}", told["kind"], told["version"], told["name"]))
        .collect();
    let mut expected: Vec<String> = definitions()
        .iter()
        .map(|definition| {
            let [kind, version, name] = [
                &definition.spec.names.kind,
                &definition.spec.versions[0].name,
                definition.metadata.name.as_ref().expect("a name"),
            ]
            .map(|word| Value::from(word.as_str()));
            format!("{kind} {version} {name}")
        })
        .collect();
    expected.sort();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    for example in annotation("crdsExamples") {
        let read = match example["kind"].as_str() {
            Some("ConnectedAccount") => {
                serde_json::from_value::<ConnectedAccount>(example).map(drop)
            }
            _ => serde_json::from_value::<ComposioProject>(example).map(drop),
        };
        read.expect("it is one");
    }
    // Helm wants an address; this one leads nowhere but to itself.
    let icon = chart["icon"].as_str().expect("an icon");
    let (_, encoded) = icon
        .split_once("data:image/svg+xml;base64,")
        .expect("an image");
    let image = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
    let image = String::from_utf8(image.expect("base64")).expect("text");
    assert!(
        image.starts_with("<svg ") && image.ends_with("</svg>"),
        "{image}"
    );
}
