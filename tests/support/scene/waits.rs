//! Waiting for what an object comes to say.

use serde_json::Value;

use super::{LONG, SOON, Scene};
use crate::support::story::condition;
use crate::support::wait;

impl Scene<'_> {
    /// Waits until a condition of the object, as it is declared now, has that status and reason.
    pub(crate) async fn until(&self, name: &str, type_: &str, status: &str, reason: &str) -> Value {
        let what = format!("{type_}={status} {reason} of {name}");
        wait::until(&what, SOON, async || {
            let object = self.stage().object(name).await?;
            let found = condition(&object, type_);
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && found["status"] == status && found["reason"] == reason {
                return Ok(object);
            }
            Err(object["status"].to_string())
        })
        .await
    }

    /// Waits until Synced is false for that reason and says these words, of whatever generation.
    pub(crate) async fn until_synced_says(&self, name: &str, reason: &str, words: &str) -> Value {
        wait::until(&format!("{reason} of {name}: {words}"), SOON, async || {
            let object = self.stage().object(name).await?;
            let synced = condition(&object, "Synced");
            let says = synced["message"]
                .as_str()
                .unwrap_or_default()
                .contains(words);
            if says && synced["reason"] == reason && synced["status"] == "False" {
                return Ok(object);
            }
            Err(object["status"].to_string())
        })
        .await
    }

    /// Waits until the status has seen the account in that state.
    pub(crate) async fn until_state(&self, name: &str, state: &str) -> Value {
        self.until_field(name, "state", state).await
    }

    /// Waits until the status says that there is a grant.
    pub(crate) async fn until_connected(&self, name: &str) -> Value {
        wait::until(&format!("a grant of {name}"), SOON, async || {
            let object = self.stage().object(name).await?;
            match object["status"]["connectedAt"].is_string() {
                true => Ok(object),
                false => Err(object["status"].to_string()),
            }
        })
        .await
    }

    /// Waits until a field of the status has that value.
    pub(crate) async fn until_field(&self, name: &str, field: &str, value: &str) -> Value {
        let what = format!("{field} {value} of {name}");
        wait::until(&what, SOON, async || {
            let object = self.stage().object(name).await?;
            match object["status"][field] == value {
                true => Ok(object),
                false => Err(object["status"].to_string()),
            }
        })
        .await
    }

    /// Waits until Composio was polled that many more times: what the operator has seen it would have acted on.
    pub(crate) async fn polled(&self, times: usize) {
        let seq = self.sandbox.seq().await;
        wait::until("some polls", SOON, async || {
            let asked = self.sandbox.asked_since(seq).await;
            match asked.iter().filter(|asked| asked.is_poll()).count() {
                count if count >= times => Ok(()),
                count => Err(format!("{count} of {times}")),
            }
        })
        .await;
    }

    /// Waits until there are that many objects and each is so.
    pub(crate) async fn until_all(
        &self,
        what: &str,
        count: usize,
        is_so: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        wait::until(what, LONG, async || {
            let list = self.stage().kubectl(&["get", "ca", "-o", "json"]).await?;
            let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
            let objects = list["items"].as_array().cloned().unwrap_or_default();
            match objects.iter().filter(|object| is_so(object)).count() {
                so if so == count && objects.len() == count => Ok(objects),
                so => Err(format!("{so} of {}, expected {count}", objects.len())),
            }
        })
        .await
    }

    /// Waits until an event with that reason tells of the object.
    pub(crate) async fn event(&self, name: &str, reason: &str) {
        let selector = format!("--field-selector=regarding.name={name},reason={reason}");
        wait::until(&format!("the event {reason} of {name}"), SOON, async || {
            let args = ["get", "events.events.k8s.io", &selector, "-o", "name"];
            match self.stage().kubectl(&args).await?.trim() {
                "" => Err("there is none".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
    }

    /// Takes all objects away, their finalizers first: as if etcd had been thrown away.
    pub(crate) async fn drop_all(&self) {
        self.kubectl(&["delete", "ca", "--all", "--wait=false"])
            .await;
        for name in self.kubectl(&["get", "ca", "-o", "name"]).await.lines() {
            let patch = r#"{"metadata":{"finalizers":null}}"#;
            let args = ["patch", name, "--type=merge", "-p", patch];
            self.kubectl(&args).await;
        }
        self.until_all("an empty namespace", 0, |_| true).await;
    }

    /// Waits until the object is Ready for that reason.
    pub(crate) async fn ready(&self, name: &str, reason: &str) -> Value {
        self.until(name, "Ready", "True", reason).await
    }
}
