//! The way to Composio with the API key of a project, which is held here and nowhere else.
//!
//! Whoever may write a project could else have the key of whoever runs a command sent to any address: the key
//! goes where the command line allows it, whatever an object says, and that is decided before it is read.

use std::sync::Arc;
use std::time::Duration;

use composio_api::{DEFAULT_BASE_URL, ProjectKind};
use composio_operator::arguments::BaseUrl;
use composio_operator::composio::error::{Kind, Retry};
use composio_operator::composio::http::MAX_BODY;
use composio_operator::composio::{
    Account, AuthConfig, Budget, Call, Caller, Class, Client, Error, HttpClient, HttpConfig,
    ListQuery, NewWebhookSubscription, Page, Sensitive, Urgency, WebhookSubscription,
};
use composio_operator::projects::{AllowedBaseUrls, Declared, api_key_of};
use composio_operator::record::RecordKeys;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::arguments::KeyOptions;
use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::{print, text};

/// From sending to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// For how long the edge is left alone after it has turned a call away: its blocks last 15 to 30 s.
const EDGE: Duration = Duration::from_secs(20);
/// A read that was not answered is tried again after this, and after each further time twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// Whoever waits longer is told.
const TOLD: Duration = Duration::from_secs(2);
/// So often a read is tried.
const TRIES: u32 = 5;

/// Who asks, of those that share the budget: nobody else does.
const CALLER: &str = "kubectl composio";

/// One project of Composio.
pub(crate) struct Composio {
    client: Client,
    budget: Arc<Mutex<Budget>>,
    /// As it is called.
    project: String,
    /// Whether a call is tried until it is answered, however long that takes.
    is_patient: bool,
    /// By which the operator signs what it records of accounts, unless it has a key of its own for that.
    record_keys: RecordKeys,
}

impl Composio {
    /// The way to that project.
    ///
    /// # Guarantees
    /// The Secret is read only once it is decided that its key may be sent to the project's base URL.
    pub(crate) async fn connect(
        cluster: &Cluster,
        project: &Declared,
        options: &KeyOptions,
    ) -> Result<Self, Failure> {
        may_send(project, options)?;
        let namespace = secret_namespace(project, options)?;
        let key = read_key(cluster, project, namespace).await?;
        let http = HttpClient::new(HttpConfig {
            user_agent: concat!("kubectl-composio/", env!("CARGO_PKG_VERSION")).to_owned(),
            instance: "kubectl-composio".to_owned(),
            timeout: TIMEOUT,
            max_body: MAX_BODY,
        });
        let transport = http.and_then(|http| http.transport(&project.spec.base_url, &key));
        let transport = transport.map_err(|error| Failure::Failed(error.to_string()))?;
        let budget = Arc::<Mutex<Budget>>::default();
        budget.lock().join(&Caller {
            project: CALLER.into(),
            is_preferred: false,
        });
        let noted = Arc::clone(&budget);
        let observer = Arc::new(move |call: &Call| {
            let mut budget = noted.lock();
            if let Some(limit) = call.rate_limit {
                budget.update(limit, Instant::now());
            }
            if call.class == Class::EdgeThrottled {
                budget.edge_throttled(EDGE, Instant::now());
            }
        });
        Ok(Self {
            client: Client::new(transport, observer),
            budget,
            record_keys: RecordKeys::derive(
                key.expose().as_bytes(),
                &project.key.reference().to_string(),
            ),
            project: project.key.to_string(),
            is_patient: true,
        })
    }

    /// The same for somebody who would rather be told at once that there is no answer.
    pub(crate) fn impatient(self) -> Self {
        Self {
            is_patient: false,
            ..self
        }
    }

    /// The keys of the project's records, as far as its API key tells them.
    pub(crate) fn record_keys(&self) -> RecordKeys {
        self.record_keys.clone()
    }

