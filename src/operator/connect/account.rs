//! One object, as the page shows it: few words and two texts, since all objects are kept.

use std::sync::Arc;

use jiff::Timestamp;
use kube::api::ObjectMeta;
use serde_json::Value;

use super::{
    keys::{ConnectKeys, SealedFor},
    page_address::connect_epoch,
};
use crate::{
    composio::model::Sensitive,
    crd::{
        ALIAS_ANNOTATION, ConnectRequestKind, ConnectRequestOutcome, ConnectedAccountStatus,
        FinishedIn, ProjectKind, ProjectRef, condition,
    },
    plan::Pin,
    projects::ProjectKey,
};

mod reading;
mod settings;
#[cfg(test)]
pub(super) mod tests;
mod texts;
pub use reading::PageObject;
pub(super) use texts::SharedTexts;
use texts::{OWN, Own, SHARED, Shared, Texts};

/// What is kept of an object.
pub struct Account {
    own: Texts<OWN>,
    shared: Arc<Texts<SHARED>>,
    /// What is shown of `spec.connectionData`, as JSON: it may be longer than all the rest can be.
    connection_data: Option<Box<str>>,
    link: LinkKind,
    link_expires_at: i64,
    state: State,
    last_request: Option<(ConnectRequestKind, ConnectRequestOutcome)>,
    finished_in: Option<FinishedIn>,
    of_cluster_project: bool,
    is_deleting: bool,
    /// Whether the operator has said where the person may come.
    has_address: bool,
    /// Whether the operator has found it as it is declared now, and the project allows that.
    is_synced: bool,
    /// Whether a person signs in to it.
    has_sign_in: bool,
    /// The identity is the person, and stands there alone.
    is_persons: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkKind {
    None,
    Clear,
    Sealed,
}

/// What the state of an account means to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none, or it waits for the person.
    Waiting,
    /// It can be used.
    Active,
    /// There is a grant, and it cannot be used.
    Inactive,
    /// The sign-in has failed, or the grant has ended.
    Over,
}

/// A link that can still be used.
#[derive(Clone, Copy)]
pub(super) struct OpenLink<'a> {
    account: &'a Account,
}

impl Account {
    /// What is kept of an object with this metadata, spec and status.
    fn new(metadata: &ObjectMeta, spec: &Value, status: &ConnectedAccountStatus) -> Self {
        let key = format!(
            "{}/{}",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default()
        );
        let epoch = metadata.annotations.as_ref().map(connect_epoch);
        let connection_data = settings::shown(&spec["connectionData"]);
        let project = &spec["projectRef"];
        let pin = (metadata.annotations.as_ref()).and_then(|all| all.get(ALIAS_ANNOTATION));
        let (namespace, name) = key.split_once('/').unwrap_or_default();
        let project_id = pin.and_then(|pin| Pin::project_id(pin, namespace, name));
        let link = status.link.as_ref();
        let link_kind = match link {
            Some(link) if link.sealed.is_some() => LinkKind::Sealed,
            Some(link) if link.url.is_some() => LinkKind::Clear,
            Some(_) | None => LinkKind::None,
        };
        let requested_by = link.and_then(|link| link.requested_by.as_ref());
        let sign_in = status.sign_in.as_ref();
        // Of a look nobody waits for more than its time.
        let last_request = status.last_connect_request.as_ref();
        let last_request =
            last_request.filter(|last| last.outcome != ConnectRequestOutcome::Looked);
        let ready = status.condition(condition::READY);
        let synced = status.condition(condition::SYNCED);
        let doubt = synced.filter(|synced| synced.status != "True");
        let link_text = link.and_then(|link| link.sealed.as_deref().or(link.url.as_deref()));
        let browser = requested_by.and_then(|by| by.browser.as_deref());
        let person = spec["person"].as_str().filter(|person| !person.is_empty());
        let identity = status.identity.as_deref();
        let is_persons = identity.is_some() && identity == person.or(spec["user"].as_str());
        let own = [
            (Own::Key, Some(key.as_str())),
            (Own::Uid, metadata.uid.as_deref()),
            (Own::Epoch, epoch.as_deref()),
            (Own::User, spec["user"].as_str()),
            (Own::Person, person),
            (Own::CallbackUrl, spec["callbackUrl"].as_str()),
            (Own::ExpectedIdentity, spec["expectedIdentity"].as_str()),
            (Own::AccountId, status.connected_account_id.as_deref()),
            (Own::Identity, identity.filter(|_| !is_persons)),
            (Own::Link, link_text),
            (Own::LinkRequest, requested_by.map(|by| by.uid.as_str())),
            (Own::LinkBrowser, browser),
            (Own::LastRequest, last_request.map(|last| last.uid.as_str())),
            (Own::SignInRequest, sign_in.map(|one| one.request.as_str())),
        ];
        let callback_host = sign_in.and_then(|one| one.callback_host.as_deref());
        let shared = [
            (Shared::Toolkit, spec["toolkit"].as_str()),
            (Shared::Description, spec["description"].as_str()),
            (Shared::Project, project["name"].as_str()),
            (Shared::ProjectId, project_id.as_deref()),
            (Shared::Doubt, doubt.map(|synced| synced.reason.as_str())),
            (Shared::Reason, ready.map(|ready| ready.reason.as_str())),
            (Shared::CallbackHost, callback_host),
        ];
        Self {
            own: Texts::new(own.map(|(text, value)| (text as usize, value.unwrap_or_default()))),
            shared: Texts::new(
                shared.map(|(text, value)| (text as usize, value.unwrap_or_default())),
            )
            .into(),
            connection_data,
            link: link_kind,
            link_expires_at: link.map_or(0, |link| link.expires_at.0.as_second()),
            state: match status.state.as_deref() {
                Some("ACTIVE") => State::Active,
                Some("INACTIVE") => State::Inactive,
                Some("FAILED" | "EXPIRED" | "REVOKED") => State::Over,
                Some(_) | None => State::Waiting,
            },
            last_request: last_request.map(|last| (last.kind, last.outcome)),
            finished_in: sign_in.and_then(|one| one.finished_in),
            of_cluster_project: project["kind"] == "ClusterComposioProject",
            is_deleting: metadata.deletion_timestamp.is_some(),
            has_address: status.connect_page.is_some(),
            is_synced: synced.is_some_and(|synced| {
                let seen = synced.observed_generation;
                synced.status == "True" && (seen.is_none() || seen == metadata.generation)
            }),
            has_sign_in: spec["credentials"].is_null(),
            is_persons,
        }
    }

