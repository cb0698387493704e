//! What those who refer to a project may ask for.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{DeletionPolicy, Visibility};

/// One thing that may be asked for. A field that is absent restricts nothing, except `takeOver`, `sources`, `sharing`
/// and `secrets`; an empty list allows nothing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.namespaces) && has(self.namespaceSelector))")
        .message("an entry names its namespaces by namespaces or by namespaceSelector, not by both")
        .field_path(".namespaces").reason(Reason::FieldValueForbidden)
)]
pub struct Allow {
    /// Namespaces whose labels match. In a ClusterComposioProject only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// Patterns of namespaces' names: granted to whoever may name a namespace. In a ClusterComposioProject only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "patterns_schema")]
    pub namespaces: Option<Vec<String>>,
    /// Patterns of users, also of those in sharing lists. `{{namespace}}` stands for the object's namespace; it
    /// makes sure that no two namespaces may name one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "users_schema")]
    pub users: Option<Vec<String>>,
    /// Patterns of `spec.person`, or of the user if that is absent: for whom links may be issued, and who is listed on
    /// the connect page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "patterns_schema")]
    pub people: Option<Vec<String>>,
    /// `SameAsPerson`: the toolkit must show that `spec.person` (the user, if absent) has signed in. An account of
    /// anybody else, or one for which it shows nobody, is disabled until a new sign-in. Objects can add
    /// `expectedIdentity` to this, but not weaken it. It is judged once after each sign-in: accounts that are already
    /// connected stay as they are. Absent: only what objects expect counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityDemand>,
    /// `Bound`: a sign-in counts only if a proxy has told the connect page who the visitor is, and that person has come
    /// back to the page in the browser that asked for the link. Links are issued on that page only: not by the
    /// annotation, not by anybody else's ConnectRequest, and not at once, so `spec.linkPolicy` must not be `Immediate`.
    /// Until the person is back, the object is not Ready; ten minutes after the grant was seen, the account is disabled
    /// until a new sign-in. Accounts that are already connected stay as they are. Absent: nobody has to come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInDemand>,
    /// Hosts of `spec.callbackUrl` to which the connect page takes people without a click, once they have come back
    /// from the sign-in in the browser that asked for the link: `app.acme.com`, also with a port, or all hosts below
    /// one, such as `*.acme.com`. For other hosts, and if absent, people see a link that names the host. They also see
    /// it where the toolkit shows who has signed in, which they must have the time to read. In a
    /// ClusterComposioProject only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "hosts_schema")]
    pub callback_hosts: Option<Vec<String>>,
    /// Patterns of toolkits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "patterns_schema")]
    pub toolkits: Option<Vec<String>>,
    /// Patterns of auth configs' ids: of the one that is declared, or that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "patterns_schema")]
    pub auth_configs: Option<Vec<String>>,
    /// Whether objects may take over what they did not make: `connectedAccountId`, and accounts that are found by
    /// a declared alias.
    #[serde(default)]
    pub take_over: bool,
    /// The visibilities that may be declared: `Private`, which keeps all but the user out, and `Shared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2))]
    pub visibilities: Option<Vec<Visibility>>,
    /// How an account may be made: `SignIn`, by a person; `Secret`, without one. Absent: both, but only `SignIn` if
    /// entries of `allow` may grant the entry's users to several namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2))]
    pub sources: Option<Vec<Source>>,
    /// With whom an account may be shared: `Users`, those that are named; `All`, also everybody, by
    /// `sharing.allowAll`. Absent: `Users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<SharingLimit>,
    /// What may happen to accounts at the end. One that is declared and not allowed is replaced by the first listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    pub deletion_policies: Option<Vec<DeletionPolicy>>,
    /// The most accounts that one namespace may have in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_accounts: Option<i32>,
    /// Which Secrets may be sent to Composio: `Any`, or those with the annotation
    /// `composio.dev/credentials: "true"`. Absent: `Annotated` in a ClusterComposioProject, else `Any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SecretsOffered>,
}

/// Labels of namespaces: all must match.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels and their values, one at least.
    #[schemars(schema_with = "labels_schema")]
    pub match_labels: BTreeMap<String, String>,
}

/// How an account is made: `SignIn`, by a person; `Secret`, without one.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "described on the field")]
pub enum Source {
    SignIn,
    Secret,
}

/// Who must have signed in.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "described on the field")]
pub enum IdentityDemand {
    SameAsPerson,
}

/// How a sign-in must be bound to the person.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "described on the field")]
pub enum SignInDemand {
    Bound,
}

/// With whom an account may be shared.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "described on the field")]
pub enum SharingLimit {
    Users,
    All,
}

/// Which Secrets may be sent.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "described on the field")]
pub enum SecretsOffered {
    Any,
    Annotated,
}

fn patterns_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "x-kubernetes-validations": [{
            "rule": r"self.all(pattern, !pattern.matches(r'\p{Cc}') && !pattern.contains('{{'))",
            "message": "a pattern must hold neither control characters nor placeholders",
        }, {
            "rule": "self.all(pattern, pattern.split('*').size() <= 2 || (pattern.split('*').size() <= 5 && !pattern.contains('?')))",
            "message": "a pattern must hold at most four '*', and no '?' beside more than one",
        }],
    })
}

/// As hosts of certificates: a wildcard stands for whole labels, and not for a whole domain of the registry's.
fn hosts_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "x-kubernetes-validations": [{
            "rule": r"self.all(host, host.matches(r'^([*][.]([a-z0-9-]+[.])+[a-z0-9-]+|[a-z0-9-]+([.][a-z0-9-]+)*)(:[0-9]{1,5})?$'))",
            "message": "a host must be one such as app.acme.com, app.acme.com:8443 or *.acme.com, in lower case",
        }],
    })
}

/// `{{namespace}}` once, at an end, and bounded by a character that no namespace holds: else namespace `team` may
/// name `team-a-bob`, or `other/team/bob`.
fn users_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "x-kubernetes-validations": [{
            "rule": r"self.all(pattern, !pattern.matches(r'\p{Cc}'))",
            "message": "a pattern must not hold control characters",
        }, {
            "rule": "self.all(pattern, pattern.split('*').size() <= 2 || (pattern.split('*').size() <= 5 && !pattern.contains('?')))",
            "message": "a pattern must hold at most four '*', and no '?' beside more than one",
        }, {
            "rule": r"self.all(pattern, !pattern.contains('{{') || pattern.matches(r'^[^*?{}]*\{\{namespace\}\}([/._:@][^{}]*)?$') && pattern.matches(r'^([^*?{}]*[/._:@])?\{\{namespace\}\}') || pattern.matches(r'^([^{}]*[/._:@])?\{\{namespace\}\}[^*?{}]*$') && pattern.matches(r'\{\{namespace\}\}([/._:@][^*?{}]*)?$'))",
            "message": "{{namespace}} must stand once, with no wildcard between it and one end of the pattern, and next to it only '/', '.', '_', ':', '@' or an end: such as {{namespace}}/* or *@{{namespace}}",
        }],
    })
}

fn labels_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 63},
    })
}
