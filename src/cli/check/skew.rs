//! Whether a definition in the cluster is that of this program.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
    JSONSchemaPropsOrArray,
};

pub(super) const VERSION: &str = "v1alpha1";
/// Fields that are named; the others are counted.
const NAMED: usize = 5;

/// How an installed definition differs from the one that this program knows.
#[derive(Debug)]
pub(super) enum Skew {
    /// They have the same fields.
    None,
    /// It has more, which does no harm.
    Newer(String),
    /// It lacks some, or the version.
    Older(String),
}

/// Compares the fields of both.
pub(super) fn of(installed: &CustomResourceDefinition, ours: &CustomResourceDefinition) -> Skew {
    let kind = &ours.spec.names.kind;
    let Some(version) = version(installed).filter(|version| version.served) else {
        let others = installed.spec.versions.iter();
        let others: Vec<&str> = others.map(|version| version.name.as_str()).collect();
        return Skew::Older(format!(
            "of {kind}, {VERSION} is not served, but {}: this program is of another release",
            others.join(", ")
        ));
    };
    let known = self::version(ours).map(fields).unwrap_or_default();
    let there = fields(version);
    let lacking: Vec<&str> = known.difference(&there).map(String::as_str).collect();
    let more: Vec<&str> = there.difference(&known).map(String::as_str).collect();
    match (lacking.as_slice(), more.as_slice()) {
        ([], []) => Skew::None,
        ([], more) => Skew::Newer(format!(
            "{VERSION} is served, and {kind} is of a newer release than this program, which does not know {}",
            named(more)
        )),
        (lacking, _) => Skew::Older(format!(
            "the definition of {kind} is older than this program, and lacks {}; composio-operator crd prints the new one",
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
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &property.items {
            collect(items, &format!("{path}[]"), fields);
        }
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
    use composio_api::{definition, definitions};

    use super::*;

    fn spec(definition: &mut CustomResourceDefinition) -> &mut JSONSchemaProps {
        let version = definition.spec.versions.first_mut().expect("it has one");
        let schema = version.schema.as_mut().expect("it has one");
        let schema = schema.open_api_v3_schema.as_mut().expect("it has one");
        let properties = schema.properties.as_mut().expect("it has some");
        properties.get_mut("spec").expect("there is a spec")
    }

    #[test]
    fn an_older_and_a_newer_definition_are_told_by_their_fields() {
        for ours in definitions() {
            assert!(matches!(of(&ours, &ours), Skew::None));

            let mut older = ours.clone();
            let properties = spec(&mut older).properties.as_mut().expect("it has some");
            let gone = ["suspend", "requestedBy"]
                .into_iter()
                .find(|field| properties.remove(*field).is_some())
                .expect("it was there");
            let lacks = of(&older, &ours);
            assert!(
                matches!(&lacks, Skew::Older(said) if said.contains(&format!("lacks spec.{gone};"))),
                "{lacks:?}"
            );

            let mut newer = ours.clone();
            let properties = spec(&mut newer).properties.as_mut().expect("it has some");
            properties.insert("madeUp".to_owned(), JSONSchemaProps::default());
            let more = of(&newer, &ours);
            assert!(
                matches!(&more, Skew::Newer(said) if said.ends_with("does not know spec.madeUp")),
                "{more:?}"
            );
        }
        let mut other = definition();
        other.spec.versions[0].name = "v1".to_owned();
        let none = of(&other, &definition());
        assert!(
            matches!(&none, Skew::Older(said) if said.contains("v1alpha1 is not served, but v1")),
            "{none:?}"
        );
    }

    #[test]
    fn the_fields_of_a_list_count_too() {
        let [_, project, ..] = definitions();
        let known = version(&project).map(fields).expect("it has one");
        assert!(known.contains("spec.allow[].users"), "{known:?}");
    }
}
