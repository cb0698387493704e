//! `kubectl composio explain`: the rule of the operator that decides now.
//!
//! The operator's own table of decisions is asked, about the object and its account. What the project allows is judged
//! before the account is looked at, and no more is told of one than a condition would.

use composio_api::ConnectedAccount;
use composio_operator::plan::{Decision, Need, Plan, Rule};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::access::{Accesses, Asked, OnFailure};
use crate::arguments::{Explain, Options, Output};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::foresee::words;
use crate::name::RESOURCE;
use crate::print::Out;
use crate::text;
use crate::view::View;

mod facts;
pub(crate) mod from_status;
mod steps;

use facts::Fact;
use steps::{Comes, Step};

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
    let asked = Asked {
        object: &declared,
        value: &object,
        is_deleted: false,
    };
    let mut accesses = Accesses::new(
        &cluster,
        &arguments.key,
        arguments.status_only,
        OnFailure::GoByStatus,
    );
    let sight = accesses.sight(&asked, now, out).await?;
    let is_seen = sight.unseen.is_none();
    let explained = Explained {
        facts: facts::of(
            &sight.desired,
            &sight.observed,
            &view,
            is_seen,
            sight.unread_requests.as_deref(),
        ),
        steps: steps::of(sight.desired, sight.observed, now),
        unseen: sight.unseen,
        now,
        view,
    };
    explained.print(out)
}

/// What is told.
struct Explained<'a> {
    view: View<'a>,
    /// Why the account was not looked at, if it was not.
    unseen: Option<String>,
    steps: Vec<Step>,
    facts: Vec<Fact>,
    now: Timestamp,
}

impl Explained<'_> {
    fn print(&self, out: &mut Out) -> Result<(), Failure> {
        if let Some(written) = out.value(&self.value()) {
            return written;
        }
        if out.form() == Output::Name {
            return out.line(&format!("{RESOURCE}/{}", self.view.name()));
        }
        let columns = out.columns();
        let seen = match self.unseen {
            None => "account seen",
            Some(_) => "account not seen",
        };
        let head = format!("{}/{}: {seen}", self.view.namespace(), self.view.name());
        let mut lines = text::wrapped(&head, columns);
        if let Some(why) = &self.unseen {
            indent(&mut lines, &text::plain(why), columns);
        }
        for Step { decision, comes } in &self.steps {
            let label = match comes {
                Comes::Now => "Now".to_owned(),
                Comes::AfterLook => "After that look".to_owned(),
                Comes::AfterStep => "After that".to_owned(),
                Comes::At(when) => format!("At {when}"),
            };
            lines.push(format!("{label}: {}", decision.rule.as_str()));
            let rule = decision.rule;
            for part in [
                format!("when {}", rule.when()),
                format!("then {}", rule.then()),
                plan_of(decision),
            ] {
                indent(&mut lines, &part, columns);
            }
        }
        lines.push("It goes by".to_owned());
        for (what, text) in &self.facts {
            let text = text::plain(text);
            indent(&mut lines, &format!("{what}: {text}"), columns);
        }
        out.text(&(lines.join("\n") + "\n"))
    }

    fn value(&self) -> Value {
        let steps = self.steps.iter();
        let steps: Vec<Value> = steps.map(|step| value(step, self.now)).collect();
        let facts: Map<String, Value> = (self.facts.iter())
            .map(|(what, text)| ((*what).to_owned(), json!(text)))
            .collect();
        json!({
            "namespace": self.view.namespace(), "name": self.view.name(),
            "accountSeen": self.unseen.is_none(), "notSeenBecause": self.unseen,
            "decides": steps.first(), "next": steps.get(1..), "goesBy": facts,
        })
    }
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
        Plan::Do(effect) => words(effect),
    };
    text::plain(&text)
}

fn colon(detail: &str) -> String {
    match detail {
        "" => String::new(),
        detail => format!(": {detail}"),
    }
}

fn value(step: &Step, now: Timestamp) -> Value {
    let Step { decision, comes } = step;
    let rule: Rule = decision.rule;
    let (plan, reason) = match &decision.plan {
        Plan::Nothing => ("Nothing", None),
        Plan::Wait(wait) => ("Wait", Some(wait.reason)),
        Plan::Refuse(refusal) => ("Refuse", Some(refusal.reason)),
        Plan::Look(_) => ("Look", None),
        Plan::Do(_) => ("Do", None),
    };
    let at = match comes {
        Comes::At(at) => *at,
        Comes::Now | Comes::AfterLook | Comes::AfterStep => now,
    };
    json!({
        "rule": rule.as_str(), "when": rule.when(), "then": rule.then(), "at": at.to_string(),
        "plan": plan, "reason": reason.map(|reason| reason.as_str()), "says": plan_of(decision),
    })
}
