//! Which projects share the rate limit of an organisation: those of which Composio tells that they are of the same
//! one, at the same base URL, and ClusterComposioProjects that say so. Pure, but for the budgets that it hands out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;

use super::ProjectKey;
use crate::{
    composio::{Caller, SessionInfo},
    project::{Project, SharedBudget},
};

/// What is known of a project's organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// Where it is; ids of one place say nothing of those of another.
    pub(super) base_url: Arc<str>,
    /// What a ClusterComposioProject says.
    pub(super) declared: Option<Arc<str>>,
    /// What Composio tells of the API key.
    pub(super) session: Option<Arc<SessionInfo>>,
    /// Whether it is a ClusterComposioProject.
    pub(super) is_cluster: bool,
}

/// Whose rate limit a project uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Organization {
    /// That of an organisation at a base URL, by its id.
    Proved(Arc<str>, String),
    /// The same, by the name that projects of the cluster give it.
    Declared(Arc<str>, Arc<str>),
    /// Nothing is known: its own.
    Unknown(ProjectKey),
}

#[derive(Default)]
struct Groups {
    members: BTreeMap<ProjectKey, (Membership, Arc<Project>)>,
    budgets: HashMap<Organization, SharedBudget>,
}

/// The organisations of all projects. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Organizations(Arc<Mutex<Groups>>);

impl Organizations {
    /// Says what is known of a project. What it shares with whom follows at once.
    pub(super) fn enter(&self, key: &ProjectKey, membership: Membership, project: &Arc<Project>) {
        let mut groups = self.0.lock();
        let is_same = |(former, _): &(Membership, _)| *former == membership;
        if groups.members.get(key).is_some_and(is_same) {
            return;
        }
        let member = (membership, Arc::clone(project));
        groups.members.insert(key.clone(), member);
        groups.divide();
    }

    /// Forgets a project.
    pub(super) fn leave(&self, key: &ProjectKey) {
        let mut groups = self.0.lock();
        if groups.members.remove(key).is_some() {
            groups.divide();
        }
    }
}

impl Groups {
    fn divide(&mut self) {
        let memberships = self
            .members
            .iter()
            .map(|(key, (membership, _))| (key, membership));
        let memberships: BTreeMap<_, _> = memberships.collect();
        let mut budgets = HashMap::new();
        for (key, (organization, caller)) in divided(&memberships) {
            let Some((_, project)) = self.members.get(&key) else {
                continue;
            };
            // What is known of the limit is kept.
            let budget = budgets.entry(organization).or_insert_with_key(|one| {
                let former = self.budgets.get(one).cloned();
                former.unwrap_or_else(|| project.budget())
            });
            project.share_budget(budget, caller);
        }
        self.budgets = budgets;
    }
}

