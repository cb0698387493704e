//! A Kubernetes API server with its etcd, on loopback, for as long as the value lives.
//!
//! There is no controller manager: a deleted namespace stays in `Terminating`, and no namespace gets
//! its `default` service account. There is no node either: nothing runs a pod.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use parking_lot::Mutex;
use pem::Pem;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;

use super::child::{Child, Folder, Signal, create_private};
use super::project::Projects;
use super::tools::{self, Tools, tools};
use super::{random_hex, wait};

/// Ready takes 3 s on two idle cores; this is for busy ones.
const READY: Duration = Duration::from_secs(90);
/// Nothing in a test's control plane is worth an orderly end, which takes the server a second or more.
const GRACE: Duration = Duration::ZERO;
/// `kubectl wait` included.
const KUBECTL: Duration = Duration::from_secs(180);
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);
/// Read when the tests are built: a folder that is changed meanwhile does no harm.
const CRDS: [&str; 4] = [
    include_str!("../../crds/connectedaccounts.yaml"),
    include_str!("../../crds/composioprojects.yaml"),
    include_str!("../../crds/clustercomposioprojects.yaml"),
    include_str!("../../crds/connectrequests.yaml"),
];

/// Who asked what of the resources that the operator uses: the witness of its reads and writes.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
    resources:
      - group: composio.dev
      - group: ''
        resources: [secrets, configmaps, events]
      - group: events.k8s.io
      - group: coordination.k8s.io
  - level: None
";
const AUDIT_LOG: &str = "audit.log";
const SERVICE_ACCOUNT_KEY: &str = "service-accounts.key";

/// One request that the API server answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Audited {
    pub(crate) verb: String,
    /// `connectedaccounts`, `connectedaccounts/status`.
    pub(crate) resource: String,
    pub(crate) name: String,
    pub(crate) status: u64,
    /// The id of the service account's token that came with the request: tells apart who shares the account.
    pub(crate) token: String,
    /// Whether it was only tried.
    pub(crate) is_dry_run: bool,
}

impl Audited {
    pub(crate) fn is_write(&self) -> bool {
        !self.is_dry_run && !["get", "list", "watch"].contains(&self.verb.as_str())
    }

    fn read(event: &serde_json::Value) -> Audited {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let resource = match object["subresource"].as_str() {
            Some(subresource) => format!("{}/{subresource}", text(&object["resource"])),
            None => text(&object["resource"]),
        };
        Audited {
            verb: text(&event["verb"]),
            resource,
            name: text(&object["name"]),
            status: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            token: text(&event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]),
            is_dry_run: text(&event["requestURI"]).contains("dryRun="),
        }
    }
}

/// Why no control plane runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Tools(#[from] tools::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{name} ended by itself ({status}):\n{log}")]
    Ended {
        name: String,
        status: ExitStatus,
        log: String,
    },
    #[error("{name} was not ready within {READY:?}: {reason}\n{log}")]
    NotReady {
        name: String,
        reason: String,
        log: String,
    },
}

impl Error {
    /// A port is free when it is chosen, and may be another's when it is used.
    fn is_taken_port(&self) -> bool {
        matches!(self, Error::Ended { log, .. } if log.contains("address already in use"))
    }
}

/// A running control plane. It holds nothing of an async runtime: a static one serves tests that
/// each have a runtime of their own.
pub(crate) struct ControlPlane {
    // In this order they are dropped: the server before its storage, the folder last.
    apiserver: Mutex<Child>,
    etcd: Child,
    /// To start it anew on the same port and the same data.
    apiserver_command: Command,
    tools: Tools,
    server: Server,
    projects: Arc<Projects>,
    /// Set once the server knows the custom resource.
    crd: OnceCell<()>,
    folder: Folder,
}

/// Where the API server is, and what the administrator has.
struct Server {
    url: String,
    /// Written by the server when it starts: its certificate, signed by itself.
    certificate: PathBuf,
    admin_token: String,
    admin_kubeconfig: PathBuf,
}

impl ControlPlane {
    /// Starts an empty one and waits until it is ready.
    pub(crate) async fn start() -> Result<ControlPlane, Error> {
        let tools = tokio::task::spawn_blocking(tools)
            .await
            .map_err(io::Error::other)??;
        ControlPlane::start_with(tools).await
    }

