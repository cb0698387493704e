//! The counts that are the same on every machine.

use super::meter::sum;
use super::part::Phase;
use super::run::Measured;
use super::stage::Kind;

impl Measured {
    /// Where a count is not what it must be.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let size = self.size;
        let links = (0..size)
            .filter(|n| self.mix.kind(*n) != Kind::Secret)
            .count();
        let many = size as u64;
        let count = |phase: &Phase, words: &str| phase.asked.get(words).copied().unwrap_or(0);
        let checks = [
            (
                "onboarding: links",
                links,
                count(&self.onboard, "POST link"),
            ),
            (
                "onboarding: creations",
                size - links,
                count(&self.onboard, "POST create"),
            ),
            (
                "onboarding: calls that change",
                size,
                self.onboard.effects(),
            ),
            ("onboarding: patches", size, self.onboard.patches as usize),
            ("onboarding: statuses", size, self.onboard.statuses as usize),
            ("consent: calls that change", 0, self.consent.effects()),
            ("consent: statuses", links, self.consent.statuses as usize),
            ("consent: patches", 0, self.consent.patches as usize),
            ("rest: writes", 0, self.rest.writes() as usize),
            (
                "rest: requests but polls",
                0,
                self.rest.requests() - sum(&self.rest.asked, |words| words.starts_with("GET list")),
            ),
            (
                "restart while links wait: writes",
                0,
                self.pending.writes() as usize,
            ),
            (
                "restart while links wait: requests before it is ready",
                // Whose key it is, and all accounts.
                1 + size.div_ceil(50),
                self.pending.requests(),
            ),
            ("restart: writes", 0, self.restart.writes() as usize),
            (
                "restart: requests before it is ready",
                1 + size.div_ceil(50),
                self.restart.requests(),
            ),
            (
                "adoption: calls that change, the Secrets' apart",
                0,
                self.adopt.effects() - count(&self.adopt, "PATCH credentials"),
            ),
            (
                "adoption: writes, one more for each Secret",
                size * 2 + size - links,
                self.adopt.writes() as usize,
            ),
            (
                "deletion: revocations",
                size,
                count(&self.delete, "POST revoke"),
            ),
            ("deletion: deletions", size, count(&self.delete, "DELETE")),
            ("deletion: statuses", 0, self.delete.statuses as usize),
        ];
        let mut wrong: Vec<String> = checks
            .into_iter()
            .filter(|(_, expected, found)| expected != found)
            .map(|(what, expected, found)| format!("{what}: {found} instead of {expected}"))
            .collect();
        // How many are asked for together is up to the moment; one for each would be none together.
        let looks = count(&self.onboard, "GET list (users)");
        if looks as u64 > many {
            wrong.push(format!("onboarding: {looks} looks"));
        }
        wrong
    }
}
