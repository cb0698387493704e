//! Commands and flags, named as kubectl names them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use composio_api::{ProjectRef, Scheme};
use composio_operator::arguments::values::duration;

use crate::sessions;

mod projects;
pub(crate) use projects::{
    Diff, DryRun, Import, Inventory, KeyOptions, Register, Webhook, WebhookCommand,
};

/// Connected accounts from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-composio",
    bin_name = "kubectl composio",
    version,
    about = "Manage Composio connected accounts that are declared in a cluster",
    after_help = "Exit codes: 0 done; 1 failed; 2 invalid usage; 124 --timeout, or a wait, ran out; 130 Ctrl-C; 143 SIGTERM. Those of `diff` are in its help.\n\
                  Only `connect` prints a connect link; all other commands print (hidden) instead."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Flags of every command")]
pub(crate) struct Options {
    /// Namespace of the objects; that of the kubeconfig, if not given
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_parser = crate::name::namespace)]
    pub(crate) namespace: Option<String>,
    /// Context of the kubeconfig; its current one, if not given
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig; $KUBECONFIG or ~/.kube/config, if not given
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) as_user: Option<String>,
    /// Groups of that user; may be given several times
    #[arg(long, global = true, value_name = "GROUP", requires = "as_user")]
    pub(crate) as_group: Vec<String>,
    /// Form of the output
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORM",
        default_value = "table"
    )]
    pub(crate) output: Output,
    /// Omit the first line of a table
    #[arg(long, global = true)]
    pub(crate) no_headers: bool,
    /// Longest time for the whole command, such as 30s or 10m. What is waited for, if not given: 1m for a link, 10m for a
    /// person, 2m for the operator
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Resource and name.
    Name,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is wrong, since when, and what to do
    ///
    /// With names, one screen for each; without, a table of all. It shows the events that Kubernetes still has.
    #[command(after_long_help = sessions::STATUS)]
    Status(Status),
    /// Show which rule of the operator decides now, why, and what would come next
    ///
    /// It applies the operator's own table of decisions to the object and its account. If you may not read the API key
    /// of the project, it uses only spec and status, and says so: account not seen. The exit code is 0 in that case
    /// too, and `accountSeen` of -o json tells the two apart. Nothing is changed.
    #[command(after_long_help = sessions::EXPLAIN)]
    Explain(Explain),
    /// Print the link that the declared user must open, and ask for one if there is none
    ///
    /// Whoever opens the link connects their own account, so give it to the declared user only. It is printed to a
    /// terminal; elsewhere only with --print-link.
    #[command(after_long_help = sessions::CONNECT)]
    Connect(Connect),
    /// Make the operator check again
    #[command(after_long_help = sessions::RECONCILE)]
    Reconcile(Selection),
    /// Make the operator observe accounts and change nothing
    #[command(after_long_help = sessions::SUSPEND)]
    Suspend(Selection),
    /// Undo `suspend`
    #[command(after_long_help = sessions::SUSPEND)]
    Resume(Selection),
    /// Declare an account
    #[command(after_long_help = sessions::CREATE)]
    Create(Create),
    /// Write manifests for the accounts of a project that no object manages
    ///
    /// Each takes its account over as it is: no sign-in, no change at Composio, and, if the project allows that, the
    /// account stays when the object is deleted. A comment says what a manifest cannot. The same accounts give the same
    /// output.
    #[command(after_long_help = sessions::IMPORT)]
    Import(Box<Import>),
    /// List the accounts of a project: which are declared, and what is wrong with the others
    ///
    /// An account that no object manages is `undeclared`, or `elsewhere` if its alias is that of an object that is not
    /// in this cluster. An `abandoned` account never had a grant. Of several active accounts of one user and toolkit
    /// agents use the newest; the others are `duplicate`. An object whose account does not exist is `gone`.
    #[command(after_long_help = sessions::INVENTORY)]
    Inventory(Inventory),
    /// Show what the operator would do if the ConnectedAccounts of a file were applied or deleted
    ///
    /// It applies the operator's own table of decisions to each manifest, the existing object, and its account. If you
    /// may not read the API key of the project, it uses only spec and status, and says so: account not seen. Nothing is
    /// changed. As with kubectl diff, the exit code is 0 if nothing would be done, 1 if something would, and higher if
    /// that is not known: 2 if it failed, 124 if --timeout ran out, 130 and 143 if it was stopped.
    #[command(after_long_help = sessions::DIFF)]
    Diff(Diff),
    /// Register where Composio reports expired accounts
    Webhook(Webhook),
    /// Check the definitions, the operator and your own permissions
    #[command(after_long_help = sessions::CHECK)]
    Check(Check),
    /// Show the version of this program and of the definition in the cluster
    #[command(after_long_help = sessions::VERSION)]
    Version(Version),
    /// Print the script with which kubectl completes `kubectl composio`
    ///
    /// Put it on the PATH: kubectl composio completion > ~/.local/bin/kubectl_complete-composio; chmod +x that.
    Completion,
    /// Asked by that script
    #[command(name = "__complete", hide = true)]
    Complete(Complete),
    /// Print all of this as Markdown
    #[command(hide = true)]
    Reference,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Objects; all, if none is named
    #[arg(value_name = "NAME", conflicts_with_all = ["selector", "all_namespaces"], value_parser = crate::name::object)]
    pub(crate) names: Vec<String>,
    /// Those with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(crate) selector: Option<String>,
    /// Those in all namespaces, whatever -n says
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only those that are not as declared, or whose ConfigMap is not written
    #[arg(long)]
    pub(crate) problems: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The object
    #[arg(value_parser = crate::name::object)]
    pub(crate) name: String,
    /// Do not look at the account: take it to be as the status tells
    #[arg(long)]
    pub(crate) status_only: bool,
    #[command(flatten)]
    pub(crate) key: KeyOptions,
}

