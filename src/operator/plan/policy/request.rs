//! What an object asks for: what it declares, with what was found.

use std::fmt;

use super::{Field, Request};
use crate::{
    composio::model::{Account, Visibility},
    connect::callback_host,
    crd::{DeletionPolicy, Source},
    plan::Desired,
};

/// What the project does not allow: the field, and never what was found in it, nor whether there is anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAllowed {
    project: String,
    field: Field,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not allow {}", self.project, self.field)
    }
}

impl Request<'_> {
    /// Whether it is said which auth config the account is made from.
    pub(super) fn knows_auth_config(&self) -> bool {
        !self.auth_configs.is_empty()
    }
}

impl Desired {
    /// What of the declaration is not allowed, for an object that has no account yet: it needs no look to tell.
    pub fn not_allowed_as_new(&self) -> Option<NotAllowed> {
        self.judge(&Request {
            before: self.before,
            ..self.request()
        })
    }

    /// What is not allowed of an account that was found. What it does not show is not allowed where it matters; but
    /// one that carries the computed alias was looked for by its user, and no other object has that alias. One that
    /// neither does, nor stands in a record that was signed for the object, is taken over.
    pub fn not_allowed_of(&self, account: &Account, is_signed: bool) -> Option<NotAllowed> {
        let mut request = self.request();
        let is_made_for_it = account.alias.as_ref() == Some(&self.own_alias);
        request.takes_over = !is_made_for_it && !is_signed;
        match account.user_id.as_deref() {
            None if is_made_for_it => {}
            user => request.users.push(user),
        }
        request.toolkits.push(&account.toolkit);
        request.auth_configs.push(&account.auth_config);
        // What is declared takes its place.
        if account.visibility == Visibility::Shared && self.spec.sharing.is_none() {
            match &account.sharing {
                Some(list) => {
                    request.shared_with =
                        list.allowed.iter().map(|one| Some(one.as_str())).collect();
                    request.shares_with_all = list.allow_all;
                }
                None => {
                    request.shared_with = vec![None];
                    request.shares_with_all = true;
                }
            }
        }
        self.judge(&request)
    }

    /// Whether the object may have an account that its declaration names by an id. What it may not have is not there.
    pub(crate) fn may_find(&self, account: &Account) -> bool {
        let is_made_for_it = account.alias.as_ref() == Some(&self.own_alias);
        is_made_for_it || self.not_allowed_of(account, false).is_none()
    }

    /// Whether it may know what of that toolkit is in the project.
    pub(crate) fn may_see(&self, toolkit: &str) -> bool {
        let mut request = self.request();
        request.toolkits.push(toolkit);
        self.judge(&request).is_none()
    }

    /// What is not allowed of an account that is to be made from that auth config.
    pub(in crate::plan) fn not_allowed_from(&self, auth_config: &str) -> Option<NotAllowed> {
        let mut request = self.request();
        request.auth_configs.push(auth_config);
        self.judge(&request)
    }

    /// Whether an account may be made from that auth config.
    pub fn may_use(&self, auth_config: &str) -> bool {
        self.not_allowed_from(auth_config).is_none()
    }

    /// Whether accounts may be taken over that nothing but a name proves to be this object's.
    pub fn may_take_over(&self) -> bool {
        let spec = &self.spec;
        (self.flags.policy.as_ref()).is_some_and(|policy| {
            policy.may_take_over(
                &self.namespace,
                &self.labels,
                Some(&spec.user),
                Some(&spec.toolkit),
            )
        })
    }

    /// What happens to the account at the end, where that is declared and allowed.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        let declared = self.spec.deletion_policy;
        match &self.flags.policy {
            Some(policy) => policy.deletion_policy(&self.request(), declared),
            None => declared,
        }
    }

    /// Who signs in.
    pub fn person(&self) -> &str {
        self.spec.person.as_deref().unwrap_or(&self.spec.user)
    }

    /// Who must be shown to have signed in to that account, by the word of the project; `None`: the project leaves
    /// that to the declaration.
    pub fn demanded_person(&self, account: &Account) -> Option<&str> {
        let mut request = self.request();
        request.auth_configs.push(&account.auth_config);
        let policy = self.flags.policy.as_ref()?;
        policy.wants_person(&request).then(|| self.person())
    }

    /// Whether the person must come back from the sign-in to that account, `None` for one that is not known yet, in the
    /// browser that had asked for the link, by the word of the project.
    pub fn is_bound(&self, account: Option<&Account>) -> bool {
        let mut request = self.request();
        request
            .auth_configs
            .extend(account.map(|account| &*account.auth_config));
        let policy = self.flags.policy.as_ref();
        request.source == Source::SignIn
            && policy.is_some_and(|policy| policy.wants_return(&request))
    }

    /// The host of `spec.callbackUrl`, where the page may take whoever has signed in to that account there without a
    /// click.
    pub fn callback_host(&self, account: &Account) -> Option<String> {
        let policy = self.flags.policy.as_ref()?;
        let host = callback_host(self.spec.callback_url.as_deref()?)?;
        let mut request = self.request();
        request.auth_configs.push(&account.auth_config);
        policy.vouches_for(&request, &host).then_some(host)
    }

    /// Whether only a Secret may be sent that says so itself.
    pub fn wants_annotated_secret(&self) -> bool {
        (self.flags.policy.as_ref()).is_some_and(|policy| policy.wants_annotation(&self.request()))
    }

    fn judge(&self, request: &Request<'_>) -> Option<NotAllowed> {
        let field = self.flags.policy.as_ref()?.judge(request).err()?;
        Some(NotAllowed {
            project: self.flags.project.clone(),
            field,
        })
    }

    fn request(&self) -> Request<'_> {
        let spec = &self.spec;
        let sharing = spec.sharing.iter();
        Request {
            namespace: &self.namespace,
            labels: &self.labels,
            users: vec![Some(&spec.user)],
            person: self.person(),
            toolkits: vec![&spec.toolkit],
            auth_configs: spec.auth_config.iter().map(String::as_str).collect(),
            names_id: spec.connected_account_id.is_some(),
            names_alias: self.declares_alias(),
            moves: self.leaves().is_some(),
            takes_over: false,
            source: match &spec.credentials {
                Some(_) => Source::Secret,
                None => Source::SignIn,
            },
            is_bound: self.is_on_demand()
                && self
                    .flags
                    .page
                    .as_ref()
                    .is_some_and(|page| page.knows_users),
            visibility: self.visibility(),
            // Whoever denies the account to somebody gives nothing.
            shared_with: (sharing.clone().flat_map(|list| &list.allowed_users))
                .map(|user| Some(user.as_str()))
                .collect(),
            shares_with_all: sharing.clone().any(|list| list.allow_all),
            before: 0,
        }
    }
}
