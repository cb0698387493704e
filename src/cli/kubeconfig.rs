//! The way to the apiserver as the kubeconfig says it, or the pod's own where there is none. Files and credential plugins
//! hold tokens: of what is wrong with them no word of theirs is told.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::thread;

use kube::client::{AuthError, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

use crate::arguments::Options;
use crate::failure::Failure;
use crate::throttled::Throttled;
use crate::{name, text};

/// As much is told of what a plugin says on its standard error.
const TOLD: usize = 300;
/// Requests that may wait for their turn: far above what a command asks at once.
const QUEUE: usize = 64;

/// The way, as the flags and the kubeconfig say.
pub(crate) async fn config(options: &Options) -> Result<Config, Failure> {
    let is_named = options.kubeconfig.is_some() || options.context.is_some();
    let found = async {
        let kubeconfig = read(options)?;
        if let Some(context) = &options.context {
            has_context(&kubeconfig, context)?;
        }
        let choice = KubeConfigOptions {
            context: options.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &choice).await;
        config.map_err(|error| error.to_string())
    };
    let why = match found.await {
        Ok(config) => return Ok(config),
        Err(why) => why,
    };
    match (is_named, Config::incluster()) {
        // In a pod, where nobody has a kubeconfig.
        (false, Ok(config)) => Ok(config),
        (true, _) | (false, Err(_)) => Err(Failure::Failed(format!(
            "no way to a Kubernetes cluster: {}",
            text::plain(text::without_snippet(&why))
        ))),
    }
}

/// The kubeconfig, or what those that `$KUBECONFIG` lists say together. As kubectl does, it passes over listed ones that
/// are not there.
pub(crate) fn read(options: &Options) -> Result<Kubeconfig, String> {
    if let Some(file) = &options.kubeconfig {
        return Kubeconfig::read_from(file).map_err(|error| error.to_string());
    }
    let listed = env::var_os("KUBECONFIG").unwrap_or_default();
    let there: Vec<PathBuf> = env::split_paths(&listed)
        .filter(|path| path.exists())
        .collect();
    let read = match there.as_slice() {
        [] => Kubeconfig::read(),
        some => some.iter().try_fold(Kubeconfig::default(), |all, path| {
            all.merge(Kubeconfig::read_from(path)?)
        }),
    };
    read.map_err(|error| error.to_string())
}

fn has_context(kubeconfig: &Kubeconfig, name: &str) -> Result<(), String> {
    let contexts = || {
        let contexts = kubeconfig.contexts.iter();
        contexts.map(|context| context.name.as_str())
    };
    if contexts().any(|context| context == name) {
        return Ok(());
    }
    let mut message = format!("the kubeconfig has no context {name}");
    if let Some(near) = name::nearest(name, contexts()) {
        message.push_str(&format!("; do you mean {near}?"));
    }
    Err(message)
}

/// Whoever asks the apiserver. A credential plugin runs in here, and takes its time: it may wait for a person. So it has a
/// thread of its own, and Ctrl-C and the end of the time are seen all the same.
pub(crate) async fn client(config: Config) -> Result<Client, Failure> {
    let runtime = Handle::current();
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _entered = runtime.enter();
        // Nobody waits any more.
        let _ = sender.send(asking(config));
    });
    match receiver.await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => {
            let why = credentials(&error).unwrap_or_else(|| text::plain(&error.to_string()));
            Err(Failure::Failed(format!(
                "the kubeconfig cannot be used: {why}"
            )))
        }
        Err(_) => Err(Failure::Failed(
            "the kubeconfig cannot be used: the thread that does has ended".to_owned(),
        )),
    }
}

fn asking(config: Config) -> Result<Client, kube::Error> {
    let client = ClientBuilder::try_from(config)?
        .with_layer(&BufferLayer::new(QUEUE))
        .with_layer(&RetryLayer::new(Throttled::new()));
    Ok(client.build())
}

/// What is wrong with a credential plugin, if that is what is. Its output, its arguments and its environment are not told.
pub(crate) fn credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    let error = causes.find_map(|error| error.downcast_ref::<AuthError>())?;
    let plugin = "a credential plugin of the kubeconfig";
    match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = text::cut(&text::plain(said.trim()), TOLD);
            Some(format!("{plugin} ended with {}: {said}", out.status))
        }
        AuthError::AuthExecStart(error) => Some(format!("{plugin} cannot be started: {error}")),
        AuthError::AuthExecParse(_) => Some(format!("{plugin} prints no ExecCredential")),
        AuthError::AuthExec(_) => Some(format!("{plugin} failed")),
        _ => None,
    }
}
