//! What is told while all is well.

/// What two healthy replicas tell, of which one leads: a metric, its labels, and a value each minute. The standby tells
/// zeros or nothing.
pub(super) const HEALTHY: [(&str, &str, &str); 24] = [
    ("leader", r#"instance="a""#, "1x240"),
    ("leader", r#"instance="b""#, "0x240"),
    ("scope_held_by_another", r#"instance="a""#, "0x240"),
    (
        "composio_gate_closed",
        r#"instance="a",project="P",gate="read""#,
        "0x240",
    ),
    ("project_ready", r#"instance="a",project="P""#, "1x240"),
    (
        "last_poll_timestamp_seconds",
        r#"instance="a",project="P""#,
        "0+60x240",
    ),
    (
        "composio_requests_total",
        r#"instance="a",project="P",class="success""#,
        "0+10x240",
    ),
    (
        "composio_requests_total",
        r#"instance="a",project="P",class="server_error""#,
        "0+1x240",
    ),
    (
        "throttled_seconds_total",
        r#"instance="a",urgency="polling""#,
        "0+120x240",
    ),
    (
        "throttled_seconds_total",
        r#"instance="a",urgency="other""#,
        "0+6x240",
    ),
    (
        "reconciles_total",
        r#"instance="a",outcome="Done""#,
        "0+60x240",
    ),
    (
        "reconciles_total",
        r#"instance="a",outcome="Error""#,
        "3x240",
    ),
    (
        "connect_refused_total",
        r#"instance="c",why="webhook_signature""#,
        "3x240",
    ),
    (
        "connect_refused_total",
        r#"instance="c",why="token""#,
        "0+10x240",
    ),
    (
        "connect_webhook_events_total",
        r#"instance="c",result="asked""#,
        "0+1x240",
    ),
    (
        "connect_webhook_events_late_total",
        r#"instance="c""#,
        "0x240",
    ),
    ("queue_oldest_seconds", r#"instance="a""#, "2x240"),
    (
        "longest_wait_seconds",
        r#"instance="a",project="P""#,
        "0+10x240",
    ),
    (
        "objects_by_reason",
        r#"instance="a",project="P",reason="Connected""#,
        "5x240",
    ),
    (
        "objects_by_reason",
        r#"instance="a",project="P",reason="AwaitingUser""#,
        "1x240",
    ),
    (
        "objects_by_synced_reason",
        r#"instance="a",project="P",reason="Connected""#,
        "5x240",
    ),
    ("unrevoked_deletions_total", r#"instance="a""#, "7x240"),
    ("objects_not_decoded_total", r#"instance="a""#, "0x240"),
    (
        "namespace_unreachable",
        r#"instance="a",watched_namespace="agents""#,
        "0x240",
    ),
];
