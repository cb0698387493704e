//! What those who refer to a project may ask for. Pure: `plan` asks it what may be declared before anything is
//! looked at, and what was found before it is taken.

use std::{collections::BTreeMap, fmt};

use crate::{
    composio::model::Visibility,
    crd::{Allow, DeletionPolicy, ProjectKind, Source},
};

mod entry;
mod overlap;
mod pattern;
mod request;
#[cfg(test)]
mod tests;

use entry::Entry;
use pattern::Pattern;
pub use request::NotAllowed;

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// What those who refer to a project may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// One of them alone must allow the whole request. `None`: nothing is restricted.
    entries: Option<Vec<Entry>>,
    /// Pairs of entries that may grant one user to several namespaces.
    overlaps: Vec<(usize, usize)>,
}

/// What an object asks for.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    /// The namespace of the object.
    namespace: &'a str,
    /// Its labels.
    labels: &'a Labels,
    /// The user that is declared, and that of the account that was found; `None`: it is not shown.
    users: Vec<Option<&'a str>>,
    /// Who signs in.
    person: &'a str,
    /// The toolkits of both.
    toolkits: Vec<&'a str>,
    /// The auth configs of both, as far as they are known yet.
    auth_configs: Vec<&'a str>,
    /// Whether an account is taken over by its id.
    names_id: bool,
    /// Whether an account is found by an alias that is declared.
    names_alias: bool,
    /// Whether the object comes from another project.
    moves: bool,
    /// Whether an account is taken over that nothing proves to be the object's own.
    takes_over: bool,
    /// How the account is made.
    source: Source,
    /// Whether nobody gets a link but by the page, which knows who comes.
    is_bound: bool,
    /// Who may use it.
    visibility: Visibility,
    /// Whom the access list allows; `None`: it is not shown.
    shared_with: Vec<Option<&'a str>>,
    /// Whether it allows everybody.
    shares_with_all: bool,
    /// How many objects of its namespace come before it in the project, where it is new there.
    before: usize,
}

/// What of a request can be refused, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Namespace,
    User,
    Person,
    Toolkit,
    AuthConfig,
    ConnectedAccountId,
    Alias,
    Move,
    TakeOver,
    SignIn,
    Unbound,
    Credentials,
    Visibility,
    AllowAll,
    TooMany,
    AllowedUsers,
}

impl Field {
    const ALL: [Self; 16] = [
        Self::Namespace,
        Self::User,
        Self::Person,
        Self::Toolkit,
        Self::AuthConfig,
        Self::ConnectedAccountId,
        Self::Alias,
        Self::Move,
        Self::TakeOver,
        Self::SignIn,
        Self::Unbound,
        Self::Credentials,
        Self::Visibility,
        Self::AllowAll,
        Self::TooMany,
        Self::AllowedUsers,
    ];
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "objects of this namespace",
            Self::User => "spec.user",
            Self::Person => "spec.person, or spec.user where that is left out",
            Self::Toolkit => "spec.toolkit",
            Self::AuthConfig => "spec.authConfig, or the one that would be used",
            Self::ConnectedAccountId => "spec.connectedAccountId",
            Self::Alias => "spec.metadata.alias",
            Self::Move => "the annotation composio.dev/move-to-project",
            Self::TakeOver => "to take over an account that the object has not made",
            Self::SignIn => "accounts that a person signs in to",
            Self::Unbound => "sign-ins that nothing binds to the person: spec.linkPolicy must not be Immediate, and the operator must know of a connect page behind a proxy (--connect-url, --connect-user-header)",
            Self::Credentials => "spec.credentials",
            Self::Visibility => "spec.visibility",
            Self::AllowedUsers => "the users of the access list",
            Self::AllowAll => "an access list that allows everybody",
            Self::TooMany => "so many accounts of one namespace: TooMany",
        })
    }
}

impl Policy {
    /// The policy of a project of that kind with those entries.
    pub fn new(kind: ProjectKind, allow: Option<&[Allow]>) -> Self {
        let is_cluster = kind == ProjectKind::ClusterComposioProject;
        let Some(allow) = allow.or(is_cluster.then_some(&[])) else {
            return Self::everything();
        };
        let mut entries: Vec<Entry> = allow.iter().map(|one| Entry::of(kind, one)).collect();
        let overlaps = match is_cluster {
            true => overlaps(&entries),
            // All who refer to it are of one namespace.
            false => Vec::new(),
        };
        for (at, entry) in entries.iter_mut().enumerate() {
            // Whoever needs nobody's consent could make an account for another namespace's user.
            if overlaps
                .iter()
                .any(|(one, other)| *one == at || *other == at)
            {
                entry.sources.get_or_insert_with(|| vec![Source::SignIn]);
            }
        }
        Self {
            entries: Some(entries),
            overlaps,
        }
    }

    /// The policy of whoever restricts nothing.
    pub fn everything() -> Self {
        Self {
            entries: None,
            overlaps: Vec::new(),
        }
    }

    /// The pairs of entries, by their places in `spec.allow`, that may grant one user to several namespaces.
    pub fn overlaps(&self) -> &[(usize, usize)] {
        &self.overlaps
    }

    /// Whether it counts the accounts of a namespace.
    pub fn counts_accounts(&self) -> bool {
        self.most_accounts().is_some()
    }

