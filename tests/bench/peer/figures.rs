//! What both have cost, in a table.

use std::collections::BTreeSet;

use super::super::table::{ratio, say, seconds};
use super::{Cost, Peer, Side};

/// Of a request that was made less often for an account nothing is told.
const LEAST_COUNT: f64 = 0.01;

impl Side {
    /// A figure of the deletion, of which there is none where nothing was deleted.
    fn deletion(&self, figure: fn(&Cost) -> f64) -> f64 {
        self.delete.as_ref().map_or(f64::NAN, figure)
    }
}

impl Peer {
    /// A figure a line: ours, the peer's, and how many times the peer's ours is. Each is the median of the rounds.
    pub(crate) fn print(&self) {
        type Figure = fn(&Side) -> f64;
        let figures: [(&str, Figure); 13] = [
            ("onboard: seconds", |side| side.onboard.seconds),
            ("onboard: seconds to a report, p50", |side| {
                side.report_p50_seconds
            }),
            ("onboard: seconds to a report, p99", |side| {
                side.report_p99_seconds
            }),
            ("onboard: p99 of p50", |side| {
                side.report_p99_seconds / side.report_p50_seconds
            }),
            ("onboard: apiserver CPU seconds", |side| {
                side.onboard.apiserver_cpu_seconds
            }),
            ("onboard: own CPU seconds", |side| {
                side.onboard.own_cpu_seconds
            }),
            ("delete: seconds", |side| side.deletion(|cost| cost.seconds)),
            ("delete: apiserver CPU seconds", |side| {
                side.deletion(|cost| cost.apiserver_cpu_seconds)
            }),
            ("delete: own CPU seconds", |side| {
                side.deletion(|cost| cost.own_cpu_seconds)
            }),
            ("accounts made", |side| side.accounts as f64),
            ("accounts left", |side| side.left as f64),
            ("peak MB", |side| side.peak_mb),
            ("MB when all are reported", |side| side.settled_mb),
        ];
        say("");
        let rounds = self.rounds.len();
        let head = format!("{} accounts, {:?}, median of {rounds}", self.size, self.mix);
        say(&format!(
            "{head:<40}{:>14}{:>14}{:>14}",
            "ours", "the peer", "times"
        ));
        for (name, figure) in figures {
            let ours = median(self.rounds.iter().map(|round| figure(&round.ours)));
            let peer = median(self.rounds.iter().map(|round| figure(&round.peer)));
            if ours.is_nan() {
                // It was not measured.
                continue;
            }
            let (times, ours, peer) = (ratio(ours, peer), seconds(ours), seconds(peer));
            say(&format!("{name:<40}{ours:>14}{peer:>14}{times:>14}"));
        }
        self.print_requests("onboard", |side| Some(&side.onboard));
        self.print_requests("delete", |side| side.delete.as_ref());
    }

    /// What each has asked of the apiserver for an account, the bench's own reading among it.
    fn print_requests(&self, part: &str, cost: fn(&Side) -> Option<&Cost>) {
        let rounds = self.rounds.iter();
        let sides = rounds.flat_map(|round| [&round.ours, &round.peer]);
        let all = sides
            .filter_map(cost)
            .flat_map(|cost| cost.requests.0.keys());
        let all: BTreeSet<&String> = all.collect();
        let many = self.size as f64;
        for words in all {
            let count = |side: &Side| {
                let count = cost(side).and_then(|cost| cost.requests.0.get(words));
                count.copied().unwrap_or(0) as f64 / many
            };
            let ours = median(self.rounds.iter().map(|round| count(&round.ours)));
            let peer = median(self.rounds.iter().map(|round| count(&round.peer)));
            if ours.max(peer) >= LEAST_COUNT {
                let name = format!("{part}: {words}, an account");
                say(&format!("{name:<52}{ours:>14.3}{peer:>14.3}"));
            }
        }
    }

    /// Where a count of ours is not what it must be. The peer's are in the table: with others its times do not count.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let ours = self.rounds.iter().map(|round| &round.ours);
        let counts = ours.flat_map(|ours| {
            let left = if ours.delete.is_some() { 0 } else { self.size };
            [
                ("accounts", self.size, ours.accounts),
                ("accounts left", left, ours.left),
            ]
        });
        counts
            .filter(|(_, expected, found)| expected != found)
            .map(|(what, expected, found)| {
                format!("beside a peer: {what}: {found} instead of {expected}")
            })
            .collect()
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
