//! What is kept of an object while nothing is to be done for it: by what it means an account, what is recorded of
//! that account, and what tells one version of it from the next.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::LazyLock,
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, Serialize};

use super::{PackedObject, STATUS};
use crate::{
    composio::model::Account,
    crd::{ALIAS_ANNOTATION, ConnectedAccount, ProjectRef, Reason, has_finalizer},
    plan::{Claim, Claimant, Desired, Flags, KeptPin, Labels, Pin, computed_alias, own_account},
    projects::ProjectKey,
    record::{Proven, RecordKeys},
    time::packed,
};

mod recorded;
mod stored;
mod word;

pub use recorded::{Recorded, Told};
pub use stored::StoredSummary;

/// The longest name of an object.
const MAX_NAME: usize = 253;

/// So many of the fields that could not be read are named. A list of a status may have any number of items, and those
/// of the declaration, of which it is known that they could not be read, come first.
const MAX_LEFT_OUT: usize = 32;

/// Fingerprints are of this process alone: nobody outside can write two statuses that have the same one.
pub(crate) static FINGERPRINTS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What is kept of an object, whatever of it cannot be read. It is enough to tell whose an account is and whether
/// the object has changed, and too little to do anything with it: for that the object is read again.
///
/// The first three fields are those by which it is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `metadata.namespace`.
    pub namespace: Box<str>,
    /// `metadata.name`.
    pub name: Box<str>,
    /// `metadata.uid`.
    pub uid: Option<Box<str>>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<Box<str>>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// `metadata.creationTimestamp`.
    #[serde(with = "packed::optional")]
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Whether it has the operator's finalizer.
    pub is_marked: bool,
    /// The annotation `composio.dev/alias`.
    pub pin: KeptPin,
    /// The annotation `composio.dev/own-account`, where it may be an id.
    pub own_account: Option<Box<str>>,
    /// A fingerprint of the annotations by which people ask for something.
    #[serde(with = "postcard::fixint::le")]
    pub requests: u64,
    /// The fields that could not be read, as paths from the root of the object. Nothing of what stands in
    /// them is told: it may be a link.
    pub left_out: Box<[Box<str>]>,
    /// The declared user, if it could be read.
    pub user: Option<Box<str>>,
    /// The declared toolkit, if it could be read.
    pub toolkit: Option<Box<str>>,
    /// The declared alias.
    pub alias: Option<Box<str>>,
    /// The declared id.
    pub connected_account_id: Option<Box<str>>,
    /// The project that it refers to; `None`: the one of objects that name none.
    pub(in crate::store) project: Option<ProjectRef>,
    /// The project that its pin names, where it is being deleted and that is another one.
    pub(in crate::store) pinned_project: Option<ProjectRef>,
    /// What of the status is used.
    pub recorded: Recorded,
}

impl Summary {
    /// Of an object; of one that could not be read as a whole, of what could.
    pub(super) fn of(object: &ConnectedAccount, left_out: &[String]) -> Self {
        let (metadata, spec) = (&object.metadata, &object.spec);
        let is_readable = is_readable(left_out);
        let read = |text| Some(text).filter(|text: &&str| is_readable || !text.is_empty());
        let pin = (metadata.annotations.as_ref()).and_then(|all| all.get(ALIAS_ANNOTATION));
        let pin = pin.map(String::as_str);
        let is_deleting = metadata.deletion_timestamp.is_some();
        let project = &spec.project_ref;
        let pinned_project = match is_deleting {
            true => pinned_project(metadata).filter(|one| one != project),
            false => None,
        };
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        Self {
            namespace: namespace.into(),
            name: name.into(),
            uid: boxed(metadata.uid.as_deref()),
            resource_version: boxed(metadata.resource_version.as_deref()),
            generation: metadata.generation,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            is_deleting,
            is_marked: has_finalizer(metadata),
            pin: KeptPin::of(pin, namespace, name, &*FINGERPRINTS),
            own_account: boxed(own_account(object)),
            requests: requests(metadata),
            left_out: (left_out.iter().take(MAX_LEFT_OUT))
                .map(|path| path.as_str().into())
                .collect(),
            user: boxed(read(&spec.user)),
            toolkit: boxed(read(&spec.toolkit)),
            alias: boxed((spec.metadata.as_ref()).and_then(|metadata| metadata.alias.as_deref())),
            connected_account_id: boxed(spec.connected_account_id.as_deref()),
            project: (*project != ProjectRef::default()).then(|| project.clone()),
            pinned_project,
            recorded: Recorded::of(object.status.as_ref()),
        }
    }

