//! Which project an object refers to.

use std::{fmt, str::FromStr, sync::Arc};

use kube::ResourceExt;

use crate::crd::{ProjectKind, ProjectRef};

/// The name of a project: of which kind, in which namespace, and how it is called. Cheap to clone: it is held in many
/// places for each project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectKey(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    kind: ProjectKind,
    namespace: Option<Box<str>>,
    name: Box<str>,
}

impl ProjectKey {
    /// A project of that kind and name. The namespace is `None` of a ClusterComposioProject.
    pub fn new(kind: ProjectKind, namespace: Option<&str>, name: &str) -> Self {
        Self(Arc::new(Parts {
            kind,
            namespace: namespace.map(Box::from),
            name: name.into(),
        }))
    }

    /// The project that an object of that namespace refers to so.
    pub fn referred(reference: &ProjectRef, namespace: &str) -> Self {
        let namespace = match reference.kind {
            ProjectKind::ComposioProject => Some(namespace),
            ProjectKind::ClusterComposioProject => None,
        };
        Self::new(reference.kind, namespace, &reference.name)
    }

    /// The key of a project.
    pub(super) fn of(kind: ProjectKind, object: &impl ResourceExt) -> Self {
        Self::new(kind, object.namespace().as_deref(), &object.name_any())
    }

    /// ComposioProject or ClusterComposioProject.
    pub fn kind(&self) -> ProjectKind {
        self.0.kind
    }

    /// Its namespace; `None` of a ClusterComposioProject.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `kind/name`, as objects refer to it and their pins have it.
    pub fn reference(&self) -> ProjectRef {
        ProjectRef {
            kind: self.kind(),
            name: self.name().to_owned(),
        }
    }
}

/// `ComposioProject/agents/default`, in logs and metrics.
impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.kind(), self.name());
        match self.namespace() {
            Some(namespace) => write!(f, "{kind}/{namespace}/{name}"),
            None => write!(f, "{kind}/{name}"),
        }
    }
}

/// What names no project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must name a project: ComposioProject/NAMESPACE/NAME or ClusterComposioProject/NAME")]
pub struct NotAProjectKey;

/// As it is displayed.
impl FromStr for ProjectKey {
    type Err = NotAProjectKey;

    fn from_str(text: &str) -> Result<Self, NotAProjectKey> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(NotAProjectKey);
        }
        let (kind, namespace, name) = match parts.as_slice() {
            ["ComposioProject", namespace, name] => {
                (ProjectKind::ComposioProject, Some(*namespace), name)
            }
            ["ClusterComposioProject", name] => (ProjectKind::ClusterComposioProject, None, name),
            _ => return Err(NotAProjectKey),
        };
        Ok(Self::new(kind, namespace, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_as_it_is_displayed() {
        for name in [
            "ComposioProject/agents/default",
            "ClusterComposioProject/platform",
        ] {
            let key: ProjectKey = name.parse().expect("it names one");
            assert_eq!(key.to_string(), name);
        }
        for wrong in [
            "",
            "default",
            "agents/default",
            "ComposioProject/default",
            "ComposioProject//default",
            "ClusterComposioProject/agents/default",
            "composioproject/agents/default",
        ] {
            assert_eq!(
                wrong.parse::<ProjectKey>(),
                Err(NotAProjectKey),
                "{wrong:?}"
            );
        }
    }
}
