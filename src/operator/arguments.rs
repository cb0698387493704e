//! The command line: every flag, its environment variable and its default.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use crate::{crd::DEFAULT_BASE_URL, projects::ProjectKey};

mod base_url;
mod connect;
mod notify;
mod page;
mod people;
#[cfg(test)]
mod tests;
pub mod values;
pub use base_url::BaseUrl;
pub use connect::{Connect, ProxyOptions};
pub use notify::NotifyOptions;
pub use page::{ConnectKey, PageOptions};
pub use people::PeopleOptions;
use values::{FEWEST, MOST, MOST_PROJECTS, duration, lease_name, namespace};

/// The name of the Lease where none is given.
pub const DEFAULT_LEASE_NAME: &str = "composio-operator";

/// Keeps Composio connected accounts as they are declared in Kubernetes.
#[derive(Parser, Debug)]
#[command(version, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the operator
    Run(Box<Run>),
    /// Serve the page on which people ask for connect links, and come back from the sign-in
    Connect(Box<Connect>),
    /// Look whether the cluster and Composio are as the operator needs them
    Check(Check),
    /// Delete all ConnectedAccounts, and wait until the running operator has dealt with each
    Drain(Drain),
    /// Print the custom resource definitions
    Crd,
    /// Make the Secret with the key of the connect page, where there is none
    ConnectKey(ConnectKey),
    /// Serve an emulated Composio, for demos and tests
    #[cfg(feature = "sandbox")]
    Sandbox(crate::sandbox::Args),
}

/// How log lines look.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

/// How Composio is reached, and by whom.
#[derive(Args, Debug)]
pub struct ComposioOptions {
    /// Name of this process in its requests to Composio; the host's name, if not given
    #[arg(long, env = "COMPOSIO_OPERATOR_INSTANCE", value_name = "NAME")]
    pub instance: Option<String>,

    /// Longest wait for an answer of Composio
    #[arg(long, env = "COMPOSIO_OPERATOR_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
}

/// Where the objects are.
#[derive(Args, Debug)]
pub struct Scope {
    // `Set`, not the `Append` of a list: of a repeated flag the last one counts, as of any other.
    /// Serve only these namespaces, separated by commas; all, if not given
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_WATCH_NAMESPACE",
        value_name = "NAMESPACES",
        value_delimiter = ',',
        num_args = 1,
        action = ArgAction::Set,
        value_parser = namespace
    )]
    pub watch_namespace: Vec<String>,
}

/// What projects may name, and where the keys of those of the cluster are.
#[derive(Args, Debug)]
pub struct ProjectOptions {
    /// The only base URLs that projects may use, separated by commas; scheme, host, port and path must match exactly
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_ALLOWED_BASE_URLS",
        value_name = "URLS",
        default_value = DEFAULT_BASE_URL,
        value_delimiter = ',',
        num_args = 1,
        action = ArgAction::Set,
        value_parser = BaseUrl::parse
    )]
    pub allowed_base_urls: Vec<BaseUrl>,

    /// Allow http:// in --allowed-base-urls: API keys are then sent in clear text
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_ALLOW_HTTP",
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub allow_http: bool,

    /// Namespace of the Secrets that ClusterComposioProjects name; that of the Lease, if not given
    #[arg(long, env = "COMPOSIO_OPERATOR_CLUSTER_RESOURCE_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub cluster_resource_namespace: Option<String>,
}

impl ProjectOptions {
    /// Namespace of the Secrets that ClusterComposioProjects name: that of the Lease or else of the kubeconfig, where
    /// nothing is said.
    pub fn resource_namespace(&self, lease_namespace: Option<&str>, default: &str) -> String {
        let namespace = self.cluster_resource_namespace.as_deref();
        namespace.or(lease_namespace).unwrap_or(default).to_owned()
    }

