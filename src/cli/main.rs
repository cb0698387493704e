//! `kubectl composio`: connected accounts from the command line, with the rights of whoever calls it.
//!
//! | module | is |
//! |---|---|
//! | [`arguments`] | commands and flags |
//! | [`kubeconfig`] | the way to the apiserver |
//! | [`cluster`] | every question to it |
//! | [`strict`] | writes of which the apiserver drops nothing |
//! | [`failure`] | why a command ends with another code than 0, in words |
//! | [`name`] | names as they are typed |
//! | [`redact`] | links, which `connect` alone prints |
//! | [`text`] | foreign text on a terminal |
//! | [`print`](mod@print) | tables, JSON, YAML, names |
//! | [`view`] | what is read of an object |
//! | [`interrupt`] | Ctrl-C |
//! | [`input`] | the standard input |
//! | [`watch`] | waiting for what an object comes to say |
//! | [`project`] | which project is meant |
//! | [`composio`] | the way to Composio, and the only place that holds an API key |
//! | [`rows`] | the accounts of a project |
//! | [`access`] | what may be looked at for an object |
//! | [`foresee`] | what would come of a decision |
//! | [`objects`] | which objects manage them |
//! | [`each`] | the same done to several objects |
//! | [`annotate`] | requests to the operator by annotation |
//! | [`ask`](mod@ask) | asking for a link |
//! | the others | one command each |

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod access;
mod annotate;
mod arguments;
mod ask;
mod check;
mod cluster;
mod complete;
mod composio;
mod connect;
mod create;
mod diff;
mod each;
mod explain;
mod failure;
mod foresee;
mod import;
mod input;
mod interrupt;
mod inventory;
mod kubeconfig;
mod name;
mod objects;
mod pages;
mod print;
mod project;
mod reconcile;
mod redact;
mod reference;
mod rows;
mod sessions;
mod status;
mod strict;
mod suspend;
mod text;
mod throttled;
mod version;
mod view;
mod watch;
mod webhook;

use arguments::{Cli, Command, WebhookCommand};
use failure::Failure;
use interrupt::Stop;
use print::Out;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // Fails when there is one already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut out = Out::new(&cli.options);
    match run(&cli, &mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        // Who has read enough has closed the pipe: there is nobody to tell, and nothing failed.
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        // It was printed: a word more would stand in the way of who compares it.
        Err(failure @ Failure::Differs) => ExitCode::from(failure.code()),
        Err(failure) => {
            out.end_count();
            out.complain(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

async fn run(cli: &Cli, out: &mut Out) -> Result<(), Failure> {
    let options = &cli.options;
    match &cli.command {
        Command::Status(arguments) => {
            let mut stop = Stop::of(options, "status")?;
            stop.or(status::run(options, arguments, out)).await
        }
        Command::Explain(arguments) => {
            let mut stop = Stop::of(options, "explain")?;
            stop.or(explain::run(options, arguments, out)).await
        }
        Command::Connect(arguments) => {
            let mut stop = Stop::of(options, "connect")?;
            connect::run(options, arguments, &mut stop, out).await
        }
        Command::Reconcile(selection) => {
            let mut stop = Stop::of(options, "reconcile")?;
            reconcile::run(options, selection, &mut stop, out).await
        }
        Command::Suspend(selection) => {
            let mut stop = Stop::of(options, "suspend")?;
            suspend::run(options, selection, true, &mut stop, out).await
        }
        Command::Resume(selection) => {
            let mut stop = Stop::of(options, "resume")?;
            suspend::run(options, selection, false, &mut stop, out).await
        }
        Command::Create(arguments) => {
            let mut stop = Stop::of(options, "create")?;
            stop.or(create::run(options, arguments, out)).await
        }
        Command::Import(arguments) => {
            let mut stop = Stop::of(options, "import")?;
            stop.or(import::run(options, arguments, out)).await
        }
        Command::Inventory(arguments) => {
            let mut stop = Stop::of(options, "inventory")?;
            stop.or(inventory::run(options, arguments, out)).await
        }
        Command::Diff(arguments) => {
            let mut stop = Stop::of(options, "diff")?;
            stop.or(diff::run(options, arguments, out)).await
        }
        Command::Webhook(webhook) => match &webhook.command {
            WebhookCommand::Register(arguments) => {
                let mut stop = Stop::of(options, "webhook register")?;
                webhook::register(options, arguments, &mut stop, out).await
            }
        },
        Command::Check(arguments) => {
            let mut stop = Stop::of(options, "check")?;
            stop.or(check::run(options, arguments, out)).await
        }
        Command::Version(arguments) => {
            let mut stop = Stop::of(options, "version")?;
            stop.or(version::run(options, arguments, out)).await
        }
        Command::Completion => out.text(complete::SCRIPT),
        Command::Complete(arguments) => complete::run(&arguments.words, out).await,
        Command::Reference => out.text(&reference::of(Cli::command())),
    }
}
