//! The person's side: what the hosted sign-in page shows and does.

use jiff::Timestamp;
use serde::Serialize;

use super::World;
use super::account::{Account, Consent, Credential, State, reason};
use super::scheme::Scheme;

/// What stands behind a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// No such link.
    Unknown,
    /// Too late, or a newer link has taken its place, or the account is gone.
    Expired(SignInView),
    /// It was finished or cancelled before.
    Used(SignInView),
    /// It waits for the person.
    Open(SignInView),
}

/// What the page tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInView {
    /// The project's name.
    pub project: String,
    /// The toolkit's slug.
    pub toolkit: String,
    /// Whose account it becomes.
    pub user: String,
    /// The scheme, which decides on the fields to fill in.
    pub scheme: Scheme,
    /// Until when it can be finished.
    pub expires_at: Timestamp,
}

/// How a sign-in ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// The account.
    pub connected_account_id: String,
    /// `success`, `failed`, or `unverified` while the application has to say whose sign-in it was.
    pub status: &'static str,
    /// Where the browser goes: the callback with the outcome added to its query, or the verifier.
    pub redirect_url: Option<String>,
}

/// What the person did.
pub(super) enum Act {
    Agree(Consent),
    Cancel,
    /// The person agrees in another browser than the one that opened the link.
    AgreeElsewhere,
}

impl World {
    /// A person opens a link. The first opening moves the account from INITIALIZING to INITIATED.
    pub fn open_sign_in(&mut self, token: &str, now: Timestamp) -> SignIn {
        let now = self.settle(now);
        let sign_in = self.sign_in(token, now);
        if let (SignIn::Open(_), Some(n)) = (&sign_in, self.store.find_link(token))
            && self.store.at(n).state == State::Initializing
        {
            self.store
                .change(n, now, |account| account.state = State::Initiated);
        }
        sign_in
    }

    /// The person agrees, with the filled-in fields of a key scheme. When the link is not open, the
    /// answer is what stands behind it.
    pub fn complete_sign_in(
        &mut self,
        token: &str,
        fields: Vec<(String, String)>,
        now: Timestamp,
    ) -> Result<Finished, SignIn> {
        let consent = Consent {
            fields,
            display_name: None,
        };
        self.finish_by_token(token, Act::Agree(consent), now)
    }

    /// The person declines: the account becomes FAILED.
    pub fn cancel_sign_in(&mut self, token: &str, now: Timestamp) -> Result<Finished, SignIn> {
        self.finish_by_token(token, Act::Cancel, now)
    }

    pub(super) fn finish_by_token(
        &mut self,
        token: &str,
        act: Act,
        now: Timestamp,
    ) -> Result<Finished, SignIn> {
        let now = self.settle(now);
        match (self.sign_in(token, now), self.store.find_link(token)) {
            (SignIn::Open(_), Some(n)) => Ok(self.finish(n, act, now)),
            (other, _) => Err(other),
        }
    }

    /// Ends the open sign-in of a row.
    pub(super) fn finish(&mut self, n: usize, act: Act, now: Timestamp) -> Finished {
        let error = match &act {
            Act::Agree(_) => None,
            Act::Cancel => Some("access_denied"),
            Act::AgreeElsewhere => Some("browser_mismatch"),
        };
        match act {
            Act::Agree(consent) => {
                if let Some(verifier) = self.project.verifier_url.clone() {
                    return self.await_verification(n, consent, &verifier, now);
                }
                self.store.change(n, now, |account| agree(account, consent));
            }
            Act::Cancel => {
                let why = match self.switches.declines_are_named {
                    true => reason::DECLINED,
                    false => reason::CALLBACK_FAILED,
                };
                self.store.change(n, now, |account| cancel(account, why));
            }
            // The row stays as it is, and runs out in its time.
            Act::AgreeElsewhere => self.store.change(n, now, Account::close_link),
        }
        let account = self.store.at(n);
        let callback = account
            .link
            .as_ref()
            .and_then(|link| link.callback.as_deref());
        Finished {
            connected_account_id: account.id.clone(),
            status: if error.is_none() { "success" } else { "failed" },
            redirect_url: callback.map(|callback| back(callback, &account.id, error)),
        }
    }

    fn sign_in(&self, token: &str, now: Timestamp) -> SignIn {
        let Some(n) = self.store.find_link(token) else {
            return SignIn::Unknown;
        };
        let account = self.store.at(n);
        let Some(link) = &account.link else {
            return SignIn::Unknown;
        };
        let config = &self.configs[account.config];
        let view = SignInView {
            project: self.seed.project.clone(),
            toolkit: config.toolkit.clone(),
            user: account.user.clone(),
            scheme: config.scheme,
            expires_at: link.expires_at,
        };
        if link.token != token {
            SignIn::Expired(view)
        } else if account.open_link(now).is_some() {
            SignIn::Open(view)
        } else if link.used && account.deleted_at.is_none() {
            SignIn::Used(view)
        } else {
            SignIn::Expired(view)
        }
    }
}

pub(super) fn agree(account: &mut Account, consent: Consent) {
    for (name, value) in consent.fields {
        account.credentials.retain(|held| held.name != name);
        account.credentials.push(Credential::new(&name, &value));
    }
    account.display_name = consent.display_name.or(account.display_name.take());
    account.connect();
}

/// An account that is connected and was only asked anew stays connected.
fn cancel(account: &mut Account, why: &str) {
    account.close_link();
    if account.state != State::Active {
        account.state = State::Failed;
        account.reason = Some(why.to_owned());
    }
}

/// The callback with the outcome in its query.
fn back(callback: &str, id: &str, error: Option<&str>) -> String {
    let status = if error.is_none() { "success" } else { "failed" };
    let mut outcome = vec![("status", status), ("connected_account_id", id)];
    outcome.extend(error.map(|error| ("error", error)));
    with_query(callback, &outcome)
}

/// A URL with more in its query; what was there stays, a fragment stays last.
pub(super) fn with_query(url: &str, more: &[(&str, &str)]) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (url, None),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(more);
    let joint = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut target = format!("{url}{joint}{}", query.finish());
    if let Some(fragment) = fragment {
        target.push('#');
        target.push_str(fragment);
    }
    target
}
