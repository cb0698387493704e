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
    about = "Composio connected accounts, as they are declared in a cluster",
    after_help = "Exit codes: 0 it is done; 1 it failed; 2 it was called in a way that cannot be; 124 --timeout, or a wait, ran out; 130 Ctrl-C; 143 SIGTERM. Those of `diff` are in its help.\n\
                  A connect link is printed by `connect` alone, everywhere else stands (hidden)."
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
    /// User in whose place it is done
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
    /// Leave out the first line of a table
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
    /// Tell what is wrong, since when, and what to do
    ///
    /// With names one screen for each; without, a table of all. Events are those that Kubernetes still has.
    #[command(after_long_help = sessions::STATUS)]
    Status(Status),
    /// Tell which rule of the operator decides now, what it goes by, and what would come next
    ///
    /// It is the operator's own table of decisions, asked about the object and its account. Whoever may not read the API
    /// key of the project is told from status and spec alone: account not seen. The exit code is 0 then too, and
    /// `accountSeen` of -o json says which it was. Nothing is changed.
    #[command(after_long_help = sessions::EXPLAIN)]
    Explain(Explain),
    /// Print the link that the declared user must open, and ask for one if there is none
    ///
    /// Whoever opens the link connects an account of their own, so it is for the declared user alone. It is
    /// printed to a terminal, and elsewhere only with --print-link.
    #[command(after_long_help = sessions::CONNECT)]
    Connect(Connect),
    /// Have the operator look again, afresh
    #[command(after_long_help = sessions::RECONCILE)]
    Reconcile(Selection),
    /// Have the operator observe accounts and change nothing
    #[command(after_long_help = sessions::SUSPEND)]
    Suspend(Selection),
    /// Take `suspend` back
    #[command(after_long_help = sessions::SUSPEND)]
    Resume(Selection),
    /// Declare an account
    #[command(after_long_help = sessions::CREATE)]
    Create(Create),
    /// Write manifests for the accounts of a project that no object manages
    ///
    /// Each takes its account over as it is: no sign-in, no change at Composio, and the account stays when the object
    /// goes. What a manifest cannot say stands in a comment. The same accounts give the same output.
    #[command(after_long_help = sessions::IMPORT)]
    Import(Box<Import>),
    /// List the accounts of a project: which are declared, and what is wrong with the others
    ///
    /// An account that no object manages is `undeclared`, or `elsewhere` where its alias is that of an object which is
    /// not here. An `abandoned` one never had a grant. Of several active accounts of one user and toolkit agents take
    /// the newest, and the others are a `duplicate`. An object whose account is not there is `gone`.
    #[command(after_long_help = sessions::INVENTORY)]
    Inventory(Inventory),
    /// Tell what the operator would do if the ConnectedAccounts of a file were applied, or deleted
    ///
    /// It is the operator's own table of decisions, asked about each manifest, the object that is there, and its account.
    /// Whoever may not read the API key of the project is told from status and spec alone: account not seen. Nothing is
    /// changed. As of kubectl diff the exit code is 0 where nothing would be done, 1 where something would, and more where
    /// that cannot be told: 2 where it failed, 124 where --timeout ran out, 130 and 143 where it was stopped.
    #[command(after_long_help = sessions::DIFF)]
    Diff(Diff),
    /// Where Composio tells of accounts that have expired
    Webhook(Webhook),
    /// Tell whether the definitions, the operator and your own rights are there
    #[command(after_long_help = sessions::CHECK)]
    Check(Check),
    /// Tell the version of this program and of the definition in the cluster
    #[command(after_long_help = sessions::VERSION)]
    Version(Version),
    /// Print the script by which kubectl completes `kubectl composio`
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
    /// Those of all namespaces, whatever -n says
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Those alone that are not as declared, or whose ConfigMap is not written
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
    /// Open the connect page in a browser; never a link, which would stand in the list of processes
    #[arg(long)]
    pub(crate) open: bool,
    /// Print the link also where no terminal is, or $CI is set
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
