//! The connect page: where a person asks for a link, and comes back from the sign-in.

pub mod key_secret;
pub mod keys;
pub mod page_address;
