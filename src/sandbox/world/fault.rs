//! Failures on demand.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{API, Cut, json_response};

/// A failure that meets the next calls which match it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it meets; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path begins with, with or without `/api/v3.1`.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// The whole path, with or without `/api/v3.1`; `*` stands for any one segment.
    #[serde(default)]
    pub path: Option<String>,
    /// What is answered.
    pub status: FaultAnswer,
    /// How many calls it meets.
    #[serde(default = "once")]
    pub times: u32,
    /// With a number as `status`: the request has its effect first.
    #[serde(default)]
    pub after_commit: bool,
    /// With a number as `status`: the body. A text is sent as it is, anything else as JSON. When
    /// absent, Composio's own body for that status.
    #[serde(default)]
    pub body: Option<Value>,
    /// With a number as `status`: headers, for example `retry-after`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn once() -> u32 {
    1
}

/// Marks an answer of which only the first half is to be sent, in its extensions. The world itself
/// writes to no connection: whoever serves it does that.
#[derive(Clone, Copy, Debug)]
pub struct HalfBody;

/// What a [`Fault`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAnswer {
    /// Answers with this status.
    Status(u16),
    /// Cuts the connection; the request has no effect.
    CutBefore,
    /// Cuts the connection; the request had its effect.
    CutAfter,
    /// Cuts the connection in the middle of the answer; the request had its effect.
    HalfBody,
    /// The request had its effect, and a page of HTML is the answer to it.
    NotJson,
    /// The edge refuses, by address: a 429 that knows neither budget nor `Retry-After`.
    EdgeLimit,
    /// The key is not good from the address of the caller: a 401 that names the address.
    AddressRefused,
    /// The request had its effect, and of the list that answers it the first row is not readable, and
    /// a null stands beside it.
    MalformedRows,
}

/// Every answer that has a word instead of a status.
const WORDS: [(&str, FaultAnswer); 7] = [
    ("cut_before", FaultAnswer::CutBefore),
    ("cut_after", FaultAnswer::CutAfter),
    ("half_body", FaultAnswer::HalfBody),
    ("not_json", FaultAnswer::NotJson),
    ("edge_limit", FaultAnswer::EdgeLimit),
    ("address_refused", FaultAnswer::AddressRefused),
    ("malformed_rows", FaultAnswer::MalformedRows),
];

/// Marks an answer that Composio's edge gives, in its extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromTheEdge;

impl FaultAnswer {
    fn word(self) -> Option<&'static str> {
        let found = WORDS.iter().find(|(_, answer)| *answer == self);
        found.map(|(word, _)| *word)
    }
}

impl Serialize for FaultAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Status(status) => serializer.serialize_u16(*status),
            other => serializer.serialize_str(other.word().unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for FaultAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || {
            let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
            D::Error::custom(format!(
                "status is a number from 200 to 599, or one of {}",
                words.join(", ")
            ))
        };
        match Value::deserialize(deserializer)? {
            Value::String(word) => WORDS
                .iter()
                .find(|(known, _)| *known == word)
                .map(|(_, answer)| *answer)
                .ok_or_else(wrong),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| u16::try_from(number).ok())
                .filter(|status| (200..600).contains(status))
                .map(Self::Status)
                .ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

impl Fault {
    fn matches(&self, method: &str, path: &str) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        let prefix_fits = self.path_prefix.as_ref().is_none_or(|prefix| {
            path.starts_with(prefix.as_str()) || short(path).starts_with(prefix.as_str())
        });
        let path_fits = self
            .path
            .as_ref()
            .is_none_or(|pattern| fits(pattern, path) || fits(pattern, short(path)));
        method_fits && prefix_fits && path_fits
    }

    pub(super) fn after_commit(&self) -> bool {
        match self.status {
            FaultAnswer::Status(_) => self.after_commit,
            FaultAnswer::CutBefore | FaultAnswer::EdgeLimit | FaultAnswer::AddressRefused => false,
            FaultAnswer::CutAfter
            | FaultAnswer::HalfBody
            | FaultAnswer::NotJson
            | FaultAnswer::MalformedRows => true,
        }
    }

    /// Whether it never reaches Composio itself.
    pub(super) fn at_the_edge(&self) -> bool {
        self.status == FaultAnswer::EdgeLimit
    }

    /// What the log says about it.
    pub(super) fn name(&self) -> &'static str {
        match self.status {
            FaultAnswer::Status(_) if self.after_commit => "status_after_commit",
            other => other.word().unwrap_or("status"),
        }
    }

    /// What is answered. `answer` is there when the request had its effect.
    pub(super) fn outcome(
        &self,
        answer: Option<Response<Bytes>>,
        limited: Response<Bytes>,
        request_id: &str,
    ) -> Result<Response<Bytes>, Cut> {
        let status = match self.status {
            FaultAnswer::Status(status) => status,
            FaultAnswer::CutBefore | FaultAnswer::CutAfter => return Err(Cut),
            FaultAnswer::HalfBody => {
                let mut answer = answer.ok_or(Cut)?;
                answer.extensions_mut().insert(HalfBody);
                return Ok(answer);
            }
            FaultAnswer::NotJson => {
                let page = "<html><body><h1>502 Bad Gateway</h1></body></html>\n";
                let mut answer = answer
                    .ok_or(Cut)?
                    .map(|_| Bytes::from_static(page.as_bytes()));
                let html = HeaderValue::from_static("text/html");
                answer.headers_mut().insert("content-type", html);
                return Ok(answer);
            }
            FaultAnswer::EdgeLimit => {
                let mut answer = json_response(429, &Refusal::edge_limit().body(request_id));
                answer.extensions_mut().insert(FromTheEdge);
                return Ok(answer);
            }
            FaultAnswer::AddressRefused => {
                let body = Refusal::address_refused().body(request_id);
                return Ok(json_response(401, &body));
            }
            FaultAnswer::MalformedRows => return Ok(answer.ok_or(Cut)?.map(malformed)),
        };
        let mut response = match &self.body {
            None if status == 429 => limited,
            None if status >= 400 => {
                json_response(status, &Refusal::of_status(status).body(request_id))
            }
            None => Response::default(),
            Some(Value::String(text)) => Response::new(Bytes::from(text.clone())),
            Some(other) => json_response(status, other),
        };
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

/// A list whose first row cannot be read, and a row that is none before it; any other body stays.
fn malformed(body: Bytes) -> Bytes {
    let Ok(mut list) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let Some(rows) = list.get_mut("items").and_then(Value::as_array_mut) else {
        return body;
    };
    if let Some(first) = rows.first_mut() {
        first["id"] = json!(7);
        first["status"] = Value::Null;
        first["toolkit"] = json!("a text");
    }
    rows.insert(0, Value::Null);
    Bytes::from(list.to_string())
}

fn short(path: &str) -> &str {
    path.strip_prefix(API).unwrap_or(path)
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|seen| wanted == "*" || wanted == seen)
    });
    all && segments.next().is_none()
}

/// The faults in waiting, oldest first.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// The first fault that meets this call, used up by one.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let n = self
            .0
            .iter()
            .position(|fault| fault.times > 0 && fault.matches(method, path))?;
        self.0[n].times -= 1;
        let fault = self.0[n].clone();
        self.0.retain(|fault| fault.times > 0);
        Some(fault)
    }
}
