//! The names of services, as a cluster's DNS answers them. CoreDNS would take longer to build than all of the node.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use tokio::net::UdpSocket;

use super::network::NODE;

/// Of DNS: the header before the question.
const HEADER: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];
const NO_SUCH_NAME: u8 = 3;

/// Answers at the node's address.
pub(crate) async fn serve(client: Client, node: &'static str) -> Result<(), String> {
    let socket = UdpSocket::bind((NODE, 53)).await;
    let socket = socket.map_err(|error| format!("listening for names: {error}"))?;
    tokio::spawn(async move {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let query = &packet[..length];
            if let Some((name, end)) = question(query) {
                let address = match name.as_str() {
                    name if name == node => Some(NODE),
                    name => of_service(&client, name).await,
                };
                // Whoever got no answer asks again.
                let _ = socket.send_to(&answer(query, end, address), from).await;
            }
        }
    });
    Ok(())
}

/// The name that is asked for, and where the question ends.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = query.get(at..at + length)?;
        labels.push(String::from_utf8(label.to_ascii_lowercase()).ok()?);
        at += length;
    }
    // Type and class.
    let end = at + 4;
    (end <= query.len()).then(|| (labels.join("."), end))
}

/// The address of `NAME.NAMESPACE.svc`, with or without the cluster's domain.
async fn of_service(client: &Client, name: &str) -> Option<Ipv4Addr> {
    let name = name.strip_suffix(".cluster.local").unwrap_or(name);
    let mut labels = name.split('.');
    let (name, namespace, kind) = (labels.next()?, labels.next()?, labels.next()?);
    if kind != "svc" || labels.next().is_some() {
        return None;
    }
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let service = services.get_opt(name).await.ok()??;
    service.spec?.cluster_ip?.parse().ok()
}

/// The address, where that is what was asked for; no address of another type.
fn answer(query: &[u8], end: usize, address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut packet = query[..end].to_vec();
    let address_asked = query[end - 4..end - 2] == TYPE_A;
    let found = address.filter(|_| address_asked);
    // A response, with recursion wanted and there.
    packet[2..4].copy_from_slice(&[0x81, 0x80]);
    if address.is_none() {
        packet[3] |= NO_SUCH_NAME;
    }
    // One question, and as many answers.
    packet[4..HEADER].copy_from_slice(&[0, 1, 0, u8::from(found.is_some()), 0, 0, 0, 0]);
    if let Some(address) = found {
        // The name of the question, IPv4, Internet, for five seconds, four bytes.
        packet.extend([0xC0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
        packet.extend(address.octets());
    }
    packet
}
