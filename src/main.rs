//! The command line, the one place that builds clients and spawns.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use composio_operator::{
    arguments::{self, Cli, Command, ComposioOptions, ProjectOptions, Run},
    check,
    composio::{HttpClient, HttpConfig, Sensitive, http::MAX_BODY},
    connect::{self, page_address::PageSettings},
    controller::{self, Connections, KUBERNETES, PROJECTS, Settings},
    crd, drain,
    http::{self as health, Health},
    kubernetes,
    lease::{Candidate, Elector, LeaderState, Leadership, LeadershipLost, Scope, Timing},
    listen::listen,
    log,
    metrics::Metrics,
    notify::Notifier,
    plan::Flags,
    poll::Polling,
    projects::{AllowedBaseUrls, ProjectSettings},
    record::StateKey,
    report::RequeuePolicy,
    time::to_signed,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Calls in flight get so long after SIGTERM; whatever is cut off then is found again by its alias.
/// Then there is still time to give up the Lease.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);
const SERVER_GRACE: Duration = Duration::from_millis(500);
/// How often a project is polled in which nothing has happened for an hour.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// A part of readiness, besides those of the controller.
const LEADERSHIP: &str = "leadership";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => in_runtime(run(*arguments)),
        Command::Connect(arguments) => in_runtime(serve_page(*arguments)),
        Command::Check(arguments) => in_runtime(check(arguments)),
        Command::Drain(arguments) => in_runtime(drain(arguments)),
        Command::Crd => print_definition(),
        Command::ConnectKey(arguments) => in_runtime(make_connect_key(arguments)),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(arguments) => in_runtime(serve_sandbox(arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end of `work`, and no longer: a name that is still being looked up is not waited for.
/// One thread does it all: nearly everything waits for an answer, and to wake another thread for each costs
/// more than it brings.
fn in_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

fn print_definition() -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for (n, definition) in crd::definitions().iter().enumerate() {
        let separator = if n == 0 { "" } else { "---\n" };
        let yaml = serde_saphyr::to_string(definition)?;
        out.write_all(format!("{separator}{yaml}").as_bytes())?;
    }
    Ok(())
}

#[cfg(feature = "sandbox")]
async fn serve_sandbox(arguments: composio_operator::sandbox::Args) -> Result<(), Failure> {
    log::start(arguments::LogFormat::Text);
    Ok(composio_operator::sandbox::run(arguments, listen, stop_signal()?).await?)
}

/// Its writes need no leader.
async fn serve_page(arguments: arguments::Connect) -> Result<(), Failure> {
    log::start(arguments.log_format);
    prepare_tls();
    let cluster = kubernetes::cluster().await?;
    let client = kubernetes::client(cluster, &Leadership::alone(), Arc::default())?;
    let stop = CancellationToken::new();
    tokio::spawn(cancel_at_signal(stop.clone(), stop_signal()?));
    connect::run(&arguments, client, stop).await
}

async fn run(arguments: Run) -> Result<(), Failure> {
    log::start(arguments.log_format);
    prepare_tls();
    let http = http_client(&arguments.composio)?;
    let state_key = arguments.state_key_file.as_deref().map(read_state_key);
    let state_key = state_key.transpose()?;
    let page = connect::settings::of_operator(&arguments.page)?;
    let notifier = Notifier::of(&arguments.notify, arguments.page.connect_url.clone())?;
    let cluster = kubernetes::cluster().await?;
    let settings = settings(&arguments, page, &cluster)?;
    let metrics = Arc::new(Metrics::default());
    let (leadership, elector) = candidate(&arguments, &cluster, &metrics)?;
    let client = kubernetes::client(cluster, &leadership, Arc::clone(&metrics))?;
    let listener = listen(arguments.http_address)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.http_address))?;

    info!(address = %listener.local_addr()?, "serving /livez, /readyz and /metrics");

    let health = Arc::new(Health::of(&[KUBERNETES, PROJECTS, LEADERSHIP]));
    let stop = CancellationToken::new();
    tokio::spawn(cancel_at_signal(stop.clone(), stop_signal()?));
    let server = tokio::spawn(health::serve(
        listener,
        Arc::clone(&health),
        Arc::clone(&metrics),
        stop.clone().cancelled_owned(),
    ));
    tokio::spawn(report_leadership(
        leadership.clone(),
        Arc::clone(&health),
        Arc::clone(&metrics),
    ));
    // Only then may another replica lead.
    let work_has_ended = CancellationToken::new();
    let mut electing = tokio::spawn(elect(elector, work_has_ended.clone()));
    let controller = controller::run(
        Connections {
            client,
            http,
            state_key,
            notifier,
            leadership,
        },
        settings,
        health,
        metrics,
        stop.clone(),
    );
    let ended = tokio::select! {
        ended = controller => {
            work_has_ended.cancel();
            electing.await??;
            ended
        }
        lost = &mut electing => return Ok(lost??),
        () = grace(&stop) => {
            // They may still take effect. The Lease is left to run out, which gives them the time.
            warn!("calls in flight were cut off");
            Ok(())
        }
    };
    stop.cancel();
    // Whoever still asks for metrics is not waited for.
    let _ = tokio::time::timeout(SERVER_GRACE, server).await;
    Ok(ended?)
}

