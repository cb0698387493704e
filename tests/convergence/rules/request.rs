//! What is asked for by ConnectRequests, and how a sign-in through a link of the page ended.

use std::sync::Arc;

use composio_operator::composio::{Account, State};
use composio_operator::connect::keys::SessionOf;
use composio_operator::connect::page_address::PageSettings;
use composio_operator::crd::{
    ConnectRequestKind, FinishedIn, Link, LinkPolicy, LinkRequestedBy, Verdict,
};
use composio_operator::plan::{AccountLookup, Effect, Failure, Observed, PendingRequest};
use jiff::{SignedDuration, Timestamp};

use super::sight::Situation;

impl<'a> Situation<'a> {
    /// Whether a new link is asked for that the one that is out, if it can still be used, does not do for.
    pub(super) fn asked_for_link(&self) -> bool {
        let out = self.observed.recorded.link.as_ref();
        let out = out.filter(|_| self.found() && self.link_is_usable());
        let is_for_link = |one: &&PendingRequest| match one.kind {
            ConnectRequestKind::Link | ConnectRequestKind::StartOver => self.may_ask(one),
            ConnectRequestKind::Returned
            | ConnectRequestKind::Look
            | ConnectRequestKind::CompleteAuth => false,
        };
        let for_link = || self.desired.requests.iter().filter(is_for_link);
        let is_answered = for_link().any(|one| !self.is_open(one));
        let made_for = |link: &'a Link| link.requested_by.as_ref()?.browser.as_ref();
        let does_for = |one: &PendingRequest| match one.kind {
            ConnectRequestKind::Link => out.is_some_and(|link| {
                one.browser.is_none() || one.browser.as_ref() == made_for(link)
            }),
            _ => false,
        };
        let mut waiting: Vec<_> = for_link().filter(|one| !does_for(one)).collect();
        waiting.sort_by_key(|one| (one.created, one.kind == ConnectRequestKind::Link));
        // Who has just got a link has a minute for it, but for what their own browser asks.
        let issued = self.observed.recorded.last_link_issued_at.as_ref();
        let is_new = issued.is_some_and(|at| {
            let since = at.0.min(self.now);
            self.now.duration_since(since) < SignedDuration::from_mins(1)
        });
        let is_kept = |one: &PendingRequest| {
            let browser = out.and_then(made_for);
            is_new && browser.is_some() && one.browser.as_ref() != browser
        };
        let is_due = waiting.first().is_some_and(|one| !is_kept(one));
        self.asked() || (is_due && !is_answered)
    }

    /// Whether whoever asks is the person, as a page says that knows who comes, where the project demands that.
    fn may_ask(&self, request: &PendingRequest) -> bool {
        let spec = &self.desired.spec;
        let person = spec.person.as_ref().unwrap_or(&spec.user);
        let is_said = |page: &Arc<PageSettings>| {
            let (proof, browser) = (request.proof.as_deref()?, request.browser.as_deref()?);
            let (uid, kind) = (&self.desired.uid, request.kind.as_str());
            Some((page.keys).verify_asked_proof(proof, uid, kind, person, browser))
        };
        let page = self.desired.flags.page.as_ref();
        let is_theirs =
            request.requested_by.as_ref() == Some(person) && page.and_then(is_said) == Some(true);
        is_theirs || !self.desired.is_bound(None)
    }

    /// Whether nothing tells that the request was handled.
    pub(super) fn is_open(&self, request: &PendingRequest) -> bool {
        let recorded = &self.observed.recorded;
        let is_it = |uid: &String| *uid == request.uid;
        let link = recorded
            .link
            .iter()
            .filter_map(|link| link.requested_by.as_ref());
        !(recorded
            .last_connect_request
            .iter()
            .any(|one| is_it(&one.uid))
            || link.into_iter().any(|one| is_it(&one.uid))
            || recorded.sign_in.iter().any(|one| is_it(&one.request)))
    }

    /// Whether links wait for somebody to ask.
    pub(super) fn is_on_demand(&self) -> bool {
        let is_served = self.desired.flags.page.is_some();
        !self.has_credentials()
            && self
                .desired
                .spec
                .link_policy
                .map_or(is_served, |policy| policy == LinkPolicy::OnDemand)
    }

    /// Whether the grant was given in another browser than the one that had asked for the link.
    pub(super) fn is_finished_elsewhere(&self) -> bool {
        let recorded = &self.observed.recorded;
        let known = recorded.sign_in.as_ref();
        let is_known = known.is_some_and(|one| one.finished_in == Some(FinishedIn::Another));
        let is_superseded = self
            .link_out()
            .is_some_and(|out| known.is_some_and(|one| one.request != out.uid));
        self.recorded()
            && self.is(&[State::Active, State::Inactive])
            && ((is_known && !is_superseded) || self.is_back(FinishedIn::Another))
    }

