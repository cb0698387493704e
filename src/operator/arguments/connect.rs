//! The flags of the connect page.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, builder::NonEmptyStringValueParser};

use super::{LogFormat, PeopleOptions, Scope};
use crate::connect::page_address::ConnectUrl;

/// Serve the page on which people ask for connect links, and come back from the sign-in
#[derive(Args, Debug)]
pub struct Connect {
    /// Where the objects are.
    #[command(flatten)]
    pub scope: Scope,

    /// Where people open the page, such as `https://connect.acme.com`: a host of its own, without a path. The operator is
    /// told the same
    #[arg(long, env = "COMPOSIO_OPERATOR_CONNECT_URL", value_name = "URL", value_parser = ConnectUrl::parse)]
    pub connect_url: ConnectUrl,

    /// File with the key that the page shares with the operator: at least 32 bytes. A second line may hold another key,
    /// which only verifies and opens
    #[arg(long, env = "COMPOSIO_OPERATOR_CONNECT_KEY_FILE", value_name = "PATH")]
    pub connect_key_file: PathBuf,

    /// Address of the page; `[::]` is 0.0.0.0 where there is no IPv6
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_HTTP_ADDRESS",
        value_name = "ADDRESS",
        default_value = "[::]:8080"
    )]
    pub http_address: SocketAddr,

    /// Address of /livez, /readyz and /metrics, which are not for those who open the page
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_METRICS_ADDRESS",
        value_name = "ADDRESS",
        default_value = "[::]:8081"
    )]
    pub metrics_address: SocketAddr,

    /// What a proxy before the page says who comes, and how it proves to be the proxy.
    #[command(flatten)]
    pub proxy: ProxyOptions,

    /// Folder with the secrets that sign Composio's events, which are taken at `/webhooks/KIND/[NAMESPACE/]NAME` then: a
    /// file for each project, `ComposioProject.NAMESPACE.NAME` or `ClusterComposioProject.NAME`, with a secret on each
    /// line, four at most. While events come it is read again every second
    #[arg(long, env = "COMPOSIO_OPERATOR_WEBHOOK_SECRETS", value_name = "PATH")]
    pub webhook_secrets: Option<PathBuf>,

    /// Name that the page bears
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_BRAND_NAME",
        value_name = "TEXT",
        default_value = "Connected accounts",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub brand_name: String,

    /// Whom people ask for help: an e-mail address, a URL, or a sentence
    #[arg(long, env = "COMPOSIO_OPERATOR_SUPPORT_CONTACT", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub support_contact: Option<String>,

    /// How log lines look; what is logged is up to RUST_LOG
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// What a proxy before the page says.
#[derive(Args, Debug)]
pub struct ProxyOptions {
    /// Header in which a proxy before the page says who comes, such as X-Auth-Request-Email: only the declared person
    /// may ask for a link then, and no address holds a token. It counts on a loopback --http-address, or with the secret
    /// of --connect-proxy-secret-file
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_USER_HEADER",
        value_name = "NAME"
    )]
    pub connect_user_header: Option<http::HeaderName>,

    /// File with a secret of at least 16 bytes that the proxy sends along with each request, to prove that it is the
    /// proxy
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_PROXY_SECRET_FILE",
        value_name = "PATH",
        requires = "connect_user_header"
    )]
    pub connect_proxy_secret_file: Option<PathBuf>,

    /// Header in which the proxy sends that secret
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_PROXY_SECRET_HEADER",
        value_name = "NAME",
        default_value = "x-connect-proxy-secret"
    )]
    pub connect_proxy_secret_header: http::HeaderName,

    /// For whose accounts people are addressed.
    #[command(flatten)]
    pub people: PeopleOptions,
}