    /// A reference to the object.
    pub fn reference(&self) -> ObjectRef<PackedObject> {
        ObjectRef::new(&self.name).within(&self.namespace)
    }

    /// The project that the object refers to.
    pub fn project(&self) -> ProjectKey {
        match &self.project {
            Some(project) => ProjectKey::referred(project, &self.namespace),
            None => ProjectKey::referred(&ProjectRef::default(), &self.namespace),
        }
    }

    /// The project in which it is worked on: where it is being deleted, the one of its pin.
    pub fn project_at_work(&self) -> ProjectKey {
        match &self.pinned_project {
            Some(project) => ProjectKey::referred(project, &self.namespace),
            None => self.project(),
        }
    }

    /// Whether the whole declaration could be read. On half of one nothing is decided.
    pub fn is_readable(&self) -> bool {
        is_readable(&self.left_out)
    }

    /// The id of the account that the object has recorded.
    pub fn recorded_id(&self) -> Option<&str> {
        self.recorded.connected_account_id.as_deref()
    }

    /// Whether something is to be told of the object that was not taken yet.
    pub(crate) fn is_to_be_told(&self) -> bool {
        self.recorded.notification_since.is_some()
    }

    /// Whether its declaration, as it stands, was judged, and the verdict is one that people are told of: what is
    /// pending was noted of the declaration of that time, which whoever may write the object can change since.
    pub(crate) fn may_be_told(&self) -> bool {
        let recorded = &self.recorded;
        let is_judged = self.generation.is_some() && recorded.judged_generation == self.generation;
        let reason = recorded.synced.and_then(|synced| synced.reason);
        is_judged && reason.is_some_and(Reason::concerns_person)
    }

    /// The alias that is computed from the object's name.
    pub fn own_alias(&self, flags: &Flags) -> String {
        computed_alias(&flags.alias_prefix, &self.namespace, &self.name)
    }

    /// Whether its pin names another project than the one that it refers to: what it has on record is there, and is
    /// nothing to ask this one for.
    pub(crate) fn is_pinned_elsewhere(&self, flags: &Flags) -> bool {
        self.pin_project()
            .is_some_and(|project| project != flags.project)
    }

    /// The project, `kind/name`, that its pin names.
    pub(crate) fn pin_project(&self) -> Option<String> {
        self.pin.project(&self.namespace, &self.name)
    }