async fn check(arguments: arguments::Check) -> Result<(), Failure> {
    prepare_tls();
    let namespaces = &arguments.scope.watch_namespace;
    let cluster = kubernetes::cluster().await?;
    let namespace = arguments.lease_namespace.as_deref();
    let projects = check::ProjectAccess {
        http: http_client(&arguments.composio)?,
        allowed_base_urls: allowed_base_urls(&arguments.projects)?,
        cluster_resource_namespace: arguments
            .projects
            .resource_namespace(namespace, &cluster.default_namespace),
        only: arguments.project,
    };
    let kubernetes = kubernetes::client(cluster, &Leadership::alone(), Arc::default())?;
    let lease = namespace.map(|namespace| (namespace, arguments.lease_name.as_str()));
    Ok(check::run(kubernetes, &projects, namespaces, lease, &mut io::stdout()).await?)
}

async fn drain(arguments: arguments::Drain) -> Result<(), Failure> {
    prepare_tls();
    let namespaces = &arguments.scope.watch_namespace;
    let kubernetes = kubernetes::client(
        kubernetes::cluster().await?,
        &Leadership::alone(),
        Arc::default(),
    )?;
    let hook = arguments.hook.map(|hook| drain::Hook {
        release: hook.release,
        namespace: hook.release_namespace,
        deployment: hook.deployment,
        job: hook.job,
    });
    let (timeout, out) = (arguments.timeout, &mut io::stdout());
    let project = arguments.project.as_ref();
    Ok(drain::run(kubernetes, namespaces, project, hook.as_ref(), timeout, out).await?)
}

async fn make_connect_key(arguments: arguments::ConnectKey) -> Result<(), Failure> {
    prepare_tls();
    let cluster = kubernetes::cluster().await?;
    let client = kubernetes::client(cluster, &Leadership::alone(), Arc::default())?;
    Ok(connect::key_secret::make(client, &arguments, &mut io::stdout()).await?)
}

/// Both HTTP clients share it; it can only be there already if somebody installed it before main.
fn prepare_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn http_client(arguments: &ComposioOptions) -> Result<HttpClient, Failure> {
    Ok(HttpClient::new(HttpConfig {
        user_agent: kubernetes::USER_AGENT.to_owned(),
        instance: instance(arguments),
        timeout: arguments.request_timeout,
        max_body: MAX_BODY,
    })?)
}

fn allowed_base_urls(arguments: &ProjectOptions) -> Result<AllowedBaseUrls, Failure> {
    Ok(AllowedBaseUrls::new(arguments.base_urls()?))
}

