//! That what is secret is shown by nothing but the wire.

use std::error::Error as _;

use static_assertions::{assert_impl_all, assert_not_impl_any};

use super::{super::model::without, *};

assert_not_impl_any!(Sensitive: fmt::Display, serde::Serialize, AsRef<str>);
assert_not_impl_any!(SensitiveUrl: fmt::Display, serde::Serialize, AsRef<str>);
// What is wiped has to do something when it is dropped.
assert_impl_all!(zeroize::Zeroizing<String>: zeroize::ZeroizeOnDrop);

#[test]
fn what_is_secret_shows_itself_in_no_debug() {
    let secret = Sensitive::new("s3cr3t");
    let url = SensitiveUrl::new("https://connect.example/t0k3n");
    let fields = [("api_key".to_owned(), secret.clone())].into();
    let credentials = Credentials {
        scheme: "API_KEY".to_owned(),
        fields,
    };
    let request = PatchRequest {
        credentials: Some(credentials.clone()),
        ..PatchRequest::default()
    };
    let linked = Linked {
        id: "ca_1".to_owned(),
        redirect_url: url.clone(),
        expires_at: None,
    };
    for shown in [
        format!("{secret:?} {secret:#?}"),
        format!("{url:?} {url:#?}"),
        format!("{credentials:?} {request:#?} {linked:?}"),
    ] {
        for word in ["s3cr3t", "t0k3n", "connect.example"] {
            assert!(!shown.contains(word), "{shown}");
        }
    }
}

/// Whoever logs an error may log what is below it, too.
#[test]
fn no_error_has_below_it_what_it_does_not_say_itself() {
    let kinds = [
        Kind::NotSent("this is not an id"),
        Kind::Connect(Quote::new("refused")),
        Kind::Timeout,
        Kind::Disconnected(Quote::new("reset")),
        Kind::TooLarge {
            status: 200,
            limit: 1,
        },
        Kind::NotUnderstood {
            status: 200,
            what: "it is not JSON".to_owned(),
        },
        Kind::Redirect {
            status: 302,
            to: None,
        },
        Kind::RateLimited {
            retry_after: Duration::from_secs(1),
        },
        Kind::Api(Box::new(Refusal::not_found())),
        Kind::Gateway { status: 502 },
    ];
    for kind in kinds {
        let error = Error {
            endpoint: Endpoint::Get,
            kind,
            request_id: None,
            carried_credentials: true,
        };
        assert!(error.source().is_none(), "{error}");
    }
}

#[test]
fn where_a_message_is_cut_no_half_of_a_secret_is_left() {
    let long = "a long secret, with spaces in it; ".repeat(30);
    let secrets = [Sensitive::new(long.as_str()), Sensitive::new("in it")];
    for before in 0..60 {
        let text = format!("{}{}", ".".repeat(before), long.repeat(12));
        let shown = without(&super::super::model::cut_foreign_text(text), &secrets);
        for word in ["long", "secret", "spaces", "with"] {
            assert!(!shown.contains(word), "{before}: {shown}");
        }
    }
}
