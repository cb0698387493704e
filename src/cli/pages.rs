//! Lists of any length, page by page.

use std::collections::HashSet;
use std::fmt::Debug;

use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;

/// Objects in one answer.
const PAGE: u32 = 500;

/// Has each object taken once. Where the apiserver has compacted the list while it was read (410), the rest comes in one
/// answer of all, as kubectl has it.
pub(crate) async fn each<K>(
    api: &Api<K>,
    parameters: &ListParams,
    mut take: impl FnMut(K),
) -> Result<(), kube::Error>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug,
{
    let mut page = parameters.clone().limit(PAGE);
    let mut seen: HashSet<String> = HashSet::new();
    loop {
        let list = match api.list(&page).await {
            Ok(list) => list,
            Err(kube::Error::Api(status))
                if status.code == 410 && page.continue_token.is_some() =>
            {
                api.list(parameters).await?
            }
            Err(error) => return Err(error),
        };
        for object in list.items {
            // Of a page that comes twice, each is known by its uid.
            let is_new = object.uid().is_none_or(|uid| seen.insert(uid));
            if is_new {
                take(object);
            }
        }
        page.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
        if page.continue_token.is_none() {
            return Ok(());
        }
    }
}
