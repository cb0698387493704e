//! The way to the apiserver, as the kubeconfig says and with the caller's rights, and every question to it.

use std::time::Duration;

use composio_api::{ConnectedAccount, ProjectRef};
use http::header::{HeaderValue, USER_AGENT};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PostParams};
use serde_json::Value;

use crate::arguments::{Options, Selection};
use crate::failure::{self, Failure, Right};
use crate::{kubeconfig, name, pages, strict, text};

/// The field manager of all writes.
pub(crate) const MANAGER: &str = "kubectl-composio";
/// An apiserver that says nothing for so long is not there; a watch gets bookmarks more often.
const SILENCE: Duration = Duration::from_secs(90);
/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A cluster, and the namespace that is meant.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace that is meant where none is named.
    pub(crate) namespace: String,
}

/// What is meant of the objects of the namespace.
pub(crate) struct Named {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// The projects of the others, where those of one project are meant.
    pub(crate) projects: Vec<ProjectRef>,
}

impl Cluster {
    /// As the flags and the kubeconfig say. Nothing is asked yet.
    pub(crate) async fn of(options: &Options) -> Result<Self, Failure> {
        let mut config = kubeconfig::config(options).await?;
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(SILENCE);
        let agent = concat!("kubectl-composio/", env!("CARGO_PKG_VERSION"));
        config
            .headers
            .push((USER_AGENT, HeaderValue::from_static(agent)));
        if let Some(user) = &options.as_user {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !options.as_group.is_empty() {
            config.auth_info.impersonate_groups = Some(options.as_group.clone());
        }
        let namespace = options.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = kubeconfig::client(config).await?;
        Ok(Self { client, namespace })
    }

    /// The objects of the namespace, or of all.
    pub(crate) fn accounts(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<ConnectedAccount>(&());
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    fn own(&self) -> Api<DynamicObject> {
        self.accounts(Some(&self.namespace))
    }

    fn right(&self, verb: &'static str) -> Right<'_> {
        Right::on_accounts(verb, Some(&self.namespace))
    }

    /// One object.
    pub(crate) async fn get(&self, name: &str) -> Result<Value, Failure> {
        match self.own().get(name).await {
            Ok(object) => Ok(value(&object)),
            Err(error) => Err(self.not_had(name, error, "get").await),
        }
    }

    /// Objects, by namespace and name.
    pub(crate) async fn list(
        &self,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<Value>, Failure> {
        let mut objects = Vec::new();
        self.each(namespace, selector, |object| objects.push(object))
            .await?;
        Ok(objects)
    }

    /// The same one by one, without holding all.
    pub(crate) async fn each(
        &self,
        namespace: Option<&str>,
        selector: Option<&str>,
        take: impl FnMut(Value),
    ) -> Result<(), Failure> {
        let asked = self.try_each(namespace, selector, take).await;
        asked.map_err(|error| match error {
            // Labels are all that it is asked for besides.
            kube::Error::Api(status) if status.code == 400 && selector.is_some() => {
                let selector = text::plain(selector.unwrap_or_default());
                let why = text::plain(status.message.trim());
                Failure::Usage(format!("-l {selector:?} selects nothing: {why}"))
            }
            error => failure::of(error, Right::on_accounts("list", namespace)),
        })
    }

    /// The same, with the answer of the apiserver where it does not give them.
    pub(crate) async fn try_each(
        &self,
        namespace: Option<&str>,
        selector: Option<&str>,
        mut take: impl FnMut(Value),
    ) -> Result<(), kube::Error> {
        let parameters = ListParams {
            label_selector: selector.map(str::to_owned),
            ..ListParams::default()
        };
        let take = |object: DynamicObject| take(value(&object));
        pages::each(&self.accounts(namespace), &parameters, take).await
    }

    /// The names of what is meant.
    pub(crate) async fn names(&self, selection: &Selection) -> Result<Named, Failure> {
        let mut named = Named {
            names: selection.names.clone(),
            projects: Vec::new(),
        };
        if let [_, ..] = named.names.as_slice() {
            return Ok(named);
        }
        let take = |object: Value| {
            let of = ProjectRef::of_object(&object);
            match &selection.project {
                Some(project) if *project != of => {
                    if !named.projects.contains(&of) {
                        named.projects.push(of);
                    }
                }
                Some(_) | None => {
                    let name = object["metadata"]["name"].as_str();
                    named.names.extend(name.map(str::to_owned));
                }
            }
        };
        let selector = selection.selector.as_deref();
        self.each(Some(&self.namespace), selector, take).await?;
        Ok(named)
    }

    /// Changes an object, and returns it.
    pub(crate) async fn patch(&self, name: &str, change: Value) -> Result<Value, Failure> {
        match strict::patch(&self.own(), name, MANAGER, &change).await {
            Ok(object) => Ok(value(&object)),
            Err(error) => Err(self.not_had(name, error, "patch").await),
        }
    }

    /// Makes an object, and returns it.
    pub(crate) async fn create(&self, object: &Value) -> Result<Value, Failure> {
        let made = self.try_create(object, false).await?;
        made.map_err(|error| failure::of(error, self.right("create")))
    }

    /// Makes an object in the namespace that it names, or in the one that is meant, and returns it, or the answer of
    /// the apiserver.
    pub(crate) async fn try_create(
        &self,
        object: &Value,
        dry_run: bool,
    ) -> Result<Result<Value, kube::Error>, Failure> {
        let parameters = PostParams {
            dry_run,
            field_manager: Some(MANAGER.to_owned()),
        };
        let object: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| Failure::Failed(format!("that is no object: {error}")))?;
        let namespace = object.metadata.namespace.as_deref();
        let api = self.accounts(Some(namespace.unwrap_or(&self.namespace)));
        let made = strict::create(&self.client, &api, &parameters, &object).await;
        Ok(made.map(|object| value(&object)))
    }

    /// Has the apiserver judge an object in the place of one that is there, and store nothing.
    pub(crate) async fn try_replace(
        &self,
        object: &Value,
    ) -> Result<Result<Value, kube::Error>, Failure> {
        let parameters = PostParams {
            dry_run: true,
            field_manager: Some(MANAGER.to_owned()),
        };
        let object: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| Failure::Failed(format!("that is no object: {error}")))?;
        let namespace = object.metadata.namespace.as_deref();
        let api = self.accounts(Some(namespace.unwrap_or(&self.namespace)));
        let name = object.metadata.name.clone().unwrap_or_default();
        let judged = strict::replace(&self.client, &api, &name, &parameters, &object).await;
        Ok(judged.map(|object| value(&object)))
    }

    /// Why the object of that name cannot be had. Of one that is not there: whose name is like it.
    async fn not_had(&self, name: &str, error: kube::Error, verb: &'static str) -> Failure {
        let is_not_there = matches!(&error, kube::Error::Api(status) if status.code == 404 && status.details.is_some());
        if !is_not_there {
            return failure::of(error, self.right(verb));
        }
        let mut message = format!(
            "there is no connected account {name} in namespace {}",
            self.namespace
        );
        // Who may not list them is told no more.
        let others = self.list(Some(&self.namespace), None).await;
        let others = others.unwrap_or_default();
        let others = others
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str());
        if let Some(near) = name::nearest(name, others) {
            message.push_str(&format!("; do you mean {near}?"));
        }
        Failure::Failed(message)
    }
}

fn value(object: &DynamicObject) -> Value {
    // What came as JSON goes as JSON.
    serde_json::to_value(object).unwrap_or_default()
}