    /// Works on what of the object bears on whose an account is, in a namespace of those labels.
    pub fn claimant<T>(
        &self,
        flags: &Flags,
        labels: &Labels,
        work: impl FnOnce(Claimant<'_>) -> T,
    ) -> T {
        let own_alias = self.own_alias(flags);
        let pin = Pin::read_kept(&self.pin, flags, &self.namespace, &self.name);
        work(Claimant {
            own_alias: &own_alias,
            declared_alias: self.alias.as_deref(),
            connected_account_id: self.connected_account_id.as_deref(),
            own_account: self.own_account.as_deref(),
            pin: &pin,
            may_take_over: (flags.policy.as_ref()).is_some_and(|policy| {
                let (user, toolkit) = (self.user.as_deref(), self.toolkit.as_deref());
                policy.may_take_over(&self.namespace, labels, user, toolkit)
            }),
        })
    }

    /// What the object has to say for an account that another one has found; see [`Self::claim_beside`]. A user or
    /// toolkit that cannot be read may be the other's.
    pub fn claim(
        &self,
        flags: &Flags,
        other: &Desired,
        labels: &Labels,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Claim> {
        let may_be = |ours: Option<&str>, theirs: &str| ours.is_none_or(|ours| ours == theirs);
        let is_of_it = may_be(self.user.as_deref(), &other.spec.user)
            && may_be(self.toolkit.as_deref(), &other.spec.toolkit);
        let named = [&other.spec.connected_account_id, &other.own_account];
        let is_named = named.contains(&&Some(account.id.clone()));
        self.claim_beside(flags, labels, keys, account, is_of_it, is_named)
    }

    /// What the object has to say for an account, if it manages the account or would as soon as it looks for one. An
    /// id that only its status names is none of its claims. What the project does not let it take over it does not
    /// have. `flags` are those of this object's project; `is_of_it` says whether user and toolkit are the account's,
    /// `is_named` whether a person has named the account to another object by its id.
    pub fn claim_beside(
        &self,
        flags: &Flags,
        labels: &Labels,
        keys: &RecordKeys,
        account: &Account,
        is_of_it: bool,
        is_named: bool,
    ) -> Option<Claim> {
        self.claimant(flags, labels, |claimant| {
            let claim = claimant.claim(&self.recorded.claim(), keys, account)?;
            let alias = account.alias.as_deref();
            let is_own_alias = alias == Some(claimant.own_alias);
            // What was made beside the account that it has may carry the alias that it was marked with. To whoever
            // has found it by that alias it is not free; a person who names it by its id may have it.
            let is_pinned_alias = alias.is_some() && alias == claimant.pin.alias();
            let is_its_own_alias =
                claimant.pin.is_own() && (is_own_alias || (is_pinned_alias && !is_named));
            let means = match self.recorded_id() {
                Some(id) => id == account.id || (is_its_own_alias && is_of_it),
                None => {
                    claimant.connected_account_id == Some(&account.id)
                        || (is_of_it && alias == Some(claimant.lookup_alias()))
                }
            };
            means.then_some(claim)
        })
    }

    /// Whether both may mean one account: it is of one user and toolkit, and whoever names it by its id names that. What
    /// cannot be read may be the same.
    pub(in crate::store) fn may_mean_the_same(&self, other: &Summary) -> bool {
        let may_be = |one: Option<&str>, another: Option<&str>| {
            one.is_none() || another.is_none() || one == another
        };
        let of_user = may_be(self.user.as_deref(), other.user.as_deref());
        let of_toolkit = may_be(self.toolkit.as_deref(), other.toolkit.as_deref());
        let ids = [self.recorded_id(), self.connected_account_id.as_deref()];
        let others = [other.recorded_id(), other.connected_account_id.as_deref()];
        let mut ids = ids.into_iter().filter(Option::is_some);
        (of_user && of_toolkit) || ids.any(|id| others.contains(&id))
    }

    /// What the record proves of an account of that id, for that alias computed from the object.
    pub(crate) fn proven(&self, keys: &RecordKeys, own_alias: &str, id: &str) -> Proven {
        keys.verify(self.recorded.record.as_deref(), own_alias, id)
    }
}

/// Also what is read of the status only by its fingerprint.
impl Hash for Summary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Summary {
            namespace,
            name,
            uid,
            resource_version,
            generation,
            created,
            is_deleting,
            is_marked,
            pin,
            own_account,
            requests,
            left_out,
            user,
            toolkit,
            alias,
            connected_account_id,
            project,
            pinned_project,
            recorded,
        } = self;
        (namespace, name, uid, resource_version, generation).hash(state);
        (created, is_deleting, is_marked, pin, own_account, requests).hash(state);
        (left_out, user, toolkit, alias, connected_account_id).hash(state);
        (project, pinned_project).hash(state);
        // All else that is recorded is read from what this is the fingerprint of.
        recorded.fingerprint.hash(state);
    }
}

/// Whether nothing but the status could not be read.
fn is_readable(left_out: &[impl AsRef<str>]) -> bool {
    left_out
        .iter()
        .all(|path| path.as_ref().starts_with(STATUS))
}

fn boxed(text: Option<&str>) -> Option<Box<str>> {
    text.map(Box::from)
}

/// The project that the pin of an object names.
fn pinned_project(metadata: &ObjectMeta) -> Option<ProjectRef> {
    let pin = metadata.annotations.as_ref()?.get(ALIAS_ANNOTATION)?;
    let (namespace, name) = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
    let project: ProjectRef = Pin::project(pin, namespace, name)?.parse().ok()?;
    // Whoever may edit the object has written it: what is no name of an object names none.
    let is_name = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let fits = project.name.len() <= MAX_NAME && project.name.bytes().all(is_name);
    fits.then_some(project)
}

fn requests(metadata: &ObjectMeta) -> u64 {
    let mut hasher = FINGERPRINTS.build_hasher();
    let annotations = metadata.annotations.iter().flatten();
    for annotation in annotations.filter(|(name, _)| *name != ALIAS_ANNOTATION) {
        annotation.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
