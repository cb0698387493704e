//! The flag that page and notifications share.

use clap::{ArgAction, Args};

/// For whose accounts people are addressed.
#[derive(Args, Debug)]
pub struct PeopleOptions {
    /// Notify people about accounts of namespaced projects too, and list those on the page of all accounts of a person:
    /// any team can declare one for anybody
    #[arg(
        long,
        env = "COMPOSIO_OPERATOR_PEOPLE_NAMESPACED_PROJECTS",
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set
    )]
    pub people_namespaced_projects: bool,
}
