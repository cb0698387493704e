//! A registry on loopback that keeps everything in memory.

use std::process::Command;
use std::time::Duration;

use super::child::{Child, Folder};
use super::control_plane::free_ports;
use super::scene::SOON;
use super::tools::{self, CRANE};
use super::{http_client, wait};

/// A running registry.
pub(crate) struct Registry {
    /// Host and port.
    pub(crate) host: String,
    _child: Child,
}

impl Registry {
    /// Starts one, and waits until it answers.
    pub(crate) async fn start(folder: &Folder) -> Registry {
        let [port] = free_ports().expect("loopback has free ports");
        let host = format!("127.0.0.1:{port}");
        let mut command = Command::new(tools::program(&CRANE).await);
        command.args(["registry", "serve", "--address", &host]);
        let child = Child::spawn(folder, "registry", Duration::from_secs(1), &command);
        let child = child.expect("it starts");
        let http = http_client(SOON);
        wait::until("the registry", SOON, async || {
            let asked = http.get(format!("http://{host}/v2/")).send().await;
            asked.map(drop).map_err(|error| error.to_string())
        })
        .await;
        Registry {
            host,
            _child: child,
        }
    }
}
