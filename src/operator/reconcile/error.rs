//! Why a pass failed, in words that quote nothing.

use std::{fmt, time::Duration};

use crate::{log::cause, text};

/// The most characters of a message of the apiserver that are repeated.
const MAX_REFUSAL: usize = 1000;

/// A pass that did not come to its end, and when to try again.
#[derive(Debug, thiserror::Error)]
#[error("{error}; tried again in {} s", .requeue_after.as_secs())]
pub struct PassError {
    /// What has failed.
    pub error: Error,
    /// For so long the object is left alone, whoever triggers it.
    pub requeue_after: Duration,
}

/// What kept a pass from its end. Composio's failures are none: they are told in the object's status.
///
/// It has no source, and Debug says what Display does: what is below quotes the object, which may hold a link.
#[derive(thiserror::Error)]
pub enum Error {
    /// The object could not be unpacked.
    #[error("what was kept of the object cannot be read")]
    Unpack,
    /// A read or write of the object failed.
    #[error("the apiserver: {}", describe(.0))]
    Kubernetes(Box<kube::Error>),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// Whether the apiserver does not allow it.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Unpack => false,
            Self::Kubernetes(error) => {
                matches!(&**error, kube::Error::Api(status) if status.is_forbidden())
            }
        }
    }

    /// What the apiserver says, if it has refused: an admission policy, a webhook, the Role, or the object as it
    /// would become. It will do so again. `None` where it cannot be reached, or was only busy.
    pub(super) fn refusal(&self) -> Option<String> {
        let Self::Kubernetes(error) = self else {
            return None;
        };
        match &**error {
            kube::Error::Api(status) if !PASSES.contains(&status.code) => {
                Some(status_message(status))
            }
            _ => None,
        }
    }
}

/// A webhook in front of the object is back after so long, or it is broken: a link lives ten minutes.
const BROKEN_WEBHOOK: Duration = Duration::from_secs(30);

/// With these the apiserver refuses nothing for good: the token is renewed, the object is read again, and
/// whatever keeps it busy passes.
const PASSES: [u16; 7] = [401, 404, 408, 409, 429, 503, 504];

/// How long a write that must not be lost is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is refused for good.
    None,
    /// It may be a webhook that is being restarted, and it may be one that is broken.
    While(Duration),
    /// Nobody gets through now, or it was only this time.
    Always,
}

/// How long a write is tried again that was answered so.
pub(super) fn patience(error: &kube::Error) -> Patience {
    match error {
        kube::Error::Api(status) if PASSES.contains(&status.code) => Patience::Always,
        kube::Error::Api(status) if status.code < 500 => Patience::None,
        kube::Error::Api(_) => Patience::While(BROKEN_WEBHOOK),
        _ => Patience::Always,
    }
}

/// The apiserver's own words, but for URLs: it may quote the status, in which a link may stand.
fn status_message(status: &kube::core::Status) -> String {
    let shown = text::without_urls(&status.message);
    let shown: String = shown.trim().chars().take(MAX_REFUSAL).collect();
    match shown.is_empty() {
        true => format!("{} ({})", status.reason, status.code),
        false => format!("{shown} ({})", status.code),
    }
}

/// Without what could not be decoded, and what the apiserver quotes, which the client's own words would repeat:
/// it may be a link.
pub(super) fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status_message(status),
        other => cause(other),
    }
}

impl From<serde_json::Error> for Error {
    fn from(_: serde_json::Error) -> Self {
        Self::Unpack
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://connect.example/s3cr3t";

    fn not_decoded() -> serde_json::Error {
        let quoted = serde_json::from_value::<crate::crd::Link>(LINK.into());
        quoted.expect_err("a text is no link")
    }

    /// All that a logger could make of it, its sources included.
    fn all_texts(error: &dyn std::error::Error) -> Vec<String> {
        let chain = std::iter::successors(Some(error), |error| error.source());
        chain
            .flat_map(|error| [error.to_string(), format!("{error:?}")])
            .collect()
    }

    #[test]
    fn what_cannot_be_decoded_is_quoted_by_no_error_and_no_source_of_one() {
        let client = kube::Error::SerdeError(not_decoded());
        let texts = all_texts(&client).join(" ");
        assert!(texts.contains("s3cr3t"), "the client quotes it: {texts}");
        for error in [Error::from(client), Error::from(not_decoded())] {
            let texts = all_texts(&error);
            assert_eq!(texts.len(), 2, "it has no source: {texts:?}");
            assert!(!texts.concat().contains("s3cr3t"), "{texts:?}");
        }
        let error = Error::from(kube::Error::SerdeError(not_decoded()));
        assert_eq!(
            error.to_string(),
            "the apiserver: its answer has a form that is not known here"
        );
    }

    #[test]
    fn what_the_apiserver_says_is_told() {
        let status =
            kube::core::Status::failure("the quota is used up", "Forbidden").with_code(403);
        let error = Error::from(kube::Error::Api(status.boxed()));
        assert!(error.is_forbidden());
        assert!(
            error.to_string().contains("the quota is used up"),
            "{error}"
        );
    }
}
