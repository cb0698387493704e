//! The page behind a proxy that ends TLS, as an Ingress does it.

use std::sync::Arc;

use reqwest::Certificate;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Stage, gmail};
use crate::support::connect_page::{ConnectPage, Visitor};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// Ends TLS with the certificate of the apiserver, which is for this address, and passes everything on.
fn terminate(listener: TcpListener, scene: &Scene<'_>, page: String) {
    let file = scene.control_plane.certificate();
    let certificates = CertificateDer::pem_file_iter(file).expect("it can be read");
    let certificates = certificates.collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(file.with_extension("key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            let (acceptor, page) = (acceptor.clone(), page.clone());
            tokio::spawn(async move {
                let mut inbound = acceptor.accept(inbound).await?;
                let mut outbound = TcpStream::connect(page).await?;
                copy_bidirectional(&mut inbound, &mut outbound).await
            });
        }
    });
}

#[tokio::test]
async fn where_a_proxy_ends_tls_cookies_are_its_hosts_alone_and_no_header_of_it_is_believed() {
    let scene = Scene::new("tls").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let url = format!("https://127.0.0.1:{port}");
    let page = ConnectPage::start_at(&scene, &url, &[]).await;
    terminate(listener, &scene, page.listens().0.replace("http://", ""));
    let certificate = std::fs::read(scene.control_plane.certificate()).expect("it is there");
    let certificate = Certificate::from_pem(&certificate).expect("PEM");
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(SOON)
        .tls_certs_only([certificate])
        .build()
        .expect("a client can be built");
    let stage = Stage { page, scene };
    let mut ann = Visitor::over(&stage.page, browser);
    // As a proxy says it, and as anybody could.
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example.com"),
        ("x-forwarded-for", "127.0.0.1"),
        (
            "forwarded",
            "for=127.0.0.1;host=evil.example.com;proto=http",
        ),
    ] {
        ann.headers.push((name, value.to_owned()));
    }

    stage.scene.declare("mail", gmail()).await;
    stage.says("mail", super::awaiting()).await;
    let object = stage.scene.object("mail").await;
    let address = stage.page.address(&object);
    assert!(address.starts_with(&url), "{address}");
    let entered = wait::until("the page knows the object", SOON, async || {
        match ann.get(&address).await {
            answer if answer.status == 303 => Ok(answer),
            other => Err(other.status.to_string()),
        }
    })
    .await;
    let path = stage.path("mail");
    assert_eq!(entered.header("location"), path);
    let cookie = entered.header("set-cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").expect("it has attributes");
    assert!(pair.starts_with("__Host-"), "{cookie}");
    let attributes: Vec<&str> = attributes.split("; ").collect();
    for needed in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
        assert!(attributes.contains(&needed), "{needed}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");

    let shown = ann.get(&path).await;
    assert_eq!(shown.status, 200);
    assert!(!shown.text.contains("evil.example.com") && !shown.text.contains("http://"));
    let form = format!("form={}&action=connect", shown.form_token());
    let in_clear = url.replace("https", "http");
    let refused = ann.post_from(&path, &form, &[("origin", &in_clear)]).await;
    assert!(refused.status >= 400, "{}", refused.status);
    assert!(stage.requests().await.is_empty());
    let asked = ann.post(&path, &form).await;
    assert_eq!(asked.status, 303, "{}", asked.text);
    assert!(asked.header("location").starts_with(&path));
    assert_eq!(stage.requests().await.len(), 1);
}
