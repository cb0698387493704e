//! Namespaces, and who may do what in them.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::ControlPlane;
use crate::support::wait;

impl ControlPlane {
    /// Makes a fresh namespace and returns its name: the prefix and a random end.
    pub(crate) async fn namespace(&self, client: &Client, prefix: &str) -> String {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let made = Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .expect("the administrator makes namespaces");
        made.metadata.name.expect("the server named it")
    }

    /// Makes a service account with the permissions of these rules, given as YAML, in all namespaces,
    /// and returns a token for it. The role and its binding get a name of their own, so tests with
    /// different roles do not meet. When this returns, the server already grants what the role allows.
    pub(crate) async fn service_account(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
        rules: &str,
    ) -> String {
        let create = PostParams::default();
        let unique = format!("{namespace}-{name}");
        let role = ClusterRole {
            metadata: ObjectMeta {
                name: Some(unique.clone()),
                ..ObjectMeta::default()
            },
            rules: Some(serde_saphyr::from_str(rules).expect("the YAML is a list of rules")),
            ..ClusterRole::default()
        };
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        let binding = ClusterRoleBinding {
            metadata: role.metadata.clone(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: unique,
            },
            subjects: Some(vec![subject(namespace, name)]),
        };
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
        accounts
            .create(&create, &account)
            .await
            .expect("the administrator makes service accounts");
        Api::all(client.clone())
            .create(&create, &role)
            .await
            .expect("the administrator makes roles");
        Api::all(client.clone())
            .create(&create, &binding)
            .await
            .expect("the administrator makes bindings");
        granted(client, namespace, name, role.rules.as_deref()).await;
        self.token(client, namespace, name).await
    }

    /// Another token of a service account.
    pub(crate) async fn token(&self, client: &Client, namespace: &str, name: &str) -> String {
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
        let create = PostParams::default();
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let made = accounts
            .create_token_request(name, &create, &request)
            .await
            .expect("the administrator makes tokens");
        made.status.expect("the server answered with a token").token
    }

    /// Gives a service account the permissions of these rules, given as YAML, in its own namespace. When
    /// this returns, the server already grants them.
    pub(crate) async fn allow(&self, client: &Client, namespace: &str, name: &str, rules: &str) {
        let create = PostParams::default();
        let role = Role {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            rules: Some(serde_saphyr::from_str(rules).expect("the YAML is a list of rules")),
        };
        let binding = RoleBinding {
            metadata: role.metadata.clone(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "Role".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(vec![subject(namespace, name)]),
        };
        Api::namespaced(client.clone(), namespace)
            .create(&create, &role)
            .await
            .expect("the administrator makes roles");
        Api::namespaced(client.clone(), namespace)
            .create(&create, &binding)
            .await
            .expect("the administrator makes bindings");
        granted(client, namespace, name, role.rules.as_deref()).await;
    }
}

fn subject(namespace: &str, name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    }
}

/// The server learns of new roles and bindings by watching them: a moment after they are made.
async fn granted(client: &Client, namespace: &str, name: &str, rules: Option<&[PolicyRule]>) {
    let user = format!("system:serviceaccount:{namespace}:{name}");
    let first = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.first().cloned());
    let Some(mut attributes) = rules.iter().copied().flatten().find_map(|rule| {
        Some(ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            verb: rule.verbs.first().cloned(),
            group: Some(first(&rule.api_groups)?),
            resource: Some(first(&rule.resources)?),
            name: first(&rule.resource_names),
            ..ResourceAttributes::default()
        })
    }) else {
        return;
    };
    // "pods/log" names a subresource.
    if let Some((resource, subresource)) = attributes
        .resource
        .clone()
        .as_deref()
        .and_then(|resource| resource.split_once('/'))
    {
        attributes.resource = Some(resource.to_owned());
        attributes.subresource = Some(subresource.to_owned());
    }
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.clone()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    wait::until(
        &format!("the permissions of {user}"),
        Duration::from_secs(60),
        async || {
            let answer = reviews
                .create(&PostParams::default(), &review)
                .await
                .map_err(|error| error.to_string())?;
            match answer.status {
                Some(status) if status.allowed => Ok(()),
                status => Err(format!("{status:?}")),
            }
        },
    )
    .await;
}
