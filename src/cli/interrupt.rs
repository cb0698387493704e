//! Ctrl-C, and being told to end: what was begun is ended in order, and nothing is left behind.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::arguments::Options;
use crate::failure::Failure;

/// Signals that end a command, from the moment on that they are listened for.
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Listens from now on: until the process ends none of them ends it by itself.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Failure {
        tokio::select! {
            _ = self.interrupt.recv() => Failure::Interrupted,
            _ = self.terminate.recv() => Failure::Terminated,
        }
    }

    /// Runs it to its end, or to the next signal.
    pub(crate) async fn or<T>(
        &mut self,
        running: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            ended = running => ended,
            failure = self.next() => Err(failure),
        }
    }
}

/// How long something is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// As it is told.
    pub(crate) timeout: Duration,
    pub(crate) until: Instant,
}

/// What ends a command before its time: a signal, or the end of `--timeout`, which is the time for all of it.
pub(crate) struct Stop {
    pub(crate) signals: Interrupt,
    command: &'static str,
    timeout: Option<(Duration, Instant)>,
}

impl Stop {
    /// Of that command, which begins now.
    pub(crate) fn of(options: &Options, command: &'static str) -> Result<Self, Failure> {
        let timeout = options.timeout;
        Ok(Self {
            signals: Interrupt::listen()?,
            command,
            timeout: timeout.and_then(|timeout| {
                let until = Instant::now().checked_add(timeout)?;
                Some((timeout, until))
            }),
        })
    }

    /// A wait that begins now: what is left of `--timeout`, or that long where none is given.
    pub(crate) fn wait(&self, usual: Duration) -> Wait {
        match self.timeout {
            Some((timeout, until)) => Wait { timeout, until },
            None => Wait {
                timeout: usual,
                until: Instant::now() + usual,
            },
        }
    }

    /// Why it ends.
    pub(crate) async fn next(&mut self) -> Failure {
        let Some((timeout, until)) = self.timeout else {
            return self.signals.next().await;
        };
        tokio::select! {
            failure = self.signals.next() => failure,
            () = sleep_until(until) => {
                let (command, seconds) = (self.command, timeout.as_secs());
                Failure::TimedOut(format!("{command} was not done within {seconds}s"))
            }
        }
    }

    /// Runs it to its end, or until it must end.
    pub(crate) async fn or<T>(
        &mut self,
        running: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            ended = running => ended,
            failure = self.next() => Err(failure),
        }
    }
}
