//! What is wanted, one difference from [`object`](super::object) a word.

use super::*;

impl DesiredBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Desired)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn unmarked(self) -> Self {
        self.without_finalizer().unpinned()
    }

    pub(crate) fn without_finalizer(self) -> Self {
        self.with(|desired| desired.finalizer = false)
    }

    pub(crate) fn unpinned(self) -> Self {
        self.with(|desired| desired.pin = Pin::Absent)
    }

    pub(crate) fn pinned(self, alias: &str) -> Self {
        self.with(|desired| {
            desired.pin = Pin::Own {
                alias: Some(alias.into()),
            };
        })
    }

    /// Managed, and nothing was asked for.
    pub(crate) fn pinned_to_nothing(self) -> Self {
        self.with(|desired| desired.pin = Pin::Own { alias: None })
    }

    /// The pin of this object under another alias prefix.
    pub(crate) fn pinned_formerly(self, alias: &str) -> Self {
        self.with(|desired| {
            desired.pin = Pin::Former {
                alias: Some(alias.into()),
                prefix: "old-".into(),
                project: desired.flags.project.clone(),
                other_id: None,
            };
        })
    }

    /// The pin of this object in another project.
    pub(crate) fn pinned_in(self, other: &str, alias: &str) -> Self {
        self.with(|desired| {
            desired.pin = Pin::Former {
                alias: Some(alias.into()),
                prefix: desired.flags.alias_prefix.clone(),
                project: other.into(),
                other_id: None,
            };
        })
    }

    /// The pin of this object when its project was another one of Composio's.
    pub(crate) fn pinned_in_id(self, id: &str, alias: &str) -> Self {
        self.with(|desired| {
            desired.pin = Pin::Former {
                alias: Some(alias.into()),
                prefix: desired.flags.alias_prefix.clone(),
                project: desired.flags.project.clone(),
                other_id: Some(id.into()),
            };
        })
    }

    /// A person has it go on in this project.
    pub(crate) fn moved_here(self) -> Self {
        self.with(|desired| desired.moves_here = true)
    }

    /// The pin of the object that this one was copied from.
    pub(crate) fn copied_from(self, object: &str) -> Self {
        self.with(|desired| {
            desired.pin = Pin::Foreign {
                object: Some(object.into()),
            };
        })
    }

    pub(crate) fn given(self, id: &str) -> Self {
        self.with(|desired| desired.own_account = Some(id.into()))
    }

    pub(crate) fn disabled(self) -> Self {
        self.with(|desired| desired.spec.enabled = false)
    }

    pub(crate) fn suspended(self) -> Self {
        self.with(|desired| desired.spec.suspend = true)
    }

    pub(crate) fn shared_with(self, allowed: &[&str], denied: &[&str]) -> Self {
        self.with(|desired| {
            desired.spec.visibility = crate::crd::Visibility::Shared;
            desired.spec.sharing = Some(Sharing {
                allow_all: false,
                allowed_users: allowed.iter().map(|user| (*user).into()).collect(),
                denied_users: denied.iter().map(|user| (*user).into()).collect(),
            });
        })
    }

    pub(crate) fn made_from_secret(self) -> Self {
        self.with(|desired| {
            desired.spec.credentials = Some(Credentials {
                secret_ref: Some(SecretRef {
                    name: "gmail-key".into(),
                    ..Default::default()
                }),
                ..Default::default()
            });
        })
    }

    pub(crate) fn of_scheme(self, scheme: Scheme) -> Self {
        self.with(|desired| {
            desired
                .spec
                .credentials
                .as_mut()
                .expect("it has them")
                .scheme = scheme;
        })
    }

    pub(crate) fn taking_over(self, id: &str) -> Self {
        self.with(|desired| desired.spec.connected_account_id = Some(id.into()))
    }

    pub(crate) fn through(self, auth_config: &str) -> Self {
        self.with(|desired| desired.spec.auth_config = Some(auth_config.into()))
    }

    pub(crate) fn called(self, alias: &str) -> Self {
        self.with(|desired| {
            desired.alias = alias.into();
            desired.spec.metadata = Some(Metadata {
                alias: Some(alias.into()),
            });
        })
    }

    pub(crate) fn ready_with_link(self) -> Self {
        self.with(|desired| desired.spec.ready_when = ReadyWhen::LinkIssued)
    }

    pub(crate) fn asking_for_link(self, token: &str) -> Self {
        self.with(|desired| desired.link_request = Some(token.into()))
    }

    pub(crate) fn asking_for_look(self, token: &str) -> Self {
        self.with(|desired| desired.reconcile_request = Some(token.into()))
    }

    /// Deleted long enough ago for everything that was under way to have arrived.
    pub(crate) fn deleted(self, policy: DeletionPolicy) -> Self {
        self.with(|desired| desired.spec.deletion_policy = policy)
            .deleted_at(ago(3600))
    }

    pub(crate) fn deleted_at(self, since: Timestamp) -> Self {
        self.with(|desired| desired.presence = Presence::Deleting { since })
    }
}
