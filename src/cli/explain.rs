//! `kubectl composio explain`: the rule of the operator that decides now.

use composio_api::ConnectedAccount;
use composio_operator::plan::{self, Decision, Desired, Need, Plan, Rule};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::arguments::{Explain, Options};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::print::Out;
use crate::text;
use crate::view::View;

pub(crate) mod from_status;

/// A moment after the time at which something is over.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Asks the table of decisions, and tells what it says.
pub(crate) async fn run(
    options: &Options,
    arguments: &Explain,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let object = cluster.get(&arguments.name).await?;
    let declared: ConnectedAccount = serde_json::from_value(object.clone()).map_err(|error| {
        Failure::Failed(format!(
            "the object is of another form than this program knows, and the operator leaves it alone: {}",
            text::plain(&error.to_string())
        ))
    })?;
    let view = View::of(&object);
    let now = Timestamp::now();
    let flags = from_status::flags(&declared);
    let desired = Desired::of(&declared, &flags);
    let mut observed = from_status::observed(&desired, &view, now);
    let mut steps = Vec::new();
    // First as it is remembered, then as if the look had found what the status tells.
    observed.fresh = false;
    let first = plan::decide(&desired, &observed, now);
    let is_look = matches!(first.plan, Plan::Look(Need::Account));
    steps.push((first, now));
    observed.fresh = true;
    if is_look {
        steps.push((plan::decide(&desired, &observed, now), now));
    }
    if let Some((decision, _)) = steps.last()
        && let Plan::Wait(wait) = &decision.plan
        && let Some(until) = wait.until
    {
        let then = until.saturating_add(MOMENT).unwrap_or(until);
        let next = plan::decide(&desired, &observed, then);
        if next.rule != decision.rule {
            steps.push((next, then));
        }
    }
    print_decision(&view, &steps, &from_status::facts(&desired, &view), out)
}

fn print_decision(
    view: &View<'_>,
    steps: &[(Decision, Timestamp)],
    facts: &[(&'static str, String)],
    out: &mut Out,
) -> Result<(), Failure> {
    let decisions: Vec<Value> = steps.iter().map(|(step, at)| value(step, *at)).collect();
    let seen: serde_json::Map<String, Value> = facts
        .iter()
        .map(|(what, text)| ((*what).to_owned(), json!(text)))
        .collect();
    let all = json!({
        "namespace": view.namespace(), "name": view.name(), "accountSeen": false,
        "decides": decisions.first(), "next": decisions.get(1..), "goesBy": seen,
    });
    if let Some(written) = out.value(&all) {
        return written;
    }
    let columns = out.columns();
    let mut lines = Vec::new();
    lines.push(format!(
        "{}/{}: account not seen; it is taken to be as the status last told",
        view.namespace(),
        view.name()
    ));
    for (at, (step, when)) in steps.iter().enumerate() {
        let label = match at {
            0 => "Now".to_owned(),
            _ if matches!(steps[at - 1].0.plan, Plan::Look(_)) => "After that look".to_owned(),
            _ => format!("At {when}"),
        };
        lines.push(format!("{label}: {}", step.rule.as_str()));
        let (when, then) = (step.rule.when(), step.rule.then());
        for part in [
            format!("when {when}"),
            format!("then {then}"),
            plan_of(step),
        ] {
            indent(&mut lines, &part, columns);
        }
    }
    lines.push("It goes by".to_owned());
    for (what, text) in facts {
        indent(
            &mut lines,
            &format!("{what}: {}", text::plain(text)),
            columns,
        );
    }
    let mut text = lines.join("\n");
    text.push('\n');
    out.text(&text)
}

/// Adds a text, in lines of that many columns.
pub(crate) fn indent(lines: &mut Vec<String>, text: &str, columns: usize) {
    for line in text::wrapped(text, columns.saturating_sub(2)) {
        if !line.is_empty() {
            lines.push(format!("  {line}"));
        }
    }
}

/// What a decision asks for, beyond the words of its rule.
pub(crate) fn plan_of(decision: &Decision) -> String {
    let text = match &decision.plan {
        Plan::Nothing => return String::new(),
        Plan::Wait(wait) => {
            let until = wait.until.map(|until| format!(", until {until} at most"));
            format!(
                "wait ({}){}{}",
                wait.reason,
                until.unwrap_or_default(),
                colon(&wait.detail)
            )
        }
        Plan::Refuse(refusal) => format!("refuse ({}){}", refusal.reason, colon(&refusal.detail)),
        Plan::Look(Need::Account) => "look at the account".to_owned(),
        Plan::Look(Need::AuthConfig) => "look at the auth config".to_owned(),
        Plan::Look(Need::Secret) => "read the Secret".to_owned(),
        Plan::Do(effect) => format!("do {effect}"),
    };
    text::plain(&text)
}

fn colon(detail: &str) -> String {
    match detail {
        "" => String::new(),
        detail => format!(": {detail}"),
    }
}

fn value(decision: &Decision, at: Timestamp) -> Value {
    let rule: Rule = decision.rule;
    let (plan, reason) = match &decision.plan {
        Plan::Nothing => ("Nothing", None),
        Plan::Wait(wait) => ("Wait", Some(wait.reason)),
        Plan::Refuse(refusal) => ("Refuse", Some(refusal.reason)),
        Plan::Look(_) => ("Look", None),
        Plan::Do(_) => ("Do", None),
    };
    json!({
        "rule": rule.as_str(), "when": rule.when(), "then": rule.then(), "at": at.to_string(),
        "plan": plan, "reason": reason.map(|reason| reason.as_str()), "says": plan_of(decision),
    })
}
