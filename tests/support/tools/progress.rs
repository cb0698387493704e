//! What is told of work that takes minutes.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::say;

/// Tells a person at a terminal every second, and a log every half minute, that something goes on.
pub(super) struct Progress {
    what: String,
    since: Instant,
    terminal: Option<File>,
    next: Instant,
}

impl Progress {
    pub(super) fn new(what: String) -> Progress {
        // A terminal may be there although standard error is not it, and the other way round.
        let terminal = OpenOptions::new()
            .write(true)
            .open("/dev/tty")
            .ok()
            .filter(IsTerminal::is_terminal);
        let since = Instant::now();
        Progress {
            what,
            since,
            terminal,
            next: since,
        }
    }

    /// Tells how far it is, if it is time to.
    pub(super) fn tick(&mut self, how_far: &str) {
        if Instant::now() < self.next {
            return;
        }
        let line = format!("{}{how_far}", self.line());
        self.next = Instant::now()
            + match &mut self.terminal {
                Some(terminal) => {
                    let _ = write!(terminal, "\r{line}\x1b[K");
                    Duration::from_secs(1)
                }
                None => {
                    say(&line);
                    Duration::from_secs(30)
                }
            };
    }

    /// Tells how it ended.
    pub(super) fn done(mut self, well: bool) {
        let line = format!(
            "{}{}",
            self.line(),
            if well { ", done" } else { ", failed" }
        );
        match &mut self.terminal {
            Some(terminal) => {
                let _ = writeln!(terminal, "\r{line}\x1b[K");
            }
            None => say(&line),
        }
    }

    fn line(&self) -> String {
        format!("{} … {} s", self.what, self.since.elapsed().as_secs())
    }
}
