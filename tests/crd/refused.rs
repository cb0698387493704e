//! What is refused, and that a person understands why.

use serde_json::{Value, json};

use super::{Ground, must_refuse, none, object, spec};

mod identity;
mod sharing;
mod sign_in;
mod words;
mod write_to;

struct Bad {
    case: &'static str,
    spec: Value,
    says: &'static [&'static str],
}

fn bad(case: &'static str, fields: Value, says: &'static [&'static str]) -> Bad {
    Bad {
        case,
        spec: spec(fields),
        says,
    }
}

/// The same for a spec that is given whole.
fn whole(case: &'static str, spec: Value, says: &'static [&'static str]) -> Bad {
    Bad { case, spec, says }
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[tokio::test]
async fn a_bad_object_is_refused_with_a_message_that_a_person_understands() {
    let ground = Ground::new("refused").await;
    let mut complaints = Vec::new();
    for cases in [
        identity::cases(),
        words::cases(),
        sharing::cases(),
        sign_in::cases(),
        write_to::cases(),
    ] {
        for Bad { case, spec, says } in cases {
            let answer = ground.create("bad", &spec).await;
            // A pattern is no explanation.
            if answer
                .as_ref()
                .is_err_and(|message| message.contains("should match"))
            {
                complaints.push(format!("{case}: a bare pattern in {answer:?}"));
            }
            complaints.extend(must_refuse(case, answer, says));
            let _ = ground.raw().delete("bad", &Default::default()).await;
        }
    }
    none(complaints);
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_refused_by_kubectl_as_people_use_it() {
    let ground = Ground::new("unknown").await;
    let mut complaints = Vec::new();
    for (case, spec, field) in [
        (
            "in the spec",
            spec(json!({"authConfigId": "ac_1"})),
            "spec.authConfigId",
        ),
        (
            "below it",
            spec(json!({"metadata": {"labels": {}}})),
            "spec.metadata.labels",
        ),
        (
            "in the Secret's place",
            spec(json!({"credentials": {
                "scheme": "API_KEY",
                "secretRef": {"name": "key", "namespace": "other"},
            }})),
            "spec.credentials.secretRef.namespace",
        ),
    ] {
        let object = object("unknown", &spec).to_string();
        let answer = ground.kubectl(&["apply", "-f", "-"], &object).await;
        let says = ["strict decoding error: unknown field", field];
        complaints.extend(must_refuse(case, answer.map(drop), &says));
    }
    none(complaints);
}