    /// The greatest number of accounts of a namespace that one of its entries allows; `None`: none counts them.
    pub(crate) fn most_accounts(&self) -> Option<usize> {
        let entries = self.entries.iter().flatten();
        entries.filter_map(|entry| entry.max_accounts).max()
    }

    /// Whether all of the request is allowed, by one entry. Else what is not: of the entry that comes nearest.
    pub(super) fn judge(&self, request: &Request<'_>) -> Result<(), Field> {
        let Some(entries) = &self.entries else {
            return Ok(());
        };
        let mut nearest = Field::Namespace;
        for entry in entries {
            match entry.refuses(request) {
                None => return Ok(()),
                Some(field) => nearest = nearest.max(field),
            }
        }
        Err(nearest)
    }

    /// Whether an object of that namespace may take over accounts of that user and toolkit that it has not made.
    /// What cannot be read of the object may be any.
    pub fn may_take_over(
        &self,
        namespace: &str,
        labels: &Labels,
        user: Option<&str>,
        toolkit: Option<&str>,
    ) -> bool {
        (self.entries.as_ref()).is_none_or(|entries| {
            entries.iter().any(|entry| {
                entry.take_over
                    && entry.is_for(namespace, labels)
                    && entry.may_be_for(namespace, user, toolkit)
            })
        })
    }

    /// What happens at the end, where that is declared: one that is not allowed is replaced by the first listed.
    pub(super) fn deletion_policy(
        &self,
        request: &Request<'_>,
        declared: DeletionPolicy,
    ) -> DeletionPolicy {
        let allows = |entry: &&Entry| {
            let allowed = entry.deletion_policies.as_ref();
            allowed.is_none_or(|allowed| allowed.contains(&declared))
        };
        let (deciding, is_allowed) = self.deciding(request);
        // Which of them the account will be allowed by depends on its auth config. Whoever leaves that out, or
        // declares what is not allowed, gains nothing by it.
        let stands = match is_allowed && is_certain(&deciding, request) {
            true => deciding.iter().any(allows),
            false => deciding.iter().all(allows),
        };
        let mut listed = deciding.iter().filter(|entry| !allows(entry));
        match listed.find_map(|entry| entry.deletion_policies.as_ref()?.first()) {
            Some(first) if !stands => *first,
            Some(_) | None => declared,
        }
    }

    /// Whether the toolkit must show that the person of the request has signed in.
    pub(super) fn wants_person(&self, request: &Request<'_>) -> bool {
        self.demands(request, |entry| entry.same_as_person)
    }

    /// Whether the person must come back to the page in the browser that had asked.
    pub(super) fn wants_return(&self, request: &Request<'_>) -> bool {
        self.demands(request, |entry| entry.bound)
    }

    /// Whether the page may take people on to that host without a click. Where nothing is restricted nothing is said of
    /// that either.
    pub(super) fn vouches_for(&self, request: &Request<'_>, host: &str) -> bool {
        let (deciding, is_allowed) = self.deciding(request);
        let lists = |entry: &&Entry| {
            let mut hosts = entry.callback_hosts.iter();
            hosts.any(|one| one.matches(host, request.namespace))
        };
        is_allowed && is_certain(&deciding, request) && deciding.iter().any(lists)
    }

    /// Whether only a Secret may be sent that says so itself.
    pub(super) fn wants_annotation(&self, request: &Request<'_>) -> bool {
        self.demands(request, |entry| entry.only_annotated)
    }

    /// Whether all entries that allow the request demand that; where it is not known which of them decides, whether one
    /// does.
    fn demands(&self, request: &Request<'_>, is_demanded: impl Fn(&Entry) -> bool) -> bool {
        let (deciding, is_allowed) = self.deciding(request);
        let mut demanding = deciding.iter().map(|entry| is_demanded(entry));
        match is_allowed && is_certain(&deciding, request) {
            true => !deciding.is_empty() && demanding.all(|demands| demands),
            false => demanding.any(|demands| demands),
        }
    }

    /// The entries that allow the whole request, and that there are some. Where none does, those for its namespace,
    /// or all.
    fn deciding(&self, request: &Request<'_>) -> (Vec<&Entry>, bool) {
        let Some(entries) = &self.entries else {
            return (Vec::new(), true);
        };
        let allow = entries
            .iter()
            .filter(|entry| entry.refuses(request).is_none());
        let allow: Vec<_> = allow.collect();
        if !allow.is_empty() {
            return (allow, true);
        }
        let is_for = |entry: &&Entry| entry.is_for(request.namespace, request.labels);
        let of_namespace: Vec<_> = entries.iter().filter(is_for).collect();
        match of_namespace.is_empty() {
            true => (entries.iter().collect(), false),
            false => (of_namespace, false),
        }
    }
}

/// Whether it is known by which of the entries the account will be allowed: its auth config tells, where they go
/// by that.
fn is_certain(deciding: &[&Entry], request: &Request<'_>) -> bool {
    request.knows_auth_config() || deciding.iter().all(|entry| entry.auth_configs.is_none())
}

fn overlaps(entries: &[Entry]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (at, one) in entries.iter().enumerate() {
        let others = entries.iter().enumerate().skip(at);
        let overlapping = others.filter(|(_, other)| overlap::may_overlap(one, other));
        pairs.extend(overlapping.map(|(other, _)| (at, other)));
    }
    pairs
}
