//! Links, and the sign-ins that end them.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::{
    composio::{
        LinkRequest, Linked,
        model::{SensitiveUrl, State},
    },
    connect::keys::SealedFor,
    crd::Link,
    plan::{AccountLookup, Applied, Desired, Failure, PendingRequest, page_of, usable_link},
    time::whole_seconds,
};

use super::{Call, CallError, new_account};

/// How long a link lives where Composio does not say, and at most.
pub const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

impl Call<'_> {
    /// A new account, and the link by which its person signs in.
    pub(super) async fn link(
        &mut self,
        auth_config: &str,
        alias: &str,
    ) -> Result<Applied, CallError> {
        let (project, desired) = (self.project, self.desired);
        let asked = desired.link_asked_for(&self.observed.recorded, None, project.now());
        let request = link_request(desired, asked, auth_config, alias);
        let Linked {
            id,
            redirect_url,
            expires_at,
        } = project.client.link(&request).await?;
        let ends = expires_at.map(|time| project.by_our_clock(time));
        let link = issued(desired, asked, &id, &redirect_url, ends, project.now());
        let account = new_account(desired, auth_config, alias, id, State::Initializing);
        self.observed.account = AccountLookup::One(account);
        project.expect_person();
        Ok(Applied::Linked { link })
    }

    /// Another link for the account that is there, or life without one.
    pub(super) async fn refresh(&mut self, id: &str) -> Result<Applied, CallError> {
        let (project, desired) = (self.project, self.desired);
        let recorded = &self.observed.recorded;
        let account = self.observed.account.account();
        let usable = account.and_then(|account| usable_link(recorded, account, project.now()));
        let asked = desired.link_asked_for(recorded, usable, project.now());
        let callback = callback_url(desired, asked);
        let refreshed = project.client.refresh(id, callback.as_deref()).await?;
        let before = account.map(|account| account.state.clone());
        let state = refreshed.state.or(before).unwrap_or(State::Initializing);
        let url = refreshed.redirect_url;
        let link = url.map(|url| issued(desired, asked, id, &url, None, project.now()));
        self.set_state(id, state.clone());
        match (link, state) {
            // Somebody has signed in through the link that is on record: that is judged, whatever else was answered.
            (_, State::Active) => Ok(Applied::Changed),
            (Some(link), _) => {
                project.expect_person();
                Ok(Applied::Linked { link })
            }
            (None, state) => Err(Failure::no_link(&state).into()),
        }
    }

    /// Tells Composio that the person whom the page has seen is the one of the account.
    pub(super) async fn complete_auth(
        &mut self,
        id: &str,
        request: &str,
    ) -> Result<Applied, CallError> {
        let desired = self.desired;
        let held = desired.requests.iter().find(|one| one.uid == request);
        let session = held.and_then(|one| desired.session(one, &self.observed.recorded).ok());
        let session = session.ok_or_else(Failure::no_session)?;
        let client = &self.project.client;
        let completed = client.complete_auth(&session, &desired.spec.user).await?;
        if completed.account.is_some_and(|account| account != id) {
            return Err(Failure::session_of_another().into());
        }
        // Who has signed in is for another look to say.
        self.observed.forget_account();
        Ok(Applied::AuthCompleted {
            request: request.to_owned(),
        })
    }
}

/// Where the browser goes after the sign-in: by way of the page, where that has asked for the link.
fn callback_url(desired: &Desired, asked: Option<&PendingRequest>) -> Option<String> {
    let by_page = asked.zip(desired.flags.page.as_ref());
    let by_page = by_page.and_then(|(asked, page)| {
        let browser = asked.browser.as_deref()?;
        Some(page.callback(page_of(desired), &asked.uid, browser))
    });
    by_page.or_else(|| desired.spec.callback_url.clone())
}

fn link_request(
    desired: &Desired,
    asked: Option<&PendingRequest>,
    auth_config: &str,
    alias: &str,
) -> LinkRequest {
    let spec = &desired.spec;
    LinkRequest {
        auth_config: auth_config.to_owned(),
        user: spec.user.clone(),
        alias: alias.to_owned(),
        callback_url: callback_url(desired, asked),
        connection_data: spec.connection_data.as_ref().map(|data| {
            data.iter()
                .map(|(key, value)| (key.clone(), json!(value)))
                .collect()
        }),
        visibility: desired.visibility(),
        sharing: desired.access_list(),
    }
}

/// A link that was issued just now, for a request or for none. `expires_at` is by our clock. Where the page is
/// served, nobody but the page can read it.
fn issued(
    desired: &Desired,
    asked: Option<&PendingRequest>,
    account: &str,
    url: &SensitiveUrl,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Link {
    let latest = now.saturating_add(LINK_LIFETIME).unwrap_or(now);
    // One that is over already was told by a clock that nothing is known of: the person must see it.
    let expires_at = expires_at
        .filter(|time| *time > now)
        .map_or(latest, |time| time.min(latest));
    let expires_at = whole_seconds(expires_at);
    let link = match &desired.flags.page {
        None => Link::in_clear(url.expose(), Time(expires_at)),
        Some(page) => {
            let sealed_for = SealedFor {
                uid: &desired.uid,
                account,
                expires_at,
            };
            Link::sealed(page.keys.seal(url.expose(), sealed_for), Time(expires_at))
        }
    };
    Link {
        requested_by: asked.map(PendingRequest::as_link_has_it),
        ..link
    }
}
