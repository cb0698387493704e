//! Over real sockets: what only the network can do wrong.

use axum::{Router, extract::Request as Incoming, response::IntoResponse};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

pub(super) fn config() -> HttpConfig {
    HttpConfig {
        user_agent: "test/1".into(),
        instance: "test-cluster".into(),
        // No test waits for it, and a busy machine needs seconds.
        timeout: 60 * SECOND,
        max_body: MAX,
    }
}

const MAX: usize = 4096;

pub(super) fn transport(config: HttpConfig, base_url: &str) -> Result<Transport, ConfigError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpClient::new(config)?.transport(base_url, &Sensitive::new("sk-project"))
}

fn client(config: HttpConfig, base_url: &str) -> Client {
    Client::new(transport(config, base_url).unwrap(), Arc::new(|_| {}))
}

/// Serves `router` and gives its address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Reads a request, writes these bytes, and closes after `pause`.
async fn raw(bytes: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(bytes).await;
            tokio::time::sleep(pause).await;
        }
    });
    format!("http://{address}")
}

type Seen = Arc<Mutex<Vec<(String, ::http::HeaderMap)>>>;

/// A server that keeps what it was sent and answers the same to all.
async fn recorder(
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
) -> (String, Seen) {
    let seen = Seen::default();
    let keep = seen.clone();
    let router = Router::new().fallback(move |request: Incoming| {
        keep.lock().unwrap().push((
            format!("{} {}", request.method(), request.uri()),
            request.headers().clone(),
        ));
        let mut answer =
            (::http::StatusCode::from_u16(status).unwrap(), body.clone()).into_response();
        for (name, value) in &headers {
            answer.headers_mut().insert(*name, value.parse().unwrap());
        }
        async move { answer }
    });
    (serve(router).await, seen)
}

#[tokio::test]
async fn a_path_prefix_is_kept_and_each_call_carries_key_version_and_instance() {
    let (url, seen) = recorder(200, vec![], recorded!("account_active.json").into()).await;
    for base in [
        url.clone(),
        format!("{url}/"),
        format!("{url}/comp/osio"),
        format!("{url}/comp/osio/"),
    ] {
        client(config(), &base).get("ca_1/x").await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let lines: Vec<_> = seen.iter().map(|(line, _)| line.as_str()).collect();
    let (plain, prefixed) = (
        "GET /api/v3.1/connected_accounts/ca_1%2Fx",
        "GET /comp/osio/api/v3.1/connected_accounts/ca_1%2Fx",
    );
    assert_eq!(lines, [plain, plain, prefixed, prefixed]);
    for (_, headers) in seen.iter() {
        assert_eq!(headers["x-api-key"], "sk-project");
        assert_eq!(headers["x-composio-operator-instance"], "test-cluster");
        assert_eq!(headers["user-agent"], "test/1");
    }
}

#[tokio::test]
async fn a_body_arrives_as_json_and_headers_come_back() {
    let headers = vec![
        ("x-ratelimit", "2000".to_owned()),
        ("x-ratelimit-remaining", "7".to_owned()),
    ];
    let (url, seen) = recorder(201, headers, recorded!("link_201.json").into()).await;
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = calls.clone();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(
        transport(config(), &url).unwrap(),
        Arc::new(move |call: &Call| told.lock().unwrap().push(call.clone())),
    );
    client.link(&link_request()).await.unwrap();
    assert_eq!(
        seen.lock().unwrap()[0].1["content-type"],
        "application/json"
    );
    let call = calls.lock().unwrap().pop().unwrap();
    assert_eq!(call.rate_limit.unwrap().remaining, 7);
    assert!(call.date.is_some(), "the server's clock");
}

#[tokio::test]
async fn each_way_has_its_own_key_and_all_share_one_client() {
    let (url, seen) = recorder(200, vec![], recorded!("account_active.json").into()).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = HttpClient::new(config()).unwrap();
    for key in ["sk-project\n", "sk-rotated"] {
        let transport = http.transport(&url, &Sensitive::new(key)).unwrap();
        let client = Client::new(transport, Arc::new(|_| {}));
        client.get("ca_1").await.unwrap();
    }
    let keys: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|(_, headers)| headers["x-api-key"].clone())
        .collect();
    assert_eq!(keys, ["sk-project", "sk-rotated"]);
}