    /// An auth config; `None`: there is none of that id.
    pub(crate) async fn auth_config(&self, id: &str) -> Result<Option<AuthConfig>, Failure> {
        let found = self
            .read(Urgency::Drift, || self.client.auth_config(id))
            .await;
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.retry() == Retry::Gone => Ok(None),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// The auth configs of a toolkit.
    pub(crate) async fn auth_configs(&self, toolkit: &str) -> Result<Vec<AuthConfig>, Failure> {
        let found = self
            .read(Urgency::Drift, || self.client.auth_configs(toolkit))
            .await;
        found.map_err(|error| self.refused(&error))
    }

    /// A page of accounts.
    pub(crate) async fn page(&self, query: &ListQuery) -> Result<Page, Failure> {
        let page = self
            .read(Urgency::Polling, || self.client.list(query))
            .await;
        page.map_err(|error| self.refused(&error))
    }

    /// The account of that id; `None`: there is none.
    pub(crate) async fn account(&self, id: &str) -> Result<Option<Account>, Failure> {
        match self.read(Urgency::Drift, || self.client.get(id)).await {
            Ok(account) => Ok(Some(account)),
            Err(error) if error.retry() == Retry::Gone => Ok(None),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Deletes an account that never had a grant.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Failure> {
        match self.write(|| self.client.delete(id, false)).await {
            Ok(_) => Ok(()),
            Err(error) if error.retry() == Retry::Gone => Ok(()),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// The webhook subscriptions of the project.
    pub(crate) async fn subscriptions(&self) -> Result<Vec<WebhookSubscription>, Failure> {
        let found = self
            .read(Urgency::Request, || self.client.webhook_subscriptions())
            .await;
        found.map_err(|error| self.refused(&error))
    }

    /// Makes a webhook subscription. Where nobody knows whether it was made, it is looked for, and taken away again: the
    /// secret of it is lost.
    pub(crate) async fn subscribe(&self, url: &str) -> Result<NewWebhookSubscription, Failure> {
        let error = match self.write(|| self.client.subscribe(url)).await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        if error.outcome_unknown() {
            self.unsubscribe_url(url).await?;
        }
        Err(self.refused(&error))
    }

    /// Deletes the webhook subscriptions to that address.
    pub(crate) async fn unsubscribe_url(&self, url: &str) -> Result<(), Failure> {
        let found = self.subscriptions().await?;
        for lost in found.iter().filter(|one| one.url.as_deref() == Some(url)) {
            self.unsubscribe(&lost.id).await?;
        }
        Ok(())
    }

    /// Deletes a webhook subscription.
    pub(crate) async fn unsubscribe(&self, id: &str) -> Result<(), Failure> {
        match self.write(|| self.client.unsubscribe(id)).await {
            Ok(()) => Ok(()),
            Err(error) if error.retry() == Retry::Gone => Ok(()),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Asks again while that may help.
    async fn read<T>(
        &self,
        urgency: Urgency,
        ask: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.ask(urgency, ask, wait_after).await
    }

    /// The same of what changes something: again only where it is known that nothing was changed.
    async fn write<T>(&self, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        let turned_away = |error: &Error, tries| match error.kind {
            Kind::RateLimited { .. } | Kind::EdgeThrottled => wait_after(error, tries),
            _ => None,
        };
        self.ask(Urgency::Drift, ask, turned_away).await
    }

    async fn ask<T>(
        &self,
        urgency: Urgency,
        ask: impl AsyncFn() -> Result<T, Error>,
        wait: impl Fn(&Error, u32) -> Option<Duration>,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            self.turn(urgency).await;
            tries += 1;
            let error = match ask().await {
                Err(error) if tries < TRIES => error,
                answer => return answer,
            };
            match wait(&error, tries) {
                Some(wait) if wait > TOLD && self.is_patient => {
                    print::progress(&format!("{error}; asked again in {}s", wait.as_secs()));
                    sleep(wait).await;
                }
                Some(wait) if self.is_patient || (tries == 1 && wait == PAUSE) => sleep(wait).await,
                Some(_) | None => return Err(error),
            }
        }
    }

    /// Waits until the organisation's rate limit leaves room.
    async fn turn(&self, urgency: Urgency) {
        let urgency = match self.is_patient {
            true => urgency,
            false => Urgency::Request,
        };
        loop {
            let now = Instant::now();
            let admitted = {
                let mut budget = self.budget.lock();
                let admitted = budget.admit(CALLER, urgency, now);
                if admitted.is_ok() && urgency == Urgency::Polling {
                    budget.polls(CALLER, now);
                }
                admitted
            };
            match admitted {
                Ok(()) => return,
                Err(until) => {
                    let wait = until.duration_since(now);
                    if wait > TOLD {
                        print::progress(&format!(
                            "the rate limit leaves no room: going on in {}s",
                            wait.as_secs()
                        ));
                    }
                    sleep_until(until.max(now + PAUSE)).await;
                }
            }
        }
    }

    fn refused(&self, error: &Error) -> Failure {
        let project = &self.project;
        let said = text::plain(&error.to_string());
        Failure::Failed(match error.is_unauthorized() || error.is_forbidden() {
            true => format!(
                "Composio rejects the API key of {project}, or the key lacks the right for this: {said}"
            ),
            false => format!("{project}: {said}"),
        })
    }
}

/// How long to wait before a read is tried again; `None`: that would not help.
fn wait_after(error: &Error, tries: u32) -> Option<Duration> {
    match (&error.kind, error.retry()) {
        (_, Retry::After(wait)) => Some(wait),
        // The budget waits.
        (Kind::EdgeThrottled, _) => Some(Duration::ZERO),
        (Kind::Redirect { .. } | Kind::TooLarge { .. } | Kind::NotUnderstood { .. }, _) => None,
        (_, Retry::Backoff) => Some(PAUSE * 2_u32.saturating_pow(tries - 1)),
        (_, Retry::Never | Retry::Gone) => None,
    }
}

/// Whether the key may go to the base URL of the project.
pub(crate) fn may_send(project: &Declared, options: &KeyOptions) -> Result<(), Failure> {
    let mut urls = options.allowed_base_url.clone();
    if let Some(url) = urls.iter().find(|url| url.is_clear_text())
        && !options.allow_http
    {
        return Err(Failure::Usage(format!(
            "--allowed-base-url names {url}, where the API key would be sent in clear text: use https://, or set \
             --allow-http"
        )));
    }
    urls.extend(BaseUrl::parse(DEFAULT_BASE_URL));
    let url = &project.spec.base_url;
    if AllowedBaseUrls::new(&urls).allow(url) {
        return Ok(());
    }
    let url = text::plain(url);
    let clear_text = match url.starts_with("http://") && !options.allow_http {
        true => " --allow-http",
        false => "",
    };
    Err(Failure::Usage(format!(
        "{} says that Composio is at {url}: its API key is not read, and nothing is sent there. If you know that \
         place, say so: --allowed-base-url {url}{clear_text}",
        project.key
    )))
}

fn secret_namespace<'a>(
    project: &'a Declared,
    options: &'a KeyOptions,
) -> Result<&'a str, Failure> {
    let namespace = match project.key.kind() {
        ProjectKind::ComposioProject => project.key.namespace(),
        ProjectKind::ClusterComposioProject => options.cluster_resource_namespace.as_deref(),
    };
    namespace.ok_or_else(|| {
        Failure::Usage(format!(
            "{} has its Secret in the operator's namespace: name that by --cluster-resource-namespace",
            project.key
        ))
    })
}

async fn read_key(
    cluster: &Cluster,
    project: &Declared,
    namespace: &str,
) -> Result<Sensitive, Failure> {
    let reference = &project.spec.api_key_secret_ref;
    let right = Right {
        verb: "get",
        group: "",
        resource: "secrets",
        namespace: Some(namespace),
    };
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let secret = secrets.get_opt(&reference.name).await;
    let secret = secret.map_err(|error| failure::of(error, right))?;
    let at = format!("{namespace}/{}", reference.name);
    let missing = |why: String| Failure::Failed(format!("no API key of {}: {why}", project.key));
    let secret = secret.ok_or_else(|| missing(format!("the Secret {at} is not there")))?;
    api_key_of(&secret, reference, &at).map_err(|why| missing(why.to_string()))
}