    /// The same with these programs.
    pub(crate) async fn start_with(tools: Tools) -> Result<ControlPlane, Error> {
        let mut attempt = 1;
        loop {
            match ControlPlane::attempt(&tools).await {
                Err(error) if error.is_taken_port() && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    /// The one that all tests of a binary share, started by the first that asks. It ends with the process.
    pub(crate) async fn shared() -> &'static ControlPlane {
        // A failure is kept too: every test says it, and none waits for it again.
        static SHARED: OnceCell<Result<ControlPlane, Error>> = OnceCell::const_new();
        match SHARED.get_or_init(ControlPlane::start).await {
            Ok(control_plane) => control_plane,
            Err(error) => panic!("no control plane: {error}"),
        }
    }

    /// The shared one, with the custom resources.
    pub(crate) async fn with_crd() -> &'static ControlPlane {
        let control_plane = ControlPlane::shared().await;
        control_plane.install_crd().await;
        control_plane
    }

    /// Installs the custom resources as they are shipped and waits until they can be used, also by the names
    /// that clients discover. Whoever else asks meanwhile waits for the same.
    pub(crate) async fn install_crd(&self) {
        self.crd
            .get_or_init(async || {
                let client = self.client().await;
                let api = Api::<CustomResourceDefinition>::all(client.clone());
                let mut names = Vec::new();
                for crd in CRDS {
                    let definition: CustomResourceDefinition =
                        serde_saphyr::from_str(crd).expect("the YAML is a definition");
                    let name = definition.metadata.name.clone().expect("it has a name");
                    let parameters = PatchParams::apply("tests").force();
                    api.patch(&name, &parameters, &Patch::Apply(&definition))
                        .await
                        .expect("the server takes the definition");
                    names.push(name);
                }
                for name in names {
                    wait::until(&name, Duration::from_secs(60), async || {
                        served(&client, &name).await
                    })
                    .await;
                }
            })
            .await;
    }

    async fn attempt(tools: &Tools) -> Result<ControlPlane, Error> {
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
            .arg("--profiling=false")
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

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The certificate of the server, which it signed itself: what its clients trust.
    pub(crate) fn certificate(&self) -> &Path {
        &self.server.certificate
    }

    /// The key that signs the tokens of service accounts.
    pub(crate) fn service_account_key(&self) -> PathBuf {
        self.folder.join(SERVICE_ACCOUNT_KEY)
    }

    /// The control plane's folder. It goes with the control plane, and takes its children with it first.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The processes of the control plane.
    pub(crate) fn pids(&self) -> Vec<u32> {
        vec![self.apiserver.lock().pid(), self.etcd.pid()]
    }

    /// The storage, for a test that halts it.
    pub(crate) fn etcd(&self) -> &Child {
        &self.etcd
    }

    /// Ends the API server as a machine that fails does.
    pub(crate) async fn kill_apiserver(&self) {
        self.apiserver.lock().signal(Signal::Kill).expect("it runs");
        wait::until("the end of the server", READY, async || {
            match self.apiserver.lock().exited() {
                Some(_) => Ok(()),
                None => Err("it runs".to_owned()),
            }
        })
        .await;
    }

    /// Starts the API server again, and waits until it is ready.
    pub(crate) async fn start_apiserver(&self) {
        let anew = Child::spawn(
            &self.folder,
            "kube-apiserver",
            GRACE,
            &self.apiserver_command,
        );
        *self.apiserver.lock() = anew.expect("it starts");
        wait::until("the server", READY, async || self.server.is_ready().await).await;
    }

    /// What the user asked of the resources that the operator uses, in order. A watch is there only
    /// when it has ended.
    pub(crate) fn asked_by(&self, user: &str) -> Vec<Audited> {
        let log = std::fs::read_to_string(self.folder.join(AUDIT_LOG)).unwrap_or_default();
        log.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["user"]["username"] == user)
            .map(|event| Audited::read(&event))
            .collect()
    }

    /// A kubeconfig file for the administrator.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.server.admin_kubeconfig
    }

    /// The projects of its namespaces.
    pub(crate) fn projects(&self) -> &Arc<Projects> {
        &self.projects
    }

    /// Writes a kubeconfig file for whoever has the token.
    pub(crate) fn kubeconfig_for_token(&self, token: &str) -> PathBuf {
        let path = self
            .folder
            .join(format!("{}.kubeconfig", random_hex::<4>()));
        create_private(&path, self.server.kubeconfig(token).to_string())
            .expect("the folder is there");
        path
    }

