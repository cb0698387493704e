//! Listening, also where a host has only one of IPv4 and IPv6.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

const BACKLOG: u32 = 1024;

/// Listens there. `[::]` is all addresses, also those of IPv4 where the system's default
/// (`net.ipv6.bindv6only`) says otherwise, and only those where the host has no IPv6.
///
/// # Errors
/// When that is not possible, in most cases because another process listens there.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    with_fallback(address, bind)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                SockRef::from(&socket).set_only_v6(false)?;
            }
            socket
        }
    };
    // Else a program that is started anew waits for the connections of the former one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn with_fallback<T>(
    address: SocketAddr,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    match bind(address) {
        Err(error)
            if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                && !matches!(
                    error.kind(),
                    ErrorKind::AddrInUse | ErrorKind::PermissionDenied
                ) =>
        {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_host_without_ipv6_is_listened_on_by_ipv4() {
        for kind in [
            ErrorKind::AddrNotAvailable,
            ErrorKind::Unsupported,
            ErrorKind::Other,
        ] {
            let tried = RefCell::new(Vec::new());
            let bound = with_fallback(address("[::]:8080"), |address| {
                tried.borrow_mut().push(address);
                match address {
                    SocketAddr::V4(_) => Ok(address),
                    SocketAddr::V6(_) => Err(kind.into()),
                }
            });
            assert_eq!(bound.expect("it falls back"), address("0.0.0.0:8080"));
            assert_eq!(tried.into_inner().len(), 2);
        }
    }

    #[test]
    fn what_another_process_has_and_a_named_address_have_no_other_in_their_place() {
        let cases = [
            ("[::]:8080", ErrorKind::AddrInUse),
            ("[::]:80", ErrorKind::PermissionDenied),
            ("[::1]:8080", ErrorKind::AddrNotAvailable),
            ("0.0.0.0:8080", ErrorKind::AddrNotAvailable),
        ];
        for (text, kind) in cases {
            let tried = RefCell::new(0);
            let bound = with_fallback(address(text), |_| {
                *tried.borrow_mut() += 1;
                Err::<(), _>(kind.into())
            });
            assert_eq!(bound.expect_err(text).kind(), kind);
            assert_eq!(tried.into_inner(), 1, "{text}");
        }
    }

    #[tokio::test]
    async fn all_addresses_are_those_of_ipv4_too() {
        let listener = listen(address("[::]:0")).await.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        for host in ["127.0.0.1", "[::1]"] {
            let has_family = std::net::UdpSocket::bind(format!("{host}:0")).is_ok();
            let connected = tokio::net::TcpStream::connect(format!("{host}:{port}")).await;
            assert_eq!(connected.is_ok(), has_family, "{host}");
        }
    }
}
