//! `composio-operator drain`: deletes all ConnectedAccounts and waits until they are gone.
//!
//! It only asks: what becomes of each account is up to the object's `deletionPolicy` and to the
//! operator, which must be running. Whoever uninstalls it for good runs this first, because no object can
//! go without it afterwards.

use std::{
    collections::HashSet,
    io::{self, Write},
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Preconditions},
};
use tokio::time::Instant;

use crate::crd::{ConnectedAccount, ConnectedAccountStatus, ProjectRef, condition};
use crate::kubernetes;
use crate::log::cause;
use crate::projects::ProjectKey;

mod hook;
pub use hook::Hook;

const PAUSE: Duration = Duration::from_secs(1);

/// Why not everything is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over. Which they are, and why, was written already.
    #[error(
        "{0} ConnectedAccounts are left; the operator must run, and goes on with them by itself"
    )]
    Left(usize),
    /// The apiserver refused, or did not answer.
    #[error("cannot {what} ConnectedAccounts: {}", cause(&**error))]
    Kubernetes {
        /// What was asked.
        what: &'static str,
        /// What it said.
        error: Box<kube::Error>,
    },
    /// Whether Helm uninstalls the release could not be found out.
    #[error("cannot read {what}, so nothing is deleted: {}", cause(&**error))]
    NotShown {
        /// Which object.
        what: String,
        /// What the apiserver said.
        error: Box<kube::Error>,
    },
    /// Nobody reads what is told.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Deletes what is in these namespaces, or in all if none is named, and waits so long for the end. Of a project only
/// what refers to it.
///
/// # Guarantees
/// An object that is made meanwhile is deleted too. At the end it is told what is left, and why. Where it runs
/// in the Job of a release, and Helm does not uninstall that release, nothing is deleted, and it is told why.
///
/// # Errors
/// When something is left, or the apiserver refuses.
pub async fn run(
    client: Client,
    namespaces: &[String],
    project: Option<&ProjectKey>,
    hook: Option<&Hook>,
    timeout: Duration,
    out: &mut impl Write,
) -> Result<(), Error> {
    if let Some(hook) = hook
        && let Some(why) = hook.refusal(&client).await?
    {
        writeln!(
            out,
            "nothing is deleted: {why}. The Job {}/{} deletes all ConnectedAccounts only while helm uninstall runs it. \
             Leave uninstall.policy at Keep where Helm does not install the chart. To delete them all by hand: \
             kubectl delete connectedaccounts --all, in each namespace, or composio-operator drain",
            hook.namespace, hook.job
        )?;
        return Ok(());
    }
    let end = Instant::now() + timeout;
    let mut before = None;
    loop {
        let mut count = 0_usize;
        let mut unasked = Vec::new();
        visit(&client, namespaces, project, |object| {
            count += 1;
            if object.metadata.deletion_timestamp.is_none() {
                unasked.push(Which::of(object));
            }
            Ok(())
        })
        .await?;
        if before != Some(count) {
            writeln!(out, "{count} ConnectedAccounts are there")?;
            before = Some(count);
        }
        if count == 0 {
            return Ok(());
        }
        for object in &unasked {
            object.ask_to_end(&client).await?;
        }
        if Instant::now() >= end {
            let mut left = 0;
            visit(&client, namespaces, project, |object| {
                left += 1;
                Ok(writeln!(out, "{}", why(object))?)
            })
            .await?;
            return if left == 0 {
                Ok(())
            } else {
                Err(Error::Left(left))
            };
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at each, one by one: they may be many. As they are, without a look at their fields: one that cannot be
/// understood is to go too.
async fn visit(
    client: &Client,
    namespaces: &[String],
    project: Option<&ProjectKey>,
    mut look: impl FnMut(&DynamicObject) -> Result<(), Error>,
) -> Result<(), Error> {
    let kind = ApiResource::erase::<ConnectedAccount>(&());
    let apis: Vec<Api<DynamicObject>> = match namespaces {
        [] => vec![Api::all_with(client.clone(), &kind)],
        some => some
            .iter()
            .map(|namespace| Api::namespaced_with(client.clone(), namespace, &kind))
            .collect(),
    };
    for api in apis {
        let mut seen = HashSet::new();
        let mut objects = kubernetes::all(api);
        while let Some(object) = objects.next().await {
            let object = match object {
                Ok(object) => object,
                // Without the definition there is no object.
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(error) => return Err(refused("list", error)),
            };
            let is_meant = project.is_none_or(|project| refers_to(&object) == *project);
            if is_meant && seen.insert(object.uid()) {
                look(&object)?;
            }
        }
    }
    Ok(())
}

/// The project of an object.
fn refers_to(object: &DynamicObject) -> ProjectKey {
    let reference = ProjectRef::of_object(&object.data);
    ProjectKey::referred(&reference, &object.namespace().unwrap_or_default())
}

/// Exactly this object: another of the same name comes with the next list.
struct Which {
    namespace: String,
    name: String,
    uid: Option<String>,
}

impl Which {
    fn of(object: &DynamicObject) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid(),
        }
    }

    async fn ask_to_end(&self, client: &Client) -> Result<(), Error> {
        let exactly = DeleteParams::background().preconditions(Preconditions {
            uid: self.uid.clone(),
            resource_version: None,
        });
        let kind = ApiResource::erase::<ConnectedAccount>(&());
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), &self.namespace, &kind);
        match api.delete(&self.name, &exactly).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            Err(error) => Err(refused("delete", error)),
        }
    }
}

/// Who is left, and what the object says about it.
fn why(object: &DynamicObject) -> String {
    let status = ConnectedAccountStatus::decode(&object.data["status"].to_string()).value;
    let reason = match status.headline() {
        Some(headline) if headline.status != "True" || headline.type_ == condition::STALLED => {
            let message = status.full_message(&headline.reason);
            let message = message.unwrap_or(&headline.message);
            format!("{}: {message}", headline.reason)
        }
        Some(_) | None => "the operator has not told anything of it".to_owned(),
    };
    format!(
        "left: {}/{} {reason}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

fn refused(what: &'static str, error: kube::Error) -> Error {
    Error::Kubernetes {
        what,
        error: Box::new(error),
    }
}
