//! Bad input and faults: each is told clearly, and nothing is lost by it.

mod account;
mod declaration;
mod key;
mod project;
mod reach;
mod start;
