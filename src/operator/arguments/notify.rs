//! The flags of notifications.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::{
    PeopleOptions,
    values::{duration, namespace},
};
use crate::{
    notify::{Format, NotifyUrl},
    projects::ProjectKey,
};

/// Whom to tell that people must sign in, and what came of it.
#[derive(Args, Debug)]
pub struct NotifyOptions {
    /// Where to send a notification when a person must sign in, has signed in, or has lost the grant; nowhere, if not
    /// given. A URL that is a secret belongs in --notify-url-file
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_URL",
        value_name = "URL",
        value_parser = NotifyUrl::parse
    )]
    pub notify_url: Option<NotifyUrl>,

    /// File with that URL, which is read again for each message
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_URL_FILE",
        value_name = "PATH",
        conflicts_with = "notify_url"
    )]
    pub notify_url_file: Option<PathBuf>,

    /// File with a token to send as `Authorization: Bearer`, which is read again for each message
    #[arg(long, env = "COMPOSIO_OPERATOR_NOTIFY_TOKEN_FILE", value_name = "PATH")]
    pub notify_token_file: Option<PathBuf>,

    /// The form of notifications
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_FORMAT",
        value_name = "FORMAT",
        default_value = "cloudevents"
    )]
    pub notify_format: Format,

    /// Allow http:// as the URL of notifications: messages and token are then sent in clear text
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_ALLOW_HTTP",
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub notify_allow_http: bool,

    /// Notify of accounts in these projects only, separated by commas; in all, if not given
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_PROJECTS",
        value_name = "KIND/[NAMESPACE/]NAME",
        value_delimiter = ',',
        num_args = 1,
        action = ArgAction::Set
    )]
    pub notify_projects: Vec<ProjectKey>,

    /// Notify of accounts in these namespaces only, separated by commas; in all, if not given
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_NAMESPACES",
        value_name = "NAMESPACES",
        value_delimiter = ',',
        num_args = 1,
        action = ArgAction::Set,
        value_parser = namespace
    )]
    pub notify_namespaces: Vec<String>,

    /// How long to collect notifications into one message; each is sent at once, if not given
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_DIGEST",
        value_name = "DURATION",
        value_parser = duration
    )]
    pub notify_digest: Option<Duration>,

    /// Send the address of the connect page with the token that opens it: only where the receiver passes it on to
    /// that one person. With cloudevents only, and not with --notify-digest
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_NOTIFY_WITH_TOKEN",
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub notify_with_token: bool,

    /// For whose accounts people are addressed.
    #[command(flatten)]
    pub people: PeopleOptions,
}
