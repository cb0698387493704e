//! The results as a table for people and as JSON for programs.

use std::io::{self, Write};
use std::process::Command;

use serde_json::{Value, json};

use super::run::Measured;

pub(crate) fn say(text: &str) {
    // With standard output closed there is nobody to tell.
    let _ = writeln!(io::stdout(), "{text}");
}

/// One row a figure, one column a size.
pub(crate) fn print(all: &[Measured]) {
    type Figure = fn(&Measured) -> String;
    let figures: [(&str, Figure); 31] = [
        ("raw: calls a second", |one| {
            let void = one.raw_rate < one.raw_least_rate;
            format!("{:.0}{}", one.raw_rate, if void { " (void)" } else { "" })
        }),
        ("onboard: seconds", |one| seconds(one.onboard.seconds)),
        ("onboard: raw seconds", |one| {
            seconds(one.raw_onboard_seconds)
        }),
        ("onboard: times raw", |one| {
            ratio(one.onboard.seconds, one.raw_onboard_seconds)
        }),
        ("onboard: CPU seconds", |one| {
            seconds(one.onboard.cpu_seconds)
        }),
        ("onboard: Composio writes an account", |one| {
            ratio(one.onboard.effects() as f64, one.size as f64)
        }),
        ("onboard: Composio requests an account", |one| {
            ratio(one.onboard.requests() as f64, one.size as f64)
        }),
        ("onboard: kube writes an account", |one| {
            ratio(one.onboard.writes() as f64, one.size as f64)
        }),
        ("onboard: peak MB", |one| {
            format!("{:.1}", one.onboard_peak_mb)
        }),
        ("links wait: restart, seconds to ready", |one| {
            seconds(one.pending.seconds)
        }),
        ("links wait: restart, requests", |one| {
            one.pending.requests().to_string()
        }),
        ("links wait: restart, kube writes", |one| {
            one.pending.writes().to_string()
        }),
        ("consent: kube writes an account", |one| {
            ratio(one.consent.writes() as f64, one.size as f64)
        }),
        ("consent to Ready: p50 seconds", |one| {
            seconds(one.consent_p50_seconds)
        }),
        ("consent to Ready: p99 seconds", |one| {
            seconds(one.consent_p99_seconds)
        }),
        ("rest: requests a minute, resync apart", |one| {
            format!("{:.1}", one.rest.requests_a_minute())
        }),
        ("rest: kube writes", |one| one.rest.writes().to_string()),
        ("rest: % of a core", |one| {
            format!("{:.2}", 100.0 * one.rest.cpu_seconds / one.rest.seconds)
        }),
        ("rest: MB", |one| format!("{:.1}", one.rest_mb)),
        ("restart: seconds to ready", |one| {
            seconds(one.restart.seconds)
        }),
        ("restart: requests", |one| {
            one.restart.requests().to_string()
        }),
        ("restart: kube writes", |one| {
            one.restart.writes().to_string()
        }),
        ("restart: CPU seconds", |one| {
            seconds(one.restart.cpu_seconds)
        }),
        ("relist: peak MB", |one| {
            format!("{:.1}", one.relist_peak_mb)
        }),
        ("adoption: seconds", |one| seconds(one.adopt.seconds)),
        ("adoption: requests an account", |one| {
            ratio(one.adopt.requests() as f64, one.size as f64)
        }),
        ("adoption: of them for Secrets", |one| {
            ratio(one.adopt.effects() as f64, one.size as f64)
        }),
        ("adoption: peak MB", |one| {
            format!("{:.1}", one.adopt_peak_mb)
        }),
        ("delete: seconds", |one| seconds(one.delete.seconds)),
        ("delete: times raw", |one| {
            ratio(one.delete.seconds, one.raw_delete_seconds)
        }),
        ("delete: requests an account", |one| {
            ratio(one.delete.requests() as f64, one.size as f64)
        }),
    ];
    say("");
    let cells = |first: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>14}")).collect();
        say(&format!("{first:<40}{cells}"));
    };
    cells(
        "accounts",
        all.iter().map(|one| one.size.to_string()).collect(),
    );
    for (name, figure) in figures {
        cells(name, all.iter().map(figure).collect());
    }
}

/// What twice the objects cost, times as much, for each size of which twice was measured too.
pub(crate) fn print_growth(all: &[Measured]) {
    type Figure = fn(&Measured) -> f64;
    let figures: [(&str, Figure); 6] = [
        ("onboarding", |one| one.onboard.seconds),
        ("its CPU", |one| one.onboard.cpu_seconds),
        ("its requests", |one| one.onboard.requests() as f64),
        ("adoption", |one| one.adopt.seconds),
        ("deletion", |one| one.delete.seconds),
        ("memory at rest", |one| one.rest_mb),
    ];
    for one in all {
        for twice in all.iter().filter(|twice| twice.size == 2 * one.size) {
            let growth = figures.map(|(name, figure)| {
                let times = ratio(figure(twice), figure(one));
                format!("{name} {times}")
            });
            say(&format!(
                "\n{} accounts, times {}: {}",
                twice.size,
                one.size,
                growth.join(", ")
            ));
        }
    }
}

/// Writes everything that was measured, with the commit and the machine.
pub(crate) fn write(mut results: Value) -> io::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench.json");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name.to_owned());
    let load = std::fs::read_to_string("/proc/loadavg")?;
    results["commit"] = commit().into();
    results["machine"] = json!({"cores": cores, "processor": processor, "load": load.trim()});
    std::fs::write(file, serde_json::to_vec_pretty(&results)?)?;
    say(&format!("\nwritten to {file}"));
    Ok(())
}

fn commit() -> Option<String> {
    let mut git = Command::new("git");
    let output = git
        .args(["describe", "--always", "--dirty"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}

pub(crate) fn seconds(seconds: f64) -> String {
    format!("{seconds:.2}")
}

pub(crate) fn ratio(one: f64, other: f64) -> String {
    format!("{:.3}", one / other)
}
