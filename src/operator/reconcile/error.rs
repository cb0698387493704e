//! What kept a pass from its end, in words that quote nothing.

use std::{fmt, time::Duration};

/// Of what the apiserver says so much is repeated.
const MAX_REFUSAL: usize = 1000;

/// A pass that did not come to its end, and when to try again.
#[derive(Debug, thiserror::Error)]
#[error("{error}; tried again in {} s", .again.as_secs())]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// For so long the object is left alone, whoever triggers it.
    pub again: Duration,
}

/// What kept a pass from its end. Composio's failures are none: they are told in the object's status.
///
/// It has no source: what is below may quote the object, and a link in it.
#[derive(thiserror::Error)]
pub enum Error {
    /// The object could not be unpacked.
    #[error("what was kept of the object cannot be read")]
    Kept,
    /// A read or write of the object failed.
    #[error("the apiserver: {}", told(.0))]
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
            Self::Kept => false,
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
            kube::Error::Api(status) if !PASSES.contains(&status.code) => Some(said(status)),
            _ => None,
        }
    }
}

/// With these the apiserver refuses nothing for good: the token is renewed, the object is read again, and
/// whatever keeps it busy passes.
const PASSES: [u16; 7] = [401, 404, 408, 409, 429, 503, 504];

/// The apiserver's own words, but for URLs: it may quote the status, in which a link may stand.
fn said(status: &kube::core::Status) -> String {
    let words = status.message.split_inclusive(char::is_whitespace);
    let shown = words.map(|word| if word.contains("://") { "[URL] " } else { word });
    let shown: String = shown.collect();
    let shown: String = shown.trim().chars().take(MAX_REFUSAL).collect();
    match shown.is_empty() {
        true => format!("{} ({})", status.reason, status.code),
        false => format!("{shown} ({})", status.code),
    }
}

/// Without what could not be decoded, and what the apiserver quotes, which the client's own words would repeat:
/// it may be a link.
pub(super) fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::SerdeError(_) => "its answer has a form that is not known here".to_owned(),
        kube::Error::Api(status) => said(status),
        other => other.to_string(),
    }
}

impl From<serde_json::Error> for Error {
    fn from(_: serde_json::Error) -> Self {
        Self::Kept
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

    #[test]
    fn what_cannot_be_decoded_is_not_quoted() {
        let quoted = serde_json::from_str::<crate::crd::Link>(r#""https://connect.example/1""#);
        let error = kube::Error::SerdeError(quoted.expect_err("a text is no link"));
        assert!(error.to_string().contains("https://"), "{error}");
        let error = Error::from(error);
        let told = "the apiserver: its answer has a form that is not known here";
        assert_eq!(error.to_string(), told);
        assert_eq!(format!("{error:?}"), told);
        assert!(std::error::Error::source(&error).is_none());
    }
}
