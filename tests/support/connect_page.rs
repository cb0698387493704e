//! The connect page in a process of its own, with the permissions that it needs, and somebody who opens it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use composio_operator::composio::model::Sensitive;
use composio_operator::connect::keys::ConnectKeys;
use composio_operator::connect::page_address::{ConnectUrl, PageOf, PageSettings};
use composio_operator::kubernetes::PROXY_VARIABLES;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::child::{Child, Folder, create_private};
use super::control_plane::{Audited, free_ports};
use super::operator::Options;
use super::sandbox::PROGRAM;
use super::scene::{SOON, Scene};
use super::{http_client, random_hex, wait};

/// All that the page may do, as the chart grants it.
pub(crate) const RULES: &str =
    include_str!("../../charts/composio-operator/files/connect-rules.yaml");
const ACCOUNT: &str = "composio-connect";

/// A running page.
pub(crate) struct ConnectPage {
    pub(crate) child: Child,
    /// Where people open it.
    pub(crate) url: String,
    /// Where it listens: a replica that is not the first one elsewhere than people think.
    address: String,
    /// Where its metrics are.
    pub(crate) own_url: String,
    pub(crate) settings: PageSettings,
    pub(crate) key_file: PathBuf,
    kubeconfig: PathBuf,
    args: Vec<String>,
    user: String,
}

impl ConnectPage {
    /// Starts a page for the scene's namespace and waits until it is ready.
    pub(crate) async fn start(scene: &Scene<'_>, args: &[&str]) -> ConnectPage {
        ConnectPage::start_for(scene, None, args).await
    }

    /// The same, which people open at that URL: a proxy is there.
    pub(crate) async fn start_at(scene: &Scene<'_>, url: &str, args: &[&str]) -> ConnectPage {
        ConnectPage::start_for(scene, Some(url), args).await
    }

    async fn start_for(scene: &Scene<'_>, url: Option<&str>, args: &[&str]) -> ConnectPage {
        let (control_plane, namespace) = (scene.control_plane, &scene.namespace);
        let token = control_plane
            .service_account(&scene.client, namespace, ACCOUNT, RULES)
            .await;
        let kubeconfig = control_plane.kubeconfig_for_token(&token);
        let args = [&["--watch-namespace", namespace], args].concat();
        let mut page = spawn(&scene.folder, "connect", url, &kubeconfig, &args);
        page.user = format!("system:serviceaccount:{namespace}:{ACCOUNT}");
        page.ready().await;
        page
    }

    /// Starts a page with a key of its own, and waits for nothing.
    pub(crate) fn spawn(
        folder: &Folder,
        name: &str,
        kubeconfig: &Path,
        args: &[&str],
    ) -> ConnectPage {
        spawn(folder, name, None, kubeconfig, args)
    }

    /// Starts another replica of it, and waits until that is ready.
    pub(crate) async fn replica(&self, folder: &Folder, name: &str) -> ConnectPage {
        let ports = free_ports().expect("loopback has free ports");
        let (url, file, kubeconfig) = (&self.url, &self.key_file, &self.kubeconfig);
        let child = process(folder, name, url, ports, file, kubeconfig, &self.args);
        let [port, own] = ports;
        let page = ConnectPage {
            child,
            settings: self.settings.clone(),
            url: url.clone(),
            address: format!("http://localhost:{port}"),
            own_url: format!("http://127.0.0.1:{own}"),
            key_file: file.clone(),
            kubeconfig: kubeconfig.clone(),
            args: self.args.clone(),
            user: self.user.clone(),
        };
        page.ready().await;
        page
    }

    /// The same operator, told of this page.
    pub(crate) fn known_to(&self, options: Options) -> Options {
        let key = self.key_file.to_str().expect("a path of ASCII");
        options
            .flag("--connect-url", &self.url)
            .flag("--connect-key-file", key)
    }

    /// Waits until it knows the objects.
    pub(crate) async fn ready(&self) {
        let http = http_client(SOON);
        wait::until("the page", SOON, async || {
            let ready = http.get(format!("{}/readyz", self.own_url)).send().await;
            match ready {
                Ok(answer) if answer.status().is_success() => Ok(()),
                _ => Err(self.child.log_tail(20)),
            }
        })
        .await;
    }

