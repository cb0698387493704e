//! What the operator costs, on a real control plane and against the emulated Composio.
//!
//! `cargo bench --bench operator` measures 100, 1,000, 5,000 and 10,000 accounts, prints a table and writes it
//! to `target/bench.json`. `-- --sizes 50000` measures another size, `-- --smoke` one of 100 in short, a few projects
//! and a few returns, and fails where a count is not what it must be; no time is judged. `-- --projects 1000` measures
//! so many projects with ten accounts each, or with as many as `--accounts` says: `-- --projects 4 --accounts 25000`
//! measures 100,000 that are connected. `-- --beside 200` so many links of a quiet namespace, alone and beside a
//! namespace that does each of five things a hundred times in a second, and `-- --returns 250` so many people who come back to the connect page and whose accounts then expire, and
//! the page with 100,000 accounts. `-- --peer 10000` measures so many accounts beside a plain operator of controller-runtime (`tests/peer`),
//! in three rounds or in `--rounds`; with `--profile` it writes on what the apiserver spent the first ten seconds of each
//! part of the last round to `target/bench-*.pprof`, for `go tool pprof`. That costs it a little more. Of more than 50,000
//! accounts the deletion is not measured.
//!
//! Of the accounts half are links, four tenths are links of shared accounts, and a tenth is made from
//! Secrets; with `--mix links` or `--mix secrets` all are. Beside the operator, a bare loop makes the same calls and
//! writes, so that each time is a ratio.

#[allow(dead_code, reason = "each binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod beside;
mod counts;
mod events;
mod many;
mod meter;
mod noise;
mod part;
mod peer;
mod profile;
mod raw;
mod returns;
mod run;
mod stage;
mod table;

use std::process::ExitCode;

use beside::Beside;
use many::Many;
use peer::Peer;
use returns::Returns;
use run::Measured;
use serde_json::json;
use stage::Mix;

/// What is asked on the command line.
struct Arguments {
    sizes: Vec<usize>,
    projects: Vec<usize>,
    accounts: usize,
    beside: Vec<usize>,
    peer: Vec<usize>,
    rounds: usize,
    profile: bool,
    mix: Mix,
    returns: Vec<usize>,
    smoke: bool,
    concurrency: u16,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(wrong) => {
            table::say(&wrong);
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    runtime.block_on(async {
        let mut all = Vec::new();
        for size in &arguments.sizes {
            all.push(
                run::measure(*size, arguments.mix, arguments.concurrency, arguments.smoke).await,
            );
        }
        let mut many = Vec::new();
        for projects in &arguments.projects {
            let (accounts, concurrency) = (arguments.accounts, arguments.concurrency);
            many.push(many::measure(*projects, accounts, concurrency, arguments.smoke).await);
        }
        let mut beside = Vec::new();
        for links in &arguments.beside {
            beside.push(beside::measure(*links, arguments.concurrency).await);
        }
        let mut peer = Vec::new();
        for size in &arguments.peer {
            peer.push(
                peer::measure(
                    *size,
                    arguments.mix,
                    arguments.concurrency,
                    arguments.rounds,
                    arguments.profile,
                )
                .await,
            );
        }
        let mut returns = Vec::new();
        for people in &arguments.returns {
            let accounts = if arguments.smoke { 1_000 } else { 100_000 };
            returns.push(returns::measure(*people, accounts).await);
        }
        if !all.is_empty() {
            table::print(&all);
            table::print_growth(&all);
        }
        many.iter().for_each(Many::print);
        beside.iter().for_each(Beside::print);
        peer.iter().for_each(Peer::print);
        returns.iter().for_each(Returns::print);
        let results = json!({
            "sizes": all, "projects": many, "beside": beside, "peer": peer, "returns": returns,
        });
        table::write(results).expect("target/ can be written to");
        let wrong: Vec<String> = match arguments.smoke {
            true => {
                let of_sizes = all.iter().flat_map(Measured::wrong_counts);
                of_sizes
                    .chain(many.iter().flat_map(Many::wrong_counts))
                    .chain(peer.iter().flat_map(Peer::wrong_counts))
                    .chain(returns.iter().flat_map(Returns::wrong_counts))
                    .collect()
            }
            false => Vec::new(),
        };
        for one in &wrong {
            table::say(&format!("WRONG: {one}"));
        }
        match wrong.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    })
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        sizes: vec![100, 1_000, 5_000, 10_000],
        projects: Vec::new(),
        accounts: many::ACCOUNTS,
        beside: Vec::new(),
        peer: Vec::new(),
        rounds: 3,
        profile: false,
        mix: Mix::default(),
        returns: Vec::new(),
        smoke: false,
        concurrency: 16,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = |what: &str| words.next().ok_or_else(|| format!("{word} needs {what}"));
        match word.as_str() {
            // Given by cargo.
            "--bench" => {}
            "--smoke" => {
                arguments.smoke = true;
                arguments.sizes = vec![100];
                arguments.projects = vec![4];
                arguments.peer = vec![100];
                arguments.rounds = 1;
                arguments.returns = vec![20];
            }
            "--projects" | "--beside" | "--peer" | "--returns" => {
                let text = number("a number")?;
                let many = text.parse().map_err(|_| format!("{text} is no number"))?;
                arguments.sizes.clear();
                match word.as_str() {
                    "--projects" => arguments.projects = vec![many],
                    "--peer" => arguments.peer = vec![many],
                    "--returns" => arguments.returns = vec![many],
                    _ => arguments.beside = vec![many],
                }
            }
            "--sizes" => {
                let sizes = number("numbers, separated by commas")?;
                arguments.sizes = sizes
                    .split(',')
                    .map(|size| size.parse().map_err(|_| format!("{size} is no number")))
                    .collect::<Result<_, _>>()?;
            }
            "--profile" => arguments.profile = true,
            "--rounds" => {
                let text = number("a number")?;
                arguments.rounds = text.parse().map_err(|_| format!("{text} is no number"))?;
            }
            "--accounts" => {
                let text = number("a number")?;
                arguments.accounts = text.parse().map_err(|_| format!("{text} is no number"))?;
            }
            "--mix" => arguments.mix = number("usual, links or secrets")?.parse()?,
            "--concurrency" => {
                let text = number("a number")?;
                arguments.concurrency = text.parse().map_err(|_| format!("{text} is no number"))?;
            }
            other => {
                return Err(format!(
                    "what is {other}? See the head of tests/bench/main.rs"
                ));
            }
        }
    }
    Ok(arguments)
}
