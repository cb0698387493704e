//! Of which accounts people are told. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::{
    crd::{ProjectKind, ProjectRef},
    projects::ProjectKey,
};

/// Of which accounts people are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyFilter {
    /// Only those in these projects; none named: in all.
    pub projects: Vec<ProjectKey>,
    /// Only those declared in these namespaces; none named: in all.
    pub namespaces: Vec<String>,
    /// Whether those in ComposioProjects are among them. Any team can make one, and declare in it an account for
    /// anybody: in a ClusterComposioProject a platform has said who may ask whom.
    pub namespaced_projects: bool,
}

impl NotifyFilter {
    /// Whether people are told of an account that is declared in that namespace and refers to that project.
    pub fn covers(&self, project: &ProjectRef, namespace: &str) -> bool {
        let key = ProjectKey::referred(project, namespace);
        let may_be = match project.kind {
            ProjectKind::ClusterComposioProject => true,
            ProjectKind::ComposioProject => self.namespaced_projects,
        };
        may_be
            && (self.projects.is_empty() || self.projects.contains(&key))
            && (self.namespaces.is_empty() || self.namespaces.iter().any(|one| one == namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_of_accounts_of_cluster_projects_unless_it_is_said_otherwise() {
        let cluster: ProjectRef = "ClusterComposioProject/shared".parse().expect("a project");
        let own = ProjectRef::default();
        let filter = |projects: &[&str], namespaces: &[&str], namespaced_projects| NotifyFilter {
            projects: projects
                .iter()
                .map(|one| one.parse().expect("a project"))
                .collect(),
            namespaces: namespaces.iter().map(|one| (*one).to_owned()).collect(),
            namespaced_projects,
        };
        let shared = "ClusterComposioProject/shared";
        let default = "ComposioProject/agents/default";
        for (filter, of_cluster, of_own) in [
            (filter(&[], &[], false), true, false),
            (filter(&[], &[], true), true, true),
            (filter(&[shared], &[], true), true, false),
            (filter(&[default], &[], true), false, true),
            (filter(&[default], &[], false), false, false),
            (
                filter(&["ComposioProject/b/default"], &[], true),
                false,
                false,
            ),
            (filter(&[], &["agents"], true), true, true),
            (filter(&[], &["b"], true), false, false),
            (filter(&[shared], &["b"], true), false, false),
        ] {
            assert_eq!(filter.covers(&cluster, "agents"), of_cluster, "{filter:?}");
            assert_eq!(filter.covers(&own, "agents"), of_own, "{filter:?}");
        }
    }
}
