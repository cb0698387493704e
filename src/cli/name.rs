//! Names as they are typed. They become a part of a request's path: nothing else may get there.

use composio_api::{ProjectKind, ProjectRef};

/// The resource as kubectl's `-o name` writes it.
pub(crate) const RESOURCE: &str = "connectedaccount.composio.dev";
/// What may stand before the name of an object.
const RESOURCES: [&str; 5] = [
    RESOURCE,
    "connectedaccounts.composio.dev",
    "connectedaccount",
    "connectedaccounts",
    "cacc",
];
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;
/// Below it two names have too little in common.
const ALIKE: f64 = 0.75;

/// The name of an object, alone or behind its resource as `-o name` prints it.
pub(crate) fn object(typed: &str) -> Result<String, String> {
    let name = match typed.split_once('/') {
        Some((resource, name)) if RESOURCES.contains(&resource) => name,
        Some(_) | None => typed,
    };
    let is_name = name.len() <= LONGEST && name.split('.').all(is_part);
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        "no object is called so: a name has lower-case letters, digits, '-' and '.', a letter or digit at both ends".to_owned()
    })
}

/// The name of a namespace.
pub(crate) fn namespace(typed: &str) -> Result<String, String> {
    let is_name = typed.len() <= LONGEST_LABEL && is_part(typed);
    is_name.then(|| typed.to_owned()).ok_or_else(|| {
        "no namespace is called so: a name has lower-case letters, digits and '-', a letter or digit at both ends".to_owned()
    })
}

/// The project of that name: alone it is a ComposioProject, or behind its kind.
pub(crate) fn project(typed: &str) -> Result<ProjectRef, String> {
    let (kind, name) = typed.split_once('/').unwrap_or(("", typed));
    let kind = kind.to_lowercase();
    let kind = match kind.trim_end_matches(".composio.dev") {
        "" | "composioproject" | "composioprojects" | "cproj" => ProjectKind::ComposioProject,
        "clustercomposioproject" | "clustercomposioprojects" | "ccproj" => {
            ProjectKind::ClusterComposioProject
        }
        _ => {
            return Err(
                "a project is NAME, ComposioProject/NAME or ClusterComposioProject/NAME".to_owned(),
            );
        }
    };
    let name = object(name)?;
    Ok(ProjectRef { kind, name })
}

/// A name made of words: what a name may not hold is a `-`. `None`: nothing is left.
pub(crate) fn of(words: &[&str]) -> Option<String> {
    let joined = words.join("-").to_lowercase();
    let plain: Vec<&str> = joined
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    let name: String = plain.join("-").chars().take(LONGEST_LABEL).collect();
    let name = name.trim_end_matches('-').to_owned();
    (!name.is_empty()).then_some(name)
}

/// The name among those that is most like it, if one is like it.
pub(crate) fn nearest<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    all.into_iter()
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

fn is_part(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    part.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && part.bytes().next().is_some_and(is_plain)
        && part.bytes().last().is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_behind_its_resource_and_leads_nowhere_else() {
        for typed in ["mail", "cacc/mail", "connectedaccount.composio.dev/mail"] {
            assert_eq!(object(typed), Ok("mail".to_owned()));
        }
        for typed in [
            "", "..", "../x", "a/b", "a?b", "a%2e", "A", "-a", "a-", "a b", "ä", "a\n",
        ] {
            assert!(object(typed).is_err(), "{typed:?}");
            assert!(namespace(typed).is_err(), "{typed:?}");
        }
        assert!(namespace("a.b").is_err());
        assert!(object(&"a".repeat(254)).is_err());
    }

    #[test]
    fn a_project_is_named_alone_or_behind_its_kind() {
        let named = |typed| project(typed).map(|project| project.to_string());
        for typed in ["default", "ComposioProject/default", "cproj/default"] {
            assert_eq!(named(typed).as_deref(), Ok("ComposioProject/default"));
        }
        for typed in [
            "ClusterComposioProject/shared",
            "clustercomposioproject.composio.dev/shared",
        ] {
            assert_eq!(named(typed).as_deref(), Ok("ClusterComposioProject/shared"));
        }
        for typed in ["", "/", "Project/default", "cproj/../x", "cproj/", "a/b/c"] {
            assert!(project(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn a_name_is_made_of_any_words() {
        let made = of(&["Support@Acme.example", "gmail"]);
        assert_eq!(made.as_deref(), Some("support-acme-example-gmail"));
        assert_eq!(of(&["💥", "\u{1b}["]), None);
        let long = of(&[&"a-".repeat(100), "b"]).expect("it has letters");
        assert!(object(&long).is_ok() && long.len() <= 63, "{long}");
    }

    #[test]
    fn the_nearest_name_is_told_if_one_is_near() {
        let all = ["support-gmail", "team-slack"];
        assert_eq!(nearest("suport-gmail", all), Some("support-gmail"));
        assert_eq!(nearest("zzz", all), None);
    }
}
