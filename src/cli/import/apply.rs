//! Making the objects.

use crate::arguments::{DryRun, Output};
use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::name::RESOURCE;
use crate::print::Out;
use crate::text;

use super::manifest::Manifest;

/// So many objects that were refused are told with the reason.
const TOLD: usize = 5;

/// Makes each, or asks whether it could be made. What is refused of one stops no other.
pub(super) async fn run(
    cluster: &Cluster,
    manifests: &[Manifest],
    dry_run: Option<DryRun>,
    out: &mut Out,
) -> Result<(), Failure> {
    let done = match dry_run {
        None => "created",
        Some(DryRun::Client) => "created (dry run)",
        Some(DryRun::Server) => "created (server dry run)",
    };
    let mut refused = 0;
    // In the order in which they were made, for whoever reads values.
    let mut made = Vec::new();
    let mut ended = Ok(());
    for (at, manifest) in manifests.iter().enumerate() {
        let metadata = &manifest.object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let mut answer = None;
        if dry_run != Some(DryRun::Client) {
            let is_dry = dry_run == Some(DryRun::Server);
            let namespace = metadata["namespace"].as_str();
            match cluster.try_create(&manifest.object, is_dry).await? {
                Ok(object) => answer = Some(object),
                Err(kube::Error::Api(status)) if failure::is_refusal(&status) => {
                    refused += 1;
                    if refused <= TOLD {
                        out.end_count();
                        let why = failure::refusal(&status);
                        out.note(&format!("{RESOURCE}/{name}: {why}"));
                    }
                    continue;
                }
                Err(error) => {
                    // What was made is told all the same.
                    let right = Right::on_accounts("create", namespace);
                    ended = Err(failure::of(error, right));
                    break;
                }
            }
        }
        out.end_count();
        match out.form() {
            Output::Table | Output::Wide => out.line(&format!("{RESOURCE}/{name} {done}"))?,
            Output::Name => out.line(&format!("{RESOURCE}/{name}"))?,
            Output::Json | Output::Yaml => {
                made.push(answer.unwrap_or_else(|| manifest.object.clone()));
            }
        }
        out.count("objects", at + 1, u64::try_from(manifests.len()).ok());
    }
    out.end_count();
    if matches!(out.form(), Output::Json | Output::Yaml) {
        let written = out.values(made, false).unwrap_or(Ok(()));
        ended = ended.and(written);
    }
    ended?;
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Failed(format!(
            "{refused} of {} refused",
            text::counted(manifests.len(), "object was", "objects were")
        ))),
    }
}
