//! What kept a pass from its end, in words that quote nothing.

use std::fmt;

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
}

/// Without what could not be decoded, which the client's own words would quote: it may be a link.
pub(super) fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::SerdeError(_) => "its answer has a form that is not known here".to_owned(),
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
