//! `import --namespace-template` and `--name-template`.

use serde_json::json;

use super::program::{at, command, end, run_at, seeded};
use crate::support::scene::Scene;

#[tokio::test]
async fn a_template_says_in_which_namespaces_users_are_and_puts_nothing_right() {
    let scene = Scene::new("cli-import-template").await;
    let users = [
        "ada@acme",
        "bob@acme",
        "eve@other",
        "x@a.b",
        "y@A",
        "z",
        "w@kube-system",
    ];
    let seed: Vec<_> = (users.iter().enumerate())
        .map(|(n, user)| json!({"id": format!("ca_{n}"), "user_id": user, "auth_config": "ac_gmail"}))
        .collect();
    let sandbox = seeded(&scene, &seed).await;
    scene
        .give_project(&scene.options().base_url(sandbox.url()))
        .await;
    let name = format!("{}-template", scene.namespace);
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ClusterComposioProject", "metadata": {"name": name},
        "spec": {"apiKeySecretRef": {"name": "composio"}, "baseURL": sandbox.url(), "allow": [{"users": ["ada"]}]},
    });
    scene.apply(&project.to_string()).await;
    let project = format!("ClusterComposioProject/{name}");
    let import = async |args: &[&str]| {
        let base = [
            "import",
            "--project",
            &project,
            "--cluster-resource-namespace",
            &scene.namespace,
        ];
        let args = at(&sandbox, &[&base[..], args].concat())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        end(command(scene.control_plane.kubeconfig(), &args).await).await
    };
    let places = |told: &str| -> Vec<String> {
        let lines = told.lines();
        let names = lines.filter_map(|line| line.trim().strip_prefix("namespace: "));
        names.map(str::to_owned).collect()
    };
    let told = import(&[
        "--namespace-template",
        "{domain}",
        "--name-template",
        "{user}-{toolkit}",
    ])
    .await;
    assert!(
        told.err
            .contains("left out: 4 accounts are of users for whom"),
        "{told:?}"
    );
    assert_eq!(places(&told.well()), ["acme", "acme", "other"]);

    // A file goes before it, and -n does not go behind it.
    let map = scene
        .folder
        .write("map.yaml", "z: team-z\n")
        .expect("the folder is there");
    let map = map.to_string_lossy();
    let both = [
        "--namespace-map",
        &map,
        "--namespace-template",
        "team-{domain}",
        "-n",
        "default",
    ];
    let told = import(&both).await.well();
    assert_eq!(
        places(&told),
        [
            "team-acme",
            "team-acme",
            "team-kube-system",
            "team-other",
            "team-z"
        ]
    );

    for (template, words) in [
        ("{host}", "{host} is none of {user}, {domain}, {toolkit}"),
        ("{user", "a { has no }"),
    ] {
        import(&["--namespace-template", template])
            .await
            .failed(2, words);
    }
    let own = [
        "import",
        "--project",
        "default",
        "--namespace-template",
        "{domain}",
    ];
    let told = run_at(&scene, &sandbox, &own).await;
    told.failed(2, "--namespace-template needs a ClusterComposioProject");
}
