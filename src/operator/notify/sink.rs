//! The receiver of notifications, over HTTP.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{HeaderValue, StatusCode, header};
use reqwest::redirect;

use super::{
    backoff::retry_after,
    url::{NotANotifyUrl, NotifyUrl},
};
use crate::kubernetes::USER_AGENT;

/// From sending to the head of the answer. Below the time that a process has to end.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Without a Retry-After, who is asked too often is left alone for so long: Slack disables who goes on.
const THROTTLED: Duration = Duration::from_secs(30);
/// Shorter than the idle time of usual load balancers.
const IDLE: Duration = Duration::from_secs(30);

/// Where the receiver is said to be.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// By the command line.
    Url(NotifyUrl),
    /// In a file, which is read for each message: a new URL is used at once.
    File(PathBuf),
}

/// The receiver of notifications.
pub(super) struct Sink {
    client: reqwest::Client,
    address: Address,
    token_file: Option<PathBuf>,
    allow_http: bool,
}

/// Takes messages.
pub(super) trait Receive: Send + Sync {
    /// Sends a message once.
    fn send(&self, content_type: &'static str, body: String) -> BoxFuture<'_, Answer>;
}

/// How a message was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// With a status of 2xx.
    Taken,
    /// Not, and perhaps no other one will be: the receiver is not there, or is not as it is configured here.
    Failed {
        /// For the metric.
        result: &'static str,
        /// What happened, without anything of the URL or the answer.
        why: String,
        /// For how long the receiver asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not, because of what is in it.
    Rejected {
        /// The status.
        status: StatusCode,
    },
}

impl Sink {
    /// The receiver, once it is seen that address and token can be read.
    ///
    /// # Errors
    /// What is wrong, in which file, without what it holds.
    pub(super) fn new(
        address: Address,
        token_file: Option<PathBuf>,
        allow_http: bool,
    ) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            // The token must not go to another host.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| format!("the HTTP client of notifications cannot start: {error}"))?;
        let sink = Self {
            client,
            address,
            token_file,
            allow_http,
        };
        sink.url()?;
        sink.token()?;
        Ok(sink)
    }

    async fn post(&self, content_type: &'static str, body: String) -> Answer {
        let settings = self.url().and_then(|url| Ok((url, self.token()?)));
        let (url, token) = match settings {
            Ok(settings) => settings,
            Err(why) => return failed("not_configured", why),
        };
        let mut request = self.client.post(url.expose()).body(body);
        request = request.header(header::CONTENT_TYPE, content_type);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        match request.send().await {
            Ok(answer) => judged(answer.status(), answer.headers()),
            Err(error) if error.is_timeout() => {
                failed("timeout", format!("{url} does not answer in time"))
            }
            Err(error) if error.is_connect() => {
                failed("unreachable", format!("{url} cannot be reached"))
            }
            Err(_) => failed("disconnected", format!("{url} ends the connection")),
        }
    }

    fn url(&self) -> Result<NotifyUrl, String> {
        let url = match &self.address {
            Address::Url(url) => url.clone(),
            Address::File(file) => NotifyUrl::parse(&read(file)?)
                .map_err(|error: NotANotifyUrl| format!("{} {error}", file.display()))?,
        };
        match url.is_clear_text() && !self.allow_http {
            true => Err(format!(
                "notifications would be sent to {url} in clear text: use https://, or set --notify-allow-http"
            )),
            false => Ok(url),
        }
    }

    fn token(&self) -> Result<Option<HeaderValue>, String> {
        let Some(file) = &self.token_file else {
            return Ok(None);
        };
        let token = read(file)?;
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = is_token.then(|| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let Some(mut value) = value.flatten() else {
            let file = file.display();
            return Err(format!("{file} must hold a token of visible ASCII"));
        };
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl Receive for Sink {
    fn send(&self, content_type: &'static str, body: String) -> BoxFuture<'_, Answer> {
        self.post(content_type, body).boxed()
    }
}

/// A file, without the blanks around what it holds.
fn read(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(text.trim().to_owned())
}

fn failed(result: &'static str, why: String) -> Answer {
    Answer::Failed {
        result,
        why,
        retry_after: None,
    }
}

fn judged(status: StatusCode, headers: &http::HeaderMap) -> Answer {
    let result = match status {
        _ if status.is_success() => return Answer::Taken,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => return Answer::Rejected { status },
        StatusCode::TOO_MANY_REQUESTS => {
            return Answer::Failed {
                result: "throttled",
                why: "the receiver is sent too much (429)".to_owned(),
                retry_after: retry_after(headers).or(Some(THROTTLED)),
            };
        }
        _ if status.is_redirection() => "redirected",
        _ if status.is_client_error() => "refused",
        _ => "failed",
    };
    Answer::Failed {
        result,
        why: format!("the receiver answers {}", status.as_u16()),
        retry_after: retry_after(headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How such an answer ends, and for how many seconds the receiver is left alone at least.
    fn ends(status: u16, retry_after: Option<&'static str>) -> (&'static str, Option<u64>) {
        let mut headers = http::HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        }
        match judged(StatusCode::from_u16(status).expect("a status"), &headers) {
            Answer::Taken => ("taken", None),
            Answer::Rejected { .. } => ("rejected", None),
            Answer::Failed {
                result,
                retry_after,
                ..
            } => (result, retry_after.map(|wait| wait.as_secs())),
        }
    }

    #[test]
    fn only_a_message_that_is_wrong_itself_is_given_up_and_who_asks_for_time_has_it() {
        for (status, result) in [
            (200, "taken"),
            (202, "taken"),
            (204, "taken"),
            (301, "redirected"),
            (308, "redirected"),
            (400, "rejected"),
            (401, "refused"),
            (403, "refused"),
            (404, "refused"),
            (410, "refused"),
            (413, "rejected"),
            (422, "rejected"),
            (500, "failed"),
            (503, "failed"),
        ] {
            assert_eq!(ends(status, None), (result, None), "{status}");
        }
        assert_eq!(ends(503, Some("7")), ("failed", Some(7)));
        assert_eq!(ends(429, Some("7")), ("throttled", Some(7)));
        assert_eq!(ends(429, None), ("throttled", Some(30)));
    }
}
