//! What the operator must know of the connect page.

use std::path::PathBuf;

use clap::{Args, builder::NonEmptyStringValueParser};

use super::values::namespace;
use crate::connect::page_address::ConnectUrl;

/// The connect page, which another process serves.
#[derive(Args, Debug)]
pub struct PageOptions {
    /// Where people open the connect page, such as `https://connect.acme.com`; links are then issued on demand, and
    /// sealed
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_URL",
        value_name = "URL",
        requires = "connect_key_file",
        value_parser = ConnectUrl::parse
    )]
    pub connect_url: Option<ConnectUrl>,

    /// File with the key that operator and connect page share, of at least 32 bytes. A second line may hold another key,
    /// which only verifies and opens
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_KEY_FILE",
        value_name = "PATH",
        requires = "connect_url"
    )]
    pub connect_key_file: Option<PathBuf>,

    /// Header in which a proxy tells the connect page who the visitor is; addresses then hold no token
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_CONNECT_USER_HEADER",
        value_name = "NAME",
        requires = "connect_url",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub connect_user_header: Option<String>,
}

/// Make the Secret with the key of the connect page, where there is none
#[derive(Args, Debug)]
pub struct ConnectKey {
    /// Namespace of the Secret
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,

    /// Name of the Secret
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub secret: String,

    /// Key in the Secret
    #[arg(long, value_name = "KEY", default_value = "connect-key", value_parser = NonEmptyStringValueParser::new())]
    pub key: String,
}
