use std::fmt::Debug;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{ConnectedAccountSpec, ConnectedAccountStatus};

/// Something that the schema takes, with every field that there is.
fn example(schema: &JSONSchemaProps) -> Value {
    if let Some(words) = &schema.enum_ {
        return words[0].0.clone();
    }
    match (schema.type_.as_deref(), schema.format.as_deref()) {
        (Some("string"), Some("date-time")) => json!("2026-01-15T08:00:00Z"),
        // It is also what the status of a condition may be.
        (Some("string"), _) => json!("True"),
        (Some("integer"), _) => json!(1),
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(item)) => json!([example(item), example(item)]),
            other => panic!("no example of {other:?}"),
        },
        (Some("object"), _) => {
            let fields = schema.properties.iter().flatten();
            fields
                .map(|(name, field)| (name.clone(), example(field)))
                .collect()
        }
        other => panic!("no example of {other:?}"),
    }
}

/// A status with every field that there is, in the form in which it is written.
fn whole() -> Value {
    let definition = crate::definition();
    let schema = definition.spec.versions[0].schema.as_ref();
    let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_ref());
    let properties = schema.and_then(|schema| schema.properties.as_ref());
    let example = example(&properties.expect("the definition has a schema")["status"]);
    let (written, left_out) = status(&example);
    assert_eq!(left_out, [""; 0], "{example}");
    let names = |json: &Value| -> Vec<String> {
        json.as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&written), names(&example));
    written
}

fn without(mut value: Value, field: &str) -> Value {
    value.as_object_mut().expect("an object").remove(field);
    value
}

/// A status that was decoded, as JSON, and what was left out.
fn status(json: &Value) -> (Value, Vec<String>) {
    let Decoded { value, left_out } = ConnectedAccountStatus::decode(&json.to_string());
    (serde_json::to_value(value).expect("JSON"), left_out)
}

#[test]
fn whatever_stands_in_one_field_leaves_all_others_as_they_are() {
    let (mut taken, mut left_out) = (0, 0);
    let whole = whole();
    for field in whole.as_object().expect("an object").keys() {
        for odd in [
            json!(7),
            json!(-1.5),
            json!(5_000_000_000_u64),
            json!(true),
            json!("s3cr3t"),
            json!("9999-12-31T23:59:59.000000-12:00"),
            json!({"since": "2026-01-15T08:00:00.000000Z", "count": 5_000_000_000_u64}),
            json!({"url": "s3cr3t"}),
            json!({"version": "v", "step": "Frozen"}),
            json!({}),
            json!([[]]),
            json!([{"type": "Ready"}]),
            json!(null),
        ] {
            let mut written = whole.clone();
            written[field] = odd;
            let (read, not_read) = status(&written);
            let others = without(whole.clone(), field);
            assert_eq!(without(read.clone(), field), others, "{written}");
            for path in &not_read {
                assert!(path.starts_with(field.as_str()), "{path} of {written}");
                assert!(!path.contains("s3cr3t"), "{path}");
            }
            match not_read.is_empty() {
                true => taken += 1,
                false => left_out += 1,
            }
        }
    }
    assert!(taken > 20 && left_out > 100, "{taken} and {left_out}");
}

#[test]
fn several_odd_fields_are_left_out_together() {
    let good = whole();
    let mut written = good.clone();
    for field in ["corrections", "connectedAt", "link", "credentials"] {
        written[field] = json!("odd");
    }
    let (read, left_out) = status(&written);
    assert_eq!(
        left_out,
        ["connectedAt", "corrections", "credentials", "link"]
    );
    let expected = left_out
        .iter()
        .fold(whole(), |all, field| without(all, field));
    assert_eq!(read, expected);
}

