//! What is wanted: the object, read once.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use sha2::{Digest, Sha256};

use crate::{
    composio::model::{Acl, Visibility},
    crd::{
        self, ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountSpec, FINALIZER,
        LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION,
    },
};

use super::sharing;

/// The longest alias that we give.
const MAX_ALIAS: usize = 64;
/// A longer computed alias is cut here and ends in a dot and eight hexadecimal digits.
const CUT_ALIAS: usize = 55;
/// The longest request token that is taken.
const MAX_TOKEN: usize = 64;

/// Settings that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Put before every computed alias: keeps clusters that share a project apart.
    pub alias_prefix: String,
    /// How long an effect whose outcome is unknown may still take effect.
    pub unknown_outcome_wait: SignedDuration,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            alias_prefix: String::new(),
            unknown_outcome_wait: SignedDuration::from_secs(60),
        }
    }
}

/// Whether the object is to be there or to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is declared.
    Present,
    /// It is being deleted.
    Gone {
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
    /// To be there or to go.
    pub presence: Presence,
    /// The declaration.
    pub spec: ConnectedAccountSpec,
    /// The alias that the declaration asks for, computed where it names none.
    pub alias: String,
    /// The alias written into the object before the first POST.
    pub pin: Option<String>,
    /// Whether our finalizer is on the object.
    pub finalizer: bool,
    /// Token of a person's request for a new link.
    pub link_request: Option<String>,
    /// The beginning of a token that is too long to be one: it is told, and asks for nothing.
    pub ignored_link_request: Option<String>,
    /// Token of a request for a fresh look.
    pub reconcile_request: Option<String>,
    /// Settings.
    pub flags: Flags,
}

impl Desired {
    /// Reads the object.
    pub fn of(object: &ConnectedAccount, flags: &Flags) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let metadata = object.spec.metadata.as_ref();
        let declared = metadata.and_then(|metadata| metadata.alias.as_deref());
        Self {
            alias: wanted_alias(&namespace, &name, declared, flags),
            namespace,
            name,
            uid: object.uid().unwrap_or_default(),
            created: object.creation_timestamp().map(|time| time.0),
            generation: object.metadata.generation.unwrap_or_default(),
            presence: match &object.metadata.deletion_timestamp {
                None => Presence::Present,
                Some(time) => Presence::Gone { since: time.0 },
            },
            spec: object.spec.clone(),
            pin: object.annotations().get(ALIAS_ANNOTATION).cloned(),
            finalizer: object
                .finalizers()
                .iter()
                .any(|finalizer| finalizer == FINALIZER),
            link_request: token(object, LINK_REQUESTED_ANNOTATION),
            ignored_link_request: too_long(object, LINK_REQUESTED_ANNOTATION),
            reconcile_request: token(object, RECONCILE_REQUESTED_ANNOTATION),
            flags: flags.clone(),
        }
    }

    /// The alias to look for while no id is recorded: the pinned one, whatever the spec says by now.
    pub fn sought_alias(&self) -> &str {
        self.pin.as_deref().unwrap_or(&self.alias)
    }

    /// Who may use the account, in Composio's words.
    pub fn visibility(&self) -> Visibility {
        match self.spec.visibility {
            crd::Visibility::Private => Visibility::Private,
            crd::Visibility::Shared => Visibility::Shared,
        }
    }

    /// The declared access list, in Composio's words; `None`: it is not managed.
    pub fn access_list(&self) -> Option<Acl> {
        self.spec.sharing.as_ref().map(sharing::declared)
    }

    /// Whether the spec names an alias.
    pub fn declares_alias(&self) -> bool {
        self.spec
            .metadata
            .as_ref()
            .is_some_and(|metadata| metadata.alias.is_some())
    }
}

fn token(object: &ConnectedAccount, annotation: &str) -> Option<String> {
    object
        .annotations()
        .get(annotation)
        .filter(|token| !token.is_empty() && token.chars().count() <= MAX_TOKEN)
        .cloned()
}

/// With the dots it is longer than any token that is taken, so it never equals one.
fn too_long(object: &ConnectedAccount, annotation: &str) -> Option<String> {
    let token = object.annotations().get(annotation)?;
    (token.chars().count() > MAX_TOKEN)
        .then(|| token.chars().take(MAX_TOKEN).chain(['…']).collect())
}

/// The alias by which an object looks for its account while no id is recorded, as
/// [`Desired::sought_alias`] says it. It takes no more than is known also of an object whose declaration
/// cannot be read: the declared alias, and the annotation that pins one.
pub fn sought_alias(
    namespace: &str,
    name: &str,
    declared: Option<&str>,
    pin: Option<&str>,
    flags: &Flags,
) -> String {
    match pin {
        Some(pin) => pin.to_owned(),
        None => wanted_alias(namespace, name, declared, flags),
    }
}

/// The alias that a declaration asks for.
fn wanted_alias(namespace: &str, name: &str, declared: Option<&str>, flags: &Flags) -> String {
    match declared {
        Some(alias) => alias.to_owned(),
        None => computed_alias(&flags.alias_prefix, namespace, name),
    }
}

/// The alias of an object that declares none: it can be computed from the object's name alone, so
/// that an account is found again after everything else was lost. A namespace holds no dot, so no
/// two names share one; a name too long is cut and told apart by a hash.
pub fn computed_alias(prefix: &str, namespace: &str, name: &str) -> String {
    let whole = format!("{prefix}{namespace}.{name}");
    if whole.len() <= MAX_ALIAS {
        return whole;
    }
    let hash = Sha256::digest(format!("{namespace}/{name}"));
    let hash: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Namespace, name and prefix are ASCII; anything else would only be cut a little earlier.
    let mut end = CUT_ALIAS;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}.{hash}", &whole[..end])
}
