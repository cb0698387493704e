//! A TCP proxy whose connections can be cut, refused or silenced, as a network does it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// A port of loopback at which nobody answers until it is opened. It is held all the time, so that
/// nobody else can answer there.
pub(crate) struct ReservedPort {
    address: SocketAddr,
    socket: TcpSocket,
}

impl ReservedPort {
    pub(crate) fn new() -> ReservedPort {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(anywhere).expect("loopback has a free port");
        let address = socket.local_addr().expect("it has an address");
        ReservedPort { address, socket }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From now on it leads to the host and port of that URL.
    pub(crate) fn open(self, url: &str) -> TcpProxy {
        let (_, target) = url.split_once("://").expect("a URL has a scheme");
        let target = target.to_owned();
        let listener = self.socket.listen(64).expect("the port is held");
        let (mode, receiver) = watch::channel(Mode::Open);
        tokio::spawn(async move {
            while let Ok((inbound, _)) = listener.accept().await {
                tokio::spawn(relay(inbound, target.clone(), receiver.clone()));
            }
        });
        TcpProxy { mode }
    }
}

/// A proxy in front of a server.
pub(crate) struct TcpProxy {
    mode: watch::Sender<Mode>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Open,
    Silent,
    Closed,
}

impl TcpProxy {
    /// Cuts all connections that there are. New ones may be made.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Cuts all connections, and every new one at once.
    pub(crate) fn close(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// From now on nothing gets through, and nobody is told: packets are lost.
    pub(crate) fn silence(&self) {
        self.mode.send_replace(Mode::Silent);
    }
}

async fn relay(mut inbound: TcpStream, target: String, mut mode: watch::Receiver<Mode>) {
    let at_first = *mode.borrow_and_update();
    if at_first == Mode::Open
        && let Ok(mut outbound) = TcpStream::connect(target).await
    {
        // Either side may hang up at any time, and so do we.
        tokio::select! {
            _ = copy_bidirectional(&mut inbound, &mut outbound) => {}
            // A test that drops the proxy means to leave it as it is.
            Ok(()) = mode.changed() => silence(mode).await,
        }
    } else {
        silence(mode).await;
    }
}

/// Waits for the end of a silence, in which both ends believe that they are connected.
async fn silence(mut mode: watch::Receiver<Mode>) {
    // An error means that the proxy is gone, and its connections with it.
    let _ = mode.wait_for(|mode| *mode != Mode::Silent).await;
}
