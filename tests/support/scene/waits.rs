//! Waiting for what an object comes to say.

use composio_operator::crd::DEFAULT_PROJECT;
use serde_json::Value;

use super::{SOON, Scene};
use crate::support::story::{condition, message};
use crate::support::{wait, watch};

impl Scene<'_> {
    /// Waits until `probe` answers `Ok` for the object.
    pub(crate) async fn until_object<T>(
        &self,
        name: &str,
        what: &str,
        probe: impl FnMut(&Value) -> Result<T, String>,
    ) -> T {
        self.until_object_in(&self.namespace, name, what, probe)
            .await
    }

    /// The same in another namespace.
    pub(crate) async fn until_object_in<T>(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        mut probe: impl FnMut(&Value) -> Result<T, String>,
    ) -> T {
        let accounts = watch::accounts(&self.client, namespace);
        let found = watch::find_one(accounts, name, SOON, |object| {
            probe(object.ok_or("it is not there")?)
        });
        found
            .await
            .unwrap_or_else(|last| panic!("{what} did not come within {SOON:?}: {last}"))
    }

    /// Waits until the object's status is so.
    pub(crate) async fn until_status(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        self.until_object(name, what, |object| match is_so(object) {
            true => Ok(object.clone()),
            false => Err(object["status"].to_string()),
        })
        .await
    }

    /// Waits until a condition of the object, as it is declared now, has that status and reason.
    pub(crate) async fn until(&self, name: &str, type_: &str, status: &str, reason: &str) -> Value {
        let what = format!("{type_}={status} {reason} of {name}");
        self.until_status(name, &what, |object| {
            let found = condition(object, type_);
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            current && found["status"] == status && found["reason"] == reason
        })
        .await
    }

    /// Waits until a condition of the namespace's project, as it is declared now, has that status and reason.
    pub(crate) async fn until_project(&self, type_: &str, status: &str, reason: &str) -> Value {
        self.until_project_of(DEFAULT_PROJECT, type_, status, reason)
            .await
    }

    /// The same of the project of that name.
    pub(crate) async fn until_project_of(
        &self,
        name: &str,
        type_: &str,
        status: &str,
        reason: &str,
    ) -> Value {
        let projects = watch::projects(&self.client, &self.namespace);
        let found = watch::find_one(projects, name, SOON, |project| {
            let project = project.ok_or("it is not there")?;
            let found = condition(project, type_);
            let current =
                project["status"]["observedGeneration"] == project["metadata"]["generation"];
            match current && found["status"] == status && found["reason"] == reason {
                true => Ok(project.clone()),
                false => Err(project["status"].to_string()),
            }
        });
        found.await.unwrap_or_else(|last| {
            panic!(
                "{type_}={status} {reason} of project {name} did not come within {SOON:?}: {last}"
            )
        })
    }

    /// Waits until the project of that name is gone.
    pub(crate) async fn project_gone(&self, name: &str) {
        let projects = watch::projects(&self.client, &self.namespace);
        let gone = watch::find_one(projects, name, SOON, |project| {
            project.map_or(Ok(()), |left| Err(left.to_string()))
        });
        gone.await
            .unwrap_or_else(|last| panic!("project {name} was not gone within {SOON:?}: {last}"));
    }

    /// Waits until the namespace's project can be used.
    pub(crate) async fn project_available(&self) -> Value {
        self.until_project("Ready", "True", "Available").await
    }

    /// Waits until Synced is false for that reason and says these words, of whatever generation.
    pub(crate) async fn until_synced_says(&self, name: &str, reason: &str, words: &str) -> Value {
        let what = format!("{reason} of {name}: {words}");
        self.until_status(name, &what, |object| {
            let synced = condition(object, "Synced");
            message(object, "Synced").contains(words)
                && synced["reason"] == reason
                && synced["status"] == "False"
        })
        .await
    }

    /// Waits until the status has seen the account in that state.
    pub(crate) async fn until_state(&self, name: &str, state: &str) -> Value {
        self.until_field(name, "state", state).await
    }

    /// Waits until the status says that there is a grant.
    pub(crate) async fn until_connected(&self, name: &str) -> Value {
        self.until_status(name, &format!("a grant of {name}"), |object| {
            object["status"]["connectedAt"].is_string()
        })
        .await
    }

    /// Waits until the object's account was connected so long ago that every list must know it: longer than
    /// the `--unknown-outcome-wait` of [`Scene::options`].
    pub(crate) async fn is_listed(&self, name: &str) {
        let object = self.until_connected(name).await;
        let since = object["status"]["connectedAt"].as_str().unwrap_or_default();
        let since: jiff::Timestamp = since.parse().expect("a time");
        wait::until(
            &format!("the age of {name}"),
            SOON,
            async || match jiff::Timestamp::now().duration_since(since).as_secs() {
                3.. => Ok(()),
                young => Err(format!("{young} s")),
            },
        )
        .await;
    }

    /// Waits until the clock shows another second than that in which the object was made: times of creation
    /// are whole seconds.
    pub(crate) async fn is_older_than_the_next(&self, name: &str) {
        let object = self.object(name).await;
        let made = object["metadata"]["creationTimestamp"].as_str();
        let made: jiff::Timestamp = made.and_then(|made| made.parse().ok()).expect("a time");
        wait::until(&format!("the second after {name}"), SOON, async || {
            let now = jiff::Timestamp::now();
            match now.as_second() > made.as_second() {
                true => Ok(()),
                false => Err(now.to_string()),
            }
        })
        .await;
    }

    /// Waits until a field of the status has that value.
    pub(crate) async fn until_field(&self, name: &str, field: &str, value: &str) -> Value {
        self.until_status(name, &format!("{field} {value} of {name}"), |object| {
            object["status"][field] == value
        })
        .await
    }

    /// Waits until Composio was polled that many more times: what the operator has seen it would have acted on.
    pub(crate) async fn polled(&self, times: usize) {
        let seq = self.sandbox.seq().await;
        wait::until("some polls", SOON, async || {
            let asked = self.sandbox.asked_since(seq).await;
            match asked.iter().filter(|asked| asked.is_poll_list()).count() {
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
        self.until_all_in(&self.namespace, what, count, is_so).await
    }

    /// The same in another namespace.
    pub(crate) async fn until_all_in(
        &self,
        namespace: &str,
        what: &str,
        count: usize,
        is_so: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let accounts = watch::accounts(&self.client, namespace);
        let all = watch::find(accounts, "", SOON, |objects| {
            match objects.values().filter(|object| is_so(object)).count() {
                so if so == count && objects.len() == count => {
                    Ok(objects.values().cloned().collect())
                }
                so => Err(format!("{so} of {}, expected {count}", objects.len())),
            }
        });
        all.await
            .unwrap_or_else(|last| panic!("{what} did not come within {SOON:?}: {last}"))
    }

    /// Waits until the object is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let accounts = watch::accounts(&self.client, &self.namespace);
        let gone = watch::find_one(accounts, name, SOON, |object| {
            object.map_or(Ok(()), |left| Err(left.to_string()))
        });
        gone.await
            .unwrap_or_else(|last| panic!("{name} was not gone within {SOON:?}: {last}"));
    }

    /// Waits until an event with that reason tells of the object.
    pub(crate) async fn event(&self, name: &str, reason: &str) {
        let events = watch::events(&self.client, &self.namespace);
        let selector = format!("regarding.name={name},reason={reason}");
        let told = watch::find(events, &selector, SOON, |events| match events.is_empty() {
            true => Err("there is none".to_owned()),
            false => Ok(()),
        });
        told.await.unwrap_or_else(|last| {
            panic!("the event {reason} of {name} did not come within {SOON:?}: {last}")
        });
    }

    /// Takes all objects away, their finalizers first: as if etcd had been thrown away.
    pub(crate) async fn drop_all(&self) {
        self.kubectl(&["delete", "connectedaccounts", "--all", "--wait=false"])
            .await;
        for name in self
            .kubectl(&["get", "connectedaccounts", "-o", "name"])
            .await
            .lines()
        {
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