fn settings(
    arguments: &Run,
    page: Option<PageSettings>,
    cluster: &kube::Config,
) -> Result<Settings, Failure> {
    let composio = &arguments.composio;
    Ok(Settings {
        instance: instance(composio),
        namespaces: arguments.scope.watch_namespace.clone(),
        concurrency: arguments.concurrency,
        flags: Flags {
            unknown_outcome_wait: to_signed(arguments.unknown_outcome_wait),
            revoke_patience: to_signed(arguments.revoke_patience),
            page: page.map(Arc::new),
            ..Flags::default()
        },
        requeue_policy: RequeuePolicy {
            min: arguments.backoff_min,
            max: arguments.backoff_max.max(arguments.backoff_min),
            slow: arguments.stalled_interval,
            secret: arguments.secret_interval,
        },
        projects: ProjectSettings {
            allowed_base_urls: allowed_base_urls(&arguments.projects)?,
            cluster_resource_namespace: arguments.projects.resource_namespace(
                arguments.lease_namespace.as_deref(),
                &cluster.default_namespace,
            ),
            max_per_namespace: arguments.max_projects_per_namespace.into(),
            key_interval: arguments.key_interval,
            polling: Polling {
                interval: arguments.poll_interval,
                idle: Some(IDLE_POLL_INTERVAL),
                waiting: arguments.poll_interval_waiting,
                resync: arguments.resync_interval,
                unseen: arguments.unknown_outcome_wait,
                accept_missing: arguments.accept_missing,
            },
            auth_config_lifetime: to_signed(arguments.auth_config_lifetime),
        },
    })
}

fn read_state_key(file: &Path) -> Result<StateKey, Failure> {
    let name = file.display();
    let key = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the state key file {name}: {error}"))?;
    let key = StateKey::new(&Sensitive::new(key))
        .map_err(|error| format!("the state key file {name} {error}"))?;
    Ok(key)
}

/// Whether this process leads, and who sees to it. The Lease has a client of its own, without the guard
/// and with no other retries than the election's.
fn candidate(
    arguments: &Run,
    cluster: &kube::Config,
    metrics: &Arc<Metrics>,
) -> Result<(Leadership, Option<Elector>), Failure> {
    if !arguments.leader_elect {
        return Ok((Leadership::alone(), None));
    }
    let timing = Timing::new(
        arguments.lease_duration,
        arguments.renew_deadline,
        arguments.retry_period,
    )?;
    let client = kubernetes::bare_client(cluster.clone(), Arc::clone(metrics))?;
    let namespace = arguments.lease_namespace.as_ref();
    // A process that is started anew under the same name is another candidate.
    let identity = format!(
        "{}_{:016x}",
        instance(&arguments.composio),
        fastrand::u64(..)
    );
    let (elector, leadership) = Elector::new(
        client,
        namespace.unwrap_or(&cluster.default_namespace),
        Candidate {
            lease: arguments.lease_name.clone(),
            identity,
            scope: Scope::of(&arguments.scope.watch_namespace),
            timing,
        },
    );
    Ok((leadership, Some(elector)))
}

/// Leads until all work has ended.
async fn elect(
    elector: Option<Elector>,
    work_has_ended: CancellationToken,
) -> Result<(), LeadershipLost> {
    match elector {
        Some(elector) => elector.run(work_has_ended.cancelled()).await,
        None => {
            work_has_ended.cancelled().await;
            Ok(())
        }
    }
}

async fn report_leadership(leadership: Leadership, health: Arc<Health>, metrics: Arc<Metrics>) {
    let tell = |leader_state: &LeaderState| {
        metrics.leading(matches!(leader_state, LeaderState::Leading { .. }));
        metrics.blocked(matches!(leader_state, LeaderState::Blocked { .. }));
        match leader_state {
            LeaderState::Unknown(why) => drop(health.not_ready(LEADERSHIP, why)),
            LeaderState::Waiting { holder } => {
                health.idle(LEADERSHIP, format!("{holder} leads"));
            }
            LeaderState::Blocked { by } => {
                health.not_ready(LEADERSHIP, by.to_string());
            }
            LeaderState::Leading { .. } => drop(health.ready(LEADERSHIP)),
            LeaderState::Ended => health.idle(LEADERSHIP, "stopping"),
        }
    };
    leadership.follow(tell).await;
}

fn instance(arguments: &ComposioOptions) -> String {
    arguments.instance.clone().unwrap_or_else(host_name)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "composio-operator".to_owned())
}

async fn cancel_at_signal(stop: CancellationToken, signalled: impl Future<Output = ()>) {
    signalled.await;
    info!("stopping");
    stop.cancel();
}

/// Done at SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}
