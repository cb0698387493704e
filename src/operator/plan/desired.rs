//! What is wanted: the object, read once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::{
    composio::model::{Acl, Credentials, Visibility},
    connect::page_address::{PageSettings, connect_epoch},
    crd::{
        ABANDON_ANNOTATION, ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountSpec,
        ConnectedAccountStatus, LINK_REQUESTED_ANNOTATION, Link, MOVE_TO_PROJECT_ANNOTATION,
        OWN_ACCOUNT_ANNOTATION, ProjectRef, RECONCILE_REQUESTED_ANNOTATION, has_finalizer,
        is_unanswered,
    },
    notify::NotifyFilter,
};

use super::{Labels, PendingRequest, Pin, Policy, SecretSeen, computed_alias, sharing};

/// The longest request token that is taken.
const MAX_TOKEN: usize = 64;

/// Settings that decisions depend on: those of the process, and of the project of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// The project of the accounts, `kind/name`: a part of their identity.
    pub project: String,
    /// Its id in Composio, `pr_…`; `None`: it is not proved.
    pub project_id: Option<Arc<str>>,
    /// Put before every computed alias: keeps clusters that share a project apart.
    pub alias_prefix: String,
    /// What those who refer to the project may ask for; `None`: the project is not known.
    pub policy: Option<Arc<Policy>>,
    /// The connect page; `None`: it is not served.
    pub page: Option<Arc<PageSettings>>,
    /// Of which accounts people are told; `None`: of none.
    pub notify: Option<Arc<NotifyFilter>>,
    /// How long an effect whose outcome is unknown may still take effect.
    pub unknown_outcome_wait: SignedDuration,
    /// How long a provider may refuse to revoke the account of an object that goes, before the account is
    /// deleted all the same.
    pub revoke_patience: SignedDuration,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            project: ProjectRef::default().to_string(),
            project_id: None,
            alias_prefix: String::new(),
            policy: Some(Arc::new(Policy::everything())),
            page: None,
            notify: None,
            unknown_outcome_wait: SignedDuration::from_secs(60),
            revoke_patience: SignedDuration::from_mins(10),
        }
    }
}

impl Flags {
    /// What `composio.dev/move-to-project` must say of an object with that pin, for it to go on in this project:
    /// `kind/name`, and the id too where that name stood for another project before. Consent to move to a name is none
    /// to whatever that name leads to later.
    pub(super) fn destination(&self, pin: &Pin) -> String {
        let Self {
            project,
            project_id,
            ..
        } = self;
        match (pin, project_id) {
            (
                Pin::Former {
                    project: former,
                    other_id: Some(_),
                    ..
                },
                Some(id),
            ) if former == project => format!("{project}/{id}"),
            _ => project.clone(),
        }
    }
}

/// Whether the object is to be there or to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is declared.
    Present,
    /// It is being deleted.
    Deleting {
        /// Its deletion timestamp.
        since: Timestamp,
    },
}

/// What is wanted of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Uid of the object: tells it from a later one of the same name.
    pub uid: String,
    /// When the object was made: of two that want one account the older has it.
    pub created: Option<Timestamp>,
    /// The generation that is decided on.
    pub generation: i64,
    /// Whether the object is being deleted, by its `deletionTimestamp`.
    pub presence: Presence,
    /// The declaration.
    pub spec: ConnectedAccountSpec,
    /// The alias that the declaration asks for, computed where it names none.
    pub alias: String,
    /// The alias that is computed from the object's name, whatever is declared: no other object has it.
    pub own_alias: String,
    /// What was written into the object before the first POST.
    pub pin: Pin,
    /// The id of an account that a person has given to this object.
    pub own_account: Option<String>,
    /// The account, or the alias, that a person gives up.
    pub abandon: Option<String>,
    /// Whether a person has it go on in this project, whatever the pin names.
    pub moves_here: bool,
    /// Whether our finalizer is on the object.
    pub finalizer: bool,
    /// Token of a person's request for a new link.
    pub link_request: Option<String>,
    /// The beginning of a token that is too long to be one: it is told, and asks for nothing.
    pub ignored_link_request: Option<String>,
    /// Token of a request for a fresh look.
    pub reconcile_request: Option<String>,
    /// What is asked for by ConnectRequests.
    pub requests: Vec<PendingRequest>,
    /// What a person raises to make the addresses of its page worthless that are out.
    pub connect_epoch: String,
    /// The labels of the namespace, where the project's policy goes by them.
    pub labels: Arc<Labels>,
    /// How many objects of the namespace come before it in the project, where its policy counts them and it is new.
    pub before: usize,
    /// Flags of the process and the project, the same for all of its objects.
    pub flags: Flags,
}

