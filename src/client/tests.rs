//! The client against a transport that answers what it is told, and over loopback HTTP.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use rstest::rstest;

use super::*;

mod answers;
mod failures;
mod hostile;
mod keys;
mod network;
mod pages;
mod requests;
mod secrets;
mod sentences;

/// A recorded payload.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/recorded/",
            $name
        ))
    };
}
use recorded;

/// What was asked of the fake: method, path with query, body.
type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

/// A Composio that gives these answers in turn, the last one for ever.
struct Fake {
    client: Client,
    asked: Asked,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Fake {
    fn answering(answers: impl IntoIterator<Item = Result<Response<Bytes>, SendError>>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let asked = Asked::default();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (seen, told) = (asked.clone(), calls.clone());
        let transport: Transport = Arc::new(move |request: Request<Bytes>| {
            let mut seen = seen.lock().unwrap();
            seen.push((
                request.method().to_string(),
                request.uri().to_string(),
                String::from_utf8(request.body().to_vec()).unwrap(),
            ));
            let answer = answers[(seen.len() - 1).min(answers.len() - 1)].clone();
            async move { answer }.boxed()
        });
        let observer: Observer =
            Arc::new(move |call: &Call| told.lock().unwrap().push(call.clone()));
        Self {
            client: Client::new(transport, observer),
            asked,
            calls,
        }
    }

    fn saying(status: u16, body: &str) -> Self {
        Self::answering([answer(status, body)])
    }

    fn asked(&self) -> (String, String, String) {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }

    fn told(&self) -> Call {
        self.calls.lock().unwrap().last().cloned().unwrap()
    }
}

fn answer(status: u16, body: &str) -> Result<Response<Bytes>, SendError> {
    with_headers(status, body, &[])
}

fn with_headers(
    status: u16,
    body: &str,
    headers: &[(&str, &str)],
) -> Result<Response<Bytes>, SendError> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Ok(answer.body(Bytes::from(body.to_owned())).unwrap())
}

fn link_request() -> LinkRequest {
    LinkRequest {
        auth_config: "ac_1".into(),
        user: "support@acme.com".into(),
        alias: "agents.support".into(),
        callback_url: None,
        connection_data: None,
        visibility: Visibility::Private,
        sharing: Some(Acl::default()),
    }
}

fn create_request() -> CreateRequest {
    CreateRequest {
        auth_config: "ac_1".into(),
        user: "support@acme.com".into(),
        alias: "agents.support".into(),
        scheme: "API_KEY".into(),
        credentials: [("generic_api_key".to_owned(), Sensitive::new("sk-live-1"))].into(),
        visibility: Visibility::Private,
        sharing: None,
    }
}

fn credentials_patch() -> PatchRequest {
    let CreateRequest {
        scheme,
        credentials: fields,
        ..
    } = create_request();
    PatchRequest {
        credentials: Some(Credentials { scheme, fields }),
        ..PatchRequest::default()
    }
}

/// Calls one endpoint for its error.
async fn fail(fake: &Fake, endpoint: Endpoint) -> Error {
    let client = &fake.client;
    match endpoint {
        Endpoint::Link => client.link(&link_request()).await.map(drop),
        Endpoint::Create => client.create(&create_request()).await.map(drop),
        Endpoint::List => client.list(&ListQuery::default()).await.map(drop),
        Endpoint::Get => client.get("ca_1").await.map(drop),
        Endpoint::Patch => client
            .patch("ca_1", &PatchRequest::default())
            .await
            .map(drop),
        Endpoint::SetEnabled => client.set_enabled("ca_1", true).await,
        Endpoint::Refresh => client.refresh("ca_1", None).await.map(drop),
        Endpoint::Revoke => client.revoke("ca_1").await.map(drop),
        Endpoint::CompleteAuth => client
            .complete_auth(&Sensitive::new("session_s3cr3t"), "u")
            .await
            .map(drop),
        Endpoint::Delete => client.delete("ca_1", false).await.map(drop),
        Endpoint::AuthConfig => client.auth_config("ac_1").await.map(drop),
        Endpoint::AuthConfigs => client.auth_configs("gmail").await.map(drop),
        Endpoint::SessionInfo => client.session_info().await.map(drop),
        Endpoint::WebhookSubscriptions => client.webhook_subscriptions().await.map(drop),
        Endpoint::Subscribe => client.subscribe("https://hooks.example/x").await.map(drop),
        Endpoint::Unsubscribe => client.unsubscribe("wh_1").await,
    }
    .expect_err("the fake answers with a failure")
}

const SECOND: Duration = Duration::from_secs(1);
