//! What a failed call means: through the client, so that each error is one that can come.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;

use super::*;
use crate::composio::{
    Client, CreateRequest, LinkRequest, ListQuery, PatchRequest, SendError,
    error::Error,
    model::{Sensitive, Visibility},
};

mod texts;

const IN_USE: &str = r#"{"error": {"message": "Alias \"a\" is already in use by another connection for this entity", "slug": "ConnectedAccount_BadRequest"}}"#;
const SAYS_NO: &str = r#"{"error": {"message": "no", "slug": "No"}}"#;
const LACKS_FIELDS: &str =
    r#"{"error": {"message": "no key", "slug": "ConnectedAccount_MissingRequiredFields"}}"#;
const PROXY: &str = "<html>not Composio</html>";

/// A client that is always answered so.
fn answering(status: u16, body: &'static str) -> Client {
    let answer = move || {
        let answer = http::Response::builder().status(status);
        match status {
            0 => Err(SendError::Timeout),
            1 => Err(SendError::Connect("refused".into())),
            429 => Ok(answer.header("Retry-After", "7")),
            _ => Ok(answer),
        }
        .map(|answer| answer.body(Bytes::from(body)).expect("an answer"))
    };
    Client::new(
        Arc::new(move |_| std::future::ready(answer()).boxed()),
        Arc::new(|_| {}),
    )
}

/// The failure of one effect, or of a look, that is answered so.
pub(super) fn failing(effect: Option<Effect>, status: u16, body: &'static str) -> Failure {
    let secrets = [Sensitive::new("s3cr3t")];
    let error = ask(&answering(status, body), effect.as_ref())
        .now_or_never()
        .expect("answers at once")
        .expect_err("an error");
    match &effect {
        None => Failure::of_look(&error, Some(&[])),
        Some(effect) => Failure::of_effect(&error, effect, Some(&secrets)),
    }
}

async fn ask(client: &Client, effect: Option<&Effect>) -> Result<(), Error> {
    match effect {
        None => client.list(&ListQuery::default()).await.map(drop),
        Some(Effect::Link { auth_config, alias }) => client
            .link(&LinkRequest {
                auth_config: auth_config.clone(),
                user: "u".into(),
                alias: alias.clone(),
                callback_url: None,
                connection_data: None,
                visibility: Visibility::Private,
                sharing: None,
            })
            .await
            .map(drop),
        Some(Effect::Create { auth_config, alias }) => client
            .create(&CreateRequest {
                auth_config: auth_config.clone(),
                user: "u".into(),
                alias: alias.clone(),
                scheme: "API_KEY".into(),
                credentials: Default::default(),
                visibility: Visibility::Private,
                sharing: None,
            })
            .await
            .map(drop),
        Some(Effect::Refresh { id }) => client.refresh(id, None).await.map(drop),
        Some(Effect::CompleteAuth { .. }) => client
            .complete_auth(&Sensitive::new("s3cr3t"), "u")
            .await
            .map(drop),
        Some(Effect::Enable { id }) => client.set_enabled(id, true).await,
        Some(Effect::Disable { id }) => client.set_enabled(id, false).await,
        Some(Effect::Patch { id, .. }) => {
            client.patch(id, &PatchRequest::default()).await.map(drop)
        }
        Some(Effect::Revoke { id }) => client.revoke(id).await.map(drop),
        Some(Effect::Delete { id, revoke }) => client.delete(id, *revoke).await.map(drop),
        Some(
            Effect::Pin { .. } | Effect::Unpin | Effect::Adopt | Effect::Forget | Effect::Release,
        ) => Ok(()),
    }
}

