//! Composio connected accounts, declared as Kubernetes objects.

pub mod composio;
pub mod sandbox;
