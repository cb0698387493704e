//! `kubectl composio diff`: what the operator would do if these manifests were applied, or their objects deleted.
//!
//! The operator's own table of decisions is asked, about the manifest, the object that is there and its account. What
//! the project allows is judged before any account is looked at, and no more is told of one than a condition would.

use composio_operator::plan::{Decision, Plan};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{Accesses, Asked, OnFailure};
use crate::arguments::{Diff, Options};
use crate::cluster::Cluster;
use crate::explain::{indent, plan_of};
use crate::failure::Failure;
use crate::foresee::{Foreseen, Step, foresee};
use crate::print::Out;
use crate::text;

mod candidate;
mod files;

use candidate::{Candidate, Change};

/// Tells of each object what would be done. Fails with [`Failure::Differs`] where anything would.
pub(crate) async fn run(options: &Options, arguments: &Diff, out: &mut Out) -> Result<(), Failure> {
    // As of `kubectl diff`, 1 says that something differs.
    compare(options, arguments, out)
        .await
        .map_err(|failure| match failure {
            Failure::Failed(why) => Failure::Usage(why),
            other => other,
        })
}

async fn compare(options: &Options, arguments: &Diff, out: &mut Out) -> Result<(), Failure> {
    let manifests = files::read(&arguments.filename).await?;
    let cluster = Cluster::of(options).await?;
    let mut accesses = Accesses::new(
        &cluster,
        &arguments.key,
        arguments.status_only,
        OnFailure::Fail,
    );
    let mut told = Vec::new();
    for manifest in manifests {
        let namespace = files::namespace(&manifest, options, &cluster)?;
        let Some(candidate) =
            Candidate::of(&cluster, &manifest, &namespace, arguments.delete).await?
        else {
            continue;
        };
        told.push(tell(&mut accesses, candidate, out).await?);
    }
    if told.is_empty() {
        let files = arguments.filename.join(", ");
        out.note(&match arguments.delete {
            true => format!(
                "No ConnectedAccounts of {} found in the cluster.",
                text::plain(&files)
            ),
            false => format!("No ConnectedAccounts found in {}.", text::plain(&files)),
        });
    }
    let differs = told.iter().any(|one| one.differs());
    match print_all(&told, out) {
        // Whoever has read enough wants the code all the same.
        Ok(()) | Err(Failure::BrokenPipe) if differs => Err(Failure::Differs),
        written => written,
    }
}

/// What is told of an object.
struct Told {
    name: String,
    change: Change,
    /// Why the account was not looked at, if it was not.
    unseen: Option<String>,
    /// Why the requests that wait were not looked at, if they were not.
    unread_requests: Option<String>,
    /// Whether the apiserver has judged the object.
    judged: bool,
    foreseen: Foreseen,
}

impl Told {
    fn differs(&self) -> bool {
        self.change != Change::None || !self.foreseen.steps.is_empty()
    }
}

async fn tell(
    accesses: &mut Accesses<'_>,
    candidate: Candidate,
    out: &mut Out,
) -> Result<Told, Failure> {
    let now = Timestamp::now();
    let asked = Asked {
        object: &candidate.object,
        value: &candidate.value,
        is_deleted: candidate.change == Change::Deleted,
    };
    let sight = accesses.sight(&asked, now, out).await?;
    let unseen = sight.unseen;
    let unread_requests = sight.unread_requests;
    let foreseen = foresee(sight.desired, sight.observed, now);
    let Candidate {
        object,
        change,
        judged,
        ..
    } = candidate;
    let metadata = &object.metadata;
    Ok(Told {
        name: format!(
            "{}/{}",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default()
        ),
        change,
        unseen,
        unread_requests,
        judged,
        foreseen,
    })
}

fn print_all(told: &[Told], out: &mut Out) -> Result<(), Failure> {
    let values: Vec<Value> = told.iter().map(value).collect();
    if let Some(written) = out.value(&Value::from(values)) {
        return written;
    }
    let columns = out.columns();
    for one in told.iter().filter(|one| one.differs()) {
        let seen = match &one.unseen {
            Some(_) => "account not seen",
            None => "account seen",
        };
        let head = format!("{}: {}, {seen}", one.name, one.change.as_str());
        let mut lines = text::wrapped(&head, columns);
        if let Some(why) = &one.unseen {
            indent(&mut lines, &text::plain(why), columns);
        }
        if let Some(why) = &one.unread_requests {
            let why = text::plain(why);
            let words = format!("requests that wait for an answer are not seen: {why}");
            indent(&mut lines, &words, columns);
        }
        if !one.judged {
            indent(
                &mut lines,
                "you may not write it: the apiserver has not judged it",
                columns,
            );
        }
        for Step { rule, says } in &one.foreseen.steps {
            indent(&mut lines, &format!("would {says} ({rule})"), columns);
        }
        if let Some(ends) = ends(&one.foreseen.ends) {
            indent(&mut lines, &format!("then {ends}"), columns);
        } else if one.foreseen.steps.is_empty() {
            indent(&mut lines, "nothing would be called", columns);
        }
        out.text(&(lines.join("\n") + "\n"))?;
    }
    Ok(())
}

/// What comes after the last step, where it is worth a word.
fn ends(decision: &Decision) -> Option<String> {
    match &decision.plan {
        Plan::Nothing | Plan::Do(_) => None,
        Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) => Some(format!(
            "{} ({})",
            plan_of(decision),
            decision.rule.as_str()
        )),
    }
}

fn value(told: &Told) -> Value {
    let steps: Vec<Value> = (told.foreseen.steps.iter())
        .map(|step| json!({"rule": step.rule, "would": step.says}))
        .collect();
    json!({
        "object": told.name, "change": told.change.as_str(), "differs": told.differs(),
        "accountSeen": told.unseen.is_none(), "requestsSeen": told.unread_requests.is_none(), "judged": told.judged,
        "steps": steps, "then": ends(&told.foreseen.ends),
    })
}