    /// What the link was made for that is out.
    fn link_out(&self) -> Option<&LinkRequestedBy> {
        let link = self.observed.recorded.link.as_ref();
        link.and_then(|link| link.requested_by.as_ref())
    }

    /// Whether a request proves that the last sign-in, of which that was not known, was finished so.
    fn is_back(&self, finished_in: FinishedIn) -> bool {
        let recorded = &self.observed.recorded;
        let known = recorded.sign_in.as_ref();
        let is_told_of = |request: &PendingRequest| {
            let (Some(returned), Some(page)) = (&request.returned, &self.desired.flags.page) else {
                return false;
            };
            let out = self.link_out();
            let out = out.map(|one| (&one.uid, one.browser.as_ref()));
            let out = out.or(known.map(|one| (&one.request, one.browser.as_ref())));
            let is_unjudged = known
                .filter(|one| one.request == returned.request)
                .is_none_or(|one| one.finished_in.is_none());
            returned.finished_in == finished_in
                && is_unjudged
                && out == Some((&returned.request, Some(&returned.browser)))
                && page.keys.verify_outcome_proof(
                    &returned.proof,
                    &self.desired.uid,
                    &returned.request,
                    &returned.browser,
                    finished_in,
                )
        };
        self.desired.requests.iter().any(is_told_of)
    }

    /// What tells Composio whose sign-in it was, where the page has sealed a session for the link that is out and for who
    /// the object is for.
    pub(super) fn completion(&self) -> Option<Effect> {
        let (page, link) = (self.desired.flags.page.as_ref()?, self.link_out()?);
        let spec = &self.desired.spec;
        let is_due = |one: &&PendingRequest| {
            let Some(session) = &one.session else {
                return false;
            };
            let who = one.requested_by.as_deref();
            let is_theirs = who == spec.person.as_deref().or(Some(&spec.user));
            let of = SessionOf {
                uid: &self.desired.uid,
                request: &link.uid,
                browser: link.browser.as_deref().unwrap_or_default(),
                person: who.unwrap_or_default(),
            };
            self.is_open(one)
                && (is_theirs || !page.knows_users)
                && (&session.request, Some(&session.browser)) == (&link.uid, link.browser.as_ref())
                && page.keys.open_session(&session.sealed, of).is_some()
        };
        let request = self.desired.requests.iter().find(is_due)?;
        Some(Effect::CompleteAuth {
            id: self.account()?.id.clone(),
            request: request.uid.clone(),
        })
    }

    /// Until when the person must have come back, where that is demanded and they are not.
    pub(super) fn return_by(&self) -> Option<Timestamp> {
        let recorded = &self.observed.recorded;
        let connected = [State::Active, State::Inactive];
        let account = self
            .account()
            .filter(|_| self.recorded() && self.is(&connected))?;
        let known = recorded.sign_in.as_ref();
        let known = known.filter(|one| self.link_out().is_none_or(|out| one.request == out.uid));
        if known.is_some_and(|one| one.finished_in.is_some()) || self.is_back(FinishedIn::Another) {
            return None;
        }
        let had_grant = connected
            .iter()
            .any(|state| recorded.state.as_deref() == Some(state.as_str()));
        let issued = recorded.last_link_issued_at.as_ref().map(|at| at.0);
        let connected_at = recorded.connected_at.as_ref().map(|at| at.0);
        let is_new = connected_at.is_none() || issued > connected_at;
        let is_demanded = !had_grant && is_new && self.desired.is_bound(Some(account));
        let until = known.and_then(|one| one.return_by.as_ref()).map(|by| by.0);
        // Nobody can come back from what was found, or was made for nobody.
        let minutes = match self.link_out().is_some() || known.is_some() {
            true => 10,
            false => 0,
        };
        let until = until.or(is_demanded.then(|| self.now + SignedDuration::from_mins(minutes)))?;
        (self.now >= until || !self.is_back(FinishedIn::Same)).then_some(until)
    }

