//! Completion: kubectl asks `kubectl_complete-composio`, which is a script that asks this program.

use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

use crate::arguments::{Cli, Options};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::print::Out;

/// The script, for the PATH.
pub(crate) const SCRIPT: &str = "#!/bin/sh\n# kubectl asks this for completions of `kubectl composio`.\nexec kubectl composio __complete -- \"$@\"\n";
/// In cobra's words: these are all, and files are none of them.
const NO_FILES: &str = ":4";
/// Commands that take names of objects.
const TAKE_NAMES: [&str; 6] = [
    "status",
    "explain",
    "connect",
    "reconcile",
    "suspend",
    "resume",
];

/// Prints what may come next, one a line. Whatever goes wrong, it is quiet: somebody is typing.
pub(crate) async fn run(words: &[String], out: &mut Out) -> Result<(), Failure> {
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.as_str(), before),
        None => ("", words),
    };
    let mut found = candidates(before, typed).await;
    found.retain(|word| word.starts_with(typed));
    found.sort();
    found.dedup();
    found.push(NO_FILES.to_owned());
    out.line(&found.join("\n"))
}

async fn candidates(before: &[String], typed: &str) -> Vec<String> {
    let cli = Cli::command();
    let within = |command: &'_ Command| {
        let nested = before.iter().find_map(|word| command.find_subcommand(word));
        nested.cloned()
    };
    let first = within(&cli);
    let command = first.as_ref().and_then(within).or(first);
    let command = command.as_ref();
    if let Some(flag) = before.last().and_then(|last| flag(&cli, command, last)) {
        let values = flag.get_possible_values();
        let names = values.iter().map(|value| value.get_name().to_owned());
        return names.collect();
    }
    if typed.starts_with('-') {
        return arguments(&cli, command)
            .filter(|flag| !flag.is_hide_set())
            .filter_map(|flag| flag.get_long().map(|long| format!("--{long}")))
            .collect();
    }
    match command {
        None => subcommands(&cli),
        Some(command) if command.has_subcommands() => subcommands(command),
        Some(command) if TAKE_NAMES.contains(&command.get_name()) => objects(before).await,
        Some(_) => Vec::new(),
    }
}

fn subcommands(command: &Command) -> Vec<String> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect()
}

fn arguments<'a>(cli: &'a Command, command: Option<&'a Command>) -> impl Iterator<Item = &'a Arg> {
    let own = command.into_iter().flat_map(Command::get_arguments);
    cli.get_arguments().chain(own)
}

/// The flag of that word, if a value must follow it.
fn flag<'a>(cli: &'a Command, command: Option<&'a Command>, word: &str) -> Option<&'a Arg> {
    let takes_value = |flag: &&Arg| matches!(flag.get_action(), ArgAction::Set | ArgAction::Append);
    let is_named = |flag: &&Arg| match word.strip_prefix("--") {
        Some(long) => flag.get_long() == Some(long),
        None => {
            let short = word.strip_prefix('-').and_then(|rest| rest.chars().next());
            short.is_some() && word.chars().count() == 2 && flag.get_short() == short
        }
    };
    arguments(cli, command).filter(takes_value).find(is_named)
}

/// The names of the objects where the flags that were typed lead.
async fn objects(before: &[String]) -> Vec<String> {
    let options = options(before);
    let Ok(cluster) = Cluster::of(&options).await else {
        return Vec::new();
    };
    let found = cluster.list(Some(&cluster.namespace), None).await;
    let found = found.unwrap_or_default();
    let names = found
        .iter()
        .filter_map(|object| object["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
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
        kept.push(word.clone());
        if name == word {
            kept.extend(words.next().cloned());
        }
    }
    Cli::try_parse_from(kept)
        .map(|cli| cli.options)
        .unwrap_or_default()
}