    /// The address of an object's page, as the operator writes it.
    pub(crate) fn address(&self, object: &Value) -> String {
        let page = self.settings.page(page_of(object), None, Timestamp::now());
        page.url
    }

    /// Where the sign-in sends a browser back to that asked by that request.
    pub(crate) fn callback(&self, object: &Value, request: &str, browser: &str) -> String {
        self.settings.callback(page_of(object), request, browser)
    }

    /// What it wrote, or tried to; with its replicas.
    pub(crate) fn written(&self, scene: &Scene<'_>) -> Vec<Audited> {
        let asked = self.asked(scene).into_iter();
        asked.filter(Audited::is_write).collect()
    }

    /// All that it asked the apiserver for.
    pub(crate) fn asked(&self, scene: &Scene<'_>) -> Vec<Audited> {
        scene.control_plane.asked_by(&self.user)
    }

    /// Where it listens, and the host that it is asked for there.
    pub(crate) fn listens(&self) -> (&str, &str) {
        let host = self.url.trim_start_matches("http://");
        (&self.address, host)
    }

    /// The value of a metric with these labels.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let http = http_client(SOON);
        let answer = http.get(format!("{}/metrics", self.own_url)).send().await;
        let text = answer.expect("it answers").text().await.expect("a text");
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// Starts a page with a key of its own, which people open at that URL, or where it listens.
fn spawn(
    folder: &Folder,
    name: &str,
    url: Option<&str>,
    kubeconfig: &Path,
    args: &[&str],
) -> ConnectPage {
    let key = random_hex::<32>();
    let file = folder.join(format!("{name}.key"));
    create_private(&file, &key).expect("the folder is there");
    let [port, own] = free_ports().expect("loopback has free ports");
    // Another site than the sandbox, which is at 127.0.0.1.
    let address = format!("http://localhost:{port}");
    let url = url.unwrap_or(&address).to_owned();
    let keys = ConnectKeys::read(&Sensitive::new(key)).expect("it is a key");
    let settings = PageSettings {
        url: ConnectUrl::parse(&url).expect("it is a URL"),
        keys,
        knows_users: args.contains(&"--connect-user-header"),
    };
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let ports = [port, own];
    let child = process(folder, name, &url, ports, &file, kubeconfig, &args);
    ConnectPage {
        child,
        settings,
        address,
        url,
        own_url: format!("http://127.0.0.1:{own}"),
        key_file: file,
        kubeconfig: kubeconfig.to_owned(),
        args,
        user: String::new(),
    }
}

/// A page that listens on these ports, for pages and for metrics. `RUST_LOG=…` among the arguments is a variable.
fn process(
    folder: &Folder,
    name: &str,
    url: &str,
    [port, own]: [u16; 2],
    key_file: &Path,
    kubeconfig: &Path,
    args: &[String],
) -> Child {
    let mut command = Command::new(PROGRAM);
    let (variables, args): (Vec<_>, Vec<_>) =
        args.iter().partition(|arg| arg.starts_with("RUST_LOG="));
    command.envs(
        variables
            .into_iter()
            .filter_map(|pair| pair.split_once('=')),
    );
    command
        .args(["connect", "--connect-url", url])
        .arg("--connect-key-file")
        .arg(key_file)
        .args(["--http-address", &format!("127.0.0.1:{port}")])
        .args(["--metrics-address", &format!("127.0.0.1:{own}")])
        .args(["--brand-name", "Acme Connect"])
        .args(["--support-contact", "help@acme.com"])
        .args(args)
        .env("KUBECONFIG", kubeconfig);
    for proxy in PROXY_VARIABLES {
        command.env_remove(proxy);
    }
    let grace = Duration::from_secs(10);
    Child::spawn(folder, name, grace, &command).expect("it starts")
}

/// An object, as an address names it.
pub(crate) fn page_of(object: &Value) -> PageOf<'_> {
    let metadata = &object["metadata"];
    let text = |name: &str| metadata[name].as_str().expect("it is there");
    PageOf {
        namespace: text("namespace"),
        name: text("name"),
        uid: text("uid"),
        epoch: metadata["annotations"]["composio.dev/connect-epoch"]
            .as_str()
            .unwrap_or_default(),
    }
}

