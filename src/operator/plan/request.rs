//! ConnectRequests: who asks for a link or for a look, and what somebody who came back says of the sign-in.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::{
    composio::model::Sensitive,
    connect::{keys::SessionOf, page_address::PageSettings},
    crd::{
        ConnectRequest, ConnectRequestKind, ConnectedAccountStatus, FinishedIn, Link,
        LinkRequestedBy, Returned, SignInSession,
    },
};

use super::{
    Desired,
    sign_in::{is_return_over, known_of, link_of},
};

/// A ConnectRequest of the object that is there, is young enough to count, and names it by its uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequest {
    /// Its `metadata.uid`.
    pub uid: String,
    /// When it was made; `None`: that is not known.
    pub created: Option<Timestamp>,
    /// What it asks for.
    pub kind: ConnectRequestKind,
    /// The browser that asks; `None`: it is not the page that asks.
    pub browser: Option<String>,
    /// Who is said to ask.
    pub requested_by: Option<String>,
    /// That it is the page that asks, for them and in that browser.
    pub proof: Option<String>,
    /// Of somebody who came back from a sign-in: what the address said.
    pub returned: Option<Returned>,
    /// Of a sign-in that Composio waits to be told of: the session, sealed.
    pub session: Option<SignInSession>,
}

/// Why Composio is not told of the sign-in that a request holds the session of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// It is not of the link that is out, or of another browser than that was made for.
    NotOfLink,
    /// Somebody else has come back than the link is for.
    NotOfPerson,
    /// It was sealed with a key that this operator does not have.
    NotOpened,
}

impl PendingRequest {
    /// One that is older is over: whoever made it has gone.
    pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

    /// What the request asks for.
    pub fn of(request: &ConnectRequest) -> Self {
        let spec = &request.spec;
        Self {
            uid: request.uid().unwrap_or_default(),
            created: request.creation_timestamp().map(|time| time.0),
            kind: spec.kind,
            browser: spec.browser.clone(),
            requested_by: spec.requested_by.clone(),
            proof: spec.proof.clone(),
            returned: spec.returned.clone(),
            session: spec.session.clone(),
        }
    }

    /// Whether the status tells that it was handled.
    pub fn is_handled(&self, recorded: &ConnectedAccountStatus) -> bool {
        let handled = recorded.last_connect_request.as_ref();
        let link = recorded.link.as_ref();
        let link = link.and_then(|link| link.requested_by.as_ref());
        let sign_in = recorded.sign_in.as_ref();
        let uids = [
            handled.map(|one| &one.uid),
            link.map(|one| &one.uid),
            sign_in.map(|one| &one.request),
        ];
        uids.into_iter().flatten().any(|uid| *uid == self.uid)
    }

    /// Whether it tells of a return to the object of that uid what the page alone can tell, and does not come from the
    /// page: anybody may write such a request who may make one. A session that cannot be opened may still be one that the
    /// page has sealed, with a key that is gone: that is told.
    pub fn is_unproved(&self, uid: &str, page: &PageSettings) -> bool {
        let returned = self.returned.as_ref();
        returned.is_some_and(|returned| !is_proved(returned, uid, page))
    }

    /// Whether it asks for a link.
    pub fn is_for_link(&self) -> bool {
        match self.kind {
            ConnectRequestKind::Link | ConnectRequestKind::StartOver => true,
            ConnectRequestKind::Returned
            | ConnectRequestKind::Look
            | ConnectRequestKind::CompleteAuth => false,
        }
    }

    /// Whether that link does for it. One that was made for another browser does not: whoever has that could finish
    /// what this person begins.
    pub fn is_met_by(&self, link: &Link) -> bool {
        let made_for = link.requested_by.as_ref();
        let made_for = made_for.and_then(|made_for| made_for.browser.as_ref());
        match self.kind {
            ConnectRequestKind::Link => self.browser.is_none() || self.browser.as_ref() == made_for,
            ConnectRequestKind::StartOver
            | ConnectRequestKind::Returned
            | ConnectRequestKind::Look
            | ConnectRequestKind::CompleteAuth => false,
        }
    }

    /// The request, without what only the page can say, where the page has not signed that: anybody may write in which
    /// browser somebody asks.
    pub fn as_signed(mut self, uid: &str, page: Option<&PageSettings>) -> Self {
        if !page.is_some_and(|page| self.is_signed(uid, page)) {
            self.browser = None;
        }
        self
    }

    /// Whether it is the page that asks, for whoever is named in that browser.
    fn is_signed(&self, uid: &str, page: &PageSettings) -> bool {
        let (Some(browser), Some(proof)) = (&self.browser, &self.proof) else {
            return false;
        };
        let person = self.requested_by.as_deref().unwrap_or_default();
        (page.keys).verify_asked_proof(proof, uid, self.kind.as_str(), person, browser)
    }

    /// Whether it is the page that asks, for somebody of whom a proxy said that they are that person.
    fn is_of(&self, desired: &Desired) -> bool {
        let page = desired.flags.page.as_ref();
        self.requested_by.as_deref() == Some(desired.person())
            && page.is_some_and(|page| self.is_signed(&desired.uid, page))
    }

