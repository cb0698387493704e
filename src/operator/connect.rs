//! The connect page: where a person asks for a link, and comes back from the sign-in.
//!
//! It faces the internet, and is a process of its own: it watches ConnectedAccounts and creates ConnectRequests, and has
//! neither an API key nor a right on Secrets. The operator does the rest.
//!
//! | module | is |
//! |---|---|
//! | [`keys`], [`page_address`], [`settings`] | what the operator shares with the page |
//! | [`key_secret`] | makes the key |
//! | [`account`], [`objects`] | the objects, as the page shows them |
//! | `address`, `cookie`, `visitor` | what a browser asks for, and whether it is let in |
//! | `stage`, `onward` | how far the person has come, and where they go on to; both pure |
//! | `site` | the answers |
//! | `webhook` | Composio's events, upon which a look is asked for |
//! | `requests` | the one thing that is written |
//! | `pages`, `texts`, `reply` | how it looks |
//! | [`serve`], `room`, `bodies`, `holds` | connections, bodies and waits, and their limits |

pub mod account;
mod address;
mod bodies;
mod cookie;
mod holds;
pub mod key_secret;
pub mod keys;
pub mod objects;
mod onward;
pub mod page_address;
pub mod page_metrics;
pub mod pages;
mod reply;
mod requests;
mod room;
mod run;
pub mod serve;
pub mod settings;
mod site;
mod stage;
mod texts;
pub mod visitor;
mod webhook;

pub use onward::callback_host;
pub use run::{Failure, run};
pub use site::{Site, SiteSettings};
