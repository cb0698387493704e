//! A way to a server that can be closed, cut and silenced: what a network does to connections.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// A port of loopback at which nobody answers until it is opened. It is held all the time, so that
/// nobody else can answer there.
pub(crate) struct Gate {
    address: SocketAddr,
    closed: TcpSocket,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let closed = TcpSocket::new_v4().expect("a socket can be made");
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        closed.bind(anywhere).expect("loopback has a free port");
        let address = closed.local_addr().expect("it has an address");
        Gate { address, closed }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From now on it leads to the host and port of that URL.
    pub(crate) fn open(self, url: &str) -> Way {
        let (_, target) = url.split_once("://").expect("a URL has a scheme");
        let target = target.to_owned();
        let listener = self.closed.listen(64).expect("the port is held");
        let (passage, is) = watch::channel(Passage::Open);
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                tokio::spawn(carry(here, target.clone(), is.clone()));
            }
        });
        Way { passage }
    }
}

/// An open gate.
pub(crate) struct Way {
    passage: watch::Sender<Passage>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Passage {
    Open,
    Silent,
    Closed,
}

impl Way {
    /// Cuts all connections that there are. New ones may be made.
    pub(crate) fn cut(&self) {
        self.passage.send_replace(Passage::Open);
    }

    /// Cuts all connections, and every new one at once.
    pub(crate) fn close(&self) {
        self.passage.send_replace(Passage::Closed);
    }

    /// From now on nothing gets through, and nobody is told: packets are lost.
    pub(crate) fn silence(&self) {
        self.passage.send_replace(Passage::Silent);
    }
}

async fn carry(mut here: TcpStream, target: String, mut passage: watch::Receiver<Passage>) {
    let at_first = *passage.borrow_and_update();
    if at_first == Passage::Open
        && let Ok(mut there) = TcpStream::connect(target).await
    {
        // Either side may hang up at any time, and so do we.
        tokio::select! {
            _ = copy_bidirectional(&mut here, &mut there) => {}
            // Whoever does not keep the way means to leave it as it is.
            Ok(()) = passage.changed() => silence(passage).await,
        }
    } else {
        silence(passage).await;
    }
}

/// Waits for the end of a silence, in which both ends believe that they are connected.
async fn silence(mut passage: watch::Receiver<Passage>) {
    // An error means that the way is no more, and its connections neither.
    let _ = passage.wait_for(|is| *is != Passage::Silent).await;
}