    /// As the link says it that is made for it.
    pub fn as_link_has_it(&self) -> LinkRequestedBy {
        LinkRequestedBy {
            uid: self.uid.clone(),
            browser: self.browser.clone(),
        }
    }
}

impl Desired {
    /// Whether it asks for a link, and may: where the project has sign-ins bound to the person, the page alone asks for
    /// them.
    pub fn may_bring_link(&self, request: &PendingRequest) -> bool {
        request.is_for_link() && (!self.is_bound(None) || request.is_of(self))
    }

    /// Whether a link waits for somebody to ask for it.
    pub fn is_on_demand(&self) -> bool {
        use crate::crd::LinkPolicy;
        self.spec.credentials.is_none()
            && match self.spec.link_policy {
                Some(LinkPolicy::OnDemand) => true,
                Some(LinkPolicy::Immediate) => false,
                None => self.flags.page.is_some(),
            }
    }

    /// Whether somebody came back from the link that is out, or from the sign-in that it brought: to the end of it, or to
    /// have Composio told whose it was.
    pub fn has_return(&self, recorded: &ConnectedAccountStatus) -> bool {
        let link = link_of(recorded);
        self.requests.iter().any(|request| {
            let is_told = |link: &LinkRequestedBy| self.finished_in(request, link).is_some();
            !request.is_handled(recorded)
                && (link.as_ref().is_some_and(is_told) || self.session(request, recorded).is_ok())
        })
    }

    /// Whether somebody came back with what is not known yet: that waits for nobody. Whoever has read a request of the
    /// page may repeat it, and is paced as all others are.
    pub fn has_news(&self, recorded: &ConnectedAccountStatus, now: Timestamp) -> bool {
        use ConnectRequestKind::{CompleteAuth, Link, Look, Returned, StartOver};
        let Some(link) = link_of(recorded) else {
            return false;
        };
        let known = known_of(recorded, &link);
        let is_known = known.is_some_and(|known| known.finished_in.is_some());
        let last = recorded.last_connect_request.as_ref();
        let was_told = last.is_some_and(|last| match last.kind {
            Returned | CompleteAuth => true,
            Look | Link | StartOver => false,
        });
        let mut open = self.requests.iter().filter(|one| !one.is_handled(recorded));
        !is_known
            && !is_return_over(recorded, now)
            && open.any(|request| match self.finished_in(request, &link) {
                Some(FinishedIn::Another) => true,
                Some(FinishedIn::Same) => !was_told,
                None => !was_told && self.session(request, recorded).is_ok(),
            })
    }

    /// The request by which Composio is to be told whose sign-in it was that came of the link that is out.
    pub fn to_complete(&self, recorded: &ConnectedAccountStatus) -> Option<&PendingRequest> {
        let mut open = self.requests.iter().filter(|one| !one.is_handled(recorded));
        open.find(|one| self.session(one, recorded).is_ok())
    }

    /// The session of a sign-in, if the page has sealed it for the link that is out and for whom the object is for.
    ///
    /// # Errors
    /// Why nobody is to be told of it.
    pub fn session(
        &self,
        request: &PendingRequest,
        recorded: &ConnectedAccountStatus,
    ) -> Result<Sensitive, NoSession> {
        let session = request.session.as_ref().ok_or(NoSession::NotOfLink)?;
        let SignInSession {
            request: asked,
            browser,
            sealed,
        } = session;
        let link = recorded.link.as_ref();
        let link = link.and_then(|link| link.requested_by.as_ref());
        let is_of_link =
            link.is_some_and(|link| *asked == link.uid && link.browser.as_ref() == Some(browser));
        let page = self.flags.page.as_ref().ok_or(NoSession::NotOpened)?;
        let person = request.requested_by.as_deref();
        let is_theirs = !page.knows_users || person == Some(self.person());
        let of = SessionOf {
            uid: &self.uid,
            request: asked,
            browser,
            person: person.unwrap_or_default(),
        };
        match (is_of_link, is_theirs) {
            (false, _) => Err(NoSession::NotOfLink),
            (true, false) => Err(NoSession::NotOfPerson),
            (true, true) => page
                .keys
                .open_session(sealed, of)
                .ok_or(NoSession::NotOpened),
        }
    }

    /// In which browser the sign-in of that link was finished, as a request of kind Returned proves it.
    pub(super) fn finished_in(
        &self,
        request: &PendingRequest,
        link: &LinkRequestedBy,
    ) -> Option<FinishedIn> {
        let returned = request.returned.as_ref()?;
        let page = self.flags.page.as_ref()?;
        let is_of_link =
            returned.request == link.uid && link.browser.as_ref() == Some(&returned.browser);
        let is_told = is_of_link && is_proved(returned, &self.uid, page);
        is_told.then_some(returned.finished_in)
    }
}

/// Whether the page has written this of a sign-in to the object of that uid.
fn is_proved(returned: &Returned, uid: &str, page: &PageSettings) -> bool {
    let Returned {
        request,
        browser,
        proof,
        finished_in,
    } = returned;
    (page.keys).verify_outcome_proof(proof, uid, request, browser, *finished_in)
}
