//! The person's side: what the hosted sign-in page shows and does.

use jiff::Timestamp;
use serde::Serialize;

use super::World;
use super::account::{Account, Credential, State, reason};
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
    /// `success` or `failed`.
    pub status: &'static str,
    /// Where the browser goes: the callback with the outcome added to its query.
    pub redirect_url: Option<String>,
}

/// What the person did.
pub(super) enum Act {
    Agree(Vec<(String, String)>),
    Cancel,
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
        self.finish_by_token(token, Act::Agree(fields), now)
    }

    /// The person declines: the account becomes FAILED.
    pub fn cancel_sign_in(&mut self, token: &str, now: Timestamp) -> Result<Finished, SignIn> {
        self.finish_by_token(token, Act::Cancel, now)
    }

    fn finish_by_token(
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
        let agreed = matches!(act, Act::Agree(_));
        self.store.change(n, now, |account| match act {
            Act::Agree(fields) => agree(account, fields),
            Act::Cancel => cancel(account),
        });
        let account = self.store.at(n);
        let callback = account
            .link
            .as_ref()
            .and_then(|link| link.callback.as_deref());
        Finished {
            connected_account_id: account.id.clone(),
            status: if agreed { "success" } else { "failed" },
            redirect_url: callback.map(|callback| back(callback, &account.id, agreed)),
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

fn agree(account: &mut Account, fields: Vec<(String, String)>) {
    for (name, value) in fields {
        account.credentials.retain(|held| held.name != name);
        account.credentials.push(Credential::new(&name, &value));
    }
    account.connect();
}

/// An account that is connected and was only asked anew stays connected.
fn cancel(account: &mut Account) {
    account.close_link();
    if account.state != State::Active {
        account.state = State::Failed;
        account.reason = Some(reason::CALLBACK_FAILED.to_owned());
    }
}

/// The callback with the outcome in its query; what was there stays, a fragment stays last.
fn back(callback: &str, id: &str, agreed: bool) -> String {
    let (url, fragment) = match callback.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (callback, None),
    };
    let mut outcome = form_urlencoded::Serializer::new(String::new());
    outcome.append_pair("status", if agreed { "success" } else { "failed" });
    outcome.append_pair("connected_account_id", id);
    if !agreed {
        outcome.append_pair("error", "access_denied");
    }
    let joint = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut target = format!("{url}{joint}{}", outcome.finish());
    if let Some(fragment) = fragment {
        target.push('#');
        target.push_str(fragment);
    }
    target
}
