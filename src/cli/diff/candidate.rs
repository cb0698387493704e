//! The object as it would be: what is there, with the spec of the manifest. The apiserver judges it, and stores
//! nothing; whoever may not write objects has it put together here.

use composio_api::ConnectedAccount;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::text;

/// An object as it would be.
pub(super) struct Candidate {
    pub(super) object: ConnectedAccount,
    /// The same with the status of the object that is there.
    pub(super) value: Value,
    pub(super) change: Change,
    /// Whether the apiserver has judged it.
    pub(super) judged: bool,
}

/// What becomes of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Created,
    Changed,
    Deleted,
}

impl Change {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "unchanged",
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

impl Candidate {
    /// The object of that manifest. `None`: it is to be deleted, and is not there.
    pub(super) async fn of(
        cluster: &Cluster,
        manifest: &Value,
        namespace: &str,
        is_deleted: bool,
    ) -> Result<Option<Self>, Failure> {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let api = cluster.accounts(Some(namespace));
        let live = api.get_opt(name).await;
        let right = Right::on_accounts("get", Some(namespace));
        let live = live.map_err(|error| failure::of(error, right))?;
        let live: Option<Value> = live.and_then(|live| serde_json::to_value(live).ok());
        if is_deleted {
            return live
                .map(|live| Self::new(live, Change::Deleted, true))
                .transpose();
        }
        let wanted = wanted(manifest, live.as_ref(), namespace);
        let verb = match live {
            Some(_) => "update",
            None => "create",
        };
        let judged = match &live {
            Some(_) => cluster.try_replace(&wanted).await?,
            None => cluster.try_create(&wanted, true).await?,
        };
        let (value, is_judged) = match judged {
            Ok(value) => (value, true),
            Err(kube::Error::Api(status)) if failure::is_refusal(&status) => {
                let why = failure::refusal(&status);
                return Err(Failure::Failed(format!("{namespace}/{name}: {why}")));
            }
            Err(kube::Error::Api(status)) if status.code == 403 => (wanted, false),
            Err(error) => {
                return Err(failure::of(
                    error,
                    Right::on_accounts(verb, Some(namespace)),
                ));
            }
        };
        let Some(live) = live else {
            return Self::new(value, Change::Created, is_judged).map(Some);
        };
        let (before, after) = (decoded(&live)?, decoded(&value)?);
        let is_same =
            serde_json::to_value(before.spec).ok() == serde_json::to_value(after.spec).ok();
        let change = match is_same {
            true => Change::None,
            false => Change::Changed,
        };
        Self::new(value, change, is_judged).map(Some)
    }

    fn new(value: Value, change: Change, judged: bool) -> Result<Self, Failure> {
        Ok(Self {
            object: decoded(&value)?,
            value,
            change,
            judged,
        })
    }
}

fn wanted(manifest: &Value, live: Option<&Value>, namespace: &str) -> Value {
    let given = &manifest["metadata"];
    let Some(live) = live else {
        // What else a manifest says is not declared: a status is the operator's word, and would be believed here.
        let mut object = json!({
            "apiVersion": manifest["apiVersion"], "kind": manifest["kind"],
            "metadata": {"name": given["name"], "namespace": namespace},
            "spec": manifest["spec"],
        });
        for kind in ["labels", "annotations"] {
            if !given[kind].is_null() {
                object["metadata"][kind] = given[kind].clone();
            }
        }
        return object;
    };
    let mut object = live.clone();
    object["spec"] = manifest["spec"].clone();
    for kind in ["labels", "annotations"] {
        for (name, value) in given[kind].as_object().into_iter().flatten() {
            object["metadata"][kind][name] = value.clone();
        }
    }
    object
}

fn decoded(object: &Value) -> Result<ConnectedAccount, Failure> {
    serde_json::from_value(object.clone()).map_err(|error| {
        let why = text::plain(&error.to_string());
        Failure::Failed(format!("the manifest is no ConnectedAccount: {why}"))
    })
}
