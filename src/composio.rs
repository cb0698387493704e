//! The client of Composio's API.

pub mod error;
pub mod model;
