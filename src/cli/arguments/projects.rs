//! Flags of the commands that talk to Composio, with the key of a project.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use composio_api::ProjectRef;
use composio_operator::arguments::BaseUrl;
use composio_operator::composio::State;

use crate::import::Template;
use crate::inventory::Finding;

/// The states of accounts that this version knows.
const STATES: [State; 7] = [
    State::Initializing,
    State::Initiated,
    State::Active,
    State::Inactive,
    State::Expired,
    State::Failed,
    State::Revoked,
];

/// Which project is meant, and where its API key may be sent.
#[derive(Debug, Args)]
pub(crate) struct ProjectOptions {
    /// The project: NAME or ComposioProject/NAME, of the namespace, or ClusterComposioProject/NAME; the only one, if
    /// not given
    #[arg(long, value_name = "PROJECT", value_parser = crate::name::project)]
    pub(crate) project: Option<ProjectRef>,
    #[command(flatten)]
    pub(crate) key: KeyOptions,
}

/// Where an API key is, and where it may be sent.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    /// URL to which the project's API key may be sent, besides the default one; may be given several times
    #[arg(long, value_name = "URL", value_parser = BaseUrl::parse)]
    pub(crate) allowed_base_url: Vec<BaseUrl>,
    /// Allow http:// in --allowed-base-url: the API key is then sent in clear text
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// Namespace of the Secrets that ClusterComposioProjects name: the operator's
    #[arg(long, value_name = "NAMESPACE", value_parser = crate::name::namespace)]
    pub(crate) cluster_resource_namespace: Option<String>,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) project: ProjectOptions,
    /// Accounts of this user alone; may be given several times
    #[arg(long, value_name = "USER")]
    pub(crate) user: Vec<String>,
    /// Accounts of this toolkit alone; may be given several times
    #[arg(long, value_name = "SLUG")]
    pub(crate) toolkit: Vec<String>,
    /// Accounts of this auth config alone; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) auth_config: Vec<String>,
    /// Accounts in this state, in Composio's words; may be given several times. ACTIVE and INACTIVE, if not given: of
    /// any other the operator would ask the user to sign in
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Vec<State>,
    /// Names of the objects: text, and {user}, {domain} (of the user, behind the last @), {toolkit}, {alias},
    /// {auth-config}, {id}
    #[arg(long, value_name = "TEMPLATE", default_value = "{user}-{toolkit}")]
    pub(crate) name_template: Template,
    /// A file that says in which namespace the objects of a user are, as YAML: `user: namespace`. Others are in the
    /// namespace of -n, or left out where that is not given
    #[arg(long, value_name = "FILE")]
    pub(crate) namespace_map: Option<PathBuf>,
    /// Namespaces of the users whom --namespace-map does not name, of the same parts, such as team-{user}. What would not
    /// be a namespace as it stands is left out, and so is kube-…: whoever names users at Composio has a say in it
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) namespace_template: Option<Template>,
    /// Also accounts whose alias is that of an object which is not here: another cluster may manage them
    #[arg(long)]
    pub(crate) include_computed: bool,
    /// Make the objects, instead of printing their manifests
    #[arg(long)]
    pub(crate) apply: bool,
    /// Make none: client, tell which would be made; server, have the apiserver judge each
    #[arg(long, value_name = "WHERE")]
    pub(crate) dry_run: Option<DryRun>,
}

/// Arguments of `inventory`.
#[derive(Debug, Args)]
pub(crate) struct Inventory {
    #[command(flatten)]
    pub(crate) project: ProjectOptions,
    /// Only what was found so; may be given several times
    #[arg(long, value_name = "FOUND")]
    pub(crate) only: Vec<Finding>,
    /// Delete sign-ins that were never finished: EXPIRED after INITIATION_TIMEOUT, older than a day, and with the alias
    /// of no object, here or in another cluster. Each is looked at once more before
    #[arg(long, value_name = "WHAT", conflicts_with = "only")]
    pub(crate) prune: Option<Prune>,
    /// Delete nothing, and tell what would be
    #[arg(long, requires = "prune")]
    pub(crate) dry_run: bool,
    /// Delete without asking
    #[arg(long, requires = "prune")]
    pub(crate) yes: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The manifests; - is the standard input. May be given several times
    #[arg(short, long, value_name = "FILE", required = true)]
    pub(crate) filename: Vec<String>,
    /// Tell what would come of deleting the objects
    #[arg(long)]
    pub(crate) delete: bool,
    /// Look at no account: take each to be as the status tells
    #[arg(long)]
    pub(crate) status_only: bool,
    #[command(flatten)]
    pub(crate) key: KeyOptions,
}

/// What can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prune {
    /// Sign-ins that were never finished.
    Abandoned,
}

/// Where it is judged what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// Here.
    Client,
    /// By the apiserver, which stores nothing.
    Server,
}

/// Arguments of `webhook`.
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

/// What to do with the webhook of a project.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Make Composio report expired accounts to an address, and keep the signing secret in a Secret
    ///
    /// A project has one webhook subscription. If there is one already, for instance for an application, nothing is
    /// changed, and its receiver can forward events. The Secret is created with your permissions; if that fails, the
    /// subscription is deleted again.
    #[command(after_long_help = crate::sessions::REGISTER)]
    Register(Box<Register>),
}

/// Arguments of `webhook register`.
#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) project: ProjectOptions,
    /// Where Composio sends events: a public https:// address
    #[arg(long, value_name = "URL", value_parser = https)]
    pub(crate) url: String,
    /// The Secret to make; PROJECT-webhook, if not given
    #[arg(long, value_name = "NAME", value_parser = crate::name::object)]
    pub(crate) secret: Option<String>,
}

fn state(word: &str) -> Result<State, String> {
    match State::from(word.to_uppercase().as_str()) {
        State::Unknown(_) => {
            let known = STATES.map(|state| state.to_string());
            Err(format!("is none of {}", known.join(", ")))
        }
        state => Ok(state),
    }
}

fn https(text: &str) -> Result<String, String> {
    let parsed = text.parse::<http::Uri>().ok();
    let is_https = parsed.is_some_and(|uri| {
        let host = uri.host().unwrap_or_default();
        uri.scheme_str() == Some("https") && !host.is_empty()
    });
    match is_https {
        true => Ok(text.to_owned()),
        false => Err("must be an address that begins with https:// and a host".to_owned()),
    }
}
