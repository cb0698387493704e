//! What a watch brings of an apiserver that answers in one way or another.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Response, StatusCode};
use hyper::body::{Body, Bytes, Frame};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Client, ResourceExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;

/// What an apiserver answers: these lines, and then the end or nothing.
struct Answer {
    code: u16,
    lines: VecDeque<Value>,
    ends: bool,
}

impl Answer {
    fn lines(lines: impl IntoIterator<Item = Value>) -> Self {
        Self {
            code: 200,
            lines: lines.into_iter().collect(),
            ends: true,
        }
    }

    fn open(self) -> Self {
        Self {
            ends: false,
            ..self
        }
    }

    fn failure(code: u16, reason: &str) -> Self {
        Self {
            code,
            ..Self::lines([status(code, reason)])
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.lines.pop_front() {
            Some(line) => Poll::Ready(Some(Ok(Frame::data(format!("{line}\n").into())))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn status(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code})
}

fn object(name: &str) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "agents", "resourceVersion": "7"}})
}

fn event(what: &str, object: &Value) -> Value {
    json!({"type": what, "object": object})
}

fn end_of_list() -> Value {
    let metadata =
        json!({"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}});
    event(
        "BOOKMARK",
        &json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}),
    )
}

fn list(names: &[&str], more: &str) -> Value {
    let items: Vec<Value> = names.iter().map(|name| object(name)).collect();
    json!({"kind": "ConfigMapList", "apiVersion": "v1",
        "metadata": {"resourceVersion": "9", "continue": more}, "items": items})
}

type Log = Arc<Mutex<Vec<String>>>;

/// An apiserver that gives these answers and is silent then, and what it was asked for.
fn apiserver(answers: impl IntoIterator<Item = Answer>) -> (Api<ConfigMap>, Log) {
    let answers: VecDeque<Answer> = answers.into_iter().collect();
    let answers = Mutex::new(answers);
    let asked = Log::default();
    let log = Arc::clone(&asked);
    let server = service_fn(move |request: Request<kube::client::Body>| {
        let request = up_to_date(request);
        let query = request.uri().query().unwrap_or_default();
        log.lock().push(query.to_owned());
        let next = answers.lock().pop_front();
        let answer = next.unwrap_or_else(|| Answer::lines([]).open());
        let code = StatusCode::from_u16(answer.code).expect("a code");
        let mut response = Response::new(answer);
        *response.status_mut() = code;
        async { Ok::<_, Infallible>(response) }
    });
    (Api::all(Client::new(server, "default")), asked)
}

/// What a watch brings of an apiserver that gives these answers, an event or an error a word, and what that was
/// asked for. Behind them it is silent.
async fn brought(
    answers: impl IntoIterator<Item = Answer>,
    most: usize,
) -> (Vec<String>, Vec<String>) {
    let (api, asked) = apiserver(answers);
    let words = watch(api).take(most).map(|event| match event {
        Ok(Event::Init) => "Init".to_owned(),
        Ok(Event::InitApply(object)) => format!("InitApply {}", object.name_any()),
        Ok(Event::InitDone) => "InitDone".to_owned(),
        Ok(Event::Apply(object)) => format!("Apply {}", object.name_any()),
        Ok(Event::Delete(object)) => format!("Delete {}", object.name_any()),
        Err(Error::InitialListFailed(_)) => "InitialListFailed".to_owned(),
        Err(Error::WatchStartFailed(_)) => "WatchStartFailed".to_owned(),
        Err(Error::WatchError(status)) => format!("WatchError {}", status.code),
        Err(error) => format!("{error:?}"),
    });
    let words = words.collect().await;
    let asked = asked.lock().clone();
    (words, asked)
}

#[tokio::test(start_paused = true)]
async fn all_that_is_there_comes_in_a_stream_and_is_no_older_than_the_request() {
    let answer = Answer::lines([
        event("ADDED", &object("a")),
        event("ADDED", &object("b")),
        end_of_list(),
        event("MODIFIED", &object("a")),
        event("DELETED", &object("b")),
    ]);
    let (words, asked) = brought([answer], 6).await;
    let expected = [
        "Init",
        "InitApply a",
        "InitApply b",
        "InitDone",
        "Apply a",
        "Delete b",
    ];
    assert_eq!(words, expected);
    let expected = "&watch=true&timeoutSeconds=290&allowWatchBookmarks=true&sendInitialEvents=true\
        &resourceVersionMatch=NotOlderThan";
    assert_eq!(asked, [expected]);
}

