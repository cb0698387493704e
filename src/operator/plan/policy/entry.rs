//! One entry of a policy, and what it allows.

use std::collections::BTreeMap;

use super::{Field, Pattern, Request};
use crate::{
    composio::model::Visibility,
    crd::{
        self, Allow, DeletionPolicy, IdentityDemand, ProjectKind, SharingLimit, SignInDemand,
        Source,
    },
    plan::sharing,
};

/// One entry of a policy. What is `None` is not restricted; an empty list allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Names of namespaces.
    pub(super) namespaces: Option<Vec<Pattern>>,
    /// Labels of namespaces, all of them.
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// Users, also those of access lists.
    pub(super) users: Option<Vec<Pattern>>,
    /// Who signs in.
    pub(super) people: Option<Vec<Pattern>>,
    /// Whether the toolkit must show that this is who has signed in.
    pub(super) same_as_person: bool,
    /// Whether the person must come back to the page in the browser that had asked.
    pub(super) bound: bool,
    /// Hosts to which the page takes people on without a click.
    pub(super) callback_hosts: Vec<Pattern>,
    /// Toolkits.
    pub(super) toolkits: Option<Vec<Pattern>>,
    /// Ids of auth configs.
    pub(super) auth_configs: Option<Vec<Pattern>>,
    /// Whether accounts may be taken over that the object did not make.
    pub(super) take_over: bool,
    /// Who may use accounts.
    pub(super) visibilities: Option<Vec<Visibility>>,
    /// How accounts are made; `None`: it is not said.
    pub(super) sources: Option<Vec<Source>>,
    /// Whether an account may be shared with everybody.
    pub(super) shares_with_all: bool,
    /// What may happen to accounts at the end.
    pub(super) deletion_policies: Option<Vec<DeletionPolicy>>,
    /// The most accounts of one namespace.
    pub(super) max_accounts: Option<usize>,
    /// Whether only Secrets may be sent that say so themselves.
    pub(super) only_annotated: bool,
}

impl Entry {
    pub(super) fn of(kind: ProjectKind, allow: &Allow) -> Self {
        let compiled = |texts: &Vec<String>, one: fn(&str) -> Option<Pattern>| {
            texts.iter().filter_map(|text| one(text)).collect()
        };
        let plain = |texts: &Option<Vec<String>>| {
            texts.as_ref().map(|texts| compiled(texts, Pattern::plain))
        };
        let visibilities = allow.visibilities.as_ref();
        let max_accounts = allow
            .max_accounts
            .map(|most| usize::try_from(most).unwrap_or(0));
        Self {
            namespaces: plain(&allow.namespaces),
            labels: (allow.namespace_selector.as_ref())
                .map(|selector| selector.match_labels.clone()),
            users: (allow.users.as_ref()).map(|texts| compiled(texts, Pattern::of_users)),
            people: plain(&allow.people),
            same_as_person: allow.identity == Some(IdentityDemand::SameAsPerson),
            bound: allow.sign_in == Some(SignInDemand::Bound),
            callback_hosts: match kind {
                ProjectKind::ClusterComposioProject => plain(&allow.callback_hosts),
                ProjectKind::ComposioProject => None,
            }
            .unwrap_or_default(),
            toolkits: plain(&allow.toolkits),
            auth_configs: plain(&allow.auth_configs),
            take_over: allow.take_over,
            visibilities: visibilities
                .map(|all| all.iter().map(|one| sharing::visibility(*one)).collect()),
            sources: allow.sources.clone(),
            shares_with_all: allow.sharing == Some(SharingLimit::All),
            deletion_policies: allow.deletion_policies.clone(),
            max_accounts,
            only_annotated: match allow.secrets {
                Some(crd::SecretsOffered::Annotated) => true,
                Some(crd::SecretsOffered::Any) => false,
                None => kind == ProjectKind::ClusterComposioProject,
            },
        }
    }

    /// What of the request is not allowed, the first of it; `None`: all is.
    pub(super) fn refuses(&self, request: &Request<'_>) -> Option<Field> {
        let allows = |field| self.allows(field, request);
        Field::ALL.into_iter().find(|field| !allows(*field))
    }

    fn allows(&self, field: Field, request: &Request<'_>) -> bool {
        let namespace = request.namespace;
        let is_user = |user: &Option<&str>| match (&self.users, user) {
            (None, _) => true,
            (Some(users), Some(user)) => any(users, user, namespace),
            (Some(_), None) => false,
        };
        match field {
            Field::Namespace => self.is_for(namespace, request.labels),
            Field::User => request.users.iter().all(is_user),
            // Nobody signs in where a Secret is sent.
            Field::Person => {
                request.source == Source::Secret || allow(&self.people, request.person, namespace)
            }
            Field::Toolkit => {
                let mut toolkits = request.toolkits.iter();
                toolkits.all(|one| allow(&self.toolkits, one, namespace))
            }
            Field::AuthConfig => {
                let mut auth_configs = request.auth_configs.iter();
                auth_configs.all(|one| allow(&self.auth_configs, one, namespace))
            }
            Field::ConnectedAccountId => self.take_over || !request.names_id,
            Field::Alias => self.take_over || !request.names_alias,
            Field::TakeOver => self.take_over || !request.takes_over,
            Field::Move => self.take_over || !request.moves,
            Field::SignIn => request.source != Source::SignIn || self.takes(Source::SignIn),
            Field::Unbound => !self.bound || request.source != Source::SignIn || request.is_bound,
            Field::Credentials => request.source != Source::Secret || self.takes(Source::Secret),
            Field::Visibility => {
                let allowed = self.visibilities.as_ref();
                allowed.is_none_or(|allowed| allowed.contains(&request.visibility))
            }
            Field::AllowedUsers => request.shared_with.iter().all(is_user),
            Field::AllowAll => self.shares_with_all || !request.shares_with_all,
            Field::TooMany => self.max_accounts.is_none_or(|most| request.before < most),
        }
    }

    /// Whether it is for objects of that namespace.
    pub(super) fn is_for(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let has = |(name, value): (&String, &String)| labels.get(name) == Some(value);
        // What is left of a selector that says something else matches nothing.
        let is_selected =
            |wanted: &BTreeMap<String, String>| !wanted.is_empty() && wanted.iter().all(has);
        allow(&self.namespaces, namespace, namespace)
            && self.labels.as_ref().is_none_or(is_selected)
    }

    /// Whether that user or toolkit is allowed. One that is not known may be.
    pub(super) fn may_be_for(
        &self,
        namespace: &str,
        user: Option<&str>,
        toolkit: Option<&str>,
    ) -> bool {
        user.is_none_or(|user| allow(&self.users, user, namespace))
            && toolkit.is_none_or(|toolkit| allow(&self.toolkits, toolkit, namespace))
    }

    /// Whether accounts may be made so.
    fn takes(&self, source: Source) -> bool {
        (self.sources.as_ref()).is_none_or(|sources| sources.contains(&source))
    }
}

fn allow(patterns: &Option<Vec<Pattern>>, text: &str, namespace: &str) -> bool {
    (patterns.as_ref()).is_none_or(|patterns| any(patterns, text, namespace))
}

fn any(patterns: &[Pattern], text: &str, namespace: &str) -> bool {
    patterns.iter().any(|one| one.matches(text, namespace))
}
