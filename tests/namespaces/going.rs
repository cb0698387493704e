//! A namespace goes: whatever goes first, each account in it ends as promised, and the namespace too.

use serde_json::json;

use super::{Land, assert_ended, id};
use crate::support::release::{SANDBOX, installed, installed_in, user};
use crate::support::scene::{SOON, gmail};
use crate::support::{helm, project, wait};

/// What the namespace controller does, and in which order, is not ours: Role and Secrets go before the
/// objects, and nothing new can be made, not even an event.
async fn goes(land: &Land, watched: bool) {
    let teams = [land.namespace("team").await, land.namespace("team").await];
    let other = land.namespace("other").await;
    let all = [teams[0].as_str(), teams[1].as_str(), other.as_str()];
    let release = land.release(if watched { &all } else { &[] }, &[]).await;
    let mut operator = Some(release.start("operator").await);
    let stays = land.connected_gmail(&release, &other, "mail").await;
    let (mut ended, mut asked) = (Vec::new(), Vec::new());
    for team in &teams {
        ended.push(land.connected_gmail(&release, team, "mail").await);
        ended.push(land.connected_hubspot(team, "crm").await);
        // Nobody has signed in yet.
        land.declare(team, "asked", with_user(team, "asked")).await;
        let object = land.until(team, "asked", "Ready", "AwaitingUser").await;
        asked.push(id(&object));
        // Its Secret never came.
        let mut spec = with_user(team, "bare");
        spec["toolkit"] = json!("hubspot");
        spec["authConfig"] = json!("ac_hubspot");
        spec["credentials"] = json!({"scheme": "API_KEY", "secretRef": {"name": "nope"}});
        land.declare(team, "bare", spec).await;
        land.until(team, "bare", "Synced", "SecretMissing").await;
        // It bears no mark of ours, and none can be given to it once it is being deleted.
        let mut spec = with_user(team, "suspended");
        spec["suspend"] = json!(true);
        land.declare(team, "suspended", spec).await;
        land.until(team, "suspended", "Synced", "Suspended").await;
    }
    land.delete_namespace(&teams[0]).await;
    land.gone(&teams[0]).await;
    // Once more, and the operator starts when Role and Secrets are gone already.
    drop(operator.take());
    land.delete_namespace(&teams[1]).await;
    land.hangs(&teams[1]).await;
    let operator = release.start("another").await;
    let mut stay = vec![stays.clone()];
    if watched {
        // The key was in the namespace and went with it: nobody can end these accounts any more.
        stay.extend(ended.split_off(ended.len() / 2));
        stay.push(asked[1].clone());
        for name in ["mail", "crm", "asked"] {
            let object = land
                .until(&teams[1], name, "Synced", "ProjectUnavailable")
                .await;
            // The wrong id gives nothing up.
            for given_up in ["ca_another", id(&object).as_str()] {
                let given_up = format!("composio.dev/abandon={given_up}");
                let args = ["annotate", "--overwrite", "connectedaccounts", name];
                land.kubectl(&[&["-n", &teams[1]], &args[..], &[&given_up]].concat())
                    .await;
            }
        }
    }
    land.gone(&teams[1]).await;
    for id in &ended {
        assert_ended(&release, id).await;
    }
    for account in release.scene.sandbox.accounts().await {
        let stays = stay.iter().any(|id| account["id"] == json!(id));
        assert_eq!(account["deleted_at"].is_null(), stays, "{account}");
    }
    // The witness that events were refused, and that nothing waits for them.
    let asked = land.control_plane.asked_by(&user(&release.scene.namespace));
    let mut events = asked.iter().filter(|asked| asked.resource == "events");
    assert!(
        events.any(|asked| asked.verb == "create" && asked.status == 403),
        "no event was refused"
    );
    operator.readyz(200, "[+] kubernetes ok").await;
    land.kubectl(&["-n", &other, "delete", "connectedaccounts", "mail"])
        .await;
    assert_ended(&release, &stays).await;
    wait::until("the event of its end", SOON, async || {
        let events = land.kubectl(&["-n", &other, "get", "events"]).await;
        match events.contains("Revoked") {
            true => Ok(()),
            false => Err(events),
        }
    })
    .await;
}

fn with_user(namespace: &str, name: &str) -> serde_json::Value {
    let mut spec = gmail();
    spec["user"] = json!(format!("{namespace}-{name}"));
    spec
}

