//! What is read from outside of the operator: Composio's log, the apiserver's metrics, and /proc.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use kube::Client;
use serde::Serialize;

use crate::support::memory;
use crate::support::sandbox::{Asked as Entry, Sandbox};

const IDS: &str = "GET list (ids)";
const NEWEST: &str = "GET list (newest)";
/// The shortest pause between two polls with the flags as they are shipped, and something for rounding.
const BETWEEN_POLLS: Duration = Duration::from_millis(450);

/// Requests to Composio in words, and how many there were.
pub(crate) type Asked = BTreeMap<String, usize>;

/// Counts what the sandbox's log holds, which forgets the oldest.
pub(crate) struct Log {
    seq: u64,
}

impl Log {
    pub(crate) async fn from_now(sandbox: &Sandbox) -> Log {
        let seq = sandbox.seq().await;
        Log { seq }
    }

    /// What was asked since the last time.
    pub(crate) async fn read(&mut self, sandbox: &Sandbox) -> Asked {
        count(self.next(sandbox).await.iter())
    }

    /// The same up to the poll after the first, however late it is read.
    pub(crate) async fn read_first_poll(&mut self, sandbox: &Sandbox) -> Asked {
        let entries = self.next(sandbox).await;
        let of_ids = entries.iter().filter(|entry| words(entry) == IDS);
        let resync = of_ids.map(|entry| entry.time).max();
        let is_later = |entry: &Entry| {
            words(entry) == NEWEST
                && resync.is_some_and(|resync| entry.time >= resync + BETWEEN_POLLS)
        };
        count(entries.iter().filter(|entry| !is_later(entry)))
    }

    async fn next(&mut self, sandbox: &Sandbox) -> Vec<Entry> {
        let entries = sandbox.asked_since(self.seq).await;
        self.seq = entries.last().map_or(self.seq, |entry| entry.seq);
        entries
    }
}

fn words(entry: &Entry) -> String {
    match entry.words() {
        words if words != "GET list" => words,
        _ if entry.query.contains("connected_account_ids") => IDS.to_owned(),
        _ if entry.query.contains("user_ids") => "GET list (users)".to_owned(),
        _ => NEWEST.to_owned(),
    }
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>) -> Asked {
    let mut asked = Asked::new();
    for entry in entries {
        *asked.entry(words(entry)).or_default() += 1;
    }
    asked
}

/// Of these requests those that only look.
pub(crate) fn looks(asked: &Asked) -> usize {
    sum(asked, |words| words.starts_with("GET"))
}

/// Of these requests those that change something.
pub(crate) fn effects(asked: &Asked) -> usize {
    sum(asked, |words| !words.starts_with("GET"))
}

pub(crate) fn sum(asked: &Asked, which: impl Fn(&str) -> bool) -> usize {
    let which = asked.iter().filter(|(words, _)| which(words));
    which.map(|(_, times)| times).sum()
}

/// Adds up.
pub(crate) fn add(into: &mut Asked, more: Asked) {
    for (words, times) in more {
        *into.entry(words).or_default() += times;
    }
}

/// How often the apiserver was asked for ConnectedAccounts: to patch the object, to write its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) patches: u64,
    pub(crate) statuses: u64,
    /// No writes: what was sent to those who watch.
    pub(crate) sent: u64,
}

impl Served {
    pub(crate) async fn read(client: &Client) -> Served {
        let mut writes = Served::default();
        for (request, count) in &Requests::read(client).await.0 {
            match request.as_str() {
                "PUT connectedaccounts/status" | "PATCH connectedaccounts/status" => {
                    writes.statuses += count;
                }
                "PATCH connectedaccounts" => writes.patches += count,
                "sent connectedaccounts" => writes.sent += count,
                _ => {}
            }
        }
        writes
    }

    pub(crate) fn since(self, before: Served) -> Served {
        Served {
            patches: self.patches - before.patches,
            statuses: self.statuses - before.statuses,
            sent: self.sent - before.sent,
        }
    }
}

/// All that the apiserver was asked for, and what it sent to those who watch: in words, and how often.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Requests(pub(crate) BTreeMap<String, u64>);

impl Requests {
    pub(crate) async fn read(client: &Client) -> Requests {
        let request = Request::get("/metrics")
            .body(Vec::new())
            .expect("a request");
        let text = client
            .request_text(request)
            .await
            .expect("the apiserver tells its metrics");
        let mut all = Requests::default();
        for line in text.lines() {
            let Some((name, rest)) = line.split_once('{') else {
                continue;
            };
            let label = |name: &str| {
                let labels = rest.split_once(&format!("{name}=\""));
                labels.and_then(|(_, value)| value.split('"').next())
            };
            let words = match (name, label("resource")) {
                ("apiserver_request_total", Some(resource)) if !resource.is_empty() => {
                    let verb = label("verb").unwrap_or_default();
                    match label("subresource").unwrap_or_default() {
                        "" => format!("{verb} {resource}"),
                        subresource => format!("{verb} {resource}/{subresource}"),
                    }
                }
                ("apiserver_watch_events_total", Some(resource)) => format!("sent {resource}"),
                _ => continue,
            };
            let count = line.rsplit(' ').next();
            let count = count.and_then(|text| text.parse::<f64>().ok());
            *all.0.entry(words).or_default() += count.unwrap_or_default() as u64;
        }
        all
    }

    /// Those that came since then.
    pub(crate) fn since(self, before: &Requests) -> Requests {
        let count = |words: &str| before.0.get(words).copied().unwrap_or(0);
        let all = self.0.into_iter();
        let new = all.map(|(words, times)| (words.clone(), times - count(&words)));
        Requests(new.filter(|(_, times)| *times > 0).collect())
    }
}

/// Does the work while the meters are read as they are beside the operator: to read them is work for the
/// apiserver too.
pub(crate) async fn metered<T>(
    client: &Client,
    sandbox: &Sandbox,
    pause: Duration,
    work: impl Future<Output = T>,
) -> T {
    let reading = async {
        let mut log = Log::from_now(sandbox).await;
        loop {
            Served::read(client).await;
            log.read(sandbox).await;
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = reading => unreachable!("it goes on for ever"),
    }
}

/// Between two readings: often enough to tell when a part is over, and no more.
pub(crate) fn pause(size: usize) -> Duration {
    Duration::from_millis((size as u64 / 10).clamp(250, 1000))
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) rss_mb: f64,
    pub(crate) peak_mb: f64,
    pub(crate) cpu: Duration,
}

impl Process {
    /// From here on the peak is a new one.
    pub(crate) fn forget_peak(pid: u32) {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the process is ours");
    }

    pub(crate) fn read(pid: u32) -> Process {
        let megabytes = |line| {
            let kilobytes = memory::kilobytes(&pid.to_string(), line).unwrap_or_default();
            kilobytes as f64 * 1024.0 / 1e6
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name, which may hold anything; in hundredths of a second on every Linux.
        let fields: Vec<&str> = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .collect();
        let ticks = |at: usize| {
            let field: Option<&&str> = fields.get(at);
            field.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        };
        Process {
            rss_mb: megabytes(memory::RESIDENT),
            peak_mb: megabytes(memory::PEAK),
            cpu: Duration::from_millis((ticks(11) + ticks(12)) * 10),
        }
    }
}