    /// A client for the administrator, bound to the calling test's runtime.
    pub(crate) async fn client(&self) -> Client {
        self.client_for_token(&self.server.admin_token).await
    }

    /// A client for whoever has the token, bound to the calling test's runtime.
    pub(crate) async fn client_for_token(&self, token: &str) -> Client {
        self.server
            .client(token, Duration::from_secs(30))
            .await
            .expect("the kubeconfig makes a client")
    }

    /// The kubectl that fits the server.
    pub(crate) fn kubectl_path(&self) -> &Path {
        &self.tools.kubectl
    }

    /// Runs kubectl as the administrator, with a home of its own.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_stdin(args, "").await
    }

    /// The same with standard input, for `-f -`.
    pub(crate) async fn kubectl_stdin(&self, args: &[&str], input: &str) -> Output {
        let home = self.folder.subfolder("home").expect("the folder is there");
        // What kubectl discovered before there was a custom resource, it would believe for hours.
        let cache = match self.crd.initialized() {
            true => "cache-with-crd",
            false => "cache",
        };
        let mut child = tokio::process::Command::new(&self.tools.kubectl)
            .args(args)
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", home.join(cache))
            .env("HOME", home)
            .env_remove("KUBERC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("kubectl runs");
        let stdin = child.stdin.take();
        // At the same time: it may answer before it has read everything, and either pipe can be full.
        let both = futures::future::join(
            async move {
                if let Some(mut stdin) = stdin {
                    // One that reads no input may be gone by now.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
            },
            child.wait_with_output(),
        );
        match timeout(KUBECTL, both).await {
            Ok(((), output)) => output.expect("kubectl ends"),
            Err(_) => panic!("kubectl {args:?} did not end within {KUBECTL:?}"),
        }
    }

    /// Makes a fresh namespace and returns its name: the prefix and a random end.
    pub(crate) async fn namespace(&self, client: &Client, prefix: &str) -> String {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let made = Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .expect("the administrator makes namespaces");
        made.metadata.name.expect("the server named it")
    }

    /// Makes a service account with the permissions of these rules, given as YAML, in all namespaces,
    /// and returns a token for it. The role and its binding get a name of their own, so tests with
    /// different roles do not meet. When this returns, the server already grants what the role allows.
    pub(crate) async fn service_account(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
        rules: &str,
    ) -> String {
        let create = PostParams::default();
        let unique = format!("{namespace}-{name}");
        let role = ClusterRole {
            metadata: ObjectMeta {
                name: Some(unique.clone()),
                ..ObjectMeta::default()
            },
            rules: Some(serde_saphyr::from_str(rules).expect("the YAML is a list of rules")),
            ..ClusterRole::default()
        };
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        let binding = ClusterRoleBinding {
            metadata: role.metadata.clone(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: unique,
            },
            subjects: Some(vec![subject(namespace, name)]),
        };
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
        accounts
            .create(&create, &account)
            .await
            .expect("the administrator makes service accounts");
        Api::all(client.clone())
            .create(&create, &role)
            .await
            .expect("the administrator makes roles");
        Api::all(client.clone())
            .create(&create, &binding)
            .await
            .expect("the administrator makes bindings");
        granted(client, namespace, name, role.rules.as_deref()).await;
        self.token(client, namespace, name).await
    }

    /// Another token of a service account.
    pub(crate) async fn token(&self, client: &Client, namespace: &str, name: &str) -> String {
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
        let create = PostParams::default();
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let made = accounts
            .create_token_request(name, &create, &request)
            .await
            .expect("the administrator makes tokens");
        made.status.expect("the server answered with a token").token
    }

    /// Gives a service account the permissions of these rules, given as YAML, in its own namespace. When
    /// this returns, the server already grants them.
    pub(crate) async fn allow(&self, client: &Client, namespace: &str, name: &str, rules: &str) {
        let create = PostParams::default();
        let role = Role {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            rules: Some(serde_saphyr::from_str(rules).expect("the YAML is a list of rules")),
        };
        let binding = RoleBinding {
            metadata: role.metadata.clone(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "Role".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(vec![subject(namespace, name)]),
        };
        Api::namespaced(client.clone(), namespace)
            .create(&create, &role)
            .await
            .expect("the administrator makes roles");
        Api::namespaced(client.clone(), namespace)
            .create(&create, &binding)
            .await
            .expect("the administrator makes bindings");
        granted(client, namespace, name, role.rules.as_deref()).await;
    }
}

impl Server {
    /// YAML is a superset of this.
    fn kubeconfig(&self, token: &str) -> serde_json::Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "test",
                "cluster": { "server": self.url, "certificate-authority": self.certificate },
            }],
            "users": [{ "name": "test", "user": { "token": token } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
            "current-context": "test",
        })
    }

    async fn client(&self, token: &str, timeout: Duration) -> Result<Client, String> {
        let kubeconfig = serde_json::from_value(self.kubeconfig(token));
        client_of(kubeconfig.map_err(|e| e.to_string())?, timeout).await
    }

    async fn is_ready(&self) -> Result<(), String> {
        let client = self
            .client(&self.admin_token, Duration::from_secs(5))
            .await?;
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .map_err(|e| e.to_string())?;
        match client.request_text(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A client for whoever has the kubeconfig, bound to the calling runtime. Every request ends: by default kube
/// waits for ever for an answer, and retries for minutes.
pub(crate) async fn client_of(kubeconfig: Kubeconfig, timeout: Duration) -> Result<Client, String> {
    // Fails when there is one already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|e| e.to_string())?;
    config.default_retry = false;
    // The way to loopback leads past every proxy in the environment.
    config.proxy_url = None;
    let retry = RetryPolicy::new(Duration::from_millis(200), Duration::from_secs(2), 3, true)
        .map_err(|e| e.to_string())?;
    Ok(ClientBuilder::try_from(config)
        .map_err(|e| e.to_string())?
        .with_layer(&BufferLayer::new(1024))
        .with_layer(&RetryLayer::new(retry))
        .with_layer(&TimeoutLayer::new(timeout))
        .build())
}

/// Whether a custom resource is established, discovered and listed.
async fn served(client: &Client, name: &str) -> Result<(), String> {
    let definition = Api::<CustomResourceDefinition>::all(client.clone())
        .get(name)
        .await
        .map_err(|error| error.to_string())?;
    let names = definition.spec.names;
    let conditions = definition.status.and_then(|status| status.conditions);
    if !conditions
        .iter()
        .flatten()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
    {
        return Err(format!("it is not established: {conditions:?}"));
    }
    let gvk = GroupVersionKind::gvk(&definition.spec.group, "v1alpha1", &names.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
    Api::<DynamicObject>::all_with(client.clone(), &resource)
        .list(&ListParams::default().limit(1))
        .await
        .map_err(|error| error.to_string())?;
    let request = http::Request::get("/apis")
        .header(
            http::header::ACCEPT,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        )
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let groups = client
        .request_text(request)
        .await
        .map_err(|error| error.to_string())?;
    match groups.contains(&format!("{:?}", names.plural)) {
        true => Ok(()),
        false => Err("no client can discover it yet".to_owned()),
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

fn subject(namespace: &str, name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    }
}

/// The server learns of new roles and bindings by watching them: a moment after they are made.
async fn granted(client: &Client, namespace: &str, name: &str, rules: Option<&[PolicyRule]>) {
    let user = format!("system:serviceaccount:{namespace}:{name}");
    let first = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.first().cloned());
    let Some(mut attributes) = rules.iter().copied().flatten().find_map(|rule| {
        Some(ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            verb: rule.verbs.first().cloned(),
            group: Some(first(&rule.api_groups)?),
            resource: Some(first(&rule.resources)?),
            name: first(&rule.resource_names),
            ..ResourceAttributes::default()
        })
    }) else {
        return;
    };
    // "pods/log" names a subresource.
    if let Some((resource, subresource)) = attributes
        .resource
        .clone()
        .as_deref()
        .and_then(|resource| resource.split_once('/'))
    {
        attributes.resource = Some(resource.to_owned());
        attributes.subresource = Some(subresource.to_owned());
    }
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.clone()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    wait::until(
        &format!("the permissions of {user}"),
        Duration::from_secs(60),
        async || {
            let answer = reviews
                .create(&PostParams::default(), &review)
                .await
                .map_err(|error| error.to_string())?;
            match answer.status {
                Some(status) if status.allowed => Ok(()),
                status => Err(format!("{status:?}")),
            }
        },
    )
    .await;
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
