//! An emulated Composio for demos, for tests and for the CI of those who build on the operator.
//!
//! It imports nothing from the rest of the crate: it is a second, independent reading of the API,
//! so a mistake in the client's models does not repeat itself here. [`world`] is the machine, a pure
//! function of requests and time, and its documentation tells what was chosen where Composio's
//! documentation and clients are silent or disagree. The rest is HTTP around it:
//!
//! | path | is |
//! |---|---|
//! | `/api/v3.1` | the API: connected accounts, links, auth configs, webhook subscriptions, session info |
//! | `/connect/{token}` | the hosted sign-in page, for a person in a browser |
//! | `/_sandbox` | control calls, JSON in and out, without an API key and not in the request log |
//! | `/` | the list of control calls, as `composio-operator sandbox --help` has it |
//!
//! Links point at the host that the creating request named, so they work through port forwards.
//! Webhooks are delivered over real HTTP to loopback URLs, and to no others.
//!
//! # Seeds
//!
//! Without a seed file there are `ac_gmail`, `ac_slack`, `ac_github` (OAuth of Composio's),
//! `ac_hubspot` (API key), `ac_custom` (an OAuth app of one's own), `ac_disabled`, and `ac_trello`,
//! whose toolkit cannot revoke; no accounts; the API key `sandbox`. A seed file says otherwise:
//!
//! ```yaml
//! api_key: sandbox            # every field has a default
//! project: acme
//! project_id: pr_acme         # made of the API key, when absent
//! organisation_id: ok_acme
//! verifier_url: https://app.example/verify   # who verifies sign-ins; nobody, when absent
//! same_browser: false         # whether a sign-in must end in the browser where it began
//! limit: 2000                 # requests per minute
//! max_page: 50
//! auth_configs:
//! - {id: ac_gmail, toolkit: gmail}
//! - {id: ac_jira, toolkit: jira, scheme: API_KEY, managed: false, enabled: true, can_revoke: false}
//! - {id: ac_zendesk, toolkit: zendesk, requires: [subdomain]}
//! accounts:
//! - {auth_config: ac_gmail, user_id: ann, alias: work}
//! - {id: ca_old, auth_config: ac_gmail, user_id: bob, status: EXPIRED, status_reason: why not}
//! - {auth_config: ac_jira, user_id: ann, sharing: {allow_all_users: true}}
//! switches: {alias_not_unique: true}
//! ```
//!
//! # Worlds
//!
//! Each API key has a world of its own: auth configs, accounts, clock, limit, faults, log. A seed
//! file has one YAML document for each; `POST /_sandbox/worlds` adds one to a sandbox that runs, so
//! tests can share a process. A control call names its world by `?key=` or by `x-api-key`, and is
//! for the first world without either.

mod file;
mod page;
mod routes;
#[cfg(test)]
mod tests;
pub mod world;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

use world::Seed;

/// Arguments of the `sandbox` command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = manual())]
pub struct Args {
    /// Address to listen on; with port 0 the system chooses one, and the first line of standard
    /// output tells which
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090"
    )]
    listen: SocketAddr,

    /// The API key of the first world; "sandbox", if neither this nor the seed says otherwise
    #[arg(long, value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    api_key: Option<String>,

    /// File of what is there at the start: one YAML document for each world
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,

    /// The largest page of a list, and the page size when none is asked for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_page: Option<u16>,
}

/// Why the sandbox stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("{0} is in use already: stop what listens there, or choose another --listen address")]
    AddressInUse(SocketAddr),
    /// Some other reason not to listen there.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The seed file cannot be used.
    #[error("{0}")]
    Seed(String),
    /// The server failed.
    #[error("the sandbox's server failed")]
    Serve(#[source] io::Error),
}

/// Lets `listen` listen where the arguments say, tells on standard output where that is, and serves until
/// `shutdown` is done.
pub async fn run(
    args: Args,
    listen: impl AsyncFnOnce(SocketAddr) -> io::Result<TcpListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let seeds = file::seeds(&args)?;
    let asked = args.listen;
    let listener = listen(asked).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::AddressInUse(asked),
        _ => Error::Listen(asked, error),
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::Listen(asked, error))?;
    announce(address);
    serve(listener, seeds, shutdown).await
}

/// Serves worlds on a listener that is there already, until `shutdown` is done. Without a seed there
/// is one world with the sandbox's own.
pub async fn serve(
    listener: TcpListener,
    seeds: Vec<Seed>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    routes::serve(listener, seeds, shutdown)
        .await
        .map_err(Error::Serve)
}

/// What `--help` and the address `/` tell beside the flags.
fn manual() -> String {
    let mut text = String::from(
        "The API is under /api/v3.1 and takes the key \"sandbox\". Without a seed file there are the auth \
         configs ac_gmail, ac_slack, ac_github (OAuth of Composio's), ac_hubspot (API key), ac_custom (an \
         OAuth app of one's own), ac_disabled, and ac_trello, whose toolkit cannot revoke. A link leads to a \
         page where a person presses Connect or Cancel.\n\n\
         A seed file has one YAML document for each world, with the fields api_key, project, project_id, \
         organisation_id, verifier_url, same_browser, limit, max_page, auth_configs, accounts and switches. Each API key enters a world of its own.\n\n\
         Control calls are under /_sandbox/ and take and give JSON. They are for the first world, or for \
         the one that ?key= or x-api-key names:\n\n",
    );
    for (method, path, body, does) in routes::ROUTES {
        let short = path.trim_start_matches("/_sandbox/");
        text.push_str(&format!("  {method:<6} {short:<33} {does}\n"));
        if !body.is_empty() {
            text.push_str(&format!("         {body}\n"));
        }
    }
    text.push_str(
        "\nThe open questions of the API, as /_sandbox/switches answers them when on:\n\n",
    );
    for (name, does) in world::Switches::HELP {
        text.push_str(&format!("  {name:<30} {does}\n"));
    }
    text
}

/// One line for a parent process to read. Nobody may be reading: then there is nobody to tell.
fn announce(address: SocketAddr) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "listening on http://{address}");
    let _ = stdout.flush();
    tracing::info!(%address, "the sandbox listens");
}
