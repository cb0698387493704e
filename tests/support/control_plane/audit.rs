//! What the API server was asked, as its own log tells.

/// Who asked what of the resources that the operator uses: the witness of its reads and writes.
pub(super) const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
    resources:
      - group: composio.dev
      - group: ''
        resources: [secrets, configmaps, events]
      - group: events.k8s.io
      - group: coordination.k8s.io
  - level: None
";
pub(super) const AUDIT_LOG: &str = "audit.log";

/// One request that the API server answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Audited {
    pub(crate) verb: String,
    /// `connectedaccounts`, `connectedaccounts/status`.
    pub(crate) resource: String,
    pub(crate) name: String,
    pub(crate) status: u64,
    /// The id of the service account's token that came with the request: tells apart who shares the account.
    pub(crate) token: String,
    /// Whether it was only tried.
    pub(crate) is_dry_run: bool,
}

impl Audited {
    pub(crate) fn is_write(&self) -> bool {
        !self.is_dry_run && !["get", "list", "watch"].contains(&self.verb.as_str())
    }

    pub(super) fn read(event: &serde_json::Value) -> Audited {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let resource = match object["subresource"].as_str() {
            Some(subresource) => format!("{}/{subresource}", text(&object["resource"])),
            None => text(&object["resource"]),
        };
        Audited {
            verb: text(&event["verb"]),
            resource,
            name: text(&object["name"]),
            status: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            token: text(&event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]),
            is_dry_run: text(&event["requestURI"]).contains("dryRun="),
        }
    }
}
