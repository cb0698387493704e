//! The reference of the fields, from the schema of the definition.

use composio_operator::crd::definition;
use serde_json::{Map, Value};

use super::row;

/// Kubernetes' own type, described in its documentation.
const NOT_ENTERED: [&str; 1] = ["conditions"];

pub(super) fn spec() -> String {
    table("spec")
}

pub(super) fn status() -> String {
    table("status")
}

fn table(part: &str) -> String {
    let definition = serde_json::to_value(definition()).expect("JSON");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut table = match part {
        "spec" => {
            "| Field | Type | Default | Limits | Meaning |\n|---|---|---|---|---|\n".to_owned()
        }
        _ => "| Field | Type | Meaning |\n|---|---|---|\n".to_owned(),
    };
    enter(&mut table, "", &schema["properties"][part], part == "spec");
    table
}

/// The rows of what an object holds: what is required first, then by name.
fn enter(table: &mut String, above: &str, object: &Value, is_spec: bool) {
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
            cells.extend([default, limits(name, field, object)]);
        }
        cells.push(
            field["description"]
                .as_str()
                .expect("a description")
                .to_owned(),
        );
        table.push_str(&row(&cells));
        if !NOT_ENTERED.contains(&name.as_str()) {
            enter(table, &path, field, is_spec);
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
fn limits(name: &str, field: &Value, object: &Value) -> String {
    let mut limits = Vec::new();
    let words: Vec<String> = texts(&field["enum"])
        .map(|word| format!("`{word}`"))
        .collect();
    if !words.is_empty() {
        limits.push(words.join(", "));
    }
    limits.extend(range(field, "minLength", "maxLength", "characters"));
    limits.extend(range(field, "minItems", "maxItems", "items"));
    limits.extend(range(field, "minProperties", "maxProperties", "entries"));
    for each in [&field["items"], &field["additionalProperties"]] {
        let each = range(each, "minLength", "maxLength", "characters");
        limits.extend(each.map(|each| format!("each {each}")));
    }
    limits.extend(messages(field, None));
    limits.extend(messages(object, Some(&format!(".{name}"))));
    limits.join("<br>")
}

fn range(field: &Value, min: &str, max: &str, of: &str) -> Option<String> {
    match (field[min].as_u64(), field[max].as_u64()) {
        (Some(min), Some(max)) => Some(format!("{min} to {max} {of}")),
        (None, Some(max)) => Some(format!("at most {max} {of}")),
        (Some(min), None) => Some(format!("at least {min} {of}")),
        (None, None) => None,
    }
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
    collect(&serde_json::to_value(definition()).unwrap(), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let table = spec();
    for message in found {
        assert!(table.contains(&message), "{message}");
    }
}