#[tokio::test]
async fn a_redirect_is_refused_and_the_key_goes_nowhere_else() {
    let (other, other_seen) = recorder(200, vec![], recorded!("account_active.json").into()).await;
    for status in [301, 302, 303, 307, 308] {
        let (url, _) = recorder(
            status,
            vec![("location", format!("{other}/x"))],
            String::new(),
        )
        .await;
        let error = client(config(), &url).get("ca_1").await.unwrap_err();
        assert!(
            matches!(error.kind, Kind::Redirect { status: seen, .. } if seen == status),
            "{error:?}"
        );
        let error = client(config(), &url)
            .create(&create_request())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("redirect"), "{error}");
    }
    assert!(other_seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_is_read_to_its_bound_and_no_further() {
    let (url, _) = recorder(200, vec![], "x".repeat(MAX + 1)).await;
    let told = client(config(), &url)
        .create(&create_request())
        .await
        .unwrap_err();
    assert_eq!(
        told.kind,
        Kind::TooLarge {
            status: 200,
            limit: MAX
        },
        "by its length"
    );
    assert!(told.outcome_unknown());

    // Without a length, and for ever: only the bound ends it.
    let endless = Router::new().fallback(|| async {
        let pieces =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 100])));
        axum::body::Body::from_stream(pieces)
    });
    let error = client(config(), &serve(endless).await)
        .get("ca_1")
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        Kind::TooLarge {
            status: 200,
            limit: MAX
        },
        "by counting"
    );

    let (url, _) = recorder(
        200,
        vec![],
        format!("{}{}", recorded!("status_200.json"), " ".repeat(100)),
    )
    .await;
    let just = HttpConfig {
        max_body: recorded!("status_200.json").len() + 100,
        ..config()
    };
    assert!(
        client(just, &url).set_enabled("ca_1", true).await.is_ok(),
        "exactly at the bound"
    );
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    for sent in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let url = raw(sent, 60 * SECOND).await;
        let config = HttpConfig {
            timeout: SECOND / 5,
            ..config()
        };
        let error = client(config, &url)
            .create(&create_request())
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "after {} bytes", sent.len());
        assert!(error.outcome_unknown());
    }
}

#[rstest]
#[case::before(b"")]
#[case::in_the_first_line(b"HTTP/1.1 20")]
#[case::in_the_body(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":")]
#[case::in_a_chunk(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n")]
#[case::no_http(b"not http at all\r\n\r\n")]
#[tokio::test]
async fn a_connection_cut_before_or_in_the_answer_leaves_the_outcome_unknown(
    #[case] sent: &'static [u8],
) {
    let url = raw(sent, Duration::ZERO).await;
    let error = client(config(), &url)
        .create(&create_request())
        .await
        .unwrap_err();
    assert!(matches!(error.kind, Kind::Disconnected(_)), "{error:?}");
    assert!(error.outcome_unknown());
    assert!(!error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(config(), &url)
        .create(&create_request())
        .await
        .unwrap_err();
    assert!(matches!(error.kind, Kind::Connect(_)), "{error:?}");
    assert!(!error.outcome_unknown());
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn of_many_large_answers_one_is_read_at_a_time_and_small_ones_pass_it() {
    let room = Arc::new(tokio::sync::Semaphore::new(1));
    let read = |length: usize| {
        let answer = reqwest::Response::from(Response::new(vec![b' '; length]));
        http::read(answer, 4 * http::LARGE, Arc::clone(&room), SECOND)
    };
    let large = read(http::LARGE + 1).await.unwrap();
    assert_eq!(room.available_permits(), 0, "it is kept until it was read");
    assert_eq!(read(http::LARGE).await.unwrap().body().len(), http::LARGE);
    let waited = read(http::LARGE + 1).await.map(drop);
    assert_eq!(waited, Err(SendError::Timeout), "nobody waits for ever");
    drop(large);
    assert!(read(http::LARGE + 1).await.is_ok());
}
