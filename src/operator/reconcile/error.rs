//! What kept a pass from its end, in words that quote nothing.

/// What kept a pass from its end. Composio's failures are none: they are told in the object's status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object could not be unpacked. Why would quote it, and it may hold a link.
    #[error("what was kept of the object cannot be read")]
    Kept(#[from] serde_json::Error),
    /// A read or write of the object failed.
    #[error("the apiserver: {}", told(.0))]
    Kubernetes(#[from] Box<kube::Error>),
}

impl Error {
    /// Whether the apiserver does not allow it.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Kept(_) => false,
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
        let told = Error::from(error).to_string();
        assert_eq!(
            told,
            "the apiserver: its answer has a form that is not known here"
        );
    }
}
