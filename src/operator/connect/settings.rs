//! What is read of files when operator or page start.

use std::path::Path;

use super::{keys::ConnectKeys, page_address::PageSettings};
use crate::{arguments::PageOptions, composio::model::Sensitive};

/// What the operator must know of the page; `None`: it is not served.
///
/// # Errors
/// When the key file cannot be read, or holds no good key; nothing of what it holds is told.
pub fn of_operator(options: &PageOptions) -> Result<Option<PageSettings>, String> {
    let (Some(url), Some(file)) = (&options.connect_url, &options.connect_key_file) else {
        return Ok(None);
    };
    Ok(Some(PageSettings {
        url: url.clone(),
        keys: read_keys(file)?,
        knows_users: options.connect_user_header.is_some(),
    }))
}

/// The keys of the page.
pub(super) fn read_keys(file: &Path) -> Result<ConnectKeys, String> {
    ConnectKeys::read(&read(file)?)
        .map_err(|error| format!("the connect key file {} {error}", file.display()))
}

/// A file with a secret.
pub(super) fn read(file: &Path) -> Result<Sensitive, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(Sensitive::new(text))
}