#[tokio::test(start_paused = true)]
async fn where_a_stream_is_refused_or_breaks_what_is_there_is_read_by_pages_this_time() {
    let first = || event("ADDED", &object("a"));
    let unreadable = event("ADDED", &json!({"metadata": "odd"}));
    let error = event("ERROR", &status(500, "InternalError"));
    // kube has begun another stream when it tells that one has ended.
    let ended = vec![Answer::lines([first()]), Answer::lines([])];
    let cases: [(Vec<Answer>, &[&str]); 6] = [
        (vec![Answer::failure(422, "Invalid")], &[]),
        (vec![Answer::failure(400, "BadRequest")], &[]),
        // It takes the request for one of changes alone.
        (vec![Answer::lines([]).open()], &["Init"]),
        (ended, &["Init", "InitApply a"]),
        (
            vec![Answer::lines([first(), error])],
            &["Init", "InitApply a"],
        ),
        (vec![Answer::lines([unreadable, end_of_list()])], &["Init"]),
    ];
    for (broken, before) in cases {
        let streams = broken.len();
        let pages = [list(&["a"], "more"), list(&["b"], "")].map(|page| Answer::lines([page]));
        let too_old = event("ERROR", &status(410, "Expired"));
        let changes = Answer::lines([event("MODIFIED", &object("a")), too_old]);
        let streamed = Answer::lines([end_of_list()]);
        let answers = broken.into_iter().chain(pages);
        let answers = answers.chain([changes, streamed]);
        let after = [
            "Init",
            "InitApply a",
            "InitApply b",
            "InitDone",
            "Apply a",
            "WatchError 410",
            "Init",
            "InitDone",
        ];
        let (words, asked) = brought(answers, before.len() + after.len()).await;
        assert_eq!(words, [before, &after].concat());
        let rest = "&watch=true&timeoutSeconds=290&allowWatchBookmarks=true";
        let stream = format!("{rest}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
        let pages = [
            "&limit=200".to_owned(),
            "&limit=200&continue=more".to_owned(),
        ];
        let mut expected = vec![stream.clone(); streams];
        expected.extend(pages);
        expected.extend([format!("{rest}&resourceVersion=9"), stream]);
        assert_eq!(asked, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_slow_between_changes_or_cannot_answer_now_is_not_asked_for_pages() {
    let failing = || Answer::failure(503, "ServiceUnavailable");
    let listed = || Answer::lines([end_of_list()]);
    let watch = brought([listed().open()], 3);
    assert!(
        timeout(SILENCE * 3, watch).await.is_err(),
        "it waits for a change"
    );
    let refused = Answer::failure(400, "BadRequest");
    let change = Answer::lines([event("MODIFIED", &object("a"))]);
    let (words, asked) = brought([failing(), listed(), refused, change], 5).await;
    let expected = [
        "InitialListFailed",
        "Init",
        "InitDone",
        "WatchStartFailed",
        "Apply a",
    ];
    assert_eq!(words, expected);
    assert!(
        !asked.iter().any(|query| query.contains("limit")),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_before_all_is_known_is_one_of_the_list() {
    let too_old = Answer::lines([end_of_list(), event("ERROR", &status(410, "Expired"))]);
    let failing = || Answer::failure(500, "InternalError");
    let error = event("ERROR", &status(500, "InternalError"));
    let listed = Answer::lines([end_of_list(), error]);
    let gone = Answer::failure(410, "Expired");
    let (words, _) = brought([failing(), too_old, failing(), listed, gone, failing()], 9).await;
    let expected = [
        "InitialListFailed",
        "Init",
        "InitDone",
        "WatchError 410",
        "InitialListFailed",
        "Init",
        "InitDone",
        "WatchError 500",
        "WatchStartFailed",
    ];
    assert_eq!(words, expected);
}

#[test]
fn other_requests_are_left_as_they_are() {
    for uri in [
        "https://cluster:6443/api/v1/configmaps?&watch=true&resourceVersion=0",
        "https://cluster:6443/api/v1/configmaps?limit=200",
        "/api/v1/configmaps",
    ] {
        let request = Request::get(uri).body(()).expect("a request");
        assert_eq!(up_to_date(request).uri(), uri);
    }
    let whole = "https://cluster:6443/api/v1/configmaps?sendInitialEvents=true";
    let request = Request::get(format!("{whole}&resourceVersion=0")).body(());
    assert_eq!(up_to_date(request.expect("a request")).uri(), whole);
}

#[tokio::test(start_paused = true)]
async fn all_that_is_there_ends_with_the_list_or_with_the_first_error() {
    let both = [event("ADDED", &object("a")), event("ADDED", &object("b"))];
    let whole = [&both[..], &[end_of_list(), event("ADDED", &object("c"))]].concat();
    let broken = [&both[..], &[event("ERROR", &status(504, "Timeout"))]].concat();
    for (lines, code) in [(whole, None), (broken, Some(500))] {
        let failing = Answer::failure(500, "InternalError");
        let (api, asked) = apiserver([Answer::lines(lines), failing]);
        let brought: Vec<_> = all(api).collect().await;
        let (found, failed): (Vec<_>, Vec<_>) = brought.into_iter().partition(Result::is_ok);
        let found: Vec<String> = found
            .into_iter()
            .flatten()
            .map(|one| one.name_any())
            .collect();
        assert_eq!(found, ["a", "b"]);
        let failed = failed
            .into_iter()
            .filter_map(Result::err)
            .map(|error| match error {
                ClientError::Api(status) => Some(status.code),
                _ => None,
            });
        assert_eq!(
            failed.collect::<Vec<_>>(),
            code.map(Some).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(asked.lock().len(), if code.is_some() { 2 } else { 1 });
    }
}
