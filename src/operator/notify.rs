//! What people are told outside of Kubernetes: that they must sign in, and what came of it.
//!
//! What is to be told stands in the status, written by the same write that says what happened, until the receiver has
//! taken it: so nothing is lost when this process ends, and what is told twice has the same id. Nothing here is waited
//! for by a reconcile.
//!
//! | module | is |
//! |---|---|
//! | `filter` | of which accounts people are told, pure |
//! | `outbox` | whose turn it is |
//! | `notice`, `digest` | what is told of one account, and of many, pure |
//! | `cloud_event`, `slack` | the forms in which it is told, pure |
//! | `limits` | how much is told of one namespace and to one person, pure |
//! | `backoff` | how long to wait after a failure, pure |
//! | `url`, `sink` | the receiver |
//! | `delivery` | how the receiver fares |
//! | `sender` | sends one after the other |
//! | `clear` | takes what was told out of the status |

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::{
    arguments::NotifyOptions, connect::page_address::ConnectUrl, crd::ConnectedAccount,
    project::Clock,
};

mod backoff;
mod clear;
mod cloud_event;
mod delivery;
mod digest;
mod filter;
mod limits;
mod notice;
mod outbox;
mod sender;
mod sink;
mod slack;
mod url;

use digest::Digest;
pub use filter::NotifyFilter;
use notice::Notice;
pub(crate) use outbox::Outbox;
pub(crate) use sender::Parts;
use sender::Sender;
use sink::{Address, Receive, Sink};
pub use url::{NotANotifyUrl, NotifyUrl};

/// What works of notifications, as `/readyz` tells it. It is no reason to be unready.
const NOTIFICATIONS: &str = "notifications";

/// The form in which people are told.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CloudEvents 1.0, as JSON.
    #[value(name = "cloudevents")]
    CloudEvents,
    /// A message of a Slack incoming webhook.
    Slack,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::CloudEvents => cloud_event::CONTENT_TYPE,
            Self::Slack => slack::CONTENT_TYPE,
        }
    }

    fn message(self, notice: &Notice) -> String {
        match self {
            Self::CloudEvents => cloud_event::event(notice),
            Self::Slack => slack::message(notice),
        }
        .to_string()
    }

    fn digest(self, digest: &Digest, now: Timestamp) -> String {
        match self {
            Self::CloudEvents => cloud_event::digest(digest, now),
            Self::Slack => slack::digest(digest),
        }
        .to_string()
    }
}

/// How people are told.
pub struct Notifier {
    filter: Arc<NotifyFilter>,
    sink: Box<dyn Receive>,
    clock: Clock,
    format: Format,
    connect_url: Option<ConnectUrl>,
    with_token: bool,
    digest: Option<Duration>,
}

impl Notifier {
    /// By the command line, where the connect page is served at that URL, if it is; `None`: nobody is told.
    ///
    /// # Errors
    /// When a file cannot be read, what it holds is no URL or token, messages would be sent in clear text, or tokens to
    /// others than the one person. Nothing of what a file holds is told.
    pub fn of(
        options: &NotifyOptions,
        connect_url: Option<ConnectUrl>,
    ) -> Result<Option<Self>, String> {
        let address = match (&options.notify_url, &options.notify_url_file) {
            (Some(url), _) => Address::Url(url.clone()),
            (None, Some(file)) => Address::File(file.clone()),
            (None, None) => return Ok(None),
        };
        if options.notify_with_token && options.notify_format == Format::Slack {
            return Err(
                "--notify-with-token needs --notify-format=cloudevents: whoever reads a channel could open the pages of others"
                    .to_owned(),
            );
        }
        if options.notify_with_token && options.notify_digest.is_some() {
            return Err(
                "--notify-with-token and --notify-digest exclude each other: whoever reads a digest could open the pages of all who are in it"
                    .to_owned(),
            );
        }
        let token_file = options.notify_token_file.clone();
        Ok(Some(Self {
            filter: Arc::new(NotifyFilter {
                projects: options.notify_projects.clone(),
                namespaces: options.notify_namespaces.clone(),
                namespaced_projects: options.people.people_namespaced_projects,
            }),
            sink: Box::new(Sink::new(address, token_file, options.notify_allow_http)?),
            clock: Clock::system(),
            format: options.notify_format,
            connect_url,
            with_token: options.notify_with_token,
            digest: options.notify_digest,
        }))
    }

    /// Of which accounts people are told.
    pub fn filter(&self) -> Arc<NotifyFilter> {
        Arc::clone(&self.filter)
    }

    /// What is pending of an object, if anything is.
    fn notice(&self, object: &ConnectedAccount) -> Option<Notice> {
        Notice::of(object, self.connect_url.as_ref(), self.with_token)
    }

    /// Whether what stands in the status of an object is to be told: the filter may have been another one when it was
    /// written, or the object another one.
    fn may_tell(&self, notice: &Notice) -> bool {
        let Notice {
            id,
            type_,
            time,
            uid,
            ..
        } = notice;
        let pending = crate::crd::PendingNotification::new(uid, *type_, *time);
        pending.id == *id && self.filter.covers(&notice.project, &notice.namespace)
    }

    /// Starts to send, on a task of its own that ends once it is told to stop.
    pub(crate) fn start(self, parts: Parts) -> JoinSet<()> {
        let outbox = parts.outbox.clone();
        let clock = self.clock.clone();
        let reading = move || outbox.reading(clock.now());
        parts.metrics.read_pending_notifications_by(reading);
        let mut task = JoinSet::new();
        task.spawn(Sender::new(self, parts).run());
        task
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        notify: NotifyOptions,
    }

    fn refused(flags: &[&str]) -> Option<String> {
        let line = ["x", "--notify-url=https://a.example"];
        let line = Line::parse_from(line.iter().chain(flags));
        Notifier::of(&line.notify, None).err()
    }

    #[test]
    fn tokens_are_sent_to_no_channel_and_in_no_digest() {
        for (flag, words) in [
            ("--notify-format=slack", "whoever reads a channel"),
            ("--notify-digest=1m", "whoever reads a digest"),
        ] {
            let refused = refused(&["--notify-with-token", flag]);
            assert!(refused.is_some_and(|why| why.contains(words)), "{flag}");
        }
    }
}