    /// Keeps what other objects say too only once.
    pub(super) fn share(&mut self, texts: &mut SharedTexts) {
        self.shared = texts.one_like(&self.shared);
    }

    fn text(&self, text: Own) -> &str {
        self.own.get(text as usize)
    }

    fn filled(&self, text: Own) -> Option<&str> {
        Some(self.text(text)).filter(|text| !text.is_empty())
    }

    fn shared(&self, text: Shared) -> Option<&str> {
        Some(self.shared.get(text as usize)).filter(|text| !text.is_empty())
    }

    /// `namespace/name`.
    pub(super) fn key(&self) -> &str {
        self.text(Own::Key)
    }

    pub(super) fn namespace(&self) -> &str {
        self.key().split_once('/').unwrap_or_default().0
    }

    pub(super) fn name(&self) -> &str {
        self.key().split_once('/').unwrap_or_default().1
    }

    pub(super) fn uid(&self) -> &str {
        self.text(Own::Uid)
    }

    pub(super) fn epoch(&self) -> &str {
        self.text(Own::Epoch)
    }

    /// Who may ask for a link where a proxy says who comes.
    pub(super) fn person(&self) -> &str {
        self.filled(Own::Person).unwrap_or(self.text(Own::User))
    }

    pub(super) fn toolkit(&self) -> &str {
        self.shared(Shared::Toolkit).unwrap_or_default()
    }

    pub(super) fn description(&self) -> Option<&str> {
        self.shared(Shared::Description)
    }

    /// What the sign-in is told besides, such as the address of a server.
    pub(super) fn connection_data(&self) -> Vec<(String, String)> {
        let data = self.connection_data.as_deref();
        serde_json::from_str(data.unwrap_or_default()).unwrap_or_default()
    }

    /// All by which a person who reads the page decides, for the form to say that they have.
    pub(super) fn shown(&self) -> String {
        let shared = [Shared::Toolkit, Shared::Project, Shared::Description];
        let shared = shared.map(|text| self.shared(text));
        let (expected, data) = (self.expected_identity(), self.connection_data.as_deref());
        serde_json::json!([shared, self.person(), expected, data]).to_string()
    }

    pub(super) fn callback_url(&self) -> Option<&str> {
        self.filled(Own::CallbackUrl)
    }

    /// The host to which whoever has signed in may be taken on without a click.
    pub(super) fn callback_host(&self) -> Option<&str> {
        self.shared(Shared::CallbackHost)
    }

    /// Whether a platform has said who may ask whom.
    pub(super) fn is_of_cluster_project(&self) -> bool {
        self.of_cluster_project
    }

    pub(super) fn project(&self) -> &str {
        self.shared(Shared::Project).unwrap_or("default")
    }

    /// Its project, as objects and webhooks name it.
    pub(super) fn project_key(&self) -> ProjectKey {
        let kind = match self.of_cluster_project {
            true => ProjectKind::ClusterComposioProject,
            false => ProjectKind::ComposioProject,
        };
        let name = self.project().to_owned();
        ProjectKey::referred(&ProjectRef { kind, name }, self.namespace())
    }

