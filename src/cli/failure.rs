//! Why a command ends with another code than 0, in words that say what to do.

use std::{fmt, io};

use composio_operator::log::cause;
use kube::core::Status;

use crate::{kubeconfig, text};

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output has closed the pipe: no failure.
    BrokenPipe,
    /// It was called in a way that cannot be.
    Usage(String),
    /// It failed.
    Failed(String),
    /// Something differs, as was asked: what is told of it was printed.
    Differs,
    /// A wait took longer than `--timeout`.
    TimedOut(String),
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Failed(_) | Self::Differs => 1,
            Self::Usage(_) => 2,
            Self::TimedOut(_) => 124,
            // As of a shell: 128, and the number of the signal.
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenPipe => f.write_str("nobody reads the output"),
            Self::Usage(why) | Self::Failed(why) | Self::TimedOut(why) => f.write_str(why),
            Self::Differs => f.write_str("something differs"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Terminated => f.write_str("told to end"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}

/// A question to the apiserver, as a role names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'a> {
    /// `get`, `list`, …
    pub(crate) verb: &'static str,
    /// The API group; empty: the core one.
    pub(crate) group: &'static str,
    /// The resource.
    pub(crate) resource: &'static str,
    /// The namespace; `None`: all, or the resource is in none.
    pub(crate) namespace: Option<&'a str>,
}

impl<'a> Right<'a> {
    /// A right on ConnectedAccounts.
    pub(crate) fn on_accounts(verb: &'static str, namespace: Option<&'a str>) -> Self {
        Self {
            verb,
            group: "composio.dev",
            resource: "connectedaccounts",
            namespace,
        }
    }
}

impl fmt::Display for Right<'_> {
    /// `patch connectedaccounts.composio.dev in namespace agents`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in all namespaces"),
        }
    }
}

/// What the apiserver's answer to that question means.
pub(crate) fn of(error: kube::Error, right: Right<'_>) -> Failure {
    Failure::Failed(describe(&error, right))
}

/// The same in words.
pub(crate) fn describe(error: &kube::Error, right: Right<'_>) -> String {
    let kube::Error::Api(status) = error else {
        let why = kubeconfig::credentials(error).unwrap_or_else(|| text::plain(&cause(error)));
        return format!("the cluster cannot be asked: {why}");
    };
    match status.code {
        _ if is_webhooks_word(status) => refusal(status),
        401 => "the cluster does not know you: the credentials in the kubeconfig are missing, wrong or too old".to_owned(),
        403 if is_about_rights(status) => {
            let group = match right.group {
                "" => "\"\"",
                group => group,
            };
            format!(
                "you may not {right}: ask for the verb {:?} on the resource {:?} of the API group {group}",
                right.verb, right.resource
            )
        }
        404 if status.details.is_none() || is_no_kind(&status.message) => NO_DEFINITION.to_owned(),
        _ => refusal(status),
    }
}

/// Whether the caller lacks the right that the question needs.
pub(crate) fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && is_about_rights(status))
}

/// Whether the apiserver, or an admission policy, does not take this object, and may take another.
pub(crate) fn is_refusal(status: &Status) -> bool {
    [400, 409, 422].contains(&status.code)
        || (status.code == 403 && !is_about_rights(status))
        || is_webhooks_word(status)
}

/// Why the apiserver does not take an object, in its own words, but where it does not know all of its fields.
pub(crate) fn refusal(status: &Status) -> String {
    let message = text::plain(status.message.trim());
    let Some((of, unknown)) = message.split_once(STRICT) else {
        return message;
    };
    let fields: Vec<&str> = unknown
        .split(UNKNOWN)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    if fields.is_empty() {
        return message;
    }
    // Of a patch the apiserver does not say it.
    let kind = of.split_whitespace().next().unwrap_or_default();
    let is_kind = kind.starts_with(|first: char| first.is_ascii_uppercase());
    let of_kind = match is_kind {
        true => format!(" of {kind}"),
        false => String::new(),
    };
    format!(
        "the definition{of_kind} in this cluster does not know {}, and would drop it: it is misspelt, or the definition is \
         older than this program, and composio-operator crd prints the new one",
        fields.join(", ")
    )
}

/// Behind it the apiserver lists what an object has too much.
const STRICT: &str = "strict decoding error: ";
/// Before the name of a field, and a quote.
const UNKNOWN: &str = "unknown field \"";

/// Where the apiserver has no such resource.
pub(crate) const NO_DEFINITION: &str = "this cluster has no ConnectedAccounts of the version v1alpha1: the operator is not installed, or is another release";

/// Whether the apiserver's authorizer says it, in its one form: `RESOURCE "NAME" is forbidden: User "USER" cannot VERB
/// resource …`. An admission policy has words of its own, which may be any, behind words that are not these.
fn is_about_rights(status: &Status) -> bool {
    let Some((of, why)) = status.message.split_once("forbidden: ") else {
        return false;
    };
    // Before it stand the resource and the name of the object alone, or nothing.
    let is_of_object = of.is_empty() || of.ends_with(" is ") && of.split_whitespace().count() <= 3;
    let asked = why
        .strip_prefix("User \"")
        .and_then(|rest| rest.split_once("\" cannot "));
    is_of_object
        && status.code == 403
        && status.reason == "Forbidden"
        && asked.is_some_and(|(_, rest)| rest.contains(" resource \"") || rest.contains(" path \""))
}

/// Whether an admission webhook does not take the object: it may say so with any code.
fn is_webhooks_word(status: &Status) -> bool {
    let message = &status.message;
    message.starts_with("admission webhook \"") && message.contains("\" denied the request")
}

fn is_no_kind(message: &str) -> bool {
    message.contains("could not find the requested resource")
        || message.contains("404 page not found")
}
