//! What the definition says of each field, whoever adds one.

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        JSONSchemaProps, JSONSchemaPropsOrArray,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus, Link};

/// Calls `visit` with every schema in the definition and its path.
fn walk(path: &str, schema: &JSONSchemaProps, visit: &mut impl FnMut(&str, &JSONSchemaProps)) {
    visit(path, schema);
    for (name, property) in schema.properties.iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        walk(&format!("{path}[]"), items, visit);
    }
}

fn each_field(mut visit: impl FnMut(&str, &JSONSchemaProps)) {
    for definition in crate::definitions() {
        let schema = definition.spec.versions[0].schema.as_ref();
        let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_ref());
        let schema = schema.expect("the definition has a schema");
        walk(&definition.spec.names.kind, schema, &mut visit);
    }
}

/// Types and status of a condition are explained by the Kubernetes API.
fn is_ours(path: &str) -> bool {
    !path.contains(".conditions")
}

#[test]
fn every_format_is_one_that_the_apiserver_knows_and_every_count_has_a_maximum() {
    let mut complaints = Vec::new();
    each_field(|path, schema| {
        let known = matches!(
            schema.format.as_deref(),
            None | Some("int32" | "int64" | "date-time")
        );
        let is_bounded = schema.maximum.is_some() && schema.minimum.is_some();
        let is_generation = path.ends_with(".observedGeneration");
        if !known || (schema.type_.as_deref() == Some("integer") && !is_bounded && !is_generation) {
            complaints.push(format!("{path}: {:?}", schema.format));
        }
    });
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn every_value_of_an_enum_is_explained_where_kubectl_explain_shows_it() {
    let (mut values, mut complaints) = (0, Vec::new());
    let mut of_list = String::new();
    each_field(|path, schema| {
        // Those of a list may be explained on the list, which is visited just before its items.
        let own = schema.description.as_deref().unwrap_or_default();
        let description = match path.ends_with("[]") {
            true => format!("{of_list}{own}"),
            false => own.to_owned(),
        };
        of_list = own.to_owned();
        for value in schema.enum_.iter().flatten().filter(|_| is_ours(path)) {
            values += 1;
            let value = value.0.as_str().expect("a word");
            if !description.contains(&format!("`{value}`")) {
                complaints.push(format!("{path}: {value}"));
            }
        }
    });
    assert!(values > 10, "{values} values were found");
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn null_is_no_value_of_any_field() {
    let mut complaints = Vec::new();
    each_field(|path, schema| {
        let mut words = schema.enum_.iter().flatten();
        if schema.nullable.is_some() || words.any(|word| word.0.is_null()) {
            complaints.push(path.to_owned());
        }
    });
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn every_field_has_a_description() {
    let mut complaints = Vec::new();
    each_field(|path, schema| {
        let is_field = path.contains(".spec.") || path.contains(".status.");
        let is_field = is_field && !path.ends_with("[]");
        if is_field && is_ours(path) && schema.description.is_none() {
            complaints.push(path.to_owned());
        }
    });
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn the_debug_of_an_object_shows_no_link() {
    let mut object = ConnectedAccount::new("mail", ConnectedAccountSpec::default());
    object.status = Some(ConnectedAccountStatus {
        link: Some(Link::in_clear(
            "https://connect.example/t0k3n",
            Time(Default::default()),
        )),
        ..ConnectedAccountStatus::default()
    });
    let shown = format!("{object:?} {object:#?}");
    assert!(shown.contains("expires_at"), "{shown}");
    assert!(!shown.contains("connect.example"), "{shown}");
}