impl Desired {
    /// Reads the object.
    pub fn of(object: &ConnectedAccount, flags: &Flags) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let metadata = object.spec.metadata.as_ref();
        let declared = metadata.and_then(|metadata| metadata.alias.clone());
        let own_alias = computed_alias(&flags.alias_prefix, &namespace, &name);
        let pin = object.annotations().get(ALIAS_ANNOTATION);
        let pin = Pin::read(pin.map(String::as_str), flags, &namespace, &name);
        let moves_to = object.annotations().get(MOVE_TO_PROJECT_ANNOTATION);
        Self {
            alias: declared.unwrap_or_else(|| own_alias.clone()),
            own_alias,
            moves_here: moves_to.is_some_and(|to| *to == flags.destination(&pin)),
            pin,
            own_account: own_account(object).map(str::to_owned),
            abandon: token(object, ABANDON_ANNOTATION),
            namespace,
            name,
            uid: object.uid().unwrap_or_default(),
            created: object.creation_timestamp().map(|time| time.0),
            generation: object.metadata.generation.unwrap_or_default(),
            presence: match &object.metadata.deletion_timestamp {
                None => Presence::Present,
                Some(time) => Presence::Deleting { since: time.0 },
            },
            spec: object.spec.clone(),
            finalizer: has_finalizer(&object.metadata),
            link_request: token(object, LINK_REQUESTED_ANNOTATION),
            ignored_link_request: too_long(object, LINK_REQUESTED_ANNOTATION),
            reconcile_request: token(object, RECONCILE_REQUESTED_ANNOTATION),
            requests: Vec::new(),
            connect_epoch: connect_epoch(object.annotations()),
            labels: Arc::default(),
            before: 0,
            flags: flags.clone(),
        }
    }

    /// Whether people are told of it.
    pub fn is_notified(&self) -> bool {
        let project = &self.spec.project_ref;
        (self.flags.notify.as_ref()).is_some_and(|filter| filter.covers(project, &self.namespace))
    }

    /// The alias to look for while no id is recorded: the pinned one, whatever the spec says by now.
    pub fn lookup_alias(&self) -> &str {
        self.claimant().lookup_alias()
    }

    /// Whether a person or a tool asked, by annotation or by a ConnectRequest, for a look or a link, and was not
    /// answered yet.
    pub fn has_unanswered_request(&self, recorded: &ConnectedAccountStatus) -> bool {
        let handled = recorded.last_handled_reconcile_at.as_deref();
        let is_open = |request: &PendingRequest| !request.is_handled(recorded);
        is_unanswered(self.reconcile_request.as_deref(), handled)
            || self.asks_for_link(recorded)
            || self.requests.iter().any(is_open)
    }

    /// The same of a link alone, where none can still be used.
    pub fn asks_for_link(&self, recorded: &ConnectedAccountStatus) -> bool {
        self.asks_by_annotation(recorded) || self.next_for_link(recorded, None).is_some()
    }

    /// Whether a link is asked for that the one that can still be used, `usable`, does not do for.
    pub(super) fn asks_for_another_link(
        &self,
        recorded: &ConnectedAccountStatus,
        usable: Option<&Link>,
        now: Timestamp,
    ) -> bool {
        self.asks_by_annotation(recorded) || self.link_asked_for(recorded, usable, now).is_some()
    }

    fn asks_by_annotation(&self, recorded: &ConnectedAccountStatus) -> bool {
        let handled = recorded.last_handled_link_request.as_deref();
        is_unanswered(self.link_request.as_deref(), handled) && !self.is_bound(None)
    }

    /// Whether finalizer and pin are on the object, and the pin was written for it.
    pub fn is_marked(&self) -> bool {
        self.finalizer && self.pin.is_own()
    }

    /// The other project that its pin names, as `kind/name`, or by its id where the project of that name has become
    /// another one; `None` where it is being deleted, which is dealt with in that one.
    pub fn pinned_elsewhere(&self) -> Option<&str> {
        let Pin::Former {
            project, other_id, ..
        } = &self.pin
        else {
            return None;
        };
        let is_another = *project != self.flags.project;
        let elsewhere = Some(project).filter(|_| is_another).or(other_id.as_ref());
        let elsewhere = elsewhere.filter(|_| self.presence == Presence::Present)?;
        Some(elsewhere)
    }

    /// The other project that it leaves, because a person says so.
    pub fn leaves(&self) -> Option<&str> {
        self.pinned_elsewhere().filter(|_| self.moves_here)
    }

    /// Who may use the account, in Composio's words.
    pub fn visibility(&self) -> Visibility {
        sharing::visibility(self.spec.visibility)
    }

    /// The declared access list, in Composio's words; `None`: it is not managed.
    pub fn access_list(&self) -> Option<Acl> {
        self.spec.sharing.as_ref().map(sharing::declared)
    }

    /// The values of the Secret as Composio takes them.
    pub fn credentials(&self, secret: &SecretSeen) -> Credentials {
        let scheme = self.spec.credentials.as_ref();
        Credentials {
            scheme: scheme
                .map(|credentials| credentials.scheme)
                .unwrap_or_default()
                .as_str()
                .to_owned(),
            fields: secret.values().cloned().unwrap_or_default(),
        }
    }

    /// Whether the spec names an alias.
    pub fn declares_alias(&self) -> bool {
        self.spec
            .metadata
            .as_ref()
            .is_some_and(|metadata| metadata.alias.is_some())
    }
}

/// The id of an account that a person has given to the object.
pub(crate) fn own_account(object: &ConnectedAccount) -> Option<&str> {
    read_token(object, OWN_ACCOUNT_ANNOTATION)
}

fn token(object: &ConnectedAccount, annotation: &str) -> Option<String> {
    read_token(object, annotation).map(str::to_owned)
}

fn read_token<'a>(object: &'a ConnectedAccount, annotation: &str) -> Option<&'a str> {
    let token = object.annotations().get(annotation)?;
    (!token.is_empty() && token.chars().count() <= MAX_TOKEN).then_some(token)
}

/// With the dots it is longer than any token that is taken, so it never equals one.
fn too_long(object: &ConnectedAccount, annotation: &str) -> Option<String> {
    let token = object.annotations().get(annotation)?;
    (token.chars().count() > MAX_TOKEN)
        .then(|| token.chars().take(MAX_TOKEN).chain(['…']).collect())
}
