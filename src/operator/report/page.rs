//! The address of the connect page, while a person is awaited.

use jiff::Timestamp;

use crate::{
    crd::{ConnectedAccountStatus, ForPerson},
    plan::{Desired, Presence, page_of, was_connected},
};

use super::conditions::Verdict;

/// Writes where the person asks for a link, while one is awaited. What fails meanwhile takes no address away that was
/// mailed, and what stands stays as long as it is good: at rest nothing is written.
pub(super) fn record_page(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    verdict: &Verdict,
    now: Timestamp,
) {
    let is_asked_of_a_person =
        desired.presence == Presence::Present && desired.spec.credentials.is_none();
    let page = desired.flags.page.as_ref();
    let page = page.filter(|_| {
        is_asked_of_a_person
            && match verdict.reason.for_person() {
                ForPerson::Asked(_) => true,
                ForPerson::Connected | ForPerson::Nothing => false,
                ForPerson::Passing => status.connect_page.is_some() && !was_connected(status),
            }
    });
    status.connect_page =
        page.map(|page| page.page(page_of(desired), status.connect_page.as_ref(), now));
}