    /// The id of its project in Composio, where that was proved.
    pub(super) fn project_id(&self) -> Option<&str> {
        self.shared(Shared::ProjectId)
    }

    pub(super) fn expected_identity(&self) -> Option<&str> {
        self.filled(Own::ExpectedIdentity)
    }

    pub(super) fn account_id(&self) -> Option<&str> {
        self.filled(Own::AccountId)
    }

    pub(super) fn identity(&self) -> Option<&str> {
        match self.is_persons {
            true => Some(self.person()),
            false => self.filled(Own::Identity),
        }
    }

    /// Why the condition Ready is as it is.
    pub(super) fn reason(&self) -> &str {
        self.shared(Shared::Reason).unwrap_or_default()
    }

    /// Why the last look or call brought nothing.
    pub(super) fn doubt(&self) -> &str {
        self.shared(Shared::Doubt).unwrap_or_default()
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether somebody may come for it: it is not being deleted, and is one that a person signs in to.
    pub(super) fn has_page(&self) -> bool {
        self.has_sign_in && !self.is_deleting
    }

    /// Whether the project has taken it on, for the person whom it names now: they are awaited, or were there. What nobody
    /// allows is neither, whatever grant there is of before.
    pub(super) fn is_taken_on(&self) -> bool {
        self.has_address || (self.has_grant() && self.is_synced)
    }

    /// Whether somebody has signed in.
    pub(super) fn has_grant(&self) -> bool {
        matches!(self.state, State::Active | State::Inactive)
    }

    /// The link, if one can be used now.
    pub(super) fn open_link(&self, now: Timestamp) -> Option<OpenLink<'_>> {
        let is_open = self.link != LinkKind::None && now.as_second() < self.link_expires_at;
        is_open.then_some(OpenLink { account: self })
    }

    /// The browser that the link was made for; empty: for none.
    pub(super) fn link_browser(&self) -> &str {
        self.text(Own::LinkBrowser)
    }

    /// The request that the link was made for; empty: for none.
    pub(super) fn link_request(&self) -> &str {
        self.text(Own::LinkRequest)
    }

    /// When the link ends, in seconds.
    pub(super) fn link_end(&self) -> i64 {
        self.link_expires_at
    }

    /// The link as it is written, to tell it from another one.
    pub(super) fn written_link(&self) -> &str {
        self.text(Own::Link)
    }

    /// What came of that request, if it was the last one.
    pub(super) fn outcome_of(
        &self,
        request: &str,
    ) -> Option<(ConnectRequestKind, ConnectRequestOutcome)> {
        let is_last = !request.is_empty() && self.text(Own::LastRequest) == request;
        self.last_request.filter(|_| is_last)
    }

    /// What came of the last request of all, if that was to complete a sign-in.
    pub(super) fn last_completion(&self) -> Option<ConnectRequestOutcome> {
        let last = self.last_request;
        last.filter(|(kind, _)| *kind == ConnectRequestKind::CompleteAuth)
            .map(|(_, outcome)| outcome)
    }

    /// Whether the link of that request is out, or is the one that was signed in through.
    pub(super) fn has_on_record(&self, request: &str) -> bool {
        !request.is_empty()
            && [Own::LinkRequest, Own::SignInRequest]
                .into_iter()
                .any(|text| self.text(text) == request)
    }

    /// In which browser the sign-in through the link of that request was finished; `None`: that was not seen yet.
    pub(super) fn finished_in(&self, request: &str) -> Option<FinishedIn> {
        let is_last = !request.is_empty() && self.text(Own::SignInRequest) == request;
        self.finished_in.filter(|_| is_last)
    }

    /// Whether the last sign-in of all was finished in another browser.
    pub(super) fn was_finished_elsewhere(&self) -> bool {
        self.finished_in == Some(FinishedIn::Another)
    }
}

impl OpenLink<'_> {
    /// Whether it was made for that browser.
    pub(super) fn is_for(self, browser: &str) -> bool {
        !browser.is_empty() && self.account.link_browser() == browser
    }

    /// Its address; `None`: it was sealed with another key, or for something else.
    pub(super) fn address(self, keys: &ConnectKeys) -> Option<Sensitive> {
        let text = self.account.text(Own::Link);
        if self.account.link == LinkKind::Clear {
            return Some(Sensitive::new(text));
        }
        let sealed_for = SealedFor {
            uid: self.account.uid(),
            account: self.account.account_id()?,
            expires_at: Timestamp::from_second(self.account.link_expires_at).ok()?,
        };
        keys.open(text, sealed_for)
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Account").field(&self.key()).finish()
    }
}
