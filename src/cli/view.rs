//! What is read of an object, whatever version wrote it.

use composio_api::{ConnectedAccountStatus, Progress, Reason, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::Value;

use crate::print::Tone;

/// An object as it was read.
pub(crate) struct View<'a> {
    pub(crate) object: &'a Value,
    pub(crate) status: ConnectedAccountStatus,
}

impl<'a> View<'a> {
    /// Reads the object. What cannot be read of its status counts as absent.
    pub(crate) fn of(object: &'a Value) -> Self {
        let status = match &object["status"] {
            Value::Null => ConnectedAccountStatus::default(),
            status => ConnectedAccountStatus::decode(&status.to_string()).value,
        };
        Self { object, status }
    }

    fn text(&self, path: &str) -> &'a str {
        let found = self.object.pointer(path).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &'a str {
        self.text("/metadata/name")
    }

    pub(crate) fn namespace(&self) -> &'a str {
        self.text("/metadata/namespace")
    }

    pub(crate) fn uid(&self) -> &'a str {
        self.text("/metadata/uid")
    }

    pub(crate) fn user(&self) -> &'a str {
        self.text("/spec/user")
    }

    pub(crate) fn toolkit(&self) -> &'a str {
        self.text("/spec/toolkit")
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&'a str> {
        self.object["metadata"]["annotations"][name].as_str()
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.object["spec"]["suspend"] == true
    }

    pub(crate) fn is_made_from_secret(&self) -> bool {
        self.object["spec"]["credentials"].is_object()
    }

    /// Whether the conditions speak of what is declared now.
    pub(crate) fn is_current(&self) -> bool {
        let declared = self.object["metadata"]["generation"].as_i64();
        declared.is_some() && self.status.observed_generation == declared
    }

    pub(crate) fn is(&self, type_: &str, value: &str) -> bool {
        let found = self.status.condition(type_);
        found.is_some_and(|condition| condition.status == value)
    }

    /// The condition that says how things are.
    pub(crate) fn headline(&self) -> Option<&Condition> {
        self.status.headline()
    }

    /// Its message in full; empty where there is no condition.
    pub(crate) fn message(&self) -> &str {
        let Some(headline) = self.headline() else {
            return "";
        };
        let full = self.status.full_message(&headline.reason);
        full.unwrap_or(&headline.message)
    }

    /// The reason of the headline, if this version knows it.
    pub(crate) fn reason(&self) -> Option<Reason> {
        Reason::named(&self.headline()?.reason)
    }

    /// Whether it is not as declared.
    pub(crate) fn is_problem(&self) -> bool {
        !self.is(condition::READY, "True") || self.is(condition::SYNCED, "False")
    }

    /// The condition of its ConfigMap, where that is not as it should be.
    pub(crate) fn missing_config_map(&self) -> Option<&Condition> {
        let written = self.status.condition(condition::CONFIG_MAP_WRITTEN);
        written.filter(|written| written.status == "False")
    }

    /// What the headline is coloured for.
    pub(crate) fn tone(&self) -> Tone {
        match self.reason().map(Reason::progress) {
            _ if !self.is_problem() => Tone::Good,
            Some(Progress::Stalled) => Tone::Bad,
            Some(Progress::Reconciling | Progress::None) | None => Tone::Waiting,
        }
    }

    /// A link that can still be used for a moment.
    pub(crate) fn usable_link(&self, now: Timestamp) -> Option<&composio_api::Link> {
        let link = self.status.link.as_ref()?;
        (now < link.expires_at.0).then_some(link)
    }
}

/// How long ago, as kubectl writes it: `45s`, `3m`, `7h`, `2d`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(conditions: Value) -> Value {
        json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": conditions}})
    }

    fn said(type_: &str, status: &str, reason: &str) -> Value {
        json!({"type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn the_worst_condition_is_the_headline() {
        let of = |conditions: Value| {
            let object = object(conditions);
            let view = View::of(&object);
            let reason = view.headline().map(|said| said.reason.clone());
            (reason.unwrap_or_default(), view.is_problem())
        };
        let ready = said("Ready", "True", "Connected");
        assert_eq!(of(json!([ready])), ("Connected".into(), false));
        let secret = said("Synced", "False", "SecretMissing");
        assert_eq!(of(json!([ready, secret])), ("SecretMissing".into(), true));
        let both = json!([
            said("Ready", "False", "Revoked"),
            said("Synced", "True", "Revoked"),
            said("Stalled", "True", "Revoked")
        ]);
        assert_eq!(of(both), ("Revoked".into(), true));
        assert_eq!(of(json!([])), (String::new(), true));
        assert_eq!(of(json!("odd")), (String::new(), true));
    }

    #[test]
    fn ages_are_written_as_kubectl_does() {
        let at = |seconds: i64| {
            ago(
                Timestamp::UNIX_EPOCH,
                Timestamp::from_second(seconds).expect("a time"),
            )
        };
        assert_eq!(
            [at(-5), at(119), at(120), at(7199), at(7200), at(172_800)],
            ["0s", "119s", "2m", "119m", "2h", "2d"]
        );
    }
}
