//! The main job told once from beginning to end, for the demo and for a test: three accounts are
//! declared, connected, changed and deleted, and Composio's log shows what it was asked.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use serde_json::Value;
use tokio::time::timeout;

use super::control_plane::ControlPlane;
use super::sandbox::{API_KEY, Asked, Sandbox};
use super::watch;

/// The three accounts.
const ACCOUNTS: &str = include_str!("story.yaml");
/// The project that they are in.
const PROJECT: &str = include_str!("story_project.yaml");

/// No step takes longer.
const STEP: Duration = Duration::from_secs(60);

/// What Composio is asked to change, by toolkit and in this order.
pub(crate) const EXPECTED: [(&str, &[&str]); 3] = [
    (
        "gmail",
        &[
            "POST link",
            "PATCH status (disable)",
            // Only an active account can be revoked.
            "PATCH status (enable)",
            "POST revoke",
            "DELETE",
        ],
    ),
    ("hubspot", &["POST create", "POST revoke", "DELETE"]),
    (
        "slack",
        &["POST link", "PATCH sharing", "POST revoke", "DELETE"],
    ),
];

/// The API key of the sandbox, and a project that is there.
pub(crate) fn project(base_url: &str) -> String {
    let project = PROJECT.replace("API-KEY", API_KEY);
    project.replace("BASE-URL", base_url)
}

/// Where the story takes place.
pub(crate) struct Stage<'a> {
    pub(crate) control_plane: &'a ControlPlane,
    /// The administrator's.
    pub(crate) client: &'a Client,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) namespace: &'a str,
}