/// Somebody with a browser that follows no redirect, and keeps cookies.
pub(crate) struct Visitor {
    http: reqwest::Client,
    url: String,
    /// The replica that the requests go to, and the host that they name.
    replica: RefCell<(String, String)>,
    /// Those of one browser, which its tabs share.
    pub(crate) cookies: Rc<RefCell<BTreeMap<String, String>>>,
    /// Headers that are sent with each request, such as those of a proxy.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Visitor {
    /// Somebody who comes by the address that people open, with that client.
    pub(crate) fn over(page: &ConnectPage, http: reqwest::Client) -> Visitor {
        let (_, host) = page.url.split_once("://").expect("a URL has a scheme");
        Visitor {
            http,
            replica: RefCell::new((page.url.clone(), host.to_owned())),
            ..Visitor::of(page)
        }
    }

    pub(crate) fn of(page: &ConnectPage) -> Visitor {
        Visitor {
            http: http_client(SOON),
            url: page.url.clone(),
            replica: RefCell::new((page.address.clone(), page.listens().1.to_owned())),
            cookies: Rc::default(),
            headers: Vec::new(),
        }
    }

    /// The same as a proxy sends it for that user.
    pub(crate) fn named(page: &ConnectPage, user: &str) -> Visitor {
        let mut visitor = Visitor::of(page);
        visitor
            .headers
            .push(("x-auth-request-email", user.to_owned()));
        visitor
    }

    /// From now on that replica answers.
    pub(crate) fn is_sent_to(&self, page: &ConnectPage) {
        let (address, host) = page.listens();
        *self.replica.borrow_mut() = (address.to_owned(), host.to_owned());
    }

    /// Opens a path of the page, or a whole address.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a form from its own page.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let origin = self.url.clone();
        self.post_from(path, form, &[("origin", &origin)]).await
    }

    /// The same with these headers.
    pub(crate) async fn post_from(
        &self,
        path: &str,
        form: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(Method::POST, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let form = form.to_owned();
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(form)).await
    }

    /// Opens the page of an object, presses that button, and returns where that leads.
    pub(crate) async fn presses(&self, path: &str, button: &str) -> Answer {
        let page = self.get(path).await;
        let form = page.form_token();
        self.post(path, &format!("form={form}&action={button}"))
            .await
    }

    /// A request for a path of the page, which the replica has to answer, or for a whole address.
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let (replica, host) = &*self.replica.borrow();
        match path.strip_prefix(&self.url).unwrap_or(path) {
            elsewhere if elsewhere.starts_with("http") => self.http.request(method, elsewhere),
            path => {
                let request = self.http.request(method, format!("{replica}{path}"));
                request.header("host", host)
            }
        }
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        let sent: Vec<_> = self.cookies.borrow().iter().map(pair).collect();
        let sent = sent.join("; ");
        if !sent.is_empty() {
            request = request.header("cookie", sent);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.expect("the page answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for set in headers.get_all("set-cookie") {
            let set = set.to_str().expect("it is text");
            let (pair, attributes) = set.split_once(';').expect("it has attributes");
            let (name, value) = pair.split_once('=').expect("it is a pair");
            let mut cookies = self.cookies.borrow_mut();
            match attributes.contains("Max-Age=0;") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let text = answer.text().await.expect("the page answers in full");
        Answer {
            status,
            headers,
            text,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub(crate) fn form_token(&self) -> String {
        let token = self.text.split("name=\"form\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        let token = token.unwrap_or_else(|| panic!("a form: {}", self.text));
        token.to_owned()
    }

    /// Where the page leads by itself.
    pub(crate) fn refresh(&self) -> &str {
        let refresh = self.header("refresh");
        refresh.split_once("url=").map_or("", |(_, url)| url)
    }
}