#[tokio::test]
async fn with_rights_in_all_namespaces_it_goes_and_its_accounts_end() {
    goes(&Land::of_cluster().await, false).await;
}

#[tokio::test]
async fn with_rights_in_some_namespaces_it_goes_and_its_accounts_end() {
    goes(Land::shared().await, true).await;
}

#[tokio::test]
async fn without_the_right_to_let_go_it_hangs_is_told_and_goes_once_the_right_is_there() {
    let land = Land::shared().await;
    let (team, other) = (land.namespace("team").await, land.namespace("other").await);
    let both = [team.as_str(), other.as_str()];
    let roles_only = r#"rbac={"letGo":false}"#;
    let release = land.release(&both, &[roles_only]).await;
    let operator = release.start("operator").await;
    operator.readyz(200, "[+] namespaces ok").await;
    let mail = land.connected_gmail(&release, &team, "mail").await;
    let stays = land.connected_gmail(&release, &other, "mail").await;
    // The namespace controller deletes in any order: this is the one in which the right goes first.
    land.unbind(&release, &team).await;
    land.delete_namespace(&team).await;
    land.hangs(&team).await;
    // The watch that is open goes on: what is told must not wait for its end.
    let told = format!("[+] namespaces degraded: cannot be read: {team} (");
    operator.readyz(200, &told).await;
    let unreachable = |namespace: &str, value: u8| {
        format!(
            "composio_operator_namespace_unreachable{{watched_namespace=\"{namespace}\"}} {value}"
        )
    };
    let (_, metrics) = operator.get("/metrics").await;
    assert!(metrics.contains(&unreachable(&team, 1)), "{metrics}");
    assert!(metrics.contains(&unreachable(&other, 0)), "{metrics}");
    let log = operator.child.read_log();
    let said = log.matches("cannot be read: its objects").count();
    assert_eq!(said, 1, "{log}");
    let account = release.scene.sandbox.account(&mail).await;
    assert_eq!(account["grant"]["alive"], true, "{account}");
    // The others are served as before.
    land.declare(&other, "new", with_user(&other, "new")).await;
    id(&land.until(&other, "new", "Ready", "AwaitingUser").await);

    let watch = format!("watchNamespaces={}", json!(both));
    let rendered = helm::render(&release.scene.namespace, &[SANDBOX, &watch]).await;
    let mut rendered = rendered.expect("it renders");
    // A Role for a namespace that is going cannot be made any more.
    rendered.retain(|object| object["metadata"]["namespace"] != json!(team));
    installed(&release.scene, &rendered).await;
    land.gone(&team).await;
    assert_ended(&release, &mail).await;
    operator.readyz(200, "[+] namespaces ok").await;
    let (_, metrics) = operator.get("/metrics").await;
    assert!(metrics.contains(&unreachable(&team, 0)), "{metrics}");
    let account = release.scene.sandbox.account(&stays).await;
    assert_eq!(account["grant"]["alive"], true, "{account}");
}

#[tokio::test]
async fn an_operator_that_goes_with_its_objects_is_replaced_by_one_from_elsewhere() {
    let land = Land::of_cluster().await;
    let release = land.release_beside_its_objects().await;
    let home = release.scene.namespace.clone();
    let operator = release.start("operator").await;
    let mail = land.connected_gmail(&release, &home, "mail").await;
    // Pods go first.
    drop(operator);
    land.delete_namespace(&home).await;
    land.hangs(&home).await;
    let account = release.scene.sandbox.account(&mail).await;
    assert_eq!(account["grant"]["alive"], true, "{account}");

    // The Secret of the project went with the operator, and is put where the next one is.
    let elsewhere = land.namespace("elsewhere").await;
    let rendered = helm::render(&elsewhere, &[SANDBOX]).await;
    let kubeconfig = installed_in(
        &land.control_plane,
        &elsewhere,
        &rendered.expect("it renders"),
    )
    .await;
    let project = project::of_cluster(release.scene.sandbox.url(), &elsewhere);
    land.apply(&elsewhere, project).await;
    let options = release.options.clone();
    let options = options
        .kubeconfig(&kubeconfig)
        .flag("--lease-namespace", &elsewhere)
        .flag("--cluster-resource-namespace", &elsewhere);
    let _operator = release.scene.start("another", &options).await;
    land.gone(&home).await;
    assert_ended(&release, &mail).await;
}
