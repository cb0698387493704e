//! `kubectl composio inventory`: what a project holds, and which of it is declared.

use composio_operator::composio::Account;
use composio_operator::text::sentence;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::arguments::{Inventory, Options, Output};
use crate::cluster::Cluster;
use crate::composio::Composio;
use crate::failure::Failure;
use crate::objects::{Object, Objects, Whose};
use crate::print::Out;
use crate::rows::{self, Filter};
use crate::view::ago;
use crate::{project, text};

mod findings;
mod prune;

pub(crate) use findings::Finding;
use findings::Findings;

/// Lists, or deletes what never lived.
pub(crate) async fn run(
    options: &Options,
    arguments: &Inventory,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let project = project::chosen(&cluster, arguments.project.project.as_ref()).await?;
    let composio = Composio::connect(&cluster, &project, &arguments.project.key).await?;
    let objects = Objects::of(&cluster, &project, composio.record_keys()).await?;
    if !objects.are_all {
        out.note("warning: you may not list the objects of all namespaces: what others declare with the same API key counts as undeclared");
    }
    let found = rows::all(&composio, &Filter::default(), out).await?;
    found.note(out);
    if arguments.prune.is_some() {
        return prune::run(
            &cluster,
            &project,
            &composio,
            &found.accounts,
            arguments,
            out,
        )
        .await;
    }
    let findings = Findings::of(&found.accounts, &objects);
    let gone = gone(&composio, &objects, &found.accounts, out).await?;
    let inventory = Inventoried {
        project: project.key.to_string(),
        accounts: found.accounts.iter().zip(findings.of_accounts).collect(),
        gone,
        objects: &objects,
        only: &arguments.only,
    };
    inventory.print(out)
}

/// The objects whose account is not there: a list is a hint, so each is asked for.
async fn gone<'a>(
    composio: &Composio,
    objects: &'a Objects,
    accounts: &[Account],
    out: &mut Out,
) -> Result<Vec<(&'a Object, &'a str)>, Failure> {
    let is_listed = |id: &str| {
        accounts
            .binary_search_by(|account| account.id.as_str().cmp(id))
            .is_ok()
    };
    let of_project = objects.all.iter().filter(|object| object.is_of_project);
    let missing: Vec<(&Object, &str)> = of_project
        .filter_map(|object| {
            let id = object.recorded.as_ref().or(object.named.as_ref())?;
            (!is_listed(id)).then_some((object, id.as_str()))
        })
        .collect();
    let mut gone = Vec::new();
    for (at, (object, id)) in missing.iter().enumerate() {
        if composio.account(id).await?.is_none() {
            gone.push((*object, *id));
        }
        out.count("objects checked", at + 1, u64::try_from(missing.len()).ok());
    }
    out.end_count();
    gone.sort_by_key(|(object, _)| (&object.namespace, &object.name));
    Ok(gone)
}

/// What was found.
struct Inventoried<'a> {
    project: String,
    accounts: Vec<(&'a Account, Vec<Finding>)>,
    gone: Vec<(&'a Object, &'a str)>,
    objects: &'a Objects,
    only: &'a [Finding],
}