/// Arguments of `connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The object
    #[arg(value_parser = crate::name::object)]
    pub(crate) name: String,
    /// Wait until the account is connected
    #[arg(long)]
    pub(crate) wait: bool,
    /// Open the connect page in a browser; never a link, which would show up in the list of processes
    #[arg(long)]
    pub(crate) open: bool,
    /// Print the link even if there is no terminal, or if $CI is set
    #[arg(long)]
    pub(crate) print_link: bool,
}

/// Which objects, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The objects
    #[arg(value_name = "NAME", required_unless_present_any = ["selector", "project"], conflicts_with_all = ["selector", "project"], value_parser = crate::name::object)]
    pub(crate) names: Vec<String>,
    /// Those with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(crate) selector: Option<String>,
    /// Those of this project: NAME or ComposioProject/NAME, or ClusterComposioProject/NAME
    #[arg(long, value_name = "PROJECT", value_parser = crate::name::project)]
    pub(crate) project: Option<ProjectRef>,
    /// Wait until the operator has done it
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Arguments of `create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Toolkit slug, such as gmail
    pub(crate) toolkit: String,
    /// Composio's id of the user whose account it is
    #[arg(long)]
    pub(crate) user: String,
    /// Name of the object; made of user and toolkit, if not given
    #[arg(long, value_parser = crate::name::object)]
    pub(crate) name: Option<String>,
    /// Auth config to connect through; the toolkit's only one, if not given
    #[arg(long, value_name = "ID")]
    pub(crate) auth_config: Option<String>,
    /// Project of the account: NAME or ComposioProject/NAME, or ClusterComposioProject/NAME; ComposioProject/default, if
    /// not given
    #[arg(long, value_name = "PROJECT", value_parser = crate::name::project)]
    pub(crate) project: Option<ProjectRef>,
    /// Make the account from this Secret, without a person
    #[arg(long, value_name = "SECRET", requires = "scheme", value_parser = crate::name::object)]
    pub(crate) from_secret: Option<String>,
    /// What the Secret holds, in Composio's words, such as API_KEY
    #[arg(long, value_parser = scheme)]
    pub(crate) scheme: Option<Scheme>,
    /// Print the manifest and create nothing
    #[arg(long)]
    pub(crate) export: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Namespace of the operator; looked for in all, if not given
    #[arg(long, value_name = "NAMESPACE", value_parser = crate::name::namespace)]
    pub(crate) operator_namespace: Option<String>,
}

/// Arguments of `version`.
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// That of this program alone
    #[arg(long)]
    pub(crate) client: bool,
    /// Namespace of the operator; looked for in all, if not given
    #[arg(long, value_name = "NAMESPACE", value_parser = crate::name::namespace)]
    pub(crate) operator_namespace: Option<String>,
}

/// Arguments of `__complete`.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// What was typed so far
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

fn scheme(word: &str) -> Result<Scheme, String> {
    let quoted = serde_json::Value::String(word.to_uppercase());
    serde_json::from_value(quoted).map_err(|_| {
        format!("{word:?} is none of the schemes without a person, such as API_KEY or BEARER_TOKEN")
    })
}
