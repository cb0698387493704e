//! Deleting sign-ins that were never finished, and nothing else: whatever may have had a grant is listed only.

use std::io::{self, IsTerminal};

use composio_api::is_computed_form;
use composio_operator::composio::Account;
use composio_operator::projects::Declared;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::arguments::{Inventory, Output};
use crate::cluster::Cluster;
use crate::composio::Composio;
use crate::failure::{Failure, Right};
use crate::objects::{Objects, Whose};
use crate::print::Out;
use crate::{input, text};

use super::findings::is_abandoned;

/// Younger ones are left: a link may be on its way to its user.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Deletes them, each after it was looked at once more.
pub(super) async fn run(
    cluster: &Cluster,
    project: &Declared,
    composio: &Composio,
    accounts: &[Account],
    arguments: &Inventory,
    out: &mut Out,
) -> Result<(), Failure> {
    let objects = all_objects(cluster, project, composio).await?;
    let found: Vec<&Account> = accounts
        .iter()
        .filter(|account| may_go(account, &objects))
        .collect();
    if found.is_empty() {
        out.note("No abandoned sign-ins found that may be deleted.");
    }
    let mut pruned = Pruned {
        project: project.key.to_string(),
        is_dry: arguments.dry_run,
        accounts: Vec::new(),
    };
    let ended = match (arguments.dry_run, found.is_empty()) {
        (_, true) => Ok(()),
        (true, false) => {
            let mut each = found.iter();
            each.try_for_each(|account| pruned.add(&account.id, Came::Deleted, out))
        }
        (false, false) => {
            if !arguments.yes {
                confirm(project, found.len(), out).await?;
            }
            // Whoever was asked may have taken their time.
            let objects = all_objects(cluster, project, composio).await?;
            delete(composio, &objects, &found, &mut pruned, out).await
        }
    };
    // What was deleted before it failed is told all the same.
    let printed = pruned.print(out);
    ended.and(printed)
}

async fn delete(
    composio: &Composio,
    objects: &Objects,
    found: &[&Account],
    pruned: &mut Pruned,
    out: &mut Out,
) -> Result<(), Failure> {
    for account in found {
        let came = match composio.account(&account.id).await? {
            None => Came::Gone,
            Some(now) if may_go(&now, objects) && now.alias == account.alias => {
                composio.delete(&account.id).await?;
                Came::Deleted
            }
            Some(_) => Came::Left,
        };
        pruned.add(&account.id, came, out)?;
    }
    Ok(())
}

/// What came of an account.
#[derive(Clone, Copy, Debug)]
enum Came {
    Deleted,
    /// It was not there any more.
    Gone,
    /// It has changed meanwhile.
    Left,
}

/// What came of all so far.
struct Pruned {
    project: String,
    is_dry: bool,
    accounts: Vec<(String, Came)>,
}

impl Pruned {
    /// Tells it at once where people read, and where names are asked for, those of what is deleted.
    fn add(&mut self, id: &str, came: Came, out: &mut Out) -> Result<(), Failure> {
        let shown = text::plain(id);
        self.accounts.push((id.to_owned(), came));
        match (out.form(), came) {
            (Output::Json | Output::Yaml, _) => Ok(()),
            (Output::Name, Came::Deleted) => out.line(&shown),
            (Output::Name, Came::Gone | Came::Left) => Ok(()),
            (Output::Table | Output::Wide, Came::Deleted) => {
                let dry = if self.is_dry { " (dry run)" } else { "" };
                out.line(&format!("account {shown} deleted{dry}"))
            }
            (Output::Table | Output::Wide, Came::Gone) => {
                out.line(&format!("account {shown} is gone"))
            }
            (Output::Table | Output::Wide, Came::Left) => {
                out.line(&format!("account {shown} left: it has changed"))
            }
        }
    }

    /// The values of what was told of nothing yet.
    fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let accounts = self.accounts.iter();
        let accounts: Vec<Value> = accounts
            .map(|(id, came)| {
                let came = match came {
                    Came::Deleted => "deleted",
                    Came::Gone => "gone",
                    Came::Left => "left",
                };
                json!({"id": id, "outcome": came})
            })
            .collect();
        let pruned = json!({"project": self.project, "dryRun": self.is_dry, "pruned": accounts});
        out.value(&pruned).unwrap_or(Ok(()))
    }
}

/// Those of all namespaces: what cannot be seen may be an object's.
async fn all_objects(
    cluster: &Cluster,
    project: &Declared,
    composio: &Composio,
) -> Result<Objects, Failure> {
    let objects = Objects::of(cluster, project, composio.record_keys()).await?;
    match objects.are_all {
        true => Ok(objects),
        false => Err(Failure::Failed(format!(
            "nothing is deleted: you may not {}, and an account may be that of an object which you do not see",
            Right::on_accounts("list", None)
        ))),
    }
}

/// Whether it never lived, is of yesterday, and can be nobody's here or in another cluster: a word that proves nothing
/// keeps it too.
fn may_go(account: &Account, objects: &Objects) -> bool {
    let is_old = account
        .created_at
        .is_some_and(|at| Timestamp::now().duration_since(at) > DAY);
    let is_somebodys = |alias: &str| is_computed_form(alias) || objects.name_alias(account, alias);
    is_abandoned(account)
        && is_old
        && !account.alias.as_deref().is_some_and(is_somebodys)
        && matches!(objects.whose(account), Whose::Nobody)
}

async fn confirm(project: &Declared, count: usize, out: &mut Out) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{} would be deleted: confirm it by --yes, or look by --dry-run",
            text::counted(count, "account", "accounts")
        )));
    }
    let name = project.key.to_string();
    out.note(&format!(
        "{} of {name} whose sign-in was never finished will be deleted. Type the project's name to go on:",
        text::counted(count, "account", "accounts")
    ));
    let typed = input::line().await;
    let typed =
        typed.map_err(|error| Failure::Failed(format!("cannot read what is typed: {error}")))?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(Failure::Failed(
            "nothing is deleted: that is not its name".to_owned(),
        )),
    }
}