impl Inventoried<'_> {
    fn is_meant(&self, findings: &[Finding]) -> bool {
        self.only.is_empty() || findings.iter().any(|one| self.only.contains(one))
    }

    fn meant(&self) -> impl Iterator<Item = (&Account, &[Finding])> {
        let all = self.accounts.iter();
        all.filter(|(_, findings)| self.is_meant(findings))
            .map(|(account, findings)| (*account, findings.as_slice()))
    }

    fn meant_gone(&self) -> &[(&Object, &str)] {
        match self.is_meant(&[Finding::Gone]) {
            true => &self.gone,
            false => &[],
        }
    }

    /// How many there are of each.
    fn counts(&self) -> Vec<(Finding, usize)> {
        let of = |finding: Finding| {
            let accounts = self.accounts.iter();
            accounts.filter(|(_, all)| all.contains(&finding)).count()
        };
        Finding::ALL
            .into_iter()
            .map(|finding| match finding {
                Finding::Gone => (finding, self.gone.len()),
                finding => (finding, of(finding)),
            })
            .collect()
    }

    fn print(&self, out: &mut Out) -> Result<(), Failure> {
        match out.form() {
            Output::Json | Output::Yaml => {
                let value = self.value();
                return out.value(&value).unwrap_or(Ok(()));
            }
            Output::Name => {
                let ids: String = self
                    .meant()
                    .map(|(account, _)| format!("{}\n", text::plain(&account.id)))
                    .collect();
                return out.text(&ids);
            }
            Output::Table | Output::Wide => {}
        }
        let is_wide = out.form() == Output::Wide;
        let mut head = vec![
            "ACCOUNT", "USER", "TOOLKIT", "STATE", "AGE", "OBJECT", "FOUND",
        ];
        if is_wide {
            head.extend(["ALIAS", "IDENTITY", "AUTH CONFIG", "REASON"]);
        }
        let now = Timestamp::now();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (account, findings) in self.meant() {
            let mut row = vec![
                account.id.clone(),
                account.user_id.clone().unwrap_or_default(),
                account.toolkit.clone(),
                account.state.to_string(),
                account.created_at.map_or(String::new(), |at| ago(at, now)),
                self.object_of(account),
                words(findings),
            ];
            if is_wide {
                row.extend([
                    account.alias.clone().unwrap_or_default(),
                    account.identity.clone().unwrap_or_default(),
                    account.auth_config.clone(),
                    sentence(account.state_reason.as_deref().unwrap_or_default()),
                ]);
            }
            rows.push(row);
        }
        for (object, id) in self.meant_gone() {
            let none = String::new;
            rows.push(vec![
                (*id).to_owned(),
                none(),
                none(),
                none(),
                none(),
                object.to_string(),
                words(&[Finding::Gone]),
            ]);
        }
        if !rows.is_empty() {
            out.table(&head, &rows)?;
        }
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(finding, count)| format!("{count} {}", finding.as_str()))
            .collect();
        out.note(&format!(
            "{}: {}; {}",
            self.project,
            text::counted(self.accounts.len(), "account", "accounts"),
            match counts.as_slice() {
                [] => "nothing found".to_owned(),
                some => some.join(", "),
            }
        ));
        Ok(())
    }

    fn object_of(&self, account: &Account) -> String {
        let whose = self.objects.whose(account);
        let manager = whose.manager().map(ToString::to_string);
        match whose {
            Whose::Named(object) => format!("unproved: {object}"),
            Whose::Managed(_) | Whose::Nobody => manager.unwrap_or_default(),
        }
    }

    fn value(&self) -> Value {
        let accounts: Vec<Value> = self
            .meant()
            .map(|(account, findings)| {
                let whose = self.objects.whose(account);
                let named_by = match whose {
                    Whose::Named(object) => Some(place(object)),
                    Whose::Managed(_) | Whose::Nobody => None,
                };
                json!({
                    "id": account.id, "user": account.user_id, "toolkit": account.toolkit,
                    "authConfig": account.auth_config, "alias": account.alias,
                    "state": account.state.as_str(),
                    "stateReason": account.state_reason.as_deref().map(sentence),
                    "identity": account.identity,
                    "createdAt": account.created_at.map(|at| at.to_string()),
                    "found": findings.iter().map(|one| one.as_str()).collect::<Vec<_>>(),
                    "object": whose.manager().map(place),
                    "namedBy": named_by,
                })
            })
            .collect();
        let gone: Vec<Value> = (self.meant_gone().iter())
            .map(|(object, id)| json!({"namespace": object.namespace, "name": object.name, "account": id}))
            .collect();
        let counts: Map<String, Value> = (self.counts().into_iter())
            .map(|(finding, count)| (finding.as_str().to_owned(), json!(count)))
            .collect();
        json!({"project": self.project, "accounts": accounts, "gone": gone, "counts": counts})
    }
}

fn place(object: &Object) -> Value {
    json!({"namespace": object.namespace, "name": object.name})
}

fn words(findings: &[Finding]) -> String {
    let words: Vec<&str> = findings.iter().map(|one| one.as_str()).collect();
    words.join(",")
}
