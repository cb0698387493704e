//! That a link was issued, and who is said to have asked for it; and that the sign-in through it came to nothing.

use crate::{
    plan::{Applied, Desired},
    text,
};

use super::{EventReason, ObjectEvent, normal, warning};

/// The most characters that are told of who asks.
const MAX_REQUESTED_BY: usize = 320;

/// A refresh may find the account alive, and bring no link.
pub(super) fn link_issued(desired: &Desired, done: &Applied) -> Vec<ObjectEvent> {
    let Applied::Linked { link } = done else {
        return Vec::new();
    };
    // What comes again within minutes is counted under its first note: no time in it.
    let place = match link.url {
        Some(_) => "a link to sign in is in status.link while it can be used",
        None => "a link to sign in is on the connect page while it can be used",
    };
    let asked = link.requested_by.as_ref().and_then(|asked| {
        let mut requests = desired.requests.iter();
        requests.find(|request| request.uid == asked.uid)
    });
    let asked = asked.map(|request| match &request.requested_by {
        None => "; a ConnectRequest asked for it".to_owned(),
        Some(who) => {
            let who = text::sanitize_line(who, MAX_REQUESTED_BY);
            format!("; a ConnectRequest asked for it, said to be of {who:?}")
        }
    });
    let note = format!(
        "{place}; it is for the declared user only{}",
        asked.unwrap_or_default()
    );
    vec![normal(EventReason::LinkIssued, note)]
}

/// The event of a sign-in that Composio was not told of, or has refused: the conditions do not go on saying so, and a
/// session is used up by it.
pub fn of_incomplete_sign_in(account: Option<&str>, why: &str) -> ObjectEvent {
    let account = account.unwrap_or("that is not known any more");
    let note = format!(
        "the sign-in of account {account} was not completed, and no agent uses it: {why}. Whoever signed in can ask for a new link"
    );
    warning(EventReason::SignInNotCompleted, note)
}

/// The event of somebody's return from a sign-in that counts for nothing, because nothing proves that the page has told of it.
pub fn of_unproved_return() -> ObjectEvent {
    let note = "somebody came back from a sign-in of this object, and that does not count: no key of this operator verifies what the ConnectRequest says. Page and operator need the same --connect-key-file; a new key is in the second line of both before it is in the first of either. If they have it, it was not the page that made the ConnectRequest";
    warning(EventReason::ReturnNotVerified, note.to_owned())
}
