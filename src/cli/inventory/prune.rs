//! Deleting sign-ins that were never finished, and nothing else: whatever may have had a grant is listed only.

use std::io::{self, IsTerminal};

use composio_api::is_computed_form;
use composio_operator::composio::Account;
use composio_operator::projects::Declared;
use jiff::{SignedDuration, Timestamp};

use crate::arguments::Inventory;
use crate::cluster::Cluster;
use crate::composio::Composio;
use crate::failure::{Failure, Right};
use crate::objects::Objects;
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
    let objects = all_objects(cluster, project).await?;
    let found: Vec<&Account> = accounts
        .iter()
        .filter(|account| may_go(account, &objects))
        .collect();
    if found.is_empty() {
        out.note("No abandoned sign-ins found that may be deleted.");
        return Ok(());
    }
    if arguments.dry_run {
        for account in found {
            let id = text::plain(&account.id);
            out.line(&format!("account {id} deleted (dry run)"))?;
        }
        return Ok(());
    }
    if !arguments.yes {
        confirm(project, found.len(), out).await?;
    }
    // Whoever was asked may have taken their time.
    let objects = all_objects(cluster, project).await?;
    for account in found {
        let shown = text::plain(&account.id);
        match composio.account(&account.id).await? {
            None => out.line(&format!("account {shown} is gone"))?,
            Some(now) if may_go(&now, &objects) && now.alias == account.alias => {
                composio.delete(&account.id).await?;
                out.line(&format!("account {shown} deleted"))?;
            }
            Some(_) => out.line(&format!("account {shown} left: it has changed"))?,
        }
    }
    Ok(())
}

/// Those of all namespaces: what cannot be seen may be an object's.
async fn all_objects(cluster: &Cluster, project: &Declared) -> Result<Objects, Failure> {
    let objects = Objects::of(cluster, project).await?;
    match objects.are_all {
        true => Ok(objects),
        false => Err(Failure::Failed(format!(
            "nothing is deleted: you may not {}, and an account may be that of an object which you do not see",
            Right::on_accounts("list", None)
        ))),
    }
}

/// Whether it never lived, is of yesterday, and can be nobody's here or in another cluster.
fn may_go(account: &Account, objects: &Objects) -> bool {
    let is_old = account
        .created_at
        .is_some_and(|at| Timestamp::now().duration_since(at) > DAY);
    let is_somebodys = |alias: &str| is_computed_form(alias) || objects.name_alias(account, alias);
    is_abandoned(account)
        && is_old
        && !account.alias.as_deref().is_some_and(is_somebodys)
        && objects.claimant(account).is_none()
}

async fn confirm(project: &Declared, count: usize, out: &mut Out) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{count} accounts would be deleted: confirm it by --yes, or look at them by --dry-run"
        )));
    }
    let name = project.key.to_string();
    out.note(&format!(
        "{count} accounts of {name} whose sign-in was never finished will be deleted. Type the project's name to go on:"
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