impl Stage<'_> {
    /// Tells the whole story. `tell` hears each step before it is taken.
    pub(crate) async fn run(&self, mut tell: impl AsyncFnMut(&str)) -> Result<(), String> {
        tell("apply a Secret with the API key, and the project that uses it").await;
        self.apply_project().await?;
        tell("apply three accounts").await;
        self.apply().await?;
        tell("wait for the links, and for the account that needs nobody").await;
        self.reached("crm-hubspot", "Connected").await?;
        for name in ["support-gmail", "team-slack"] {
            let link = self.link(name).await?;
            tell(&format!("open the link of {name} and press Connect")).await;
            self.sandbox.open_and_connect(&link).await?;
            self.reached(name, "Connected").await?;
        }
        tell("disable support-gmail").await;
        self.patch("support-gmail", r#"{"spec":{"enabled":false}}"#)
            .await?;
        self.reached("support-gmail", "Disabled").await?;
        tell("stop sharing team-slack with agent-2").await;
        self.patch(
            "team-slack",
            r#"{"spec":{"sharing":{"allowedUsers":["agent-1"]}}}"#,
        )
        .await?;
        self.reached("team-slack", "Connected").await?;
        tell("delete all").await;
        self.kubectl(&["delete", "connectedaccounts", "--all", "--wait=false"])
            .await?;
        self.gone().await
    }

    /// Applies the API key and its project.
    pub(crate) async fn apply_project(&self) -> Result<(), String> {
        self.apply_yaml(&project(self.sandbox.url())).await
    }

    /// Applies the three accounts.
    pub(crate) async fn apply(&self) -> Result<(), String> {
        self.apply_yaml(ACCOUNTS).await
    }

    async fn apply_yaml(&self, yaml: &str) -> Result<(), String> {
        let args = ["-n", self.namespace, "apply", "-f", "-"];
        let output = timeout(STEP, self.control_plane.kubectl_stdin(&args, yaml))
            .await
            .map_err(|_| format!("waited {STEP:?} for kubectl apply"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs kubectl in the namespace.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let args = [&["-n", self.namespace], args].concat();
        let output = timeout(STEP, self.control_plane.kubectl(&args))
            .await
            .map_err(|_| format!("waited {STEP:?} for kubectl {}", args.join(" ")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!(
            "kubectl {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// One object as JSON.
    pub(crate) async fn object(&self, name: &str) -> Result<Value, String> {
        let object = watch::accounts(self.client, self.namespace).get(name).await;
        object
            .map(|object| watch::shown(&object))
            .map_err(|error| error.to_string())
    }

    /// Merges a patch into one object.
    pub(crate) async fn patch(&self, name: &str, patch: &str) -> Result<(), String> {
        self.kubectl(&[
            "patch",
            "connectedaccount",
            name,
            "--type=merge",
            "-p",
            patch,
        ])
        .await
        .map(drop)
    }

    /// Waits until Ready is true for that reason, of the object as it is declared now.
    pub(crate) async fn reached(&self, name: &str, reason: &str) -> Result<Value, String> {
        self.wait(&format!("{name} to be {reason}"), name, |object| {
            let ready = condition(object, "Ready");
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            (current && ready["reason"] == reason).then(|| object.clone())
        })
        .await
    }

    async fn link(&self, name: &str) -> Result<String, String> {
        self.wait(&format!("a link for {name}"), name, |object| {
            object["status"]["link"]["url"].as_str().map(str::to_owned)
        })
        .await
    }

    async fn gone(&self) -> Result<(), String> {
        let accounts = watch::accounts(self.client, self.namespace);
        let none = watch::find(accounts, "", STEP, |objects| match objects.is_empty() {
            true => Ok(()),
            false => Err(format!("{:?}", objects.keys())),
        });
        none.await.map_err(|last| {
            format!("waited {STEP:?} for all objects to be gone; last seen: {last}")
        })
    }

    async fn wait<T>(
        &self,
        what: &str,
        name: &str,
        mut is_so: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, String> {
        let accounts = watch::accounts(self.client, self.namespace);
        let found = watch::find_one(accounts, name, STEP, |object| {
            let object = object.ok_or("it is not there")?;
            is_so(object).ok_or_else(|| object["status"].to_string())
        });
        found
            .await
            .map_err(|last| format!("waited {STEP:?} for {what}; last seen: {last}"))
    }
}

/// Takes out what an apiserver has given the object, so that another one takes it as a backup has it.
pub(crate) fn without_identity(object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().expect("an object");
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
    ] {
        metadata.remove(field);
    }
}

/// A condition of an object, or null.
pub(crate) fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    object["status"]["conditions"]
        .as_array()
        .and_then(|conditions| {
            conditions
                .iter()
                .find(|condition| condition["type"] == type_)
        })
        .unwrap_or(&Value::Null)
}

/// The sentence that goes with a condition: it is said once, on Ready or on Synced.
pub(crate) fn message<'a>(object: &'a Value, type_: &str) -> &'a str {
    let asked = condition(object, type_);
    [
        asked,
        condition(object, "Ready"),
        condition(object, "Synced"),
    ]
    .into_iter()
    .filter(|one| one["reason"] == asked["reason"])
    .filter_map(|one| one["message"].as_str())
    .find(|message| !message.is_empty())
    .unwrap_or_default()
}

/// What was asked, each with the toolkit it was about; the poll is left out.
pub(crate) async fn asked_by_toolkit(sandbox: &Sandbox) -> Vec<(String, Asked)> {
    let toolkits: BTreeMap<String, String> = sandbox
        .accounts()
        .await
        .iter()
        .filter_map(|account| {
            let toolkit = account["toolkit"]
                .as_str()
                .or(account["toolkit"]["slug"].as_str())?;
            Some((account["id"].as_str()?.to_owned(), toolkit.to_owned()))
        })
        .collect();
    let of = |asked: &Asked| {
        let by_account = asked
            .account
            .as_ref()
            .and_then(|id| toolkits.get(id))
            .cloned();
        let by_query = asked
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("toolkit_slugs="));
        let by_auth_config = asked
            .auth_config
            .as_ref()
            .and_then(|id| id.strip_prefix("ac_"));
        by_account
            .or(by_query.or(by_auth_config).map(str::to_owned))
            .unwrap_or_default()
    };
    let asked = sandbox
        .asked()
        .await
        .into_iter()
        .filter(|asked| !asked.is_poll());
    asked.map(|asked| (of(&asked), asked)).collect()
}

/// Whether Composio was asked what [`EXPECTED`] says, with at most one look before each change, and
/// for each auth config once.
pub(crate) fn check_calls(asked: &[(String, Asked)]) -> Result<(), String> {
    for (toolkit, expected) in EXPECTED {
        let of_toolkit: Vec<&Asked> = asked
            .iter()
            .filter(|(of, _)| of == toolkit)
            .map(|(_, asked)| asked)
            .collect();
        let words: Vec<String> = of_toolkit.iter().map(|asked| asked.words()).collect();
        let changes: Vec<&str> = of_toolkit
            .iter()
            .zip(&words)
            .filter(|(asked, _)| !asked.is_look())
            .map(|(_, words)| words.as_str())
            .collect();
        if changes != expected {
            return Err(format!(
                "{toolkit}: asked {changes:?}, expected {expected:?}"
            ));
        }
        let (auth_configs, others): (Vec<&str>, Vec<&str>) = words
            .iter()
            .map(String::as_str)
            .partition(|words| *words == "GET auth config");
        if auth_configs.len() != 1 {
            return Err(format!(
                "{toolkit}: the auth config was read {} times",
                auth_configs.len()
            ));
        }
        let looks_twice = |pair: &[&str]| pair.iter().all(|words| words.starts_with("GET"));
        let looks_last = others.last().is_some_and(|last| last.starts_with("GET"));
        if looks_last || others.windows(2).any(looks_twice) {
            return Err(format!(
                "{toolkit}: more than one look before a change: {others:?}"
            ));
        }
    }
    Ok(())
}
