//! Paragraphs of the API's description that no other table shows: each a case.

mod accounts;
mod create;
mod keys;
mod list;
mod sign_in;
mod webhook;

use super::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    let (group, _) = id.split_once('.').unwrap();
    match group {
        "base" | "keys" | "ids" | "errors" | "limit" => keys::check(place, id).await,
        "link" | "create" => create::check(place, id).await,
        "list" | "item" | "configs" => list::check(place, id).await,
        "status" | "sign_in" => sign_in::check(place, id).await,
        "patch" | "refresh" | "revoke" | "delete" | "so" => accounts::check(place, id).await,
        "webhook" => webhook::check(place, id).await,
        _ => panic!("no case for {id}"),
    }
}
