//! The reference of the fields, from the schemas of the definitions.

use composio_operator::crd::{
    ClusterComposioProject, ComposioProject, ConnectRequest, ConnectedAccount, definitions,
};
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use super::row;

/// Kubernetes' own type, described in its documentation.
const NOT_ENTERED: [&str; 1] = ["conditions"];

const SPEC_COLUMNS: &str = "| Field | Type | Default | Limits | Meaning |\n|---|---|---|---|---|\n";
const STATUS_COLUMNS: &str = "| Field | Type | Meaning |\n|---|---|---|\n";

pub(super) fn spec() -> String {
    SPEC_COLUMNS.to_owned() + &rows::<ConnectedAccount>("spec")
}

pub(super) fn status() -> String {
    STATUS_COLUMNS.to_owned() + &rows::<ConnectedAccount>("status")
}

pub(super) fn project_spec() -> String {
    SPEC_COLUMNS.to_owned() + &rows::<ComposioProject>("spec")
}

/// Where the two kinds of projects differ: the others say the same of both.
pub(super) fn cluster_project_spec() -> String {
    let namespaced = rows::<ComposioProject>("spec");
    let known: Vec<&str> = namespaced.lines().collect();
    let cluster = rows::<ClusterComposioProject>("spec");
    let differs = cluster.lines().filter(|row| !known.contains(row));
    differs.fold(SPEC_COLUMNS.to_owned(), |table, row| table + row + "\n")
}

pub(super) fn project_status() -> String {
    let rows = rows::<ComposioProject>("status");
    assert_eq!(rows, self::rows::<ClusterComposioProject>("status"));
    STATUS_COLUMNS.to_owned() + &rows
}

pub(super) fn request_spec() -> String {
    SPEC_COLUMNS.to_owned() + &rows::<ConnectRequest>("spec")
}

fn rows<K: CustomResourceExt>(part: &str) -> String {
    let definition = definitions()
        .into_iter()
        .find(|definition| definition.metadata.name.as_deref() == Some(K::crd_name()))
        .expect("it is one of ours");
    let definition = serde_json::to_value(definition).expect("JSON");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut rows = String::new();
    let is_spec = part == "spec";
    enter(&mut rows, "", &schema["properties"][part], is_spec, schema);
    rows
}

/// The rows of what an object holds: what is required first, then by name.
fn enter(table: &mut String, above: &str, object: &Value, is_spec: bool, root: &Value) {
    let none = Map::new();
    let properties = object["properties"].as_object().unwrap_or(&none);
    let required: Vec<&str> = texts(&object["required"]).collect();
    let (first, rest): (Vec<_>, Vec<_>) = properties
        .iter()
        .partition(|(name, _)| required.contains(&name.as_str()));
    for (name, field) in first.into_iter().chain(rest) {
        let path = match above {
            "" => name.clone(),
            above => format!("{above}.{name}"),
        };
        let mut cells = vec![format!("`{path}`"), type_of(field)];
        if is_spec {
            let default = match required.contains(&name.as_str()) {
                true => "required".to_owned(),
                false => default(field),
            };
            let mut limits = limits(name, field, object);
            limits.extend(messages(root, Some(&format!(".spec.{path}"))));
            cells.extend([default, limits.join("<br>")]);
        }
        cells.push(
            field["description"]
                .as_str()
                .expect("a description")
                .to_owned(),
        );
        table.push_str(&row(&cells));
        if !NOT_ENTERED.contains(&name.as_str()) {
            enter(table, &path, field, is_spec, root);
            enter(table, &format!("{path}[]"), &field["items"], is_spec, root);
        }
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn type_of(field: &Value) -> String {
    let own = field["type"].as_str().expect("a type");
    match (
        own,
        field["format"].as_str(),
        &field["additionalProperties"],
    ) {
        (_, Some("date-time"), _) => "time".to_owned(),
        ("array", _, _) => format!("list of {}s", type_of(&field["items"])),
        ("object", _, Value::Object(_)) => "map of strings".to_owned(),
        _ => own.to_owned(),
    }
}

fn default(field: &Value) -> String {
    match &field["default"] {
        Value::Null => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// What the schema says of a value, and then the messages of its rules.
fn limits(name: &str, field: &Value, object: &Value) -> Vec<String> {
    let mut limits = Vec::new();
    for (each, words) in [
        ("", &field["enum"]),
        ("each one of ", &field["items"]["enum"]),
    ] {
        let words: Vec<String> = texts(words).map(|word| format!("`{word}`")).collect();
        if !words.is_empty() {
            limits.push(format!("{each}{}", words.join(", ")));
        }
    }
    limits.extend(range(field, "minLength", "maxLength", "characters"));
    limits.extend(range(field, "minimum", "maximum", ""));
    limits.extend(range(field, "minItems", "maxItems", "items"));
    limits.extend(range(field, "minProperties", "maxProperties", "entries"));
    for each in [&field["items"], &field["additionalProperties"]] {
        let each = range(each, "minLength", "maxLength", "characters");
        limits.extend(each.map(|each| format!("each {each}")));
    }
    limits.extend(messages(field, None));
    limits.extend(messages(object, Some(&format!(".{name}"))));
    limits
}

fn range(field: &Value, min: &str, max: &str, of: &str) -> Option<String> {
    let range = match (field[min].as_f64(), field[max].as_f64()) {
        (Some(min), Some(max)) => format!("{min} to {max} {of}"),
        (None, Some(max)) => format!("at most {max} {of}"),
        (Some(min), None) => format!("at least {min} {of}"),
        (None, None) => return None,
    };
    Some(range.trim_end().to_owned())
}

/// The messages of the rules that speak of this path.
fn messages(of: &Value, path: Option<&str>) -> Vec<String> {
    let rules = of["x-kubernetes-validations"].as_array();
    rules
        .into_iter()
        .flatten()
        .filter(|rule| rule["fieldPath"].as_str() == path)
        .map(|rule| rule["message"].as_str().expect("a message").to_owned())
        .collect()
}

#[test]
fn every_rule_of_the_definition_is_in_the_table() {
    fn collect(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(fields) => {
                if let Some(rules) = fields.get("x-kubernetes-validations") {
                    let rules = rules.as_array().expect("a list").iter();
                    found.extend(rules.map(|rule| rule["message"].as_str().unwrap().to_owned()));
                }
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::to_value(definitions()).unwrap(), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let table = spec() + &project_spec() + &cluster_project_spec() + &request_spec();
    for message in found {
        assert!(table.contains(&message), "{message}");
    }
}
