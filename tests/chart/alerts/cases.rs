//! What goes wrong, and which alert is for it.

/// Something goes wrong after ten minutes, and is mended after two hours.
pub(super) struct Case {
    pub(super) alert: &'static str,
    pub(super) severity: &'static str,
    /// What is told instead, or too.
    pub(super) told: &'static [(&'static str, &'static str, &'static str)],
    /// Minutes after which it does not ring yet, and after which it does.
    pub(super) silent_and_loud: (u32, u32),
    /// More labels of the alert.
    pub(super) labels: &'static str,
}

pub(super) const OF_PROJECT: &str =
    r#"namespace="x",job="op-composio-operator-metrics",project="P""#;
/// What the connect page of the release tells.
pub(super) const OF_CONNECT: &str = r#"namespace="x",job="op-composio-operator-page-metrics""#;
pub(super) const OF_RELEASE: &str = r#"namespace="x",job="op-composio-operator-metrics""#;

pub(super) const CASES: [Case; 30] = [
    Case {
        alert: "ComposioOperatorAbsent",
        severity: "critical",
        told: &[
            ("leader", r#"instance="a""#, "1x9 stale _x110 1x120"),
            ("leader", r#"instance="b""#, "0x9 stale _x110 0x120"),
        ],
        silent_and_loud: (19, 21),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioOperatorNotLed",
        severity: "critical",
        told: &[("leader", r#"instance="a""#, "1x9 0x110 1x120")],
        silent_and_loud: (14, 16),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioOperatorScopeHeldByAnother",
        severity: "critical",
        // It leads nothing then, and one alert is enough.
        told: &[
            ("leader", r#"instance="a""#, "1x9 0x110 1x120"),
            (
                "scope_held_by_another",
                r#"instance="a""#,
                "0x9 1x110 0x120",
            ),
        ],
        silent_and_loud: (14, 16),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioAccessRefused",
        severity: "critical",
        told: &[(
            "composio_gate_closed",
            r#"instance="a",project="P",gate="read""#,
            "0x9 1x110 0x120",
        )],
        silent_and_loud: (14, 16),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",gate="read""#,
    },
    Case {
        alert: "ComposioProjectNotReady",
        severity: "warning",
        told: &[(
            "project_ready",
            r#"instance="a",project="P""#,
            "1x9 0x110 1x120",
        )],
        silent_and_loud: (24, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ComposioNotListed",
        severity: "warning",
        told: &[(
            "last_poll_timestamp_seconds",
            r#"instance="a",project="P""#,
            "0+60x9 540x110 7200+60x120",
        )],
        silent_and_loud: (28, 31),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ComposioRequestsFail",
        severity: "warning",
        told: &[(
            "composio_requests_total",
            r#"instance="a",project="P",class="server_error""#,
            "0+1x9 9+40x110 4409+0x120",
        )],
        silent_and_loud: (20, 40),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ComposioThrottled",
        severity: "warning",
        told: &[(
            "throttled_seconds_total",
            r#"instance="a",urgency="other""#,
            "0+6x9 54+120x110 13254+0x120",
        )],
        silent_and_loud: (40, 80),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioOperatorReconcilesFail",
        severity: "warning",
        told: &[(
            "reconciles_total",
            r#"instance="a",outcome="Error""#,
            "3x9 3+1x110 113x120",
        )],
        silent_and_loud: (24, 28),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioOperatorBehind",
        severity: "warning",
        told: &[(
            "queue_oldest_seconds",
            r#"instance="a""#,
            "2x9 301x110 2x120",
        )],
        silent_and_loud: (19, 21),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioNamespaceUnreachable",
        severity: "warning",
        told: &[(
            "namespace_unreachable",
            r#"instance="a",watched_namespace="agents""#,
            "0x9 1x110 0x120",
        )],
        silent_and_loud: (14, 16),
        labels: r#"namespace="x",job="op-composio-operator-metrics",watched_namespace="agents""#,
    },
    Case {
        alert: "ConnectedAccountWaitsForPerson",
        severity: "info",
        told: &[(
            "longest_wait_seconds",
            r#"instance="a",project="P""#,
            "0+60x119 0x120",
        )],
        silent_and_loud: (60, 62),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountGrantDead",
        severity: "warning",
        told: &[(
            "objects_by_reason",
            r#"instance="a",project="P",reason="Revoked""#,
            "_x9 2x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",reason="Revoked""#,
    },
    Case {
        alert: "ConnectedAccountSignedInByAnother",
        severity: "warning",
        told: &[(
            "objects_by_reason",
            r#"instance="a",project="P",reason="FinishedElsewhere""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (13, 16),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",reason="FinishedElsewhere""#,
    },
    // What Ready said before stays, where the project does not allow any more what it has.
    Case {
        alert: "ConnectedAccountRefused",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="NotAllowed""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",reason="NotAllowed""#,
    },
    Case {
        alert: "ConnectedAccountRefused",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="Conflict""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",reason="Conflict""#,
    },
    Case {
        alert: "ConnectedAccountSecretMissing",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="SecretMissing""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountSecretMissing",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="SecretNotOffered""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountDoesNotConverge",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="DoesNotConverge""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountWriteRefused",
        severity: "warning",
        told: &[(
            "objects_by_synced_reason",
            r#"instance="a",project="P",reason="KubernetesRefused""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountConfigMapNotWritten",
        severity: "warning",
        told: &[(
            "objects_without_config_map",
            r#"instance="a",project="P",reason="Forbidden""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: r#"namespace="x",job="op-composio-operator-metrics",project="P",reason="Forbidden""#,
    },
    Case {
        alert: "ConnectedAccountRevocationRefused",
        severity: "warning",
        told: &[(
            "objects_by_reason",
            r#"instance="a",project="P",reason="RevokeRefused""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (23, 26),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ConnectedAccountDeletedUnrevoked",
        severity: "warning",
        told: &[("unrevoked_deletions_total", r#"instance="a""#, "7x9 8x231")],
        silent_and_loud: (9, 12),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ConnectedAccountNotDecoded",
        severity: "warning",
        told: &[(
            "objects_by_reason",
            r#"instance="a",project="P",reason="NotDecoded""#,
            "_x9 1x110 stale _x120",
        )],
        silent_and_loud: (13, 16),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ComposioOperatorNotificationsNotTaken",
        severity: "warning",
        told: &[(
            "notification_oldest_seconds",
            r#"instance="a""#,
            "0x9 1000x110 0x120",
        )],
        silent_and_loud: (13, 16),
        labels: OF_RELEASE,
    },
    Case {
        alert: "ComposioOperatorNotificationsDropped",
        severity: "warning",
        told: &[(
            "notifications_dropped_total",
            r#"instance="a",cause="expired""#,
            "7x9 8x231",
        )],
        silent_and_loud: (9, 12),
        labels: r#"namespace="x",job="op-composio-operator-metrics",cause="expired""#,
    },
    Case {
        alert: "ComposioWebhookRefused",
        severity: "warning",
        told: &[(
            "connect_refused_total",
            r#"instance="c",why="webhook_signature""#,
            "3x9 3+2x30 63x200",
        )],
        silent_and_loud: (13, 25),
        labels: r#"namespace="x",job="op-composio-operator-page-metrics",why="webhook_signature""#,
    },
    Case {
        alert: "ComposioWebhookRefused",
        severity: "warning",
        told: &[(
            "connect_refused_total",
            r#"instance="c",why="webhook_busy""#,
            "0x9 0+2x30 60x200",
        )],
        silent_and_loud: (13, 25),
        labels: r#"namespace="x",job="op-composio-operator-page-metrics",why="webhook_busy""#,
    },
    Case {
        alert: "ComposioWebhookSilent",
        severity: "info",
        told: &[
            (
                "connect_webhook_events_total",
                r#"instance="c",result="asked""#,
                "0x240",
            ),
            (
                "objects_by_reason",
                r#"instance="a",project="P",reason="ReauthorizationRequired""#,
                "_x9 1x10 stale _x220",
            ),
        ],
        silent_and_loud: (12, 17),
        labels: OF_PROJECT,
    },
    Case {
        alert: "ComposioWebhookLate",
        severity: "info",
        told: &[(
            "connect_webhook_events_late_total",
            r#"instance="c""#,
            "0x9 0+1x60 60x171",
        )],
        silent_and_loud: (9, 30),
        labels: OF_CONNECT,
    },
];
