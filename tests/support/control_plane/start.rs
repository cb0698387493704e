//! How a control plane is started.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pem::Pem;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::audit::{AUDIT_LOG, AUDIT_POLICY};
use super::server::Server;
use super::{ControlPlane, Error, GRACE, READY, SERVICE_ACCOUNT_KEY};
use crate::support::child::{Child, Folder, create_private};
use crate::support::project::Projects;
use crate::support::random_hex;
use crate::support::tools::Tools;

const PAUSE: Duration = Duration::from_millis(50);

impl ControlPlane {
    pub(super) async fn attempt(tools: &Tools) -> Result<ControlPlane, Error> {
        let folder = Folder::new()?;
        let [etcd_port, peer_port, port] = free_ports()?;
        let etcd_url = format!("http://127.0.0.1:{etcd_port}");

        let mut etcd_command = Command::new(&tools.etcd);
        etcd_command
            .arg("--data-dir")
            .arg(folder.join("etcd"))
            .args(["--listen-client-urls", &etcd_url])
            .args(["--advertise-client-urls", &etcd_url])
            .arg(format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"))
            // The data need not outlive a power failure.
            .arg("--unsafe-no-fsync")
            // It is the only member, and elects itself after one election timeout: 1 s by default.
            .args(["--heartbeat-interval=10", "--election-timeout=100"]);
        let etcd = Child::spawn(&folder, "etcd", GRACE, &etcd_command)?;
        // Its own log, not its port: on a port that another etcd took meanwhile, that one would answer.
        ready(&etcd, async || {
            if etcd.read_log().contains("ready to serve client requests") {
                Ok(())
            } else {
                Err("it does not say that it is".to_owned())
            }
        })
        .await?;

        let (private, public) = key_pair();
        let private_key = folder.join(SERVICE_ACCOUNT_KEY);
        create_private(&private_key, private)?;
        let public_key = folder.join("service-accounts.pub");
        create_private(&public_key, public)?;
        let admin_token = random_hex::<16>();
        let tokens = folder.join("tokens.csv");
        create_private(
            &tokens,
            format!("{admin_token},admin,1,\"system:masters\"\n"),
        )?;
        let certificates = folder.subfolder("certificates")?;
        let server = Server {
            url: format!("https://127.0.0.1:{port}"),
            certificate: certificates.join("apiserver.crt"),
            admin_kubeconfig: folder.join("admin.kubeconfig"),
            admin_token,
        };

        let mut apiserver_command = Command::new(&tools.kube_apiserver);
        apiserver_command
            .args(["--etcd-servers", &etcd_url])
            .args(["--bind-address", "127.0.0.1"])
            .args(["--secure-port", &port.to_string()])
            .arg("--cert-dir")
            .arg(&certificates)
            .args(["--external-hostname", "127.0.0.1"])
            // It would publish its own address, and loopback is refused there.
            .args(["--endpoint-reconciler-type", "none"])
            .args(["--service-cluster-ip-range", "10.0.0.0/24"])
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .arg("--service-account-key-file")
            .arg(&public_key)
            .arg("--service-account-signing-key-file")
            .arg(&private_key)
            .args(["--authorization-mode", "Node,RBAC"])
            .arg("--token-auth-file")
            .arg(&tokens)
            .arg("--audit-policy-file")
            .arg(folder.write("audit-policy.yaml", AUDIT_POLICY)?)
            .arg("--audit-log-path")
            .arg(folder.join(AUDIT_LOG))
            // Written before the request is answered, so that who has the answer can read of it.
            .args(["--audit-log-mode", "blocking"])
            // One file, however long all tests take: what is read of it is counted from its begin.
            .args(["--audit-log-maxsize", "100000"]);
        let apiserver = Child::spawn(&folder, "kube-apiserver", GRACE, &apiserver_command)?;
        ready(&apiserver, async || {
            if !server.certificate.exists() {
                return Err("it has no certificate yet".to_owned());
            }
            server.is_ready().await
        })
        .await?;
        create_private(
            &server.admin_kubeconfig,
            server.kubeconfig(&server.admin_token).to_string(),
        )?;
        let projects = Arc::new(Projects::new(&server.admin_kubeconfig));

        Ok(ControlPlane {
            apiserver: Mutex::new(apiserver),
            etcd,
            apiserver_command,
            tools: tools.clone(),
            server,
            projects,
            crd: OnceCell::new(),
            folder,
        })
    }
}

/// Polls until the child is ready, and stops early when it is gone.
async fn ready(
    child: &Child,
    mut probe: impl AsyncFnMut() -> Result<(), String>,
) -> Result<(), Error> {
    let end = Instant::now() + READY;
    loop {
        let Err(reason) = probe().await else {
            return Ok(());
        };
        if let Some(status) = child.exited() {
            return Err(Error::Ended {
                name: child.name().to_owned(),
                status,
                log: child.log_tail(30),
            });
        }
        if Instant::now() >= end {
            return Err(Error::NotReady {
                name: child.name().to_owned(),
                reason,
                log: child.log_tail(30),
            });
        }
        sleep(PAUSE).await;
    }
}

/// Ports that are free now. All are held until the last is found, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut listeners = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// A P-256 key pair for signing service account tokens: private and public, as PEM.
fn key_pair() -> (String, String) {
    // SubjectPublicKeyInfo up to the point itself: id-ecPublicKey, prime256v1, a bit string of 65
    // bytes (RFC 5480). The server reads a public key in this form only.
    const BEFORE_POINT: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .expect("the system has random numbers");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private.as_ref(), &random)
        .expect("it was just made");
    let public = [&BEFORE_POINT, pair.public_key().as_ref()].concat();
    (
        pem::encode(&Pem::new("PRIVATE KEY", private.as_ref())),
        pem::encode(&Pem::new("PUBLIC KEY", public)),
    )
}
