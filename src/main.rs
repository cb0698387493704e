//! The command line, the one place that builds clients and spawns.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use composio_operator::{
    arguments::{self, Cli, Command, ComposioOptions, LogFormat, Run},
    check,
    composio::{self, ApiKey, HttpConfig, Sensitive, Transport, http::MAX_BODY},
    controller::{self, COMPOSIO, Connections, KUBERNETES, Settings},
    crd, drain,
    http::{self as health, Health},
    kubernetes,
    lease::{
        Candidate, Elector, LeaderState, Leadership, LeadershipLost, NotLeading, Scope, Timing,
    },
    log,
    metrics::Metrics,
    plan::Flags,
    poll::Polling,
    record::StateKey,
    report::RequeuePolicy,
    sandbox,
    time::to_signed,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How often the key file is looked at.
const KEY_FILE_INTERVAL: Duration = Duration::from_secs(5);
/// Calls in flight get so long after SIGTERM; whatever is cut off then is found again by its alias.
/// Then there is still time to give up the Lease.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);
const SERVER_GRACE: Duration = Duration::from_millis(500);

/// A part of readiness, besides those of the controller.
const LEADERSHIP: &str = "leadership";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => in_runtime(run(*arguments)),
        Command::Check(arguments) => in_runtime(check(arguments)),
        Command::Drain(arguments) => in_runtime(drain(arguments)),
        Command::Crd => print_definition(),
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

async fn serve_sandbox(arguments: sandbox::Args) -> Result<(), Failure> {
    log::start(LogFormat::Text);
    Ok(sandbox::run(arguments, stop_signal()?).await?)
}

async fn run(arguments: Run) -> Result<(), Failure> {
    log::start(arguments.log_format);
    prepare_tls();
    let (transport, api_key) = composio_transport(&arguments.composio)?;
    let state_key = arguments.state_key_file.as_deref().map(read_state_key);
    let state_key = state_key.transpose()?;
    let cluster = kubernetes::cluster().await?;
    let metrics = Arc::new(Metrics::default());
    let (leadership, elector) = candidate(&arguments, &cluster, &metrics)?;
    let client = kubernetes::client(cluster, &leadership, Arc::clone(&metrics))?;
    let listener = sandbox::listen(arguments.http_address)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.http_address))?;

    info!(address = %listener.local_addr()?, "serving /livez, /readyz and /metrics");

    let health = Arc::new(Health::of(&[KUBERNETES, COMPOSIO, LEADERSHIP]));
    let stop = CancellationToken::new();
    tokio::spawn(cancel_at_signal(stop.clone(), stop_signal()?));
    let server = tokio::spawn(health::serve(
        listener,
        Arc::clone(&health),
        Arc::clone(&metrics),
        stop.clone().cancelled_owned(),
    ));
    if let Some(file) = arguments.composio.api_key_file.clone() {
        tokio::spawn(follow_key_file(file, api_key.clone()));
    }
    tokio::spawn(report_leadership(
        leadership.clone(),
        Arc::clone(&health),
        Arc::clone(&metrics),
    ));
    // Everybody else does not come so far as to ask: this is for a leader that was frozen in its work.
    let held = leadership.clone();
    let while_leading = composio::http::only_while(transport, move || held.is_held(), NotLeading);
    // Only then may another replica lead.
    let work_has_ended = CancellationToken::new();
    let mut electing = tokio::spawn(elect(elector, work_has_ended.clone()));
    let controller = controller::run(
        Connections {
            client,
            transport: while_leading,
            api_key,
            state_key,
            leadership,
        },
        settings(&arguments),
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
    let (transport, _) = composio_transport(&arguments.composio)?;
    let composio = composio::Client::new(transport, Arc::new(|_| ()));
    let namespaces = &arguments.scope.watch_namespace;
    let kubernetes = kubernetes::client(
        kubernetes::cluster().await?,
        &Leadership::alone(),
        Arc::default(),
    )?;
    let namespace = arguments.lease_namespace.as_deref();
    let lease = namespace.map(|namespace| (namespace, arguments.lease_name.as_str()));
    Ok(check::run(kubernetes, composio, namespaces, lease, &mut io::stdout()).await?)
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
    Ok(drain::run(kubernetes, namespaces, hook.as_ref(), timeout, out).await?)
}

