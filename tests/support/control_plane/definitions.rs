//! The custom resources, installed as they are shipped.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};

use super::ControlPlane;
use crate::support::wait;

/// Read when the tests are built: a folder that is changed meanwhile does no harm.
const CRDS: [&str; 4] = [
    include_str!("../../../crds/connectedaccounts.yaml"),
    include_str!("../../../crds/composioprojects.yaml"),
    include_str!("../../../crds/clustercomposioprojects.yaml"),
    include_str!("../../../crds/connectrequests.yaml"),
];

impl ControlPlane {
    /// Installs the custom resources as they are shipped and waits until they can be used, also by the names
    /// that clients discover. Whoever else asks meanwhile waits for the same.
    pub(crate) async fn install_crd(&self) {
        self.crd
            .get_or_init(async || {
                let client = self.client().await;
                let api = Api::<CustomResourceDefinition>::all(client.clone());
                let mut names = Vec::new();
                for crd in CRDS {
                    let definition: CustomResourceDefinition =
                        serde_saphyr::from_str(crd).expect("the YAML is a definition");
                    let name = definition.metadata.name.clone().expect("it has a name");
                    let parameters = PatchParams::apply("tests").force();
                    api.patch(&name, &parameters, &Patch::Apply(&definition))
                        .await
                        .expect("the server takes the definition");
                    names.push(name);
                }
                for name in names {
                    wait::until(&name, Duration::from_secs(60), async || {
                        served(&client, &name).await
                    })
                    .await;
                }
            })
            .await;
    }
}

/// Whether a custom resource is established, discovered and listed.
async fn served(client: &Client, name: &str) -> Result<(), String> {
    let definition = Api::<CustomResourceDefinition>::all(client.clone())
        .get(name)
        .await
        .map_err(|error| error.to_string())?;
    let names = definition.spec.names;
    let conditions = definition.status.and_then(|status| status.conditions);
    if !conditions
        .iter()
        .flatten()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
    {
        return Err(format!("it is not established: {conditions:?}"));
    }
    let gvk = GroupVersionKind::gvk(&definition.spec.group, "v1alpha1", &names.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
    Api::<DynamicObject>::all_with(client.clone(), &resource)
        .list(&ListParams::default().limit(1))
        .await
        .map_err(|error| error.to_string())?;
    let request = http::Request::get("/apis")
        .header(
            http::header::ACCEPT,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        )
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let groups = client
        .request_text(request)
        .await
        .map_err(|error| error.to_string())?;
    match groups.contains(&format!("{:?}", names.plural)) {
        true => Ok(()),
        false => Err("no client can discover it yet".to_owned()),
    }
}