#[test]
fn each_answer_is_read_for_what_it_proves() {
    let later = Answer::NotNow { after: None };
    let seconds = |seconds| Answer::NotNow {
        after: Some(std::time::Duration::from_secs(seconds)),
    };
    for (sentence, effect, status, body, reason, answer) in [
        (
            "a wrong key is the project's trouble",
            Some(link()),
            401,
            SAYS_NO,
            Reason::ProjectUnavailable,
            later,
        ),
        (
            "of a look, too",
            None,
            401,
            SAYS_NO,
            Reason::ProjectUnavailable,
            later,
        ),
        (
            "a list of nothing in particular cannot be missing",
            None,
            404,
            SAYS_NO,
            Reason::ProjectUnavailable,
            later,
        ),
        (
            "Retry-After is obeyed",
            Some(link()),
            429,
            SAYS_NO,
            Reason::RateLimited,
            seconds(7),
        ),
        (
            "of a look, too",
            None,
            429,
            SAYS_NO,
            Reason::RateLimited,
            seconds(7),
        ),
        (
            "no answer: it may have been done",
            Some(link()),
            0,
            "",
            Reason::OutcomeUnknown,
            Answer::Unknown,
        ),
        (
            "a look that has no answer did nothing",
            None,
            0,
            "",
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "no connection: it was not done",
            Some(link()),
            1,
            "",
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "a POST may be done before a 500",
            Some(link()),
            500,
            SAYS_NO,
            Reason::OutcomeUnknown,
            Answer::Unknown,
        ),
        (
            "a change that answers 500 is not",
            Some(enable()),
            500,
            SAYS_NO,
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "a gateway's 502 proves nothing",
            Some(enable()),
            502,
            PROXY,
            Reason::OutcomeUnknown,
            Answer::Unknown,
        ),
        (
            "an alias in use",
            Some(link()),
            400,
            IN_USE,
            Reason::AliasInUse,
            Answer::Refused(400),
        ),
        (
            "an alias in use, at a change",
            Some(rename("a")),
            400,
            IN_USE,
            Reason::AliasInUse,
            Answer::Refused(400),
        ),
        (
            "a POST names no account: 404 is the auth config",
            Some(link()),
            404,
            SAYS_NO,
            Reason::AuthConfigNotFound,
            Answer::Refused(404),
        ),
        (
            "what is declared is refused",
            Some(link()),
            400,
            SAYS_NO,
            Reason::Rejected,
            Answer::Refused(400),
        ),
        (
            "also from a Secret",
            Some(create()),
            404,
            SAYS_NO,
            Reason::AuthConfigNotFound,
            Answer::Refused(404),
        ),
        (
            "a proxy's 404 is not Composio's",
            Some(link()),
            404,
            PROXY,
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "an account that is gone is looked for",
            Some(disable()),
            404,
            SAYS_NO,
            Reason::ComposioUnavailable,
            Answer::LookAgain,
        ),
        (
            "a change of state is looked at",
            Some(revoke()),
            409,
            SAYS_NO,
            Reason::ComposioUnavailable,
            Answer::LookAgain,
        ),
        (
            "a proxy's 409 is not Composio's",
            Some(revoke()),
            409,
            PROXY,
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "the provider refuses to revoke",
            Some(revoke()),
            500,
            SAYS_NO,
            Reason::RevokeRefused,
            later,
        ),
        (
            "an outage is no refusal of the provider",
            Some(revoke()),
            502,
            PROXY,
            Reason::OutcomeUnknown,
            Answer::Unknown,
        ),
        (
            "the toolkit cannot revoke",
            Some(revoke()),
            400,
            SAYS_NO,
            Reason::Rejected,
            Answer::Refused(400),
        ),
        (
            "nor ever will",
            Some(revoke()),
            501,
            SAYS_NO,
            Reason::Rejected,
            Answer::Refused(501),
        ),
        (
            "forbidden",
            Some(disable()),
            403,
            SAYS_NO,
            Reason::Forbidden,
            Answer::Refused(403),
        ),
        (
            "a list is forbidden to whoever asks",
            None,
            403,
            SAYS_NO,
            Reason::ProjectUnavailable,
            Answer::NotNow { after: None },
        ),
        (
            "values that are refused",
            Some(send()),
            400,
            SAYS_NO,
            Reason::CredentialsRejected,
            Answer::Refused(400),
        ),
        (
            "values for an account that somebody else changes at the same time",
            Some(send()),
            409,
            SAYS_NO,
            Reason::ComposioUnavailable,
            Answer::NotNow { after: None },
        ),
        (
            "values for an account that is locked",
            Some(send()),
            423,
            SAYS_NO,
            Reason::ComposioUnavailable,
            Answer::NotNow { after: None },
        ),
        (
            "values that are not there",
            Some(create()),
            400,
            LACKS_FIELDS,
            Reason::CredentialsRejected,
            Answer::Refused(400),
        ),
        (
            "of a Secret, too, something else may be wrong",
            Some(create()),
            400,
            SAYS_NO,
            Reason::Rejected,
            Answer::Refused(400),
        ),
        (
            "a look that is refused is not about what is declared",
            None,
            400,
            SAYS_NO,
            Reason::ComposioUnavailable,
            later,
        ),
        (
            "values that nobody looked at",
            Some(send()),
            403,
            SAYS_NO,
            Reason::Forbidden,
            Answer::Refused(403),
        ),
        (
            "a refresh that is refused",
            Some(refresh()),
            400,
            SAYS_NO,
            Reason::Rejected,
            Answer::Refused(400),
        ),
        (
            "a deletion of what is gone",
            Some(delete(true)),
            404,
            "{}",
            Reason::ComposioUnavailable,
            Answer::LookAgain,
        ),
    ] {
        let failure = failing(effect, status, body);
        assert_eq!(
            (failure.reason, failure.answer),
            (reason, answer),
            "{sentence}"
        );
        assert!(!failure.message.is_empty(), "{sentence}");
    }
}
