//! Which project an object refers to.

use std::{fmt, str::FromStr};

use kube::ResourceExt;

use crate::crd::{ProjectKind, ProjectRef};

/// The name of a project: of which kind, in which namespace, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectKey {
    /// ComposioProject or ClusterComposioProject.
    pub kind: ProjectKind,
    /// Its namespace; `None` of a ClusterComposioProject.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ProjectKey {
    /// The project that an object of that namespace refers to so.
    pub fn referred(reference: &ProjectRef, namespace: &str) -> Self {
        let namespace = match reference.kind {
            ProjectKind::ComposioProject => Some(namespace.to_owned()),
            ProjectKind::ClusterComposioProject => None,
        };
        Self {
            kind: reference.kind,
            namespace,
            name: reference.name.clone(),
        }
    }

    /// The key of a project.
    pub(super) fn of(kind: ProjectKind, object: &impl ResourceExt) -> Self {
        Self {
            kind,
            namespace: object.namespace(),
            name: object.name_any(),
        }
    }

    /// `kind/name`, as objects refer to it and their pins have it.
    pub fn reference(&self) -> ProjectRef {
        ProjectRef {
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

/// `ComposioProject/agents/default`, in logs and metrics.
impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
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
        Ok(Self {
            kind,
            namespace: namespace.map(str::to_owned),
            name: (*name).to_owned(),
        })
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