#[rstest]
#[case::no_type("type", None)]
#[case::no_status("status", None)]
#[case::no_reason("reason", None)]
#[case::no_time("lastTransitionTime", None)]
#[case::an_unknown_status("status", Some("Perhaps"))]
#[case::an_empty_reason("reason", Some(""))]
#[case::a_time_that_is_none("lastTransitionTime", Some("yesterday"))]
fn a_condition_that_is_not_whole_is_left_out_of_the_others(
    #[case] field: &str,
    #[case] value: Option<&str>,
) {
    let mut good = whole()["conditions"][0].clone();
    good["type"] = json!("Ready");
    let mut bad = without(good.clone(), field);
    if let Some(value) = value {
        bad[field] = json!(value);
    }
    let mut written = whole();
    written["conditions"] = json!([bad, good, 7]);
    let (read, left_out) = status(&written);
    assert_eq!(read["conditions"], json!([good]), "{bad}");
    assert_eq!(left_out, ["conditions[0]", "conditions[2]"], "{bad}");
}

#[test]
fn a_list_of_thousands_of_items_of_which_one_is_odd_is_parsed_a_few_times() {
    let condition = |n: usize| {
        let time = if n == 7 {
            "never"
        } else {
            "2026-01-01T00:00:00Z"
        };
        json!({"type": format!("Other{n}"), "status": "True", "reason": "Other", "message": "", "lastTransitionTime": time})
    };
    let conditions: Vec<Value> = (0..5000).map(condition).collect();
    let json = json!({"conditions": conditions}).to_string();
    let before = PARSED.with(std::cell::Cell::get);
    let decoded = ConnectedAccountStatus::decode(&json);
    let parsed = PARSED.with(std::cell::Cell::get) - before;
    assert_eq!(decoded.left_out, ["conditions[7]"]);
    assert_eq!(decoded.value.conditions.len(), 4999);
    assert!(parsed < 10 * json.len(), "{parsed} bytes of {}", json.len());
}

#[rstest]
#[case::an_empty_reason("reason", "")]
#[case::an_unknown_status("status", "Perhaps")]
#[case::an_empty_message("message", "")]
fn a_condition_of_another_controller_is_kept_as_it_is(#[case] field: &str, #[case] value: &str) {
    let mut theirs = whole()["conditions"][0].clone();
    theirs["type"] = json!("team.example/Audited");
    theirs[field] = json!(value);
    let mut written = whole();
    let conditions = written["conditions"].as_array_mut().expect("a list");
    conditions.insert(0, theirs);
    assert_eq!(status(&written), (written.clone(), Vec::new()));
}

#[rstest]
#[case::list(json!([1, "ca_1", "ac_1"]))]
#[case::text(json!("ca_1"))]
#[case::number(json!(7))]
#[case::bool(json!(false))]
#[case::null(json!(null))]
fn what_is_no_object_is_an_empty_status(#[case] odd: Value) {
    let empty = (json!({}), vec![String::new()]);
    assert_eq!(status(&odd), empty, "{odd}");
}

#[test]
fn an_empty_object_is_an_empty_status() {
    assert_eq!(status(&json!({})), (json!({}), Vec::new()));
}

#[test]
fn of_a_spec_what_is_required_and_missing_is_named() {
    let decode = |json: Value| {
        let Decoded { value, left_out } = decode::<ConnectedAccountSpec>(&json.to_string());
        (value, left_out)
    };
    let (spec, left_out) = decode(json!({"user": "u", "toolkit": 7, "connectedAccountId": "ca_1"}));
    assert_eq!(left_out, ["toolkit"]);
    assert_eq!((spec.user.as_str(), spec.toolkit.as_str()), ("u", ""));
    assert_eq!(spec.connected_account_id.as_deref(), Some("ca_1"));
    assert!(spec.enabled, "as if it had never been written");
    let (spec, left_out) = decode(json!({"toolkit": "gmail", "deletionPolicy": "Archive"}));
    assert_eq!(left_out, ["user", "deletionPolicy"]);
    assert_eq!(spec.toolkit, "gmail");
    fn is_empty<T: Default + PartialEq + Debug>(value: &T) -> bool {
        *value == T::default()
    }
    let (spec, left_out) = decode(json!(["u", "gmail"]));
    assert!(is_empty(&spec) && left_out == [""], "{spec:?}");
}