    /// The list, once it is seen that no key is sent in clear text unasked.
    ///
    /// # Errors
    /// The first URL that needs --allow-http, and that it does.
    pub fn base_urls(&self) -> Result<&[BaseUrl], String> {
        let mut urls = self.allowed_base_urls.iter();
        match urls.find(|url| url.is_clear_text() && !self.allow_http) {
            Some(url) => Err(format!(
                "--allowed-base-urls names {url}, where API keys would be sent in clear text: use https://, or \
                 set --allow-http"
            )),
            None => Ok(&self.allowed_base_urls),
        }
    }
}

/// Look whether the cluster and Composio are as the operator needs them
#[derive(Args, Debug)]
pub struct Check {
    /// How Composio is reached.
    #[command(flatten)]
    pub composio: ComposioOptions,

    /// Where the objects are.
    #[command(flatten)]
    pub scope: Scope,

    /// What projects may name.
    #[command(flatten)]
    pub projects: ProjectOptions,

    /// Look at this project only; at all, if not given
    #[arg(long, value_name = "KIND/[NAMESPACE/]NAME")]
    pub project: Option<ProjectKey>,

    /// Namespace of the Lease by which a leader is elected; not looked at, if not given
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub lease_namespace: Option<String>,

    /// Name of that Lease
    #[arg(long, value_name = "NAME", default_value = DEFAULT_LEASE_NAME, value_parser = lease_name)]
    pub lease_name: String,
}

/// Delete all ConnectedAccounts, and wait until the running operator has dealt with each
#[derive(Args, Debug)]
pub struct Drain {
    /// Where the objects are.
    #[command(flatten)]
    pub scope: Scope,

    /// Delete only those whose account is in this project; all, if not given
    #[arg(
        long,
        value_name = "KIND/[NAMESPACE/]NAME",
        conflicts_with = "DrainHook"
    )]
    pub project: Option<ProjectKey>,

    /// The Job that it runs in.
    #[command(flatten)]
    pub hook: Option<DrainHook>,

    /// Longest wait for the objects to be gone
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub timeout: Duration,
}

/// As a hook of a Helm release: drain only while Helm uninstalls it. For the chart's Job.
#[derive(Args, Debug)]
#[group(requires_all = ["release", "release_namespace", "deployment", "job"])]
pub struct DrainHook {
    /// Drain only while Helm uninstalls this release; set by the chart for its hook
    #[arg(long, required = false, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub release: String,

    /// Namespace of that release, of its Deployment and of its Job
    #[arg(long, required = false, value_name = "NAMESPACE", value_parser = namespace)]
    pub release_namespace: String,

    /// Deployment by which it is seen that Helm installed that release
    #[arg(long, required = false, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub deployment: String,

    /// Job in which this runs, by which it is seen that Helm created it
    #[arg(long, required = false, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub job: String,
}

/// Run the operator
#[derive(Args, Debug)]
pub struct Run {
    /// How Composio is reached.
    #[command(flatten)]
    pub composio: ComposioOptions,

    /// Where the objects are.
    #[command(flatten)]
    pub scope: Scope,

    /// What projects may name.
    #[command(flatten)]
    pub projects: ProjectOptions,

    /// The connect page.
    #[command(flatten)]
    pub page: PageOptions,

    /// Notifications.
    #[command(flatten)]
    pub notify: NotifyOptions,

