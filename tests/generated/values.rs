//! What is told of the chart's values, from its `values.yaml`: each with its default and the comment above it. The
//! comments are the descriptions of the schema too, and the schema's names are those that the templates take.

use serde_json::{Map, Value, json};

use super::{read, row};

/// A line of `values.yaml` that has a key.
struct Line {
    /// Its names from the top.
    path: Vec<String>,
    /// What stands behind it; empty, if it holds others.
    default: String,
    /// The comment above it.
    said: String,
}

impl Line {
    fn pointer(&self) -> String {
        format!("/properties/{}", self.path.join("/properties/"))
    }
}

fn file() -> String {
    read("charts/composio-operator/values.yaml")
}

fn lines(values: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut above: Vec<String> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in values.lines() {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix("# ") {
            comment.push(words);
            continue;
        }
        let said = comment.join(" ");
        comment.clear();
        let Some((key, default)) = text.split_once(':') else {
            assert!(text.is_empty(), "{line:?}");
            continue;
        };
        above.truncate((line.len() - text.len()) / 2);
        above.push(key.to_owned());
        lines.push(Line {
            path: above.clone(),
            default: default.trim().to_owned(),
            said,
        });
    }
    lines
}

pub(super) fn table() -> String {
    let schema = read("charts/composio-operator/values.schema.json");
    of(&file(), &serde_json::from_str(&schema).expect("JSON"))
}

fn of(values: &str, schema: &Value) -> String {
    let mut table = String::from("| Value | Type | Default | Meaning |\n|---|---|---|---|\n");
    for line in lines(values) {
        let default = match line.default.as_str() {
            "" if line.said.is_empty() => continue,
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let kind = schema.pointer(&line.pointer()).map(kind);
        table.push_str(&row(&[
            format!("`{}`", line.path.join(".")),
            kind.unwrap_or_default(),
            default,
            line.said,
        ]));
    }
    table
}

/// What a value may be. Of one that holds others nothing is said: they say it.
fn kind(schema: &Value) -> String {
    let words = |value: &Value| match value {
        Value::Array(words) => {
            let words = words.iter().filter_map(Value::as_str);
            let words = words.filter(|word| !["", "null"].contains(word));
            words.collect::<Vec<_>>().join(" or ")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    match schema {
        schema if schema["properties"].is_object() => String::new(),
        schema if schema["enum"].is_array() => words(&schema["enum"]),
        schema => words(&schema["type"]),
    }
}

/// Writes the comments into the schema.
pub(super) fn describe(schema: &mut Value) {
    for line in lines(&file()) {
        if let (Some(found), false) = (schema.pointer_mut(&line.pointer()), line.said.is_empty()) {
            found["description"] = json!(line.said);
        }
    }
}

/// The names of all values, of which the templates refuse others. What is open is null: `global` is Helm's.
pub(super) fn names(schema: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let below = |schema: &Value| match schema["properties"].is_object() {
        true => names(schema),
        false => Value::Null,
    };
    let mut names: Map<_, _> = properties
        .map(|(name, schema)| (name.clone(), below(schema)))
        .collect();
    if let Some(global) = names.get_mut("global") {
        *global = Value::Null;
    }
    Value::Object(names)
}

/// The values of the schema of which nothing is said.
fn without_words(path: &str, schema: &Value, found: &mut Vec<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            for (name, schema) in properties {
                without_words(&format!("{path}.{name}"), schema, found);
            }
        }
        None if schema["description"].is_string() => {}
        None => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_of_the_chart_says_what_it_is_for() {
    let mut schema: Value =
        serde_json::from_str(&read("charts/composio-operator/values.schema.json")).expect("JSON");
    let mut found = Vec::new();
    without_words("", &schema, &mut found);
    assert!(found.is_empty(), "{found:#?}");
    schema["properties"]["silent"] = json!({"type": "string"});
    without_words("", &schema, &mut found);
    assert_eq!(found, [".silent"]);
}

#[test]
fn values_have_their_path_their_type_their_default_and_their_comment() {
    let values =
        "# Of the file.\n\na: \"\"\n# Two\n# lines.\nb:\n  c: 1\n  # Of d.\n  d: []\ne: {}\n";
    let schema = json!({"properties": {
        "a": {"enum": ["", "x", "y"]},
        "b": {"properties": {"c": {"type": ["integer", "null"]}, "d": {"type": "array"}}},
        "global": {"properties": {"g": {}}},
    }});
    assert_eq!(
        of(values, &schema),
        "| Value | Type | Default | Meaning |\n|---|---|---|---|\n\
         | `a` | x or y | `\"\"` | |\n\
         | `b` | | | Two lines. |\n\
         | `b.c` | integer | `1` | |\n\
         | `b.d` | array | `[]` | Of d. |\n\
         | `e` | | `{}` | |\n"
    );
    let expected = json!({"a": null, "b": {"c": null, "d": null}, "global": null});
    assert_eq!(names(&schema), expected);
}
