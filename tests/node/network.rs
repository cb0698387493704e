//! A network of the node's own: what is done here touches none of the machine's interfaces, rules and names, and
//! leads nowhere else.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::command;
use crate::support::child::Folder;

/// The node's own address, at which pods find it.
pub(crate) const NODE: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
/// Where pods are.
pub(crate) const PODS: &str = "10.88.0.0/16";

/// Becomes the same program with these arguments, in a network and with mounts of its own. Returns why it cannot.
pub(crate) fn enter(args: &[&str]) -> String {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--"])
        .arg(program)
        .args(args)
        .exec();
    format!("unshare: {error}")
}

/// Gives it its addresses, and names that the node's own server resolves.
pub(crate) async fn set_up(folder: &Folder) -> Result<(), String> {
    let node = NODE.to_string();
    let names = format!("nameserver {node}\n");
    let names = folder.write("resolv.conf", names);
    let names = names.map_err(|error| error.to_string())?;
    for step in [
        ["ip", "link", "set", "lo", "up"].as_slice(),
        // A cable to nowhere: a node is looked for where its default route is, and a packet needs some way to go
        // before its address is rewritten to that of a pod.
        &[
            "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "nowhere",
        ],
        &["ip", "link", "set", "nowhere", "up"],
        &["ip", "link", "set", "eth0", "up"],
        &["ip", "address", "add", &node, "dev", "eth0"],
        &["ip", "route", "add", "default", "dev", "eth0"],
        &["mount", "--bind", text(&names)?, "/etc/resolv.conf"],
    ] {
        command(step[0], &step[1..]).await?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{} is not text", path.display()))
}

/// From now on who connects to one address is led to the other one.
pub(crate) async fn forward(from: SocketAddrV4, to: SocketAddrV4) -> Result<(), String> {
    let listener = TcpListener::bind(from).await;
    let listener = listener.map_err(|error| format!("listening on {from}: {error}"))?;
    tokio::spawn(async move {
        while let Ok((mut inbound, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut outbound) = TcpStream::connect(to).await {
                    // Whichever side ends it: there is nobody to tell.
                    let _ = copy_bidirectional(&mut inbound, &mut outbound).await;
                }
            });
        }
    });
    Ok(())
}