    /// Whether the grant is that of somebody else than was expected, as it was judged, or is now.
    pub(super) fn is_of_another_person(&self) -> bool {
        let recorded = &self.observed.recorded;
        let Some(account) = self.account().filter(|_| self.recorded()) else {
            return false;
        };
        let connected = [State::Active, State::Inactive];
        let had_grant = connected
            .iter()
            .any(|state| recorded.state.as_deref() == Some(state.as_str()));
        let judged = recorded.identity_verdict.as_ref();
        let judged = judged.filter(|one| had_grant && one.account_id == account.id);
        let was_not_shown = judged.is_some_and(|one| one.verdict == Verdict::NotShown);
        let spec = &self.desired.spec;
        let is_by_link = recorded.last_link_issued_at.is_some()
            && recorded.adopted.is_none()
            && spec.connected_account_id.is_none();
        let is_address = |text: &str| text.contains('@');
        let is_same = |expected: &str, shown: &str| match is_address(expected) {
            true => expected.eq_ignore_ascii_case(shown),
            false => expected == shown,
        };
        let demanded = self.desired.demanded_person(account);
        let demanded = demanded.filter(|_| !had_grant || was_not_shown);
        let was_demanded = judged.filter(|_| was_not_shown);
        let demanded = demanded.or(was_demanded.map(|one| one.expected.as_str()));
        let is_demanded = |person: &str| {
            let mut all = std::iter::once(person).chain(spec.expected_identity.as_deref());
            let shown = account.identity.as_ref();
            shown.is_some_and(|shown| all.all(|one| is_same(one, shown)))
        };
        let is_judged_now = || {
            let (Some(expected), Some(shown)) = (&spec.expected_identity, &account.identity) else {
                return false;
            };
            !is_same(expected, shown)
                && is_address(expected) == is_address(shown)
                && is_by_link
                && !(had_grant && recorded.identity.is_some())
        };
        let is_wrong = match (judged, demanded) {
            (Some(judged), _) if judged.verdict != Verdict::NotShown => {
                judged.verdict == Verdict::AnotherIdentity
            }
            (_, Some(person)) => !is_demanded(person),
            (_, None) => is_judged_now(),
        };
        self.is(&connected) && is_wrong
    }

    /// Whether the grant is not to be used, as it is known now.
    fn is_not_to_be_used(&self) -> bool {
        let is_over = self.return_by().is_some_and(|by| by <= self.now);
        is_over || self.is_finished_elsewhere() || self.is_of_another_person()
    }

    /// Whether it is, all the same, and can be disabled.
    pub(super) fn is_disabled_at_once(&self) -> bool {
        let is_it = self.account().map(|account| account.id.as_str()) == self.recorded_id();
        let leaves = self.is_pinned_elsewhere() && self.desired.moves_here;
        let is_its_own = is_it && self.claim().is_some() && !leaves;
        is_its_own
            && self.observed.holder.is_none()
            && self.is(&[State::Active])
            && self.is_not_to_be_used()
            && self.not_used_refused().is_none()
    }

    /// Whether a browser has a link that can still be used.
    fn has_link_in_browser(&self) -> bool {
        let link = self.observed.recorded.link.as_ref();
        let is_good = link.is_some_and(|link| self.now < link.expires_at.0);
        is_good && self.link_out().is_some_and(|out| out.browser.is_some())
    }

    /// Whether the status tells of a sign-in that is open, or was no good one.
    pub(super) fn has_open_sign_in(&self) -> bool {
        let recorded = &self.observed.recorded;
        let sign_in = recorded.sign_in.as_ref();
        let is_open = sign_in.is_some_and(|one| {
            one.return_by.is_some() || one.finished_in == Some(FinishedIn::Another)
        });
        let judged = recorded.identity_verdict.as_ref();
        let is_wrong = judged.is_some_and(|one| {
            Some(one.account_id.as_str()) == self.recorded_id()
                && [Verdict::AnotherIdentity, Verdict::NotShown].contains(&one.verdict)
        });
        self.recorded() && (is_open || is_wrong || self.has_link_in_browser())
    }

    /// Whether nothing of that account is left to whoever comes after the object.
    pub(super) fn is_not_left(&self, account: &Account) -> bool {
        if self.recorded_id() != Some(account.id.as_str()) {
            return false;
        }
        let observed = Observed {
            account: AccountLookup::One(account.clone()),
            ..self.observed.clone()
        };
        let alone = Situation::new(self.desired, &observed, self.now);
        match alone.is(&[State::Active, State::Inactive]) {
            true => alone.is_not_to_be_used() || alone.return_by().is_some(),
            false => alone.has_link_in_browser(),
        }
    }

    /// What was refused of what is due of a grant that is not to be used.
    pub(super) fn not_used_refused(&self) -> Option<&'a Failure> {
        let account = self.account()?;
        let effect = match self.is(&[State::Active]) {
            true => Effect::Disable {
                id: account.id.clone(),
            },
            false => Effect::Delete {
                id: account.id.clone(),
                revoke: false,
            },
        };
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|refused| refused.effect == effect)?;
        (self.is(&[State::Active]) || self.asked_for_link()).then_some(&refused.failure)
    }
}