    /// How many ComposioProjects of one namespace are served, the oldest first
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_MAX_PROJECTS_PER_NAMESPACE",
        value_name = "N",
        default_value = "5",
        value_parser = clap::value_parser!(u16).range(..=i64::from(MOST_PROJECTS))
    )]
    pub max_projects_per_namespace: u16,

    /// How often the Secret with a project's API key is read: a new key is used within this time
    #[arg(long, env = "COMPOSIO_OPERATOR_KEY_INTERVAL", value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub key_interval: Duration,

    /// Address of /livez, /readyz and /metrics; `[::]` is 0.0.0.0 where there is no IPv6
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_HTTP_ADDRESS",
        value_name = "ADDRESS",
        default_value = "[::]:8080"
    )]
    pub http_address: SocketAddr,

    /// File with a secret of at least 32 bytes that signs the record in each status, so that a new API key does not
    /// invalidate it; without it the API key signs
    #[arg(long, env = "COMPOSIO_OPERATOR_STATE_KEY_FILE", value_name = "PATH")]
    pub state_key_file: Option<PathBuf>,

    /// Work only while this process holds the Lease: for several replicas, of which one works
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_LEADER_ELECT",
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub leader_elect: bool,

    /// The Lease that the replicas of one release share, and by which other releases know it
    #[arg(long, env = "COMPOSIO_OPERATOR_LEASE_NAME", value_name = "NAME", default_value = DEFAULT_LEASE_NAME, value_parser = lease_name)]
    pub lease_name: String,

    /// Namespace of that Lease and of the releases' claims; that of the pod or the kubeconfig, if not given
    #[arg(long, env = "COMPOSIO_OPERATOR_LEASE_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub lease_namespace: Option<String>,

    /// How long the others wait for a leader that has fallen silent
    #[arg(long, env = "COMPOSIO_OPERATOR_LEASE_DURATION", value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub lease_duration: Duration,

    /// How long a leader continues without renewing the Lease before it exits
    #[arg(long, env = "COMPOSIO_OPERATOR_RENEW_DEADLINE", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub renew_deadline: Duration,

    /// How often the Lease is renewed, and asked for after a failure
    #[arg(long, env = "COMPOSIO_OPERATOR_RETRY_PERIOD", value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub retry_period: Duration,

    /// How many objects are worked on at the same time; a quarter as many extra slots serve projects and namespaces
    /// with none
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONCURRENCY",
        value_name = "N",
        default_value = "16",
        value_parser = clap::value_parser!(u16).range(i64::from(FEWEST)..=i64::from(MOST))
    )]
    pub concurrency: u16,

    /// How often the newest changes of accounts are listed, unless a project sets its own interval
    #[arg(long, env = "COMPOSIO_OPERATOR_POLL_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub poll_interval: Duration,

    /// How often they are listed while a link waits for a person
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_POLL_INTERVAL_WAITING",
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration
    )]
    pub poll_interval_waiting: Duration,

    /// How often every recorded account is read, unless a project sets its own interval, to find what a list of changes
    /// does not show
    #[arg(long, env = "COMPOSIO_OPERATOR_RESYNC_INTERVAL", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub resync_interval: Duration,

    /// Accept that the missing recorded accounts are gone, however many they are, in all projects; remove it again
    /// afterwards
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_ACCEPT_MISSING",
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub accept_missing: bool,

    /// How long a call that was cut off may still take effect; no second one is made before
    #[arg(long, env = "COMPOSIO_OPERATOR_UNKNOWN_OUTCOME_WAIT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub unknown_outcome_wait: Duration,

    /// How long, and at least three times, a provider may refuse to revoke the grant of an object that is being
    /// deleted; then the account is deleted, with a request to revoke
    #[arg(long, env = "COMPOSIO_OPERATOR_REVOKE_PATIENCE", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub revoke_patience: Duration,

    /// Shortest wait after a failure
    #[arg(long, env = "COMPOSIO_OPERATOR_BACKOFF_MIN", value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub backoff_min: Duration,

    /// Longest wait after a failure
    #[arg(long, env = "COMPOSIO_OPERATOR_BACKOFF_MAX", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub backoff_max: Duration,

    /// How often an object that only a person can fix is checked again
    #[arg(long, env = "COMPOSIO_OPERATOR_STALLED_INTERVAL", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub stalled_interval: Duration,

    /// How often the Secret of an account is read: a new version is sent within this time
    #[arg(long, env = "COMPOSIO_OPERATOR_SECRET_INTERVAL", value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub secret_interval: Duration,

    /// How long an auth config is remembered
    #[arg(long, env = "COMPOSIO_OPERATOR_AUTH_CONFIG_LIFETIME", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub auth_config_lifetime: Duration,

    /// How log lines look; what is logged is up to RUST_LOG
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}
