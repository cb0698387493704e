//! Whether the definition in the cluster is that of this program.

use std::collections::BTreeSet;

use composio_api::definition;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
};

use super::Found;

const VERSION: &str = "v1alpha1";
/// Fields that are named; the others are counted.
const NAMED: usize = 5;

/// What tells the installed definition from the one that this program knows.
pub(super) fn of(installed: &CustomResourceDefinition) -> Found {
    let Some(version) = version(installed).filter(|version| version.served) else {
        let others = installed.spec.versions.iter();
        let others: Vec<&str> = others.map(|version| version.name.as_str()).collect();
        return Found::Failed(format!(
            "{VERSION} is not served, but {}: this program is of another release",
            others.join(", ")
        ));
    };
    let ours = definition();
    let known = self::version(&ours).map(fields).unwrap_or_default();
    let there = fields(version);
    let lacking: Vec<&str> = known.difference(&there).map(String::as_str).collect();
    let more: Vec<&str> = there.difference(&known).map(String::as_str).collect();
    match (lacking.as_slice(), more.as_slice()) {
        ([], []) => Found::Ok(format!(
            "{VERSION} is served, with the fields of this program"
        )),
        ([], more) => Found::Ok(format!(
            "{VERSION} is served, of a newer release than this program, which does not know {}",
            named(more)
        )),
        (lacking, _) => Found::Failed(format!(
            "the definition is older than this program, and lacks {}; composio-operator crd prints the new one",
            named(lacking)
        )),
    }
}

fn version(definition: &CustomResourceDefinition) -> Option<&CustomResourceDefinitionVersion> {
    let mut versions = definition.spec.versions.iter();
    versions.find(|version| version.name == VERSION)
}

fn fields(version: &CustomResourceDefinitionVersion) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let schema = version.schema.as_ref();
    if let Some(schema) = schema.and_then(|schema| schema.open_api_v3_schema.as_ref()) {
        collect(schema, "", &mut fields);
    }
    fields
}

fn collect(schema: &JSONSchemaProps, path: &str, fields: &mut BTreeSet<String>) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        collect(property, &path, fields);
        if !["apiVersion", "kind", "metadata"].contains(&path.as_str()) {
            fields.insert(path);
        }
    }
}

fn named(fields: &[&str]) -> String {
    let shown = fields.get(..NAMED.min(fields.len())).unwrap_or_default();
    let shown = shown.join(", ");
    match fields.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(found: Found) -> (bool, String) {
        match found {
            Found::Ok(message) => (true, message),
            Found::Unknown(message) | Found::Failed(message) => (false, message),
        }
    }

    fn spec(definition: &mut CustomResourceDefinition) -> &mut JSONSchemaProps {
        let version = definition.spec.versions.first_mut().expect("it has one");
        let schema = version.schema.as_mut().expect("it has one");
        let schema = schema.open_api_v3_schema.as_mut().expect("it has one");
        let properties = schema.properties.as_mut().expect("it has some");
        properties.get_mut("spec").expect("there is a spec")
    }

    #[test]
    fn an_older_and_a_newer_definition_are_told_by_their_fields() {
        let (is_ok, same) = message(of(&definition()));
        assert!(
            is_ok && same.ends_with("with the fields of this program"),
            "{same}"
        );

        let mut older = definition();
        let properties = spec(&mut older).properties.as_mut().expect("it has some");
        properties.remove("suspend").expect("it was there");
        let (is_ok, lacks) = message(of(&older));
        assert!(!is_ok && lacks.contains("lacks spec.suspend;"), "{lacks}");

        let mut newer = definition();
        let properties = spec(&mut newer).properties.as_mut().expect("it has some");
        properties.insert("person".to_owned(), JSONSchemaProps::default());
        let (is_ok, more) = message(of(&newer));
        assert!(
            is_ok && more.ends_with("does not know spec.person"),
            "{more}"
        );

        let mut other = definition();
        other.spec.versions[0].name = "v1".to_owned();
        let (is_ok, none) = message(of(&other));
        assert!(
            !is_ok && none.contains("v1alpha1 is not served, but v1"),
            "{none}"
        );
    }
}