/// Whose limit each project uses, and under which name. Pure.
fn divided(
    members: &BTreeMap<&ProjectKey, &Membership>,
) -> BTreeMap<ProjectKey, (Organization, Caller)> {
    let proved = |one: &Membership| {
        let session = one.session.as_ref()?;
        session.organization_id.clone()
    };
    // What is declared is the same as what is proved of one that declares it.
    let mut ids: HashMap<(&Arc<str>, &Arc<str>), String> = HashMap::new();
    for member in members.values() {
        if let (Some(declared), Some(id)) = (&member.declared, proved(member)) {
            ids.entry((&member.base_url, declared)).or_insert(id);
        }
    }
    let organization = |key: &ProjectKey, one: &Membership| {
        let base_url = Arc::clone(&one.base_url);
        let of_declared = |declared: &Arc<str>| ids.get(&(&one.base_url, declared)).cloned();
        let id = proved(one).or_else(|| of_declared(one.declared.as_ref()?));
        match (id, &one.declared) {
            (Some(id), _) => Organization::Proved(base_url, id),
            (None, Some(declared)) => Organization::Declared(base_url, Arc::clone(declared)),
            (None, None) => Organization::Unknown(key.clone()),
        }
    };
    let caller = |key: &ProjectKey, one: &Membership| Caller {
        project: match &one.session {
            Some(session) => session.project_id.as_str().into(),
            None => key.to_string().into(),
        },
        is_preferred: one.is_cluster,
    };
    let members = members.iter();
    members
        .map(|(key, one)| ((*key).clone(), (organization(key, one), caller(key, one))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::ProjectKind;

    struct Case<'a> {
        name: &'a str,
        base_url: &'a str,
        declared: Option<&'a str>,
        told: Option<(&'a str, Option<&'a str>)>,
    }

    fn organization_of(cases: &[Case<'_>]) -> Vec<(Organization, Caller)> {
        let members: Vec<(ProjectKey, Membership)> = cases
            .iter()
            .map(|case| {
                let kind = match case.declared {
                    Some(_) => ProjectKind::ClusterComposioProject,
                    None => ProjectKind::ComposioProject,
                };
                let namespace = case.declared.is_none().then_some("agents");
                let key = ProjectKey::new(kind, namespace, case.name);
                let session = case.told.map(|(project, organization)| SessionInfo {
                    project_id: project.to_owned(),
                    organization_id: organization.map(str::to_owned),
                });
                let membership = Membership {
                    base_url: case.base_url.into(),
                    declared: case.declared.map(Arc::from),
                    session: session.map(Arc::new),
                    is_cluster: case.declared.is_some(),
                };
                (key, membership)
            })
            .collect();
        let all: BTreeMap<_, _> = members.iter().map(|(key, one)| (key, one)).collect();
        let divided = divided(&all);
        members
            .iter()
            .map(|(key, _)| divided[key].clone())
            .collect()
    }

    fn case<'a>(
        name: &'a str,
        declared: Option<&'a str>,
        told: Option<(&'a str, Option<&'a str>)>,
    ) -> Case<'a> {
        Case {
            name,
            base_url: "https://a.example",
            declared,
            told,
        }
    }

    #[test]
    fn a_limit_is_shared_only_by_those_of_whom_it_is_proved_or_declared() {
        let all = organization_of(&[
            case("a", None, Some(("pr_a", Some("ok_1")))),
            case("b", None, Some(("pr_b", Some("ok_1")))),
            case("c", None, Some(("pr_c", Some("ok_2")))),
            case("d", None, Some(("pr_d", None))),
            case("e", None, None),
            Case {
                base_url: "https://b.example",
                ..case("f", None, Some(("pr_a", Some("ok_1"))))
            },
        ]);
        let organizations: Vec<_> = all.iter().map(|(one, _)| one).collect();
        assert_eq!(organizations[0], organizations[1]);
        for (n, one) in organizations.iter().enumerate() {
            for (other, two) in organizations.iter().enumerate().skip(n + 1) {
                assert_eq!(one == two, (n, other) == (0, 1), "{one:?} {two:?}");
            }
        }
    }

    #[test]
    fn what_the_cluster_declares_holds_where_nothing_is_proved_and_joins_what_is() {
        let all = organization_of(&[
            case("a", Some("acme"), None),
            case("b", Some("acme"), Some(("pr_b", Some("ok_1")))),
            case("c", None, Some(("pr_c", Some("ok_1")))),
            case("d", Some("other"), None),
            case("e", Some("other"), None),
        ]);
        assert_eq!(all[0].0, all[1].0);
        assert_eq!(all[1].0, all[2].0);
        assert_eq!(all[3].0, all[4].0);
        assert_ne!(all[0].0, all[3].0);
        let preferred: Vec<bool> = all.iter().map(|(_, caller)| caller.is_preferred).collect();
        assert_eq!(preferred, [true, true, false, true, true]);
    }

    #[test]
    fn all_that_declare_one_project_are_one_caller() {
        let all = organization_of(&[
            case("a", None, Some(("pr_a", Some("ok_1")))),
            case("b", None, Some(("pr_a", Some("ok_1")))),
        ]);
        assert_eq!(all[0], all[1]);
    }
}
