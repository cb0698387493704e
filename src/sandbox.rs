//! An emulated Composio for demos, for tests and for the CI of those who build on the operator.
//!
//! It imports nothing from the rest of the crate: it is a second, independent reading of the API,
//! so a mistake in the client's models does not repeat itself here. [`world`] is the machine, a pure
//! function of requests and time; the rest is HTTP around it: the API under `/api/v3.1`, the hosted
//! sign-in page under `/connect`, and control calls under `/_sandbox`.
//!
//! Links point at the host that the creating request named, so they work through port forwards.

mod page;
mod routes;
#[cfg(test)]
mod tests;
pub mod world;

use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use world::{Seed, World};

/// Arguments of the `sandbox` command.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Address to listen on; with port 0 the system chooses one, and the first line of standard
    /// output tells which
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090"
    )]
    listen: SocketAddr,

    /// The API key that clients must send
    #[arg(long, default_value = "sandbox")]
    api_key: String,
}

/// Why the sandbox stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("{0} is in use already: stop what listens there, or choose another --listen address")]
    AddressInUse(SocketAddr),
    /// Some other reason not to listen there.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The server failed.
    #[error("the sandbox's server failed")]
    Serve(#[source] std::io::Error),
}

/// Listens where the arguments say, tells on standard output where that is, and serves until
/// `shutdown` is done.
pub async fn run(
    args: Args,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let Args { listen, api_key } = args;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Error::AddressInUse(listen),
            _ => Error::Listen(listen, error),
        })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::Listen(listen, error))?;
    announce(address);
    let seed = Seed {
        api_key,
        public_base: format!("http://{address}"),
        entropy: RandomState::new().hash_one(address),
        ..Seed::default()
    };
    serve(listener, seed, shutdown).await
}

/// Serves a world on a listener that is there already, until `shutdown` is done.
pub async fn serve(
    listener: TcpListener,
    seed: Seed,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    routes::serve(listener, World::new(seed), shutdown)
        .await
        .map_err(Error::Serve)
}

/// One line for a parent process to read. Nobody may be reading: then there is nobody to tell.
fn announce(address: SocketAddr) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "listening on http://{address}");
    let _ = stdout.flush();
    tracing::info!(%address, "the sandbox listens");
}
