//! A release that a former chart has installed.

use std::path::Path;

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm_of};
use crate::support::tools::{HELM, HELM3};

/// A chart of this name before any of today's values were there.
fn former(folder: &Path) -> String {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("it is written");
    };
    write(
        "Chart.yaml",
        "apiVersion: v2\nname: composio-operator\nversion: 0.0.1\n",
    );
    write("values.yaml", "image:\n  repository: composio-operator\n");
    std::fs::create_dir(folder.join("templates")).expect("it is made");
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: former\n";
    write("templates/object.yaml", object);
    folder.display().to_string()
}

/// `--reuse-values` brings the former chart's defaults in place of the new one's.
#[tokio::test]
async fn an_upgrade_without_the_new_defaults_is_refused_and_told_how_to_have_them() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "upgrade").await;
    let folder = Folder::new().expect("a folder");
    let chart = Folder::new().expect("a folder");
    let former = former(chart.path());
    for tool in [&HELM, &HELM3] {
        let helm = async |args: &[&str]| {
            let home = folder.path();
            let output = helm_of(tool, control_plane, home, &namespace, args).await;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            output.status.success().then_some(()).ok_or(said)
        };
        let given = ["--set", "image.tag=v1"];
        helm(&[&["install", "op", &former], &given[..]].concat())
            .await
            .expect("it is installed");
        // All tests share the definitions.
        let mut upgrade = vec!["upgrade", "op", CHART, "--dry-run=client"];
        upgrade.extend(["--set", "crds.enabled=false"]);
        let said = helm(&[&upgrade[..], &["--reuse-values"]].concat()).await;
        let said = said.expect_err("the defaults are missing");
        for words in [
            "these values of the chart are missing: ",
            "metrics",
            "--reset-then-reuse-values",
        ] {
            assert!(said.contains(words), "{said}");
        }
        let new = ["--reset-then-reuse-values"];
        helm(&[&upgrade[..], &new].concat())
            .await
            .expect("it is upgraded");
        helm(&["uninstall", "op"]).await.expect("it goes");
    }
}
