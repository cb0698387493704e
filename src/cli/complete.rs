//! Completion: kubectl asks `kubectl_complete-composio`, which is a script that asks this program.

use std::time::Duration;

use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

use crate::arguments::{Cli, Options};
use crate::failure::Failure;
use crate::print::Out;

mod values;

/// The script, for the PATH.
pub(crate) const SCRIPT: &str = "#!/bin/sh\n# kubectl asks this for completions of `kubectl composio`.\nexec kubectl composio __complete -- \"$@\"\n";
/// In cobra's words: these are all, and files are none of them.
const NO_FILES: &str = ":4";
/// Files may come too.
const FILES: &str = ":0";
/// How the arguments for the names of objects are called in `arguments.rs`: for one, and for several.
const NAME: &str = "name";
const NAMES: &str = "names";
/// Nobody who types waits longer for a cluster.
const PATIENCE: Duration = Duration::from_secs(3);

/// What may come next.
struct Candidates {
    /// Each a word, and for some a tab and what it does.
    words: Vec<String>,
    /// Whether it may be a file.
    are_files: bool,
}

impl From<Vec<String>> for Candidates {
    fn from(words: Vec<String>) -> Self {
        Self {
            words,
            are_files: false,
        }
    }
}

/// Prints what may come next, one a line. Whatever goes wrong, it is quiet: somebody is typing.
pub(crate) async fn run(words: &[String], out: &mut Out) -> Result<(), Failure> {
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.as_str(), before),
        None => ("", words),
    };
    let cli = Cli::command();
    let line = Line::of(&cli, before);
    // The shells put `--flag=` before what is found.
    let (flag, typed) = match typed.split_once('=').filter(|_| typed.starts_with("--")) {
        Some((flag, value)) => (line.flag(&cli, flag), value),
        None => (line.open, typed),
    };
    let found = async {
        match flag {
            Some(flag) => of_flag(flag, before).await,
            None => of_line(&cli, &line, before, typed).await.into(),
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    let Candidates {
        mut words,
        are_files,
    } = found.unwrap_or_else(|_| Vec::new().into());
    words.retain(|word| word.starts_with(typed));
    words.sort();
    words.dedup();
    words.push(if are_files { FILES } else { NO_FILES }.to_owned());
    out.line(&words.join("\n"))
}

/// What was typed so far.
struct Line<'a> {
    /// The command, if it was named.
    command: Option<&'a Command>,
    /// The flag whose value comes next, if one does.
    open: Option<&'a Arg>,
    /// What was typed besides commands and flags.
    names: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn of(cli: &'a Command, before: &'a [String]) -> Self {
        let mut line = Self {
            command: None,
            open: None,
            names: Vec::new(),
        };
        for word in before {
            if line.open.take().is_some() {
                continue;
            }
            if word.starts_with('-') {
                line.open = line.flag(cli, word);
                continue;
            }
            match line.command.unwrap_or(cli).find_subcommand(word) {
                Some(command) => line.command = Some(command),
                None => line.names.push(word),
            }
        }
        line
    }

    /// The flag of that word, if a value must follow it.
    fn flag(&self, cli: &'a Command, word: &str) -> Option<&'a Arg> {
        let takes_value =
            |flag: &&Arg| matches!(flag.get_action(), ArgAction::Set | ArgAction::Append);
        let is_named = |flag: &&Arg| match word.strip_prefix("--") {
            Some(long) => flag.get_long() == Some(long),
            None => {
                let short = word.strip_prefix('-').and_then(|rest| rest.chars().next());
                short.is_some() && word.chars().count() == 2 && flag.get_short() == short
            }
        };
        self.arguments(cli).filter(takes_value).find(is_named)
    }

    fn arguments(&self, cli: &'a Command) -> impl Iterator<Item = &'a Arg> {
        let own = self.command.into_iter().flat_map(Command::get_arguments);
        cli.get_arguments().chain(own)
    }
}

/// The values of a flag.
async fn of_flag(flag: &Arg, before: &[String]) -> Candidates {
    let options = options(before);
    match flag.get_long().unwrap_or_default() {
        "filename" | "kubeconfig" | "namespace-map" => Candidates {
            words: Vec::new(),
            are_files: true,
        },
        "namespace" | "operator-namespace" | "cluster-resource-namespace" => {
            values::namespaces(&options).await.into()
        }
        "context" => values::contexts(&options).into(),
        "project" => values::projects(&options).await.into(),
        _ => {
            let values = flag.get_possible_values();
            let names = values.iter().map(|value| value.get_name().to_owned());
            names.collect::<Vec<String>>().into()
        }
    }
}

/// Flags, commands and names.
async fn of_line(cli: &Command, line: &Line<'_>, before: &[String], typed: &str) -> Vec<String> {
    if typed.starts_with('-') {
        let flags = line.arguments(cli).filter(|flag| !flag.is_hide_set());
        let named = flags.filter_map(|flag| {
            let long = flag.get_long()?;
            Some(described(&format!("--{long}"), flag.get_help()))
        });
        return named.collect();
    }
    match line.command {
        None => subcommands(cli),
        Some(command) if command.has_subcommands() => subcommands(command),
        Some(command) if takes_another(command, line, before) => {
            let mut names = values::objects(&options(before)).await;
            names.retain(|name| !line.names.contains(&name.as_str()));
            names
        }
        Some(_) => Vec::new(),
    }
}

/// Whether the command takes a name more.
fn takes_another(command: &Command, line: &Line<'_>, before: &[String]) -> bool {
    let excludes = ["-A", "--all-namespaces", "-l", "--selector"];
    let is_excluded = before.iter().any(|word| excludes.contains(&word.as_str()));
    let takes = |id: &str| command.get_positionals().any(|one| one.get_id() == id);
    !is_excluded && (takes(NAMES) || (takes(NAME) && line.names.is_empty()))
}

fn subcommands(command: &Command) -> Vec<String> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| described(command.get_name(), command.get_about()))
        .collect()
}

/// The word, and what it does, as cobra has it.
fn described(word: &str, about: Option<&clap::builder::StyledStr>) -> String {
    let about = about.map(ToString::to_string).unwrap_or_default();
    match about.lines().next() {
        Some(first) => format!("{word}\t{first}"),
        None => word.to_owned(),
    }
}

/// The flags that were typed so far, among words that are not whole yet.
fn options(before: &[String]) -> Options {
    const WITH_VALUE: [&str; 6] = [
        "-n",
        "--namespace",
        "--context",
        "--kubeconfig",
        "--as",
        "--as-group",
    ];
    let mut kept = vec!["kubectl-composio".to_owned(), "completion".to_owned()];
    let mut words = before.iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        if !WITH_VALUE.contains(&name) {
            continue;
        }
        if name != word {
            kept.push(word.clone());
        } else if let Some(value) = words.next() {
            kept.extend([word.clone(), value.clone()]);
        }
    }
    Cli::try_parse_from(kept)
        .map(|cli| cli.options)
        .unwrap_or_default()
}
