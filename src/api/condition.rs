//! The condition types, in kstatus' words.

/// Whether the account can be used as declared.
pub const READY: &str = "Ready";
/// Whether the last look and the last effect went through.
pub const SYNCED: &str = "Synced";
/// Present and true while something is still to come.
pub const RECONCILING: &str = "Reconciling";
/// Present and true while only a person can help.
pub const STALLED: &str = "Stalled";
/// Present where `spec.writeTo` names a ConfigMap: whether that says what the status says.
pub const CONFIG_MAP_WRITTEN: &str = "ConfigMapWritten";
/// All that are ours.
pub const ALL: [&str; 5] = [READY, SYNCED, RECONCILING, STALLED, CONFIG_MAP_WRITTEN];
