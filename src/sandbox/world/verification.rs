//! Whose sign-in it was: identity verification by the application, and the binding to one browser.
//!
//! With a verifier the browser goes there after the sign-in, and the application tells by
//! `complete_auth` whom it sees in its own session. Without an answer the row runs out like any
//! sign-in that nobody finished.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::account::{Consent, Session, State, reason};
use super::credential_body::parse;
use super::refusal::Refusal;
use super::sign_in::{Act, Finished, SignIn, agree, with_query};
use super::{Call, LINK_LIFE, Reply, World};

#[derive(Deserialize)]
struct CompleteBody {
    session_uri: String,
    user_id: String,
}

impl World {
    /// Nobody can be verified to be a placeholder.
    pub(super) fn check_identity(&self, user: &str) -> Result<(), Refusal> {
        let blank = user.trim().is_empty() || user == "default";
        if self.project.verifier_url.is_some() && blank {
            return Err(Refusal::validation(
                "user_id: identity verification needs the id of a real user",
            ));
        }
        Ok(())
    }

    /// The person is done at the provider; the application has ten minutes to say who it was.
    pub(super) fn await_verification(
        &mut self,
        n: usize,
        consent: Consent,
        verifier: &str,
        now: Timestamp,
    ) -> Finished {
        let uri = format!("urn:composio:session:{}", self.ids.next("ses_"));
        let expires_at = now.saturating_add(LINK_LIFE).unwrap_or(now);
        let redirect_url = with_query(verifier, &[("session_uri", &uri)]);
        self.store.change(n, now, |account| {
            account.close_link();
            if account.state == State::Initializing {
                account.state = State::Initiated;
            }
            if let Some(link) = &mut account.link {
                link.expires_at = expires_at;
                link.unverified = Some(Session {
                    uri,
                    expires_at,
                    consent,
                });
            }
        });
        Finished {
            connected_account_id: self.store.at(n).id.clone(),
            status: "unverified",
            redirect_url: Some(redirect_url),
        }
    }

    /// The application says whom it sees: a session can be redeemed once, and the wrong user ends it
    /// for good.
    pub(super) fn complete_auth(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let body: CompleteBody = parse(call.body)?;
        for (name, value) in [
            ("session_uri", &body.session_uri),
            ("user_id", &body.user_id),
        ] {
            if value.is_empty() {
                return Err(Refusal::validation(format!("{name}: must not be empty")));
            }
        }
        let n = self
            .waiting(&body.session_uri, call.now)
            .ok_or_else(Refusal::no_such_session)?;
        let right = self.store.at(n).user == body.user_id;
        self.store.change(n, call.now, |account| {
            let link = account.link.as_mut();
            let session = link.and_then(|link| link.unverified.take());
            match session {
                Some(session) if right => agree(account, session.consent),
                Some(_) | None => {
                    account.state = State::Failed;
                    account.reason = Some(reason::NOT_VERIFIED.to_owned());
                }
            }
        });
        if !right {
            return Err(Refusal::bad_request(
                "Identity verification failed: the session is of another user",
            ));
        }
        let account = self.store.at(n);
        Ok(Reply {
            account: Some(account.id.clone()),
            ..Reply::ok(json!({
                "connected_account_id": account.id,
                "toolkit_slug": self.configs[account.config].toolkit,
            }))
        })
    }

    /// The row whose sign-in waits under this name.
    fn waiting(&self, uri: &str, now: Timestamp) -> Option<usize> {
        self.store.all().iter().position(|account| {
            let link = account.link.as_ref();
            let session = link.and_then(|link| link.unverified.as_ref());
            account.deleted_at.is_none()
                && session.is_some_and(|session| session.uri == uri && now < session.expires_at)
        })
    }

    /// What the browser that opens a link is to be known by, if this is the first opening of a link
    /// that must stay in one browser.
    pub fn bind_browser(&mut self, token: &str) -> Option<String> {
        let n = self.store.find_link(token)?;
        let account = self.store.at(n);
        if !self.project.same_browser || !self.configs[account.config].managed {
            return None;
        }
        let link = account.link.as_ref()?;
        if link.browser.is_some() || link.token != token {
            return None;
        }
        let name = self.ids.next("br_");
        let unchanged = account.updated_at;
        self.store.change(n, unchanged, |account| {
            if let Some(link) = &mut account.link {
                link.browser = Some(name.clone());
            }
        });
        Some(name)
    }

    /// Whether a link was opened by another browser than the one of this name.
    pub fn is_other_browser(&self, token: &str, name: Option<&str>) -> bool {
        let link = self
            .store
            .find_link(token)
            .and_then(|n| self.store.at(n).link.as_ref());
        let bound = link.and_then(|link| link.browser.as_deref());
        self.project.same_browser && bound.is_some() && bound != name
    }

    /// The person agrees in another browser than the one that opened the link: the sign-in fails,
    /// and the row runs out in its time.
    pub fn complete_elsewhere(&mut self, token: &str, now: Timestamp) -> Result<Finished, SignIn> {
        self.finish_by_token(token, Act::AgreeElsewhere, now)
    }
}