/// Both HTTP clients share it; it can only be there already if somebody installed it before main.
fn prepare_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn composio_transport(arguments: &ComposioOptions) -> Result<(Transport, ApiKey), Failure> {
    let api_key = ApiKey::new(&read_key(arguments)?)?;
    let transport = composio::http::transport(HttpConfig {
        base_url: arguments.base_url.clone(),
        api_key: api_key.clone(),
        user_agent: kubernetes::USER_AGENT.to_owned(),
        instance: instance(arguments),
        timeout: arguments.request_timeout,
        max_body: MAX_BODY,
    })?;
    Ok((transport, api_key))
}

fn settings(arguments: &Run) -> Settings {
    Settings {
        instance: instance(&arguments.composio),
        namespaces: arguments.scope.watch_namespace.clone(),
        concurrency: arguments.concurrency,
        flags: Flags {
            alias_prefix: arguments.alias_prefix.clone(),
            unknown_outcome_wait: to_signed(arguments.unknown_outcome_wait),
            revoke_patience: to_signed(arguments.revoke_patience),
            ..Flags::default()
        },
        requeue_policy: RequeuePolicy {
            min: arguments.backoff_min,
            max: arguments.backoff_max.max(arguments.backoff_min),
            slow: arguments.stalled_interval,
            secret: arguments.secret_interval,
        },
        polling: Polling {
            interval: arguments.poll_interval,
            waiting: arguments.poll_interval_waiting,
            resync: arguments.resync_interval,
            unseen: arguments.unknown_outcome_wait,
            accept_missing: arguments.accept_missing,
        },
        auth_config_lifetime: to_signed(arguments.auth_config_lifetime),
    }
}

fn read_key(arguments: &ComposioOptions) -> Result<Sensitive, Failure> {
    match (&arguments.api_key_file, &arguments.api_key) {
        (Some(file), _) => read_key_file(file),
        (None, Some(key)) => Ok(key.clone()),
        (None, None) => Err(
            "no Composio API key: set COMPOSIO_API_KEY, or name a file with --api-key-file".into(),
        ),
    }
}

fn read_key_file(file: &Path) -> Result<Sensitive, Failure> {
    let key = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the API key file {}: {error}", file.display()))?;
    Ok(Sensitive::new(key))
}

fn read_state_key(file: &Path) -> Result<StateKey, Failure> {
    let name = file.display();
    let key = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the state key file {name}: {error}"))?;
    let key = StateKey::new(&Sensitive::new(key))
        .map_err(|error| format!("the state key file {name} {error}"))?;
    Ok(key)
}

/// Takes a new key from the file as soon as it is there. Whatever is wrong with it, the former stays.
async fn follow_key_file(file: PathBuf, api_key: ApiKey) {
    let mut told = None;
    loop {
        tokio::time::sleep(KEY_FILE_INTERVAL).await;
        let taken = read_key_file(&file)
            .map_err(|error| error.to_string())
            .and_then(|key| api_key.replace(&key).map_err(|error| error.to_string()));
        match taken {
            Ok(true) => info!("the API key has changed, the new one is used from now on"),
            Ok(false) => {}
            Err(error) if told.as_ref() == Some(&error) => continue,
            Err(error) => {
                error!("{error}; the former key stays in use");
                told = Some(error);
                continue;
            }
        }
        told = None;
    }
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
                health.idle(COMPOSIO, "only the leader talks to it");
                health.idle(LEADERSHIP, format!("{holder} leads"));
            }
            LeaderState::Blocked { by } => {
                health.idle(COMPOSIO, "only the leader talks to it");
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
