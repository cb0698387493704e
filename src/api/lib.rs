//! The custom resources: `ConnectedAccount`, with its conditions and reasons, and the projects. Data only.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the KubeSchema derive repeats each struct inside a function"
)]

mod account;
mod alias;
pub mod condition;
mod connect;
mod connect_request;
mod credentials;
mod decode;
mod definition;
mod marks;
mod notification;
mod project;
mod reason;
mod status;
#[cfg(test)]
mod tests;
mod write_to;
pub use account::*;
pub use alias::{computed_alias, is_computed_form, length_prefixed};
pub use connect::*;
pub use connect_request::*;
pub use credentials::*;
pub use decode::{Decoded, decode};
pub use definition::{definition, definitions};
pub use marks::*;
pub use notification::{NotificationType, PendingNotification};
pub use project::*;
pub use reason::{ForPerson, Progress, ReadyRule, Reason};
pub use status::*;
pub use write_to::{
    CONFIG_MAP_SUFFIX, ConfigMapReason, ConfigMapTarget, WriteTo, WrittenTo, config_map_name,
};
