//! Making the objects.

use crate::arguments::DryRun;
use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::name::RESOURCE;
use crate::print::Out;

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
    for (at, manifest) in manifests.iter().enumerate() {
        let metadata = &manifest.object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        if dry_run != Some(DryRun::Client) {
            let is_dry = dry_run == Some(DryRun::Server);
            let namespace = metadata["namespace"].as_str();
            match cluster.try_create(&manifest.object, is_dry).await? {
                Ok(_) => {}
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
                    return Err(failure::of(error, Right::on_accounts("create", namespace)));
                }
            }
        }
        out.end_count();
        out.line(&format!("{RESOURCE}/{name} {done}"))?;
        out.count("objects", at + 1, u64::try_from(manifests.len()).ok());
    }
    out.end_count();
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Failed(format!(
            "{refused} of {} objects were refused",
            manifests.len()
        ))),
    }
}
