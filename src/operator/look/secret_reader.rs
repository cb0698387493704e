//! Reads Secrets for whoever waits for them together: an onboarding of a thousand accounts that share one Secret would
//! else read it a thousand times.

use std::{collections::HashMap, sync::Arc};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Reads Secrets by their names. Cheap to clone: the clones read together.
///
/// # Guarantees
/// - What is answered was read after it was asked for: whoever comes while a read is under way is answered by the next.
/// - No Secret is kept once nobody waits for it.
#[derive(Clone, Default)]
pub struct SecretReader(Arc<Mutex<HashMap<Place, Arc<Line>>>>);

/// The namespace and the name of a Secret.
type Place = (String, String);

/// What a read has brought; `None`: there is no such Secret.
type Answer = Result<Option<Arc<Secret>>, Unread>;

/// Why a Secret could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The operator may not read it.
    Forbidden,
    /// The apiserver refused otherwise: its reason, and the status code.
    Refused(String, u16),
    /// The apiserver did not answer.
    Unanswered,
}

/// Those who wait for one Secret.
#[derive(Default)]
struct Line {
    waiting: Mutex<Vec<oneshot::Sender<Answer>>>,
    /// Whose turn it is to read.
    turn: tokio::sync::Mutex<()>,
}

impl SecretReader {
    /// The Secret as it is now. One read of the apiserver for all who wait for the next one.
    pub(super) async fn read(&self, client: &Client, namespace: &str, name: &str) -> Answer {
        let place = (namespace.to_owned(), name.to_owned());
        let line = Arc::clone(self.0.lock().entry(place).or_default());
        let answer = loop {
            let (answer, mut answered) = oneshot::channel();
            line.waiting.lock().push(answer);
            tokio::select! {
                biased;
                answer = &mut answered => if let Ok(answer) = answer {
                    break answer;
                },
                _turn = line.turn.lock() => {
                    // Whoever is ready at this moment shall be in it.
                    tokio::task::yield_now().await;
                    let waiting = std::mem::take(&mut *line.waiting.lock());
                    let answer = get(client, namespace, name).await;
                    for one in waiting {
                        // Who does not wait any more need not be told.
                        let _ = one.send(answer.clone());
                    }
                    if let Ok(answer) = answered.try_recv() {
                        break answer;
                    }
                }
            }
            // Whoever read it for us was stopped.
        };
        drop(line);
        self.0.lock().retain(|_, line| Arc::strong_count(line) > 1);
        answer
    }
}

async fn get(client: &Client, namespace: &str, name: &str) -> Answer {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    match secrets.get_opt(name).await {
        Ok(secret) => Ok(secret.map(Arc::new)),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Err(Unread::Forbidden),
        Err(kube::Error::Api(status)) => Err(Unread::Refused(status.reason.clone(), status.code)),
        Err(_) => Err(Unread::Unanswered),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures::future::join_all;
    use http::{Request, Response};
    use kube::{ResourceExt, client::Body};
    use serde_json::json;
    use tokio::sync::Semaphore;
    use tower::service_fn;

    use super::*;

    /// An apiserver that counts the reads, and answers as many of them as it is let.
    struct Server {
        reads: Arc<AtomicUsize>,
        answers: Arc<Semaphore>,
        client: Client,
    }

    impl Server {
        fn new() -> Self {
            let (reads, answers) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
            let (count, gate) = (Arc::clone(&reads), Arc::clone(&answers));
            let server = service_fn(move |request: Request<Body>| {
                let version = count.fetch_add(1, Ordering::SeqCst) + 1;
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.expect("it is open").forget();
                    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
                    let (status, body) = match name {
                        "hidden" => (403, json!({"code": 403, "reason": "Forbidden"})),
                        "odd" => (500, json!({"code": 500, "reason": "InternalError"})),
                        "none" => (404, json!({"code": 404, "reason": "NotFound"})),
                        name => {
                            let version = version.to_string();
                            (
                                200,
                                json!({"metadata": {"name": name, "resourceVersion": version}}),
                            )
                        }
                    };
                    let answer = Response::builder().status(status);
                    let answer = answer.body(Body::from(body.to_string().into_bytes()));
                    Ok::<_, Infallible>(answer.expect("an answer"))
                }
            });
            let client = Client::new(server, "default");
            Self {
                reads,
                answers,
                client,
            }
        }
    }

    fn version(answer: Answer) -> String {
        let secret = answer.expect("it is read").expect("it is there");
        secret.resource_version().expect("it has one")
    }

    #[tokio::test]
    async fn a_secret_is_read_once_for_all_who_wait_and_anew_for_who_comes_later() {
        let (server, reader) = (Server::new(), SecretReader::default());
        let read = |name: &'static str| {
            let (reader, client) = (reader.clone(), server.client.clone());
            tokio::spawn(async move { reader.read(&client, "agents", name).await })
        };
        let under_way = |reads: usize| {
            let begun = Arc::clone(&server.reads);
            async move {
                while begun.load(Ordering::SeqCst) < reads {
                    tokio::task::yield_now().await;
                }
            }
        };
        let together: Vec<_> = (0..1000).map(|_| read("shared")).collect();
        under_way(1).await;
        // It may have changed since that read began.
        let later: Vec<_> = (0..1000).map(|_| read("shared")).collect();
        let other = read("another");
        under_way(2).await;
        server.answers.add_permits(3);
        for one in join_all(together).await {
            assert_eq!(version(one.expect("it ends")), "1");
        }
        for one in join_all(later).await {
            assert_eq!(version(one.expect("it ends")), "3");
        }
        assert_eq!(version(other.await.expect("it ends")), "2");
        assert_eq!(server.reads.load(Ordering::SeqCst), 3);
        assert!(reader.0.lock().is_empty(), "no Secret is kept");
    }

    #[tokio::test]
    async fn whoever_reads_for_others_may_be_stopped_and_they_are_answered_all_the_same() {
        let (server, reader) = (Server::new(), SecretReader::default());
        let mut first = Box::pin(reader.read(&server.client, "agents", "shared"));
        let mut second = Box::pin(reader.read(&server.client, "agents", "shared"));
        while server.reads.load(Ordering::SeqCst) == 0 {
            assert!(futures::poll!(&mut first).is_pending());
            assert!(futures::poll!(&mut second).is_pending());
            tokio::task::yield_now().await;
        }
        drop(first);
        server.answers.add_permits(2);
        version(second.await);
    }

    #[tokio::test]
    async fn why_a_secret_cannot_be_read_is_told_to_all() {
        let (server, reader) = (Server::new(), SecretReader::default());
        server.answers.add_permits(100);
        let refused = Unread::Refused("InternalError".to_owned(), 500);
        for (name, expected) in [("hidden", Unread::Forbidden), ("odd", refused)] {
            let both = [name, name].map(|name| reader.read(&server.client, "agents", name));
            for answer in join_all(both).await {
                assert_eq!(answer.expect_err("it is not read"), expected);
            }
        }
        let answer = reader.read(&server.client, "agents", "none").await;
        assert!(answer.expect("it is answered").is_none());
    }
}
